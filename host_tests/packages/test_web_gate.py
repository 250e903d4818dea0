# Every route of the page against every kind of request that must not pass.
# MIT license; part of microevse
"""The routes come from the server's own table: a new one is in here without a line of its own.
No sockets: what a browser would send goes into the server, what it would get comes out."""

import asyncio
import json

import pytest
from page_request import BASIC, PASSWORD
from web import server as web_server
from web.connections import BODY_MAX
from web.login import SESSION_S, Login, same

HOST = "Host: 192.168.1.9\r\n"
OWN = "Origin: http://192.168.1.9\r\n"
JSON = "Content-Type: application/json\r\n"
UPDATE = ("POST", "/api/v1/update")
# Without a credential: what the page shows to everybody, and what a login needs.
PUBLIC = {
    ("GET", "/"), ("GET", "/app.js"), ("GET", "/app.css"), ("GET", "/api/v1/state"),
    ("GET", "/api/v1/events"), ("POST", "/api/v1/login"), ("POST", "/api/v1/logout"),
}  # fmt: skip


class View:
    """Notes what reaches the charger."""

    def __init__(self):
        self.done = []
        self.services = self

    def snapshot(self):
        return {"status": "available"}

    def vacant(self):
        self.done.append("vacant")
        return False

    def __getattr__(self, name):
        async def act(*args):
            self.done.append(name)
            return []

        def lines():
            self.done.append(name)
            return []

        return lines if name == "log_lines" else act


class Bench:
    def __init__(self, password=PASSWORD):
        self.time = 0
        self.view = View()
        self.checked = 0
        self.login = Login(self._check, lambda: bool(password), lambda: self.time)
        self.password = password
        self.app = web_server.make_app(self.view, self.login, ("garage",))

    def _check(self, text):
        self.checked += 1
        return same(text, self.password)

    def ask(self, method, path, head, body=b"", address="192.168.1.20"):
        """(status, error code, headers) of the answer."""
        stream = _Stream(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body, address)
        asyncio.run(self.app.handle_request(stream, stream))
        top, _, text = stream.sent.partition(b"\r\n\r\n")
        lines = top.decode().split("\r\n")
        try:
            code = json.loads(text).get("error")
        except ValueError:
            code = None
        return int(lines[0].split()[1]), code, dict(line.split(": ", 1) for line in lines[1:])

    def cookie(self):
        return "Cookie: id=%s\r\n" % self.login.open()


class _Stream:
    def __init__(self, data, address):
        self._data = data
        self._address = address
        self.sent = b""

    async def read(self, size):
        data, self._data = self._data[:size], self._data[size:]
        return data

    def write(self, data):
        self.sent += bytes(data)

    async def drain(self):
        pass

    def close(self):
        pass

    wait_closed = drain

    def get_extra_info(self, name):
        return (self._address, 50000)


TABLE = sorted(tuple(entry.split(" ", 1)) for entry in Bench().app._routes)
PRIVATE = [entry for entry in TABLE if entry not in PUBLIC]
HEADS = [("HEAD", path) for method, path in TABLE if method == "GET"]


def test_the_table_has_every_route_and_the_public_ones_are_known():
    assert set(TABLE) >= PUBLIC and UPDATE in PRIVATE and len(PRIVATE) >= 8
    assert {path for _, path in PUBLIC} == set(web_server.OPEN)


def _refused(b, method, path, head, expected, body=b"{}"):
    head = HOST + head if "Host:" not in head else head
    given = "" if method != "POST" or "Length" in head else f"Content-Length: {len(body)}\r\n"
    status, code, headers = b.ask(method, path, head + given, body if method == "POST" else b"")
    assert (status, code) == expected, (method, path, head, status, code)
    assert (
        headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    )
    assert ("WWW-Authenticate" in headers) == (status == 401)
    assert not b.view.done, (method, path, head)


@pytest.mark.parametrize(
    ("method", "path"), PRIVATE + [h for h in HEADS if ("GET", h[1]) in PRIVATE]
)
def test_each_route_that_is_not_public_wants_a_credential_that_holds(method, path):
    code = None if method == "HEAD" else "login"
    b = Bench()
    # 401 where there is none: also to a program that says neither where it comes from nor what it
    # sends, and to a page of another site.
    for head in ("", OWN + JSON, JSON, OWN, "Origin: http://evil.example\r\n" + JSON,
                 "Cookie: other=1\r\n", "Cookie: id=\r\n"):  # fmt: skip
        _refused(b, method, path, head, (401, code))
    expired = b.cookie()
    b.time = SESSION_S
    ended = b.cookie()
    b.login.close(ended[11:-2])
    for cookie in (expired, ended, "Cookie: id=" + "0" * 32 + "\r\n"):
        _refused(b, method, path, cookie + OWN + JSON, (401, code))
    wrong = BASIC.replace("Y29y", "Y29z")
    code = code and "wrong_password"
    _refused(b, method, path, wrong + JSON, (401, code))
    _refused(b, method, path, b.cookie() + wrong + JSON, (401, code))
    _refused(b, method, path, "Authorization: Bearer x\r\n" + JSON, (401, code))
    assert b.checked == 3
    b = Bench("")
    for head in (JSON, OWN + JSON, BASIC + JSON):
        _refused(b, method, path, head, (403, code and "no_password"))


