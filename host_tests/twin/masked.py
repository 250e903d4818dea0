# OCPP messages for people to read: as they are on the wire, but for their secrets.
# MIT license; part of microevse
"""Passwords and keys are replaced by ***: the values of settings that the charger never shows
(ChangeConfiguration of 1.6, SetVariables of 2.x), members of objects with such a name, user and
password in a URL, and every text that was such a value in an earlier message."""

import json
import pathlib
import sys

_LIB = str(pathlib.Path(__file__).resolve().parent.parent.parent / "lib")
MASK = "***"
# A secret that is met again is recognised from this length on; a shorter one may be any number.
_LEAST = 6
# Members that hold the name of a setting, and those that hold its value.
_NAMES = ("key", "variable", "name")
_VALUES = ("value", "attributeValue")


def _redaction():
    if _LIB not in sys.path:
        sys.path.append(_LIB)
    from evse_base import redaction
    from station import declarations

    return redaction.redact, _never_shown(declarations.BLOB)


def _never_shown(blob):
    """Names of the settings that are written and never read, by the central system or by all."""
    found = set()
    for line in blob.strip().splitlines():
        name, other, kind, access = line.split("|")[:4]
        if access.rstrip("!").rstrip("l").lstrip("-") == "w":
            found.add(name.lower())
            found.add(other.rpartition(".")[2].lower())
    return found - {""}


class Masker:
    """Masks texts one after the other. known: secrets from the beginning (None is no secret)."""

    def __init__(self, known=()):
        self._redact, self._secret = _redaction()
        self._known = {value for value in known if value and len(value) >= _LEAST}

    def mask(self, text):
        """An OCPP message without its secrets; letter by letter the same if it has none."""
        try:
            message = json.loads(text)
        except ValueError:
            return self._rest(text)
        shown = self._walk(message)
        if shown != message:
            text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        return self._rest(text)

    def _rest(self, text):
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(json.dumps(value)[1:-1], MASK).replace(value, MASK)
        return self._redact(text)

    def _walk(self, thing):
        if isinstance(thing, list):
            return [self._walk(item) for item in thing]
        if not isinstance(thing, dict):
            return thing
        names = [thing.get(name) for name in _NAMES]
        names = [n.get("name") if isinstance(n, dict) else n for n in names]
        named = any(isinstance(n, str) and self._is_secret(n) for n in names)
        shown = {}
        for key, value in thing.items():
            if isinstance(value, str) and (self._is_secret(key) or named and key in _VALUES):
                if len(value) >= _LEAST:
                    self._known.add(value)
                shown[key] = MASK
            else:
                shown[key] = self._walk(value)
        return shown

    def _is_secret(self, name):
        name = name.lower()
        return name in self._secret or self._redact(name + "=x") != name + "=x"
