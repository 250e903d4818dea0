# Reads the form that a browser sends, and makes text safe for its page.
# MIT license; part of microevse
"""application/x-www-form-urlencoded both ways to plain text; nothing here knows a field."""

FIELDS_MAX = 24
_HEX = "0123456789abcdefABCDEF"


def parse(body):
    """{name: text} of a form (bytes); of a name that comes twice the last non-empty one.

    ValueError if it is no form: bad escapes, text that is not UTF-8, too many fields.
    """
    out = {}
    if not body:
        return out
    parts = body.split(b"&")
    if len(parts) > FIELDS_MAX:
        raise ValueError("too many fields")
    for part in parts:
        name, _, value = part.partition(b"=")
        name, value = _decode(name), _decode(value)
        if value or name not in out:
            out[name] = value
    return out


def _decode(raw):
    raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        pieces = raw.split(b"%")
        out = bytearray(pieces[0])
        for piece in pieces[1:]:
            if len(piece) < 2 or chr(piece[0]) not in _HEX or chr(piece[1]) not in _HEX:
                raise ValueError("bad escape")
            out.append(int(piece[:2], 16))
            out += piece[2:]
        raw = bytes(out)
    try:
        return raw.decode()
    except UnicodeError:
        raise ValueError("not UTF-8")


def escape(text):
    """`text` for HTML, inside an element or a quoted attribute."""
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return text
