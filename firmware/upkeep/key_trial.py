# A new password for the central system is on trial until it has worked.
# MIT license; part of microevse
"""A central system that sets AuthorizationKey and then refuses it (a typing error, a restored
backup) would lose the charger for good. So the key before is kept until the new one has led to
an accepted connection; when the new one is refused time and again, the old one gets a try, and
if that works it is the key again. Both stay in the journal: a reboot changes nothing.
"""

from binascii import hexlify, unhexlify

from evse_base import log

BEFORE = "AuthorizationKeyBefore"
NAMES = ("AuthorizationKey", "BasicAuthPassword")
# Refusals of the new key before the old one gets a try, and between such tries.
REFUSALS = 3
_REFUSED = (401, 403)


class KeyTrial:
    """Which of two keys is used for the next attempt."""

    def __init__(self, settings):
        self._settings = settings
        self._key = settings.basic_auth_key()
        self._refused = 0
        self._old = False  # the attempt that is made now uses the old key
        self._tried = False  # ... and was begun after the last change
        settings.on_change(self._changed)

    def password(self):
        """Key for the next attempt as bytes, None if there is none."""
        before = self._settings.text(BEFORE)
        self._old = bool(before) and self._refused >= REFUSALS
        self._tried = True
        return unhexlify(before) if self._old else self._settings.basic_auth_key()

    def failed(self, status, event="", reason=""):
        """An attempt ended with this HTTP status, 0 if there was none. event, reason: for the
        security log, see ocppj.failure.event."""
        if event:
            from station import security_log  # here, not at the top: rarely needed

            security_log.note(event, reason)
        if status not in _REFUSED:
            return
        # If the old key is refused as well, the central system is wrong, or both keys are.
        self._refused = 0 if self._old else self._refused + 1

    def works(self):
        """The central system has accepted us with the key that `password()` last gave."""
        before = self._settings.text(BEFORE)
        if not before or not self._tried:
            return  # the connection that brought the new key says nothing about it
        old, self._old, self._refused = self._old, False, 0
        if old:
            log.warn("net", "AuthorizationKey is refused: the one before is in use again")
            self._key = unhexlify(before)  # the old key again: no new connection is needed
            self._settings.keep_own(NAMES[0], before)
            self._settings.keep_own(NAMES[1], "")
        self._settings.keep_own(BEFORE, "")

    def _changed(self, name, value):
        if name not in NAMES:
            return
        old, self._key = self._key, self._settings.basic_auth_key()
        self._refused = 0
        self._tried = False
        # A second change before the first has worked: the one that worked is still the one.
        if old and old != self._key and not self._settings.text(BEFORE):
            self._settings.keep_own(BEFORE, hexlify(old).decode())
