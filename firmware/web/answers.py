# HTTP: what the server answers, and what it takes of a request.
# MIT license; part of microevse
"""Errors as JSON, headers of every answer, the page's files. The routes are in `web.server`."""

import json
import os

from microdot import Response

from web import login as credentials

_PIECE = 200  # characters of an answer that are made at once, or a few more
_ID_TAG_MAX = 36  # characters; 1.6 takes 20 of them, 2.0.1 all
ID_TAG = "idTag: 1 to %d printable ASCII characters." % _ID_TAG_MAX

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
STATIC = {
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
    503: ("busy", "Too many connections, or no memory; try again in a moment."),
}
UNSET = (
    "No password has been set, so nothing can be changed over the network. "
    "Set WebPassword (at least %d characters) in the charger's configuration."
    % credentials.MIN_PASSWORD
)


def error(status, code=None, message=None, headers=None):
    known = _MESSAGES.get(status, ("error", "The request failed."))
    return (
        {"error": code or known[0], "message": message or known[1]},
        status,
        headers or {},
    )


def login_error(login, result, address):
    if result == credentials.OK:
        return None
    if result == credentials.UNSET:
        return error(403, "no_password", UNSET)
    if result == credentials.WAIT:
        wait = login.wait_s(address)
        return error(
            429,
            "too_many_tries",
            "Too many wrong passwords; try again in %d s." % wait,
            {"Retry-After": str(wait)},
        )
    return error(401, "wrong_password", "Wrong password.")


def secure(res):
    for name, value in _SECURITY:
        res.headers[name] = value
    if res.status_code == 401:
        # RFC 9110 15.5.2 wants a scheme. "Basic" is taken, too; a browser that reads that word
        # shows a window of its own over the page.
        res.headers["WWW-Authenticate"] = 'Cookie realm="charger"'
    if "Cache-Control" not in res.headers:
        res.headers["Cache-Control"] = "no-store"
    return res


def error_handler(status):
    async def handler(req):
        return error(status)

    return handler


def body(req):
    """The JSON object in the body, {} if there is none, or None if it is something else."""
    if not req.body:
        return {}
    try:
        value = json.loads(req.body.decode())
    except ValueError:  # UnicodeError is one
        return None
    return value if isinstance(value, dict) else None


def field(req, name):
    value = (body(req) or {}).get(name)
    return value if isinstance(value, str) else None


def is_id_tag(text):
    return (
        isinstance(text, str)
        and 0 < len(text) <= _ID_TAG_MAX
        and all([32 <= ord(c) < 127 for c in text])
    )


# The last line of a log, which has no length: without it something is missing.
END = "-- end --"


def lines(lines):
    yield ""
    for line in lines:
        yield line + "\n"
    yield END + "\n"


def as_json(value):
    """`value` as JSON in pieces: where the heap is nearly full, there is no block for the whole.
    microdot asks the first piece outside of its error handling: it is empty."""
    yield ""
    text = ""
    for token in _tokens(value):
        text += token
        if len(text) >= _PIECE:
            yield text
            text = ""
    yield text


def _tokens(value):
    if isinstance(value, dict) and value:
        between = "{"
        for key in value:
            yield between + json.dumps(key) + ": "
            yield from _tokens(value[key])
            between = ", "
        yield "}"
    elif isinstance(value, list) and value:
        between = "["
        for item in value:
            yield between
            yield from _tokens(item)
            between = ", "
        yield "]"
    else:
        yield json.dumps(value)


def static_files(folder, version):
    """File name -> (name on disk, ETag, size in bytes). The files come with the firmware: one look
    is enough."""
    files = {}
    for name in STATIC.values():
        for found in (name + ".gz", name):
            try:
                info = os.stat(folder + "/" + found)
            except OSError:
                continue
            files[name] = (found, '"%x-%x-%s"' % (info[6], int(info[8]), version), info[6])
            break
    return files


def send_static(req, folder, file):
    if file is None:
        return error(404)
    name, etag, size = file
    compressed = name.endswith(".gz")
    # Without that header any coding may be sent (RFC 9110, 12.5.3).
    taken = req.headers.get("Accept-Encoding", "gzip")
    if compressed and "gzip" not in taken and "*" not in taken:
        return error(406, "gzip", "The page is kept compressed: ask with Accept-Encoding: gzip.")
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if req.headers.get("If-None-Match") == etag:
        return "", 304, headers
    # With the length a browser sees that an answer is not whole.
    headers["Content-Length"] = str(size)
    path = folder + "/" + name
    res = Response.send_file(path, compressed=compressed, stream=_contents(path))
    res.headers.update(headers)
    return res


def _contents(path):
    """The bytes of a file in pieces. One in a ROMFS is memory: nothing is copied."""
    yield b""
    with open(path, "rb") as file:
        try:
            data = memoryview(file)
        except TypeError:  # a file system that has to copy
            data = file.read(_PIECE)
            while data:
                yield data
                data = file.read(_PIECE)
            return
        for at in range(0, len(data), _PIECE):
            yield data[at : at + _PIECE]
