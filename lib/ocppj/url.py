# The address of a central system: ws:// and wss:// URLs.
# MIT license; part of microevse
"""Parse the CentralSystemURI that a person has typed; errors name the mistake."""

_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_DEFAULT_PORTS = {"ws": 80, "wss": 443}
_HOST_CHARS = _UNRESERVED


def percent_encode(text):
    """`text` as one path segment (RFC 3986 section 2.1; OCPP-J 1.6 section 3.1.1)."""
    out = []
    for byte in text.encode():
        char = chr(byte)
        out.append(char if char in _UNRESERVED else "%%%02X" % byte)
    return "".join(out)


class Url:
    """scheme "ws" or "wss", host (IPv6 without brackets), port, path, query ("" or "?...")."""

    def __init__(self, scheme, host, port, path, query):
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.query = query

    @property
    def secure(self):
        return self.scheme == "wss"

    @property
    def authority(self):
        """The Host header: port only if it is not the scheme's own."""
        host = "[%s]" % self.host if ":" in self.host else self.host
        if self.port == _DEFAULT_PORTS[self.scheme]:
            return host
        return "%s:%d" % (host, self.port)

    def target(self, charge_point_id):
        """The target of the request: the path with the percent-encoded id added, and the query."""
        path = self.path if self.path.endswith("/") else self.path + "/"
        return path + percent_encode(charge_point_id) + self.query

    def __str__(self):
        # The query may hold a token: it is never shown.
        return "%s://%s%s" % (self.scheme, self.authority, self.path)


def parse(text):
    """Return the Url of `text`; ValueError with a reason fit for the page.

    Of the text the reason quotes only a short scheme: people do paste passwords into it.
    """
    text = text.strip()
    for char in text:
        if not "!" <= char <= "~":
            raise ValueError("URL has a space or a character that is not ASCII")
    scheme, sep, rest = text.partition("://")
    scheme = scheme.lower()
    if not sep or scheme not in _DEFAULT_PORTS:
        given = ", not %s://" % scheme if sep and len(scheme) < 6 and scheme.isalpha() else ""
        raise ValueError("URL must start with ws:// or wss://" + given)
    if "#" in rest:
        raise ValueError("URL must not have a # part")
    rest, question, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise ValueError("URL must not hold a user or password: set AuthorizationKey instead")
    host, port = _split_authority(authority, _DEFAULT_PORTS[scheme])
    return Url(scheme, host, port, "/" + path, question + query)


def _split_authority(text, default_port):
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or ":" not in host:
            raise ValueError("URL has an unfinished IPv6 address")
        for char in host:
            if char not in "0123456789abcdefABCDEF:.":
                raise ValueError("URL has an IPv6 address with a wrong character")
        if rest and not rest.startswith(":"):
            raise ValueError("URL has something between address and port")
        port = rest[1:]
        colon = rest
    else:
        host, colon, port = text.partition(":")
        for char in host:
            if char not in _HOST_CHARS:
                raise ValueError("URL has a host name with a wrong character")
    if not host:
        raise ValueError("URL has no host name")
    if not colon:
        return host, default_port
    if not port or not port.isdigit() or len(port) > 5 or not 1 <= int(port) <= 65535:
        raise ValueError("URL has a port that is not a number from 1 to 65535")
    return host, int(port)
