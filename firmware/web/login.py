# Credentials for changes over HTTP: password, sessions, limits on guessing.
# MIT license; part of microevse
"""Credentials of the page: a cookie from the login form, or HTTP Basic for programs.

Nothing here knows HTTP routes or where the password is kept.
"""

from binascii import a2b_base64, hexlify

from evse_base import log
import evse_base as port
from station import security_log

USER = "admin"
MIN_PASSWORD = 8
COOKIE = "id"
SESSION_S = 86400
_MAX_SESSIONS = 4
_TOKEN_BYTES = 16

_TRIES = 5  # wrong passwords from one address before it has to wait
_TRIES_ALL = 20  # and from all addresses together
_WAIT_S = 30  # the first wait; every further one is twice as long
_MAX_WAIT_S = 900
_FORGET_S = 900  # without a wrong password for so long, counting starts anew
_MAX_ADDRESSES = 8

# Results of Login.check
OK = "ok"
WRONG = "wrong"
WAIT = "wait"
UNSET = "unset"


def same(a, b):
    """True if two strings are equal, in a time that does not tell where they differ."""
    a = a.encode()
    b = b.encode()
    different = len(a) ^ len(b)
    for i in range(len(a)):
        different |= a[i] ^ (b[i % len(b)] if b else 0)
    return different == 0


class _Tries:
    """Counts wrong passwords and says how long to wait before the next try."""

    def __init__(self, tries):
        self._tries = tries
        self._wrong = 0
        self._wait_s = _WAIT_S
        self._until = 0
        self.last = 0

    def wait_s(self, now):
        if now - max(self.last, self._until) > _FORGET_S:
            self._wrong = 0
            self._wait_s = _WAIT_S
        return max(0, self._until - now)

    def wrong(self, now):
        self.last = now
        self._wrong += 1
        if self._wrong >= self._tries:
            # One try after each wait, no new set of five.
            self._until = now + self._wait_s
            self._wait_s = min(2 * self._wait_s, _MAX_WAIT_S)


class Login:
    """The one account of the page, `admin`.

    check: callable, password -> bool (compare with `same`). configured: callable, whether
    there is a password at all. now: seconds, never going back (the uptime).
    on_attempt: called with (accepted, address) after each decided try, for the log.
    """

    def __init__(self, check, configured, now, on_attempt=None, urandom=port.urandom):
        self._check = check
        self._configured = configured
        self._now = now
        self._on_attempt = on_attempt
        self._urandom = urandom
        self._sessions = []  # (token, expires), oldest first
        self._all = _Tries(_TRIES_ALL)
        self._addresses = {}

    def configured(self):
        """Whether a password has been set; nothing can be changed before."""
        return bool(self._configured())

    def wait_s(self, address):
        """Seconds until `address` may try a password again; 0 if now."""
        now = self._now()
        wait = self._all.wait_s(now)
        if address in self._addresses:
            wait = max(wait, self._addresses[address].wait_s(now))
        return wait

    def check(self, password, address):
        """Try `password`, as `address` (text): OK, WRONG, WAIT or UNSET."""
        if not self.configured():
            return UNSET
        if self.wait_s(address):
            # Right or wrong: an answer would be one more guess.
            return WAIT
        accepted = bool(self._check(password))
        if accepted:
            self._addresses.pop(address, None)
        else:
            now = self._now()
            self._tries_of(address).wrong(now)
            self._all.wrong(now)
        if self._on_attempt:
            self._on_attempt(accepted, address)
        return OK if accepted else WRONG

    def check_basic(self, header, address):
        """Try the value of an Authorization header, likewise."""
        scheme, _, value = header.partition(" ")
        try:
            text = a2b_base64(value.strip()).decode() if scheme.lower() == "basic" else ""
        except ValueError:  # not base64, or not UTF-8
            text = ""
        user, colon, password = text.partition(":")
        if not (colon and same(user, USER)):
            # Counted like a wrong password, and with the same answer.
            password = ""
        return self.check(password, address)

    def open(self):
        """Start a session; returns its token for the cookie."""
        token = hexlify(self._urandom(_TOKEN_BYTES)).decode()
        if len(self._sessions) >= _MAX_SESSIONS:
            self._sessions.pop(0)
        self._sessions.append((token, self._now() + SESSION_S))
        return token

    def valid(self, token):
        """Whether `token` belongs to a session that has not ended."""
        now = self._now()
        self._sessions = [s for s in self._sessions if s[1] > now]
        found = False
        if len(token) != 2 * _TOKEN_BYTES:
            return found
        for known, _ in self._sessions:
            if same(known, token):
                found = True
        return found

    def close(self, token):
        """End the session `token`, if there is one."""
        self._sessions = [s for s in self._sessions if not same(s[0], token)]

    def close_all(self):
        """End all sessions: to be called when the password has changed."""
        self._sessions = []

    def _tries_of(self, address):
        tries = self._addresses.get(address)
        if tries is None:
            if len(self._addresses) >= _MAX_ADDRESSES:
                # A client with many addresses pushes out the others' counts with this, but
                # all addresses together are limited, too.
                oldest = min(self._addresses, key=lambda a: self._addresses[a].last)
                del self._addresses[oldest]
            tries = self._addresses[address] = _Tries(_TRIES)
        return tries


def from_settings(settings, clock):
    """The account whose password is the setting WebPassword; too short a one is none."""

    def on_attempt(accepted, address):
        log.info("web", "login %s from %s", "accepted" if accepted else "refused", address)
        if not accepted:
            security_log.note("login_failed", "page, from %s" % address)

    login = Login(
        lambda password: same(password, settings.text("WebPassword")),
        lambda: len(settings.text("WebPassword")) >= MIN_PASSWORD,
        clock.uptime,
        on_attempt,
    )

    def on_change(name, value):
        if name == "WebPassword":
            login.close_all()

    settings.on_change(on_change)
    return login
