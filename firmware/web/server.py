# HTTP: the page, its state, start and stop.
# MIT license; part of microevse
"""`make_app(view, login)` builds the web server on microdot.

`view` has the numbers and the commands of the application: `snapshot() -> dict` (a new one),
`async start(id_tag or None) -> text`, `async stop()`, `async restart()`, `async reset_faults()`,
`log_lines()`, `async security_lines()`, and `services`, which an update needs (web.update).
Every request passes one gate: whatever is not in OPEN needs a credential, and what changes
something a request that a page of another site cannot make a browser send (`web.origin`).
Handlers are all `async`: on CPython
microdot runs others in threads.
"""

from microdot import Response

from web import answers
from web import login as credentials
from web import origin
from web.connections import BODY_MAX, WebServer
from web.events import Events

UPDATE = "/api/v1/update"
# Paths that need no credential; all others do.
OPEN = (
    "/", "/app.js", "/app.css",
    "/api/v1/state", "/api/v1/events", "/api/v1/login", "/api/v1/logout",
)  # fmt: skip
MAX_EVENTS = 2  # phones that follow live; the others ask every 5 s


def make_app(view, login, hosts=(), static=None):
    """Build the server.

    login: web.login.Login. hosts: names the charger is known by in the network; each is
    also good with `.local`. static: folder of the page's files, plain or with `.gz`.
    """
    app = WebServer()
    names = {name.lower() + end for name in hosts if name for end in ("", ".local")}
    folder = static or __file__.replace("\\", "/").rpartition("/")[0] + "/static"
    files = {}

    def cookie(value, seconds):
        text = "%s=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%d"
        return {"Set-Cookie": text % (credentials.COOKIE, value, seconds)}

    def refusal(req):
        """Why the request must not be served, as the error to answer; None if it may."""
        if req.path != UPDATE and req.content_length > BODY_MAX:
            return answers.error(413)
        header = req.headers.get("Authorization")
        token = req.cookies.get(credentials.COOKIE, "")
        refused = origin.refusal(req.method, req.headers, names)
        if req.path in OPEN:
            return answers.error(*refused) if refused else None
        # Who has no credential is asked for one first.
        if refused and (refused[0] == 421 or header is not None or token):
            return answers.error(*refused)
        if header is not None:
            address = req.client_addr[0]
            return answers.login_error(login, login.check_basic(header, address), address)
        if not login.configured():
            return answers.error(403, "no_password", answers.UNSET)
        return None if login.valid(token) else answers.error(401, "login", "Please log in.")

    @app.before_request
    async def gate(req):
        """The one place for size, Host, Origin and credential: each route lies behind it."""
        refused = refusal(req)
        if refused and req.path == UPDATE and req.content_length > BODY_MAX:
            await req.sock[1].skip(req.content_length)  # else the answer would not be seen
        return refused

    @app.after_request
    async def secure(req, res):
        return answers.secure(res)

    @app.after_error_request
    async def secure_error(req, res):
        return answers.secure(res)

    for status in (400, 404, 405, 413, 500):
        app.error_handlers[status] = answers.error_handler(status)

    async def page(req):
        if not files:  # at the first visit, when the view knows its version
            files.update(answers.static_files(folder, str(view.snapshot().get("version", ""))))
        return answers.send_static(req, folder, files.get(answers.STATIC[req.path]))

    for path in answers.STATIC:
        app.get(path)(page)

    def state():
        snapshot = view.snapshot()
        snapshot["password_set"] = login.configured()
        return snapshot

    @app.get("/api/v1/state")
    async def get_state(req):
        snapshot = state()
        snapshot["login"] = login.valid(req.cookies.get(credentials.COOKIE, ""))
        return answers.as_json(snapshot), 200, {"Content-Type": "application/json"}

    @app.get("/api/v1/events")
    async def events(req):
        if len(app.streams) >= MAX_EVENTS and not app.yielded(req.client_addr[0]):
            return answers.error(503, headers={"Retry-After": "5"})
        if req.method == "HEAD":  # there is no body that would end, and free the place
            return "", 200, {"Content-Type": "text/event-stream"}
        conn = req.sock[1]
        stream = Events(state, conn, app.streams, req.client_addr[0])
        # microdot forgets the stream when a connection breaks in a way it does not know.
        conn.at_close = stream.close
        return stream, 200, {"Content-Type": "text/event-stream"}

    @app.post("/api/v1/login")
    async def log_in(req):
        password = answers.field(req, "password")
        if password is None:
            return answers.error(400, message='Send {"password": "..."} as JSON.')
        address = req.client_addr[0]
        refused = answers.login_error(login, login.check(password, address), address)
        if refused:
            return refused
        return {"message": "Logged in."}, 200, cookie(login.open(), credentials.SESSION_S)

    @app.post("/api/v1/logout")
    async def log_out(req):
        login.close(req.cookies.get(credentials.COOKIE, ""))
        return {"message": "Logged out."}, 200, cookie("", 0)

    @app.post("/api/v1/cmd/start")
    async def start(req):
        body = answers.body(req)
        if body is None:
            return answers.error(400, message='Send {} or {"idTag": "..."} as JSON.')
        id_tag = body.get("idTag") or None
        if id_tag is not None and not answers.is_id_tag(id_tag):
            return answers.error(400, "id_tag", answers.ID_TAG)
        return {"message": await view.start(id_tag)}

    @app.post("/api/v1/cmd/limit")
    async def limit(req):
        return {"message": await view.limit(answers.body(req) or {})}

    def command(name):
        async def act(req):
            return {"message": await getattr(view, name)()}

        app.post("/api/v1/cmd/" + name)(act)

    for name in ("stop", "restart", "reset_faults"):
        command(name)

    @app.post("/api/v1/cmd/factory_reset")
    async def factory_reset(req):
        if answers.field(req, "confirm") != "erase everything":
            return answers.error(400, message='Send {"confirm": "erase everything"} as JSON.')
        return {"message": await view.factory_reset()}

    @app.post(UPDATE)
    async def update(req):
        conn, size = req.sock[1], req.content_length
        if size <= BODY_MAX:  # it has been read already, and is no bundle
            return answers.error(400, "bundle", "Send a bundle as the body of the request.")
        if not view.services.vacant():
            await conn.skip(size)
            return answers.error(409, "busy", "Not while a car is connected or charging.")
        conn.update = size, view.services
        return Response.already_handled

    @app.get("/api/v1/log")
    async def log(req):
        return answers.lines(view.log_lines()), 200, {"Content-Type": "text/plain"}

    @app.get("/api/v1/security_log")
    async def security_log(req):
        lines = await view.security_lines()
        return answers.lines(lines), 200, {"Content-Type": "text/plain"}

    return app
