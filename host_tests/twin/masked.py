# OCPP messages for people to read: as they are on the wire, but for their secrets.
# MIT license; part of microevse
"""Passwords and keys are replaced by ***: the values of settings that the charger never shows
(ChangeConfiguration of 1.6, SetVariables of 2.x), members of objects with such a name, user,
password and query of a URL, and every text that was such a value in an earlier message. A token of
a driver is no secret here: it is what a session is recognised by."""

import json
import pathlib
import re
import sys

from twin import given

_LIB = str(pathlib.Path(__file__).resolve().parent.parent.parent / "lib")
MASK = "***"
# A secret that is met again is recognised from this length on; a shorter one may be any number.
_LEAST = 6
# Members that hold the name of a setting, and those that hold its value. In the reports of 2.x the
# value is one level below the name: "variableAttribute": [{"value": ...}].
_NAMES = ("key", "variable", "name")
_VALUES = ("value", "attributeValue", "actualValue", "variableAttribute")
# Members of SetNetworkProfile (2.x) whose names do not say that they are secrets.
_PROFILE = {"simpin"}
_VPN = ("vpn", "key")  # object, member
_USER = re.compile(r"([a-z][a-z0-9+.-]*:(?:\\?/){2})([^\s\"'<>/?#\\]*)@", re.I)
_QUERY = re.compile(r"([a-z][a-z0-9+.-]*:(?:\\?/){2}[^\s\"'<>?#]*[?#])([^\s\"'<>]+)", re.I)
# In a text that is no JSON, such as the beginning of a long message.
_VALUE_TEXT = re.compile(
    r"""((?:value|attributeValue)\\?["']\s*:\s*)"""
    r"""(?:\\".*?(?:\\"|$)|"(?:[^"\\]|\\.)*(?:"|$)|[^\s,}\]]+)""",
    re.S | re.I,
)
_CUT_URL = re.compile(r"(:(?:\\?/){2})[^\s\"'<>/?#@]*(?=\.\.\. \(\d+ bytes|$)")


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
            message = given.parsed(json.loads, text)
        except ValueError as exc:
            if str(exc) == given.TOO_DEEP:
                # Nobody can say what in it is a secret.
                return "(%d characters, %s)" % (len(text), exc)
            return _printable(self._rest(self._unparsed(text)))
        shown = self._walk(message)
        if shown != message:
            text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        return _printable(self._rest(text))

    def _unparsed(self, text):
        """Without all its values, if one of them may be that of a secret setting."""
        words = set(re.findall(r"\w+", text.lower()))
        if words & self._secret or any(self._is_secret(word) for word in words):
            text = _VALUE_TEXT.sub(r'\1"%s"' % MASK, text)
        # A URL that ends at the cut may have lost the @ behind its password.
        return _CUT_URL.sub(r"\1" + MASK, text)

    def _rest(self, text):
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(json.dumps(value)[1:-1], MASK).replace(value, MASK)
        return self._redact(self._urls(text))

    def _urls(self, text):
        """Without user, password, query and fragment of each URL. They are secrets from now on."""
        for _, user in _USER.findall(text):
            self._keep(user.partition(":")[2])
        for _, query in _QUERY.findall(text):
            self._keep(query)
        text = _USER.sub(r"\1%s@" % MASK, text)
        return _QUERY.sub(r"\1" + MASK, text)

    def _keep(self, value):
        """Remember a secret, to recognise it in a later text."""
        if not isinstance(value, bool) and isinstance(value, (str, int, float)):
            if len(str(value)) >= _LEAST and MASK not in str(value):
                self._known.add(str(value))

    def _walk(self, thing, where=""):
        if isinstance(thing, list):
            return [self._walk(item, where) for item in thing]
        if isinstance(thing, str):
            return self._inner(thing)
        if not isinstance(thing, dict):
            return thing
        names = [thing.get(name) for name in _NAMES]
        names = [n.get("name") if isinstance(n, dict) else n for n in names]
        named = any(isinstance(n, str) and self._is_secret(n) for n in names)
        shown = {}
        for key, value in thing.items():
            secret = self._is_secret(key) or named and key in _VALUES
            if value is not None and (secret or (where, key) == _VPN):
                self._keep(value)
                shown[key] = MASK
            else:
                shown[key] = self._walk(value, key)
        return shown

    def _inner(self, text):
        """A text of a message. It may be JSON itself, as the data of DataTransfer are."""
        if text.lstrip()[:1] in ("{", "["):
            try:
                inner = given.parsed(json.loads, text)
            except ValueError:
                text = self._unparsed(text)
            else:
                shown = self._walk(inner)
                return text if shown == inner else json.dumps(shown, ensure_ascii=False)
        return self._rest(text)

    def _is_secret(self, name):
        name = name.strip().lower()
        return name in self._secret or name in _PROFILE or self._redact(name + "=x") != name + "=x"


def _printable(text):
    return text.encode("utf-8", "backslashreplace").decode()
