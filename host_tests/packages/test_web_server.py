# The web server over real sockets, on both interpreters.
# MIT license; part of microevse
"""Each test talks raw HTTP to a child process that runs `firmware/web` with a small view."""

import base64
import gzip
import json
import re
import time

import pytest
from tools_paths import tool
from web_process import Answer, PASSWORD, STATIC, Server

PAGE_MAX_GZ = 12 * 1024
SETUP_MAX_GZ = 6 * 1024


@pytest.fixture(params=["micropython", "cpython"])
def start(request, tmp_path):
    if request.param == "micropython" and not tool("micropython"):
        pytest.skip("NOT RUN: no MicroPython wheel for this platform")
    servers = []

    def starter(**options):
        servers.append(Server(request.param, tmp_path, **options))
        return servers[-1]

    yield starter
    for server in servers:
        server.stop()


@pytest.fixture
def server(start):
    return start()


def basic(user="admin", password=PASSWORD):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def read_until(s, marker, seconds=12):
    data = b""
    end = time.time() + seconds
    while marker not in data:
        s.settimeout(max(0.1, end - time.time()))
        part = s.recv(4096)
        if not part:
            break
        data += part
    return data


def test_page_and_its_files_are_served_with_safe_headers(server):
    for path, kind in (("/", "text/html"), ("/app.js", "javascript"), ("/app.css", "text/css")):
        answer = server.get(path)
        name = path[1:] or "index.html"
        assert answer.status == 200 and kind in answer.headers["content-type"]
        assert answer.body == (STATIC / name).read_bytes()
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_unchanged_file_is_not_sent_again(server):
    etag = server.get("/app.js").headers["etag"]
    again = server.get("/app.js", If_None_Match=etag)
    assert (again.status, again.body) == (304, b"")
    assert server.get("/app.js", If_None_Match='"other"').status == 200


def test_compressed_files_are_preferred(start, tmp_path):
    # As the build may put them on the board.
    folder = tmp_path / "static"
    folder.mkdir()
    style = (STATIC / "app.css").read_bytes()
    (folder / "app.css").write_bytes(b"not this one")
    (folder / "app.css.gz").write_bytes(gzip.compress(style))
    server = start(static=folder)
    answer = server.get("/app.css")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/css")
    assert gzip.decompress(answer.body) == style
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert server.get("/app.js").status == 404
    for taken in ("gzip, deflate, br", "*"):
        assert server.get("/app.css", Accept_Encoding=taken).status == 200
    # It is not kept in another form: whoever does not take this one is told so.
    refused = server.get("/app.css", Accept_Encoding="identity")
    assert refused.status == 406 and b"Accept-Encoding: gzip" in refused.body


def test_paths_outside_the_list_are_not_served(server):
    for path in (
        "/server.py",
        "/../server.py",
        "/static/app.js",
        "//app.js",
        "/%2e%2e/login.py",
        "/config.json",
        "/api/v1/nothing",
    ):
        answer = server.get(path)
        assert answer.status == 404 and answer.json["error"] == "not_found", path


def test_state_is_what_the_view_says(server):
    answer = server.get("/api/v1/state")
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["cache-control"] == "no-store"
    state = answer.json
    assert (state["status"], state["plugged"], state["session"]) == ("preparing", True, None)
    assert (state["login"], state["password_set"]) == (False, True)
    assert state["ocpp"]["url_host"] == "csms.example.org"


