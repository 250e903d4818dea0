# Replies and admissions with which a test makes the CSMS misbehave.
# MIT license; part of microevse
"""Misbehaviour as values.

A *reply* stands for the answer to one CALL of the charger: a dict (these fields instead of
the usual ones), a function of the request's payload that returns a reply, or one of the
classes below. An *admission* stands for the treatment of one incoming connection.
"""


class Error:
    """Answer with a CALLERROR."""

    def __init__(self, code="InternalError", description="", details=None):
        self.code = code
        self.description = description
        self.details = details or {}


class Wrong:
    """Answer with these fields although they break the schema (a dict is checked under 2.x)."""

    def __init__(self, fields):
        self.fields = fields


class Drop:
    """Do the CSMS's bookkeeping for the message, but never answer."""


class Ignore:
    """As if the message had never arrived: no bookkeeping, no answer."""


class Delay:
    """Answer with `then` (or the usual answer) after `seconds` of the CSMS's clock."""

    def __init__(self, seconds, then=None):
        self.seconds = seconds
        self.then = then


class Garbage:
    """Send this text in place of an answer."""

    def __init__(self, text="}{not json"):
        self.text = text


class WrongId:
    """Answer with an id of no request; the right answer never comes."""

    def __init__(self, unique_id="no-such-id"):
        self.unique_id = unique_id


class Before:
    """Send `texts` first, then give the usual answer (or `then`)."""

    def __init__(self, *texts, then=None):
        self.texts = texts
        self.then = then


class Close:
    """Close the WebSocket in place of an answer."""

    def __init__(self, code=1001, reason=""):
        self.code = code
        self.reason = reason


class Cut:
    """Do the bookkeeping, then end the TCP connection in place of an answer."""


# --- admissions ---------------------------------------------------------------------------


class Refuse:
    """Refuse the upgrade with this HTTP status."""

    def __init__(self, status=403):
        self.status = status


class NoSubprotocol:
    """Accept the upgrade without choosing a sub-protocol."""


class Subprotocol:
    """Answer the upgrade with this sub-protocol, offered or not."""

    def __init__(self, name):
        self.name = name


class BadAccept:
    """Accept with a wrong Sec-WebSocket-Accept."""


class CloseAfterAccept:
    """Accept the upgrade, then close with this code (some refuse a password like that)."""

    def __init__(self, code=1008, reason=""):
        self.code = code
        self.reason = reason


class Hang:
    """Accept the TCP connection and never say anything."""


class Reset:
    """End the TCP connection as soon as it is made."""
