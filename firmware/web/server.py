# HTTP: the page, its state, start and stop.
# MIT license; part of microevse
"""`make_app(view, login)` builds the web server on microdot.

`view` has the numbers and the commands of the application: `snapshot() -> dict`,
`async start(id_tag or None) -> text`, `async stop()`, `async restart()`, `async reset_faults()`,
`async update(conn, size, refused or None, error) -> answer`, `log_lines()`.
Whatever changes something needs a credential, and a request that a page of another
site cannot make a browser send (`web.origin`). Handlers are all `async`: on CPython
microdot runs others in threads.
"""

import json
import os

from microdot import Microdot, Request, Response

from web import login as credentials
from web import origin
from web.bounds import LINE_MAX, Bounded
from web.events import Events

# The largest body is a password or an idTag in JSON, but for an update, which is streamed.
BODY_MAX = 1024
UPDATE = "/api/v1/update"
Request.max_content_length = 1 << 20
Request.max_body_length = BODY_MAX
Request.max_readline = LINE_MAX

MAX_CONNECTIONS = 8  # lwIP on the chip has 16 sockets for everything
MAX_EVENTS = 2  # phones that follow live; the others ask every 5 s
_ID_TAG_MAX = 36  # characters; 1.6 takes 20 of them, 2.0.1 all
_ID_TAG = "idTag: 1 to %d printable ASCII characters." % _ID_TAG_MAX

_SECURITY = (
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)

# URL -> file. Names never come from the URL.
_STATIC = {
    "/": "index.html",
    "/app.js": "app.js",
    "/app.css": "app.css",
}