def test_login_gives_a_cookie_that_scripts_and_other_sites_do_not_get(server):
    answer = server.post("/api/v1/login", {"password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert re.match(r"id=[0-9a-f]{32}; ", cookie)
    for word in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=86400"):
        assert word in cookie
    assert server.get("/api/v1/state", Cookie=answer.cookie).json["login"] is True


def test_logout_ends_the_session(server):
    cookie = server.login()
    assert server.post("/api/v1/logout", Cookie=cookie).status == 200
    assert server.get("/api/v1/state", Cookie=cookie).json["login"] is False
    assert server.post("/api/v1/cmd/stop", Cookie=cookie).status == 401


def test_start_and_stop_with_a_session(server):
    cookie = server.login()
    answer = server.post("/api/v1/cmd/start", {"idTag": "CARD1"}, Cookie=cookie)
    assert (answer.status, answer.json) == (200, {"message": "Accepted for CARD1."})
    assert server.get("/api/v1/state").json["status"] == "charging"
    assert server.post("/api/v1/cmd/stop", Cookie=cookie).json == {"message": "Stopped."}
    assert server.get("/api/v1/state").json["status"] == "preparing"
    answer = server.post("/api/v1/cmd/start", Cookie=cookie)
    assert answer.json == {"message": "Accepted for the page."}


def test_start_and_stop_with_basic(server):
    headers = {"Authorization": basic(), "Origin": None}
    assert server.post("/api/v1/cmd/start", **headers).status == 200
    answer = server.request("POST", "/api/v1/cmd/stop", Content_Type=None, **headers)
    assert answer.status == 200


PROTECTED = (
    ("POST", "/api/v1/cmd/start"),
    ("POST", "/api/v1/cmd/stop"),
    ("POST", "/api/v1/cmd/limit"),
    ("POST", "/api/v1/cmd/reset_faults"),
    ("GET", "/api/v1/log"),
    ("GET", "/api/v1/security_log"),
)


@pytest.mark.parametrize("method,path", PROTECTED)
def test_without_a_credential_nothing_happens(server, method, path):
    body = {} if method == "POST" else None
    for headers, status in (
        ({}, 401),
        ({"Cookie": "id="}, 401),
        ({"Cookie": "id=" + "0" * 32}, 401),
        ({"Authorization": basic(password="wrong")}, 401),
        ({"Authorization": basic(user="root")}, 401),
    ):
        answer = server.request(method, path, body, **headers)
        assert answer.status == status, (headers, answer.body)
        assert set(answer.json) == {"error", "message"}
    # A wrong header is not made good by a cookie that holds.
    headers = {"Cookie": server.login(), "Authorization": basic(password="wrong")}
    assert server.request(method, path, body, **headers).status == 401
    assert server.get("/api/v1/state").json["status"] == "preparing"


@pytest.mark.parametrize("method,path", PROTECTED + (("POST", "/api/v1/login"),))
def test_without_a_password_everything_that_changes_is_refused_with_the_way_out(
    start, method, path
):
    server = start(password="")
    body = {"password": ""} if method == "POST" else None
    for headers in ({}, {"Authorization": basic(password="")}):
        answer = server.request(method, path, body, **headers)
        assert answer.status == 403 and answer.json["error"] == "no_password"
        assert "WebPassword" in answer.json["message"]
    assert server.get("/api/v1/state").json["password_set"] is False


RESET = "/api/v1/cmd/reset_faults"


def test_a_fault_that_waits_for_a_person_is_reset_by_one_who_has_logged_in(start):
    server = start(kind="held")
    assert server.get("/api/v1/state").json["reset"] is True
    for headers in ({}, {"Cookie": "id=" + "0" * 32}, {"Authorization": basic(password="wrong")}):
        assert server.post(RESET, **headers).status == 401
    cookie = server.login()
    # A page of another site makes the browser of one who has logged in send it.
    assert server.post(RESET, Cookie=cookie, Origin="http://evil.example").status == 403
    assert server.get(RESET, Cookie=cookie).status == 405
    state = server.get("/api/v1/state").json
    assert state["reset"] is True and state["status"] == "faulted", "nothing has changed"
    answer = server.post(RESET, Cookie=cookie)
    assert (answer.status, answer.json) == (200, {"message": "Reset."})
    state = server.get("/api/v1/state").json
    assert not state.get("reset") and state["status"] == "available"
    assert server.post(RESET, Cookie=cookie).json == {"message": "There is nothing to reset."}


def test_a_reset_is_refused_with_a_sentence_while_the_cause_is_there(start):
    server = start(kind="pressed")
    answer = server.post(RESET, Authorization=basic(), Origin=None)
    assert answer.json == {"message": "Not reset: the cause is still there."}
    assert server.get("/api/v1/state").json["status"] == "faulted"


def test_log_is_text_for_those_who_may_see_it(server):
    answer = server.get("/api/v1/log", Cookie=server.login())
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.body.decode().splitlines()
    assert len(lines) == 41 and lines[39:] == ["39.000 I ocpp: line 39", "-- end --"]
    answer = server.get("/api/v1/security_log", Cookie=server.login())
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body == b"1\tstarted\n# end\n-- end --\n"


def test_sixth_guess_has_to_wait_by_form_and_by_basic(server):
    for _ in range(4):
        assert server.post("/api/v1/login", {"password": "wrong"}).status == 401
    assert server.get("/api/v1/log", Authorization=basic(password="wrong")).status == 401
    answer = server.post("/api/v1/login", {"password": PASSWORD})
    assert answer.status == 429 and answer.json["error"] == "too_many_tries"
    assert 0 < int(answer.headers["retry-after"]) <= 30
    assert server.get("/api/v1/log", Authorization=basic()).status == 429


def test_session_survives_somebody_elses_guessing(server):
    cookie = server.login()
    for _ in range(5):
        server.post("/api/v1/login", {"password": "wrong"})
    assert server.post("/api/v1/cmd/stop", Cookie=cookie).status == 200


def test_other_sites_are_refused(server):
    cookie = server.login()
    for headers, status, code in (
        ({"Origin": "http://evil.example"}, 403, "cross_site"),
        ({"Origin": None}, 403, "cross_site"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, "cross_site"),
        ({"Content_Type": "text/plain"}, 415, "not_json"),
        ({"Host": "evil.example"}, 421, "wrong_host"),
    ):
        answer = server.post("/api/v1/cmd/start", Cookie=cookie, **headers)
        assert (answer.status, answer.json["error"]) == (status, code)
    assert server.get("/api/v1/state", Host="evil.example").status == 421
    assert server.get("/api/v1/state", Host="").status == 421
    assert server.get("/api/v1/state", Host=None).status == 421
    assert server.get("/api/v1/state", Host="garage.local").status == 200
    assert server.get("/api/v1/state").json["status"] == "preparing"


def test_bad_bodies_get_an_error_that_names_the_field(server):
    cookie = server.login()
    for body in (
        b"[]",
        b"{",
        b'"x"',
        b"\xff\xfe",
        {"idTag": "X" * 37},
        {"idTag": 5},
        {"idTag": ["a"]},
        {"idTag": "a\nb"},
        {"idTag": "\u00e4"},
    ):
        answer = server.post("/api/v1/cmd/start", body, Cookie=cookie)
        assert answer.status == 400 and "idTag" in answer.json["message"], body
    for body in (b"", b"{}", b"[1]", {"password": 1}, {"password": None}):
        answer = server.post("/api/v1/login", body)
        assert answer.status == 400 and "password" in answer.json["message"], body
    assert server.get("/api/v1/state").json["status"] == "preparing"


def test_requests_that_are_too_large_are_refused(server):
    head = "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
    answer = Answer(server.raw(head.encode()))
    assert (answer.status, answer.json["error"]) == (413, "too_large")
    for data in (
        b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-Pad: 12345678\r\n" * 1000 + b"\r\n",
        b"x" * 100000,
        b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ):
        received = server.raw(data)
        assert received == b"" or Answer(received).status == 400, received[:200]
    assert server.get("/api/v1/state").status == 200


def test_wrong_method_is_said(server):
    for method, path in (("GET", "/api/v1/cmd/start"), ("PUT", "/api/v1/state")):
        assert server.request(method, path).status == 405
    assert server.request("OPTIONS", "/api/v1/cmd/start").status in (404, 405)
    head = server.request("HEAD", "/")
    assert (head.status, head.body) == (200, b"")


def test_crash_in_the_application_is_an_error_and_no_more(server):
    cookie = server.login()
    answer = server.post("/api/v1/cmd/start", {"idTag": "crash"}, Cookie=cookie)
    assert (answer.status, answer.json["error"]) == (500, "internal")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "start is broken" in server.log()
    assert server.get("/api/v1/state").status == 200


def test_slow_clients_are_cut_off_and_others_served_meanwhile(server):
    begin = time.time()
    slow = server.connect()
    slow.sendall(b"GET / HTTP/1.1\r\nHost: loc")
    assert server.get("/api/v1/state").status == 200
    assert time.time() - begin < 3
    data = slow.recv(4096)
    slow.close()
    assert 4 < time.time() - begin < 8
    assert data == b"" or Answer(data).status == 400


def test_ninth_connection_is_turned_away(server):
    time.sleep(0.5)  # the connection that found out that the server listens has ended
    idle = [server.connect("127.0.0.%d" % (2 + i // 2)) for i in range(8)]
    time.sleep(0.3)
    with server.connect() as s:
        answer = Answer(read_until(s, b"}"))
    assert answer.status == 503 and answer.headers["retry-after"] == "2"
    for s in idle:
        s.close()
    time.sleep(0.3)
    assert server.get("/api/v1/state").status == 200


def test_of_one_address_two_requests_may_be_half_sent_and_the_oldest_gives_way(server):
    head = b"GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n"
    other = server.connect("127.0.0.9")
    other.sendall(head)
    begin = time.time()
    slow = [server.connect() for _ in range(2)]
    for s in slow:
        s.sendall(head)
    time.sleep(1.1)
    slow += [server.connect() for _ in range(3)]
    for s in slow[2:]:
        s.sendall(head)
    for s in slow[:2]:
        s.settimeout(2)
        try:
            assert s.recv(100) == b"", "closed without an answer"
        except ConnectionResetError:
            pass  # the same
    # None of those that came at once: a charger that is busy reads them late.
    for s in (other, *slow[2:]):
        s.sendall(b"\r\n")
        assert Answer(read_until(s, b"}")).status == 200
    assert time.time() - begin < 4, "before the time of a request had passed"
    # What has been read is not half-sent any more: a stream, or a command that takes its time.
    followers = [server.events(), server.events()]
    assert server.get("/api/v1/state").status == 200
    for s in followers:
        assert Answer(read_until(s, b"}\n\n")).status == 200
    for s in (other, *slow, *followers):
        s.close()


def both_followed(server):
    """Followers of one address in both places for them, each with its first event."""
    followers = [server.events(), server.events()]
    for s in followers:
        read_until(s, b"}\n\n")
    return followers


def test_an_address_that_follows_alone_gives_a_place_to_another(server):
    crowd = both_followed(server)
    here = server.events("127.0.0.9")
    assert Answer(read_until(here, b"}\n\n")).status == 200
    # One each: nobody has to go for a third.
    third = server.events("127.0.0.10")
    assert Answer(read_until(third, b"}")).status == 503
    again = server.events()
    assert Answer(read_until(again, b"}")).status == 503
    assert read_until(here, b"}\n\n").startswith(b":\ndata: ")
    for s in (*crowd, here, third, again):
        s.close()


def test_command_in_progress_does_not_block_the_page(server):
    cookie = server.login()
    body = b'{"idTag": "hang"}'
    with server.connect() as s:
        s.sendall(
            f"POST /api/v1/cmd/start HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
            f"Content-Type: application/json\r\nCookie: {cookie}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert server.get("/api/v1/state").status == 200


def test_events_bring_the_state_at_once_and_every_change(server):
    s = server.events()
    data = read_until(s, b"}\n\n")
    answer = Answer(data)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-content-type-options"] == "nosniff"
    state = json.loads(answer.body.decode().partition("data: ")[2])
    assert state["status"] == "preparing"
    server.post("/api/v1/cmd/start", Authorization=basic())
    data = read_until(s, b"}\n\n", 3)
    assert json.loads(data.decode().partition("data: ")[2])["status"] == "charging"
    s.close()


def test_events_carry_no_credential(server):
    s = server.events()
    assert b'"login"' not in read_until(s, b"}\n\n")
    s.close()


def test_idle_event_stream_has_a_heartbeat(server):
    s = server.events()
    read_until(s, b"}\n\n")
    begin = time.time()
    data = read_until(s, b"}\n\n", 15)
    assert data.startswith(b":\ndata: {") and 3 < time.time() - begin < 15
    s.close()


def test_third_follower_is_refused_until_one_leaves(server):
    followers = both_followed(server)
    answer = server.get("/api/v1/events")
    assert (answer.status, answer.json["error"]) == (503, "busy")
    followers[0].close()
    time.sleep(0.5)
    third = server.events()
    assert Answer(read_until(third, b"}\n\n")).status == 200
    for s in (followers[1], third):
        s.close()


def test_page_is_small():
    sizes = {p.name: len(gzip.compress(p.read_bytes(), 9)) for p in STATIC.glob("*.*")}
    print(sizes)
    assert set(sizes) == {"index.html", "app.js", "app.css", "setup.html"}
    # The set-up page stands alone: a phone loads one or the other.
    assert sizes.pop("setup.html") <= SETUP_MAX_GZ
    assert sum(sizes.values()) <= PAGE_MAX_GZ


def test_page_never_makes_markup_from_data():
    script = (STATIC / "app.js").read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in script
    page = (STATIC / "index.html").read_text()
    # Code that the security policy would refuse.
    assert not re.search(r"\son[a-z]+=|\sstyle=|<style|<script>", page)