@pytest.mark.parametrize(("method", "path"), TABLE + HEADS)
def test_each_route_refuses_a_foreign_host_a_foreign_origin_and_what_is_too_large(method, path):
    def code(word):
        return None if method == "HEAD" else word

    b = Bench()
    for good in (b.cookie() + OWN + JSON, BASIC + JSON, OWN + JSON):
        for host in ("Host: evil.example\r\n", "Host:\r\n", "Host: garage.evil.example\r\n"):
            _refused(b, method, path, host + good, (421, code("wrong_host")))
        if (method, path) != UPDATE:
            large = f"Content-Length: {BODY_MAX + 1}\r\n"
            _refused(b, method, path, good + large, (413, code("too_large")))
        _refused(
            b, method, path, good + f"Content-Length: {2 << 20}\r\n", (413, code("too_large"))
        )
    if method == "POST":
        cookie = b.cookie()
        for head in ("Origin: http://evil.example\r\n", "Origin: null\r\n", "",
                     OWN + "Sec-Fetch-Site: cross-site\r\n",
                     BASIC + "Origin: http://evil.example\r\n"):  # fmt: skip
            _refused(b, method, path, cookie + head + JSON, (403, "cross_site"))
        evil = BASIC + "Origin: http://evil.example\r\n" + JSON
        _refused(b, method, path, evil, (403, "cross_site"))
        for kind in ("", "Content-Type: text/plain\r\n"):
            _refused(b, method, path, cookie + OWN + kind, (415, "not_json"))
    assert b.checked == 0, "no password is tried for a request that is refused anyway"


@pytest.mark.parametrize(("method", "path"), PRIVATE)
def test_each_route_serves_who_may_whatever_others_do(method, path):
    b = Bench()
    cookie = b.cookie()
    for i in range(40):  # wrong passwords from ever new addresses
        b.ask("GET", "/api/v1/log", HOST + BASIC.replace("Y29y", "Y29z"), address="10.0.0.%d" % i)
    body = b'{"confirm": "erase everything"}'
    size = f"Content-Length: {len(body) if method == 'POST' else 0}\r\n"
    sent = body if method == "POST" else b""
    # The address of the last wrong one, and one that is new.
    for address in ("10.0.0.19", "192.168.1.21"):
        asked = b.ask(method, path, HOST + BASIC + JSON + size, sent, address)
        assert asked[0] == 429 and 0 < int(asked[2]["Retry-After"]) <= 45
        assert not b.view.done
        status, code, _ = b.ask(method, path, HOST + cookie + OWN + JSON + size, sent, address)
        if (method, path) == UPDATE:
            assert (status, code) == (400, "bundle")
            size_of = f"Content-Length: {BODY_MAX + 1}\r\n"
            long = b.ask(method, path, HOST + cookie + OWN + JSON + size_of, b"x" * 1025, address)
            assert long[:2] == (409, "busy")
        else:
            assert status == 200
        assert b.view.done, "it reached the charger"
        del b.view.done[:]


def test_a_name_of_the_charger_is_a_good_host():
    b = Bench()
    for host in ("garage", "garage.local", "Garage.local:80", "192.168.1.9", "localhost"):
        assert b.ask("GET", "/api/v1/state", f"Host: {host}\r\n")[0] == 200


def test_what_is_in_no_table_is_not_there():
    b = Bench()
    for method, path in TABLE:
        other = "GET" if method == "POST" else "POST"
        if (other, path) not in TABLE:
            status, code, _ = b.ask(other, path, HOST + BASIC + JSON + "Content-Length: 0\r\n")
            assert (status, code) == (405, "method_not_allowed")
        for verb in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
            assert b.ask(verb, path, HOST + BASIC)[0] == 405
        for near in (path + "/", path + "%00", "/" + path, path + ";x"):
            assert b.ask(method, near, HOST)[0] == 404
    assert not b.view.done