_MESSAGES = {
    400: ("bad_request", "The request could not be understood."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not support the method."),
    413: ("too_large", "The request is too large."),
    500: ("internal", "Something went wrong in the charger; its log says what."),
    503: ("busy", "Too many connections; try again in a moment."),
}
_UNSET = (
    "No password has been set, so nothing can be changed over the network. "
    "Set WebPassword (at least %d characters) in the charger's configuration."
    % credentials.MIN_PASSWORD
)


def _error(status, code=None, message=None, headers=None):
    known = _MESSAGES.get(status, ("error", "The request failed."))
    return (
        {"error": code or known[0], "message": message or known[1]},
        status,
        headers or {},
    )


class WebServer(Microdot):
    """Microdot with bounds on connections; `await start_server(host, port)` as in microdot."""

    def __init__(self):
        super().__init__()
        self.options_handler = None  # no cross-origin requests, hence nothing to negotiate
        self.connections = 0

    async def handle_request(self, reader, writer):
        conn = Bounded(reader, writer, Request.max_body_length)
        self.connections += 1
        try:
            if self.connections > MAX_CONNECTIONS:
                res = Response(*_error(503, headers={"Retry-After": "2"}))
                await res.write(conn)
            else:
                await super().handle_request(conn, conn)
        except OSError:
            pass  # the client left while it was answered: nothing to do
        finally:
            self.connections -= 1
            try:
                await conn.aclose()
            except OSError:
                pass  # the client has closed it before


def make_app(view, login, hosts=(), static=None):
    """Build the server.

    login: web.login.Login. hosts: names the charger is known by in the network; each is
    also good with `.local`. static: folder of the page's files, plain or with `.gz`.
    """
    app = WebServer()
    names = {name.lower() + end for name in hosts if name for end in ("", ".local")}
    folder = static or __file__.replace("\\", "/").rpartition("/")[0] + "/static"
    files = {}
    clients = []

    def address(req):
        return str(req.client_addr[0]) if req.client_addr else "?"

    def authorized(req):
        """None if the request carries a credential that holds, else the error to answer."""
        header = req.headers.get("Authorization")
        if header is not None:
            return _login_error(login, login.check_basic(header, address(req)), address(req))
        if not login.configured():
            return _error(403, "no_password", _UNSET)
        if login.valid(req.cookies.get(credentials.COOKIE, "")):
            return None
        return _error(401, "login", "Please log in.")

    @app.before_request
    async def refuse(req):
        if req.path != UPDATE and req.content_length > BODY_MAX:
            return _error(413)
        refused = origin.refusal(req.method, req.headers, names)
        return _error(*refused) if refused else None

    @app.after_request
    async def secure(req, res):
        return _secure(res)

    @app.after_error_request
    async def secure_error(req, res):
        return _secure(res)

    for status in (400, 404, 405, 413, 500):
        app.error_handlers[status] = _error_handler(status)

    async def page(req):
        if not files:  # at the first visit, when the view knows its version
            files.update(_static_files(folder, str(view.snapshot().get("version", ""))))
        return _send_static(req, folder, files.get(_STATIC[req.path]))

    for path in _STATIC:
        app.get(path)(page)

    def state():
        snapshot = dict(view.snapshot())
        snapshot["password_set"] = login.configured()
        return snapshot

    @app.get("/api/v1/state")
    async def get_state(req):
        snapshot = state()
        snapshot["login"] = login.valid(req.cookies.get(credentials.COOKIE, ""))
        return snapshot

    @app.get("/api/v1/events")
    async def events(req):
        if len(clients) >= MAX_EVENTS:
            return _error(503, headers={"Retry-After": "5"})
        if req.method == "HEAD":  # there is no body that would end, and free the place
            return "", 200, {"Content-Type": "text/event-stream"}
        conn = req.sock[1]
        stream = Events(state, conn, clients)
        # microdot forgets the stream when a connection breaks in a way it does not know.
        conn.at_close = stream.close
        return stream, 200, {"Content-Type": "text/event-stream"}

    @app.post("/api/v1/login")
    async def log_in(req):
        password = _field(req, "password")
        if password is None:
            return _error(400, message='Send {"password": "..."} as JSON.')
        refused = _login_error(login, login.check(password, address(req)), address(req))
        if refused:
            return refused
        cookie = "%s=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%d" % (
            credentials.COOKIE,
            login.open(),
            credentials.SESSION_S,
        )
        return {"message": "Logged in."}, 200, {"Set-Cookie": cookie}

    @app.post("/api/v1/logout")
    async def log_out(req):
        login.close(req.cookies.get(credentials.COOKIE, ""))
        cookie = "%s=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0" % credentials.COOKIE
        return {"message": "Logged out."}, 200, {"Set-Cookie": cookie}

    @app.post("/api/v1/cmd/start")
    async def start(req):
        refused = authorized(req)
        if refused:
            return refused
        body = _body(req)
        if body is None:
            return _error(400, message='Send {} or {"idTag": "..."} as JSON.')
        id_tag = body.get("idTag") or None
        if id_tag is not None and not _is_id_tag(id_tag):
            return _error(400, "id_tag", _ID_TAG)
        return {"message": await view.start(id_tag)}

    def command(name):
        async def act(req):
            return authorized(req) or {"message": await getattr(view, name)()}

        app.post("/api/v1/cmd/" + name)(act)

    for name in ("stop", "restart", "reset_faults"):
        command(name)

    @app.post(UPDATE)
    async def update(req):
        return await view.update(req.sock[1], req.content_length, authorized(req), _error)

    @app.get("/api/v1/log")
    async def log(req):
        return authorized(req) or (_lines(view.log_lines()), 200, {"Content-Type": "text/plain"})

    return app


def _login_error(login, result, address):
    if result == credentials.OK:
        return None
    if result == credentials.UNSET:
        return _error(403, "no_password", _UNSET)
    if result == credentials.WAIT:
        wait = login.wait_s(address)
        return _error(
            429,
            "too_many_tries",
            "Too many wrong passwords; try again in %d s." % wait,
            {"Retry-After": str(wait)},
        )
    return _error(401, "wrong_password", "Wrong password.")


def _secure(res):
    for name, value in _SECURITY:
        res.headers[name] = value
    if "Cache-Control" not in res.headers:
        res.headers["Cache-Control"] = "no-store"
    return res


def _error_handler(status):
    async def handler(req):
        return _error(status)

    return handler


def _body(req):
    """The JSON object in the body, {} if there is none, or None if it is something else."""
    if not req.body:
        return {}
    try:
        body = json.loads(req.body.decode())
    except ValueError:  # UnicodeError is one
        return None
    return body if isinstance(body, dict) else None


def _field(req, name):
    value = (_body(req) or {}).get(name)
    return value if isinstance(value, str) else None


def _is_id_tag(text):
    return (
        isinstance(text, str)
        and 0 < len(text) <= _ID_TAG_MAX
        and all([32 <= ord(c) < 127 for c in text])
    )


def _lines(lines):
    yield ""
    for line in lines:
        yield line + "\n"


def _static_files(folder, version):
    """File name -> (name on disk, ETag); looked up once, as the files come with the firmware."""
    files = {}
    for name in _STATIC.values():
        for found in (name + ".gz", name):
            try:
                info = os.stat(folder + "/" + found)
            except OSError:
                continue
            files[name] = (found, '"%x-%x-%s"' % (info[6], int(info[8]), version))
            break
    return files


def _send_static(req, folder, file):
    if file is None:
        return _error(404)
    name, etag = file
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if req.headers.get("If-None-Match") == etag:
        return "", 304, headers
    compressed = name.endswith(".gz")
    res = Response.send_file(folder + "/" + name, compressed=compressed)
    res.headers.update(headers)
    return res
