# Credentials for changes over HTTP: password, sessions, limits on guessing.
# MIT license; part of microevse
"""Credentials of the page: a cookie from the login form, or HTTP Basic for programs.

Nothing here knows HTTP routes or where the password is kept.

Wrong passwords make an address wait, and many addresses together. Nobody locks the owner out that
way: a session asks for no password, an address from which the right password has come waits for
its own wrong ones only, and the charger's button (`forgive`) ends all waits.
"""

from binascii import a2b_base64, hexlify

from evse_base import const, log
import evse_base as port
from station import security_log

USER = "admin"
MIN_PASSWORD = 8
COOKIE = "id"
SESSION_S = 86400
_MAX_SESSIONS = const(4)
_TOKEN_BYTES = const(16)

_TRIES = const(5)  # wrong passwords from one address before it has to wait
_WAIT_S = const(30)  # the first wait; every further one is twice as long
_MAX_WAIT_S = const(900)
_FORGET_S = const(900)  # without a wrong password for so long, counting starts anew
_MAX_ADDRESSES = const(8)
# Wrong passwords from all addresses together: so many at once, and then one in so many seconds.
# One address alone stays far below it, so it makes nobody else wait.
_TRIES_ALL = const(20)
_EACH_S = const(45)
_MAX_KNOWN = const(4)  # addresses from which the right password has come
# After the button, for so long, addresses do not wait for each other but for this: so many wrong
# passwords at once, and then one in a second. That is 400 at most.
_BUTTON_S = const(300)
_TRIES_BUTTON = const(100)

# Results of Login.check
OK = "ok"
WRONG = "wrong"
WAIT = "wait"
UNSET = "unset"


def address(peer):
    """The IP address of a connection's `peername`, as text."""
    if isinstance(peer, tuple):
        return str(peer[0])
    return "%d.%d.%d.%d" % tuple(peer[4:8])  # MicroPython's unix port: sockaddr_in of C


def same(a, b):
    """True if two strings are equal, in a time that does not tell where they differ."""
    a = a.encode()
    b = b.encode()
    different = len(a) ^ len(b)
    for i in range(len(a)):
        different |= a[i] ^ (b[i % len(b)] if b else 0)
    return different == 0


# What is known of an address: wrong passwords, the next wait and when the last one ends, in s, and
# when the last wrong one came.
_WRONG = const(0)
_NEXT = const(1)
_UNTIL = const(2)
_LAST = const(3)


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
        self._addresses = {}
        self._known = []  # addresses from which the right password has come, oldest first
        self._crowd = 0  # when the wrong passwords of all addresses will have been worked off
        self._apart = 0  # until then addresses hardly wait for each other: see _BUTTON_S
        self._guesses = 0  # when the wrong passwords since the button will have been worked off

    def configured(self):
        """Whether a password has been set; nothing can be changed before."""
        return bool(self._configured())

    def wait_s(self, address):
        """Seconds until `address` may try a password again; 0 if now."""
        now = self._now()
        wait = 0
        tries = self._addresses.get(address)
        if tries:
            wait = max(0, tries[_UNTIL] - now)
            if now - max(tries[_LAST], tries[_UNTIL]) > _FORGET_S:
                del self._addresses[address]
        if address in self._known:
            return wait
        if now < self._apart:
            return max(wait, self._guesses - now - (_TRIES_BUTTON - 1))
        return max(wait, self._crowd - now - (_TRIES_ALL - 1) * _EACH_S)

    def accepted(self, peer):
        """Whether the right password has come from there. peer: `peername` of a connection."""
        return address(peer) in self._known

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
            if address in self._known:
                self._known.remove(address)
            self._known.append(address)
            del self._known[:-_MAX_KNOWN]
        else:
            now = self._now()
            self._count(address, now)
            # Not more than what makes others wait for one _EACH_S, whoever else went on trying.
            most = now + (_TRIES_ALL - 1) * _EACH_S
            self._crowd = min(max(self._crowd, now), most) + _EACH_S
            self._guesses = min(max(self._guesses, now), now + _TRIES_BUTTON - 1) + 1
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
        del self._known[:]

    def forgive(self):
        """End all waits: a person at the charger holds its button. Whoever tries passwords does
        not shut this person out again at once: for a while, of the others' tries only very many
        count."""
        self._addresses = {}
        self._guesses = 0
        self._apart = self._now() + _BUTTON_S

    def _count(self, address, now):
        """Count a wrong password."""
        tries = self._addresses.get(address)
        if tries is None:
            if len(self._addresses) >= _MAX_ADDRESSES:
                # A client with many addresses pushes out the others' counts with this, but
                # all addresses together are limited, too (_EACH_S).
                oldest = min(self._addresses, key=lambda a: self._addresses[a][_LAST])
                del self._addresses[oldest]
            tries = self._addresses[address] = [0, _WAIT_S, 0, now]
        tries[_LAST] = now
        tries[_WRONG] += 1
        if tries[_WRONG] >= _TRIES:
            # One try after each wait, no new set of five.
            tries[_UNTIL] = now + tries[_NEXT]
            tries[_NEXT] = min(2 * tries[_NEXT], _MAX_WAIT_S)


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
            login.forgive()  # what was tried was tried at another password

    settings.on_change(on_change)
    return login
