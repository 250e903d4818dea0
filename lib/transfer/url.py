# Where a file is: http://, https:// and ftp:// URLs.
# MIT license; part of microevse
"""Errors never quote the text: it may hold a password."""

_PORTS = {"http": 80, "https": 443, "ftp": 21}
_HOST = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"


class Target:
    """scheme, user and password (text or None), host, port, path (starts with "/").

    For HTTP `path` is as written, with its query; for FTP it is decoded.
    """

    def __init__(self, scheme, user, password, host, port, path):
        self.scheme = scheme
        self.user = user
        self.password = password
        self.host = host
        self.port = port
        self.path = path

    @property
    def secure(self):
        return self.scheme == "https"

    @property
    def authority(self):
        """Value of the Host header."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else "%s:%d" % (host, self.port)

    def __str__(self):
        # No path: it may hold a token.
        return "%s://%s" % (self.scheme, self.authority)


def _decode(text):
    """Undo percent-encoding (RFC 3986 2.1). ValueError for what would end a line."""
    out = bytearray()
    i = 0
    while i < len(text):
        if text[i] == "%":
            digits = text[i + 1 : i + 3]
            if len(digits) != 2 or not all(c in "0123456789abcdefABCDEF" for c in digits):
                raise ValueError("URL has a broken % sequence")
            out.append(int(digits, 16))
            i += 3
        else:
            out.append(ord(text[i]))
            i += 1
    for byte in out:
        if byte < 32 or byte == 127:
            # CR and LF would add commands of an attacker to ours.
            raise ValueError("URL has a control character")
    try:
        return bytes(out).decode()
    except (ValueError, UnicodeError):
        raise ValueError("URL is not UTF-8") from None


def parse(text):
    """The Target of `text`; ValueError with a reason."""
    text = text.strip()
    for char in text:
        if not "!" <= char <= "~":
            raise ValueError("URL has a space or a character that is not ASCII")
    scheme, sep, rest = text.partition("://")
    scheme = scheme.lower()
    if not sep or scheme not in _PORTS:
        raise ValueError("URL must start with http://, https:// or ftp://")
    rest = rest.partition("#")[0]
    cut = len(rest)
    for mark in "/?":
        at = rest.find(mark)
        if 0 <= at < cut:
            cut = at
    authority, path = rest[:cut], rest[cut:]
    if not path.startswith("/"):
        path = "/" + path
    if scheme == "ftp":
        path = _decode(path)
    user = password = None
    login, at, place = authority.rpartition("@")
    if at:
        user, _, password = login.partition(":")
        user, password = _decode(user), _decode(password)
    host, number = _place(place, _PORTS[scheme])
    return Target(scheme, user, password, host, number, path)


def _place(text, number):
    if text.startswith("["):
        host, end, rest = text[1:].partition("]")
        if not end or ":" not in host:
            raise ValueError("URL has an unfinished IPv6 address")
        allowed = "0123456789abcdefABCDEF:."
    else:
        host, colon, rest = text.partition(":")
        rest = colon + rest
        allowed = _HOST
    if not host:
        raise ValueError("URL has no host name")
    for char in host:
        if char not in allowed:
            raise ValueError("URL has a host name with a wrong character")
    if rest:
        digits = rest[1:]
        if rest[0] != ":" or not digits.isdigit() or len(digits) > 5:
            raise ValueError("URL has a port that is not a number")
        number = int(digits)
        if not 1 <= number <= 65535:
            raise ValueError("URL has a port that is not from 1 to 65535")
    return host, number


def join(location, name):
    """Where to put the file `name`, given a location that is a directory or a full address.

    An FTP location is a directory (OCPP 1.6 section 6.25). With HTTP, one that ends with "/"
    or has no path is; any other, and one with a query (signed uploads), is taken as it is.
    """
    location = location.strip()
    scheme, _, rest = location.partition("://")
    if scheme.lower() != "ftp" and ("?" in rest or not (rest.endswith("/") or "/" not in rest)):
        return location
    return location + ("" if location.endswith("/") else "/") + name


def resolve(base, text):
    """The Target that a redirection from `base` leads to (RFC 9110 10.2.2)."""
    if "://" in text:
        target = parse(text)
    elif text.startswith("//"):
        target = parse(base.scheme + ":" + text)
    else:
        if not text.startswith("/"):
            path = base.path.partition("?")[0]
            if text.startswith("?"):
                text = path + text
            else:
                text = path[: path.rfind("/") + 1] + text
        target = parse("%s://%s%s" % (base.scheme, base.authority, text))
    if (target.scheme, target.host, target.port) == (base.scheme, base.host, base.port):
        # Only the same server gets the password again.
        if target.user is None:
            target.user, target.password = base.user, base.password
    return target
