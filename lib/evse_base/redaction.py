# Text with its secrets masked.
# MIT license; part of microevse
"""The work of `log.redact`; loaded for it."""

from evse_base import const

# A key that contains one of these words has a secret value.
_SECRETS = const(
    (
        "authorizationkey",
        "password",
        "passwd",
        "passphrase",
        "secret",
        "privatekey",
        "private_key",
        "apikey",
        "api_key",
        "setupkey",
        "accessbefore",
        "networkslot",
    )
)
_MASK = const("***")
_BLANK = const(" \t")


def _value_end(text, pos):
    """Index behind the value that starts at `pos`: a quoted string or a bare word."""
    n = len(text)
    if pos < n and text[pos] in "\"'":
        quote = text[pos]
        pos += 1
        while pos < n and text[pos] != quote:
            pos += 2 if text[pos] == "\\" else 1
        return min(pos + 1, n)
    while pos < n and text[pos] not in " \t\r\n,;&}])\"'":
        pos += 1
    return pos


def _mask_value(text, start):
    """Mask the value that starts at `start`; returns (text, index behind the mask)."""
    if text[start : start + 2] in ('\\"', "\\'"):  # JSON inside a JSON string
        quote = text[start : start + 2]
        end = text.find(quote, start + 2)
        start += 2
        if end < 0:
            end = len(text)
    else:
        end = _value_end(text, start)
        if start < end and text[start] in "\"'":
            if end - start > 1 and text[end - 1] == text[start]:
                end -= 1
            start += 1
    return text[:start] + _MASK + text[end:], start + len(_MASK)


def _skip(text, pos, chars):
    while pos < len(text) and text[pos] in chars:
        pos += 1
    return pos


def _mask_named(text, name):
    """Mask the values of keys that contain `name`: key=value, key: value, "key": "value"."""
    pos = 0
    while True:
        found = text.lower().find(name, pos)
        if found < 0:
            return text
        # The rest of the key, its quote, then the separator.
        pos = found + len(name)
        while pos < len(text) and (text[pos].isalpha() or text[pos] in "_-0123456789"):
            pos += 1
        after = _skip(text, pos, "\\\"'" + _BLANK)
        if after < len(text) and text[after] in ":=":
            text, pos = _mask_value(text, _skip(text, after + 1, _BLANK))
        elif after > pos:
            # {"key": "AuthorizationKey", "value": "..."}: the name is itself a value.
            text, moved = _mask_sibling(text, found, after)
            pos += moved


def _member(text, name, pos, end):
    """Where the value of `"name":` starts, for a name that starts in [pos, end); else -1."""
    while True:
        pos = text.find(name, pos, end)
        if pos < 0:
            return -1
        behind = pos + len(name)
        if text[pos - 1 : pos] in ('"', "'") and text[behind : behind + 1] in ('"', "'", "\\"):
            colon = _skip(text, behind, "\\\"'" + _BLANK)
            if text[colon : colon + 1] == ":":
                return _skip(text, colon + 1, _BLANK)
        pos = behind


def _mask_sibling(text, before, after):
    """Mask the "value" of the JSON object whose "key" is in text[before:after].

    Returns (text, by how much the text at `before` has moved). JSON members come in any order, and
    the secret may hold braces: so no counting of braces.
    """
    start = _member(text, "value", after, len(text))
    other = _member(text, "key", after, len(text))
    if start >= 0 and not 0 <= other < start and text.find("}", after, start) < 0:
        return _mask_value(text, start)[0], 0
    # Else the last "value" before it, unless a brace in between ends the object it is in.
    start = pos = -1
    while True:
        pos = _member(text, "value", pos + 1, before)
        if pos < 0:
            break
        start = pos
    if start >= 0:
        masked, end = _mask_value(text, start)
        if masked[_skip(masked, end, "\\\"'" + _BLANK) :][:1] != "}":
            return masked, len(masked) - len(text)
    return text, 0


def _mask_scheme(text, name):
    """Mask the credentials that follow `Basic ` or `Bearer ` in a header."""
    pos = 0
    while True:
        pos = text.lower().find(name, pos)
        if pos < 0:
            return text
        start = pos + len(name)
        pos = start
        # Not the words in a sentence: credentials follow "Authorization:" or are long.
        end = _value_end(text, start)
        if end - start >= 8 or "authorization" in text[max(0, start - 24) : start].lower():
            text, pos = _mask_value(text, start)


def _mask_url(text):
    """Mask the password in scheme://user:password@host."""
    pos = 0
    while True:
        pos = text.find("://", pos)
        if pos < 0:
            return text
        pos += 3
        end = pos
        while end < len(text) and text[end] not in " \t\r\n\"'<>/?#":
            end += 1
        at = text.rfind("@", pos, end)
        colon = text.find(":", pos, at) if at >= 0 else -1
        if colon >= 0:
            text = text[: colon + 1] + _MASK + text[at:]


def redact(text):
    """`text` with passwords and keys masked: JSON, key=value, URLs, Basic and Bearer."""
    text = _mask_url(str(text))
    for name in _SECRETS:
        text = _mask_named(text, name)
    for name in ("basic ", "bearer "):
        text = _mask_scheme(text, name)
    return text
