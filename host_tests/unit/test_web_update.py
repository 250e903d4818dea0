# An update from the page: what the client is told, and what stays, however it ends.
# MIT license; part of microevse
"""Doubles for installer and connection; the real ones are in charger/test_page_update.py."""

import json

import evse_base as port
from helpers import run
from web import bounds, update

SIZE = 5000


class Conn:
    """Gives SIZE bytes in pieces; fails: raised instead of piece number `at`."""

    def __init__(self, services, fails=None, at=2):
        self.update = SIZE, services
        self.fails, self.at = fails, at
        self.pieces = self.skipped = self.given = 0
        self.sent = b""
        self.closed = False

    async def into(self, view):
        if self.fails and self.pieces == self.at:
            raise self.fails
        self.pieces += 1
        n = min(len(view), 700, SIZE - self.given)
        view[:n] = b"x" * n
        self.given += n
        return n

    async def skip(self, size, seconds=5):
        self.skipped += size

    async def awrite(self, data):
        self.sent += data

    async def aclose(self):
        self.closed = self.update is None

    def answer(self):
        head, _, body = self.sent.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


class Installer:
    def __init__(self, fails=None):
        self.fails = fails
        self.size = self.aborted = self.finished = 0
        self.busy = False

    def begin(self, size, owner):
        self.busy = True
        self.wanted = size

    def write(self, piece, may):
        assert may(1000) in (True, False)
        self.size += len(piece)
        if self.fails and self.size > 1400:
            raise self.fails
        return True

    def finish(self):
        assert self.size == self.wanted
        self.busy = False
        self.finished += 1

    def before_trial(self, services):
        assert self.finished

    def abort(self, owner):
        assert owner == update.OWNER
        self.busy = False
        self.aborted += 1

    def version(self):
        return "7.7"


class Services:
    def __init__(self, one, sessions_after=1 << 30):
        self.one, self.left = one, sessions_after
        self.reboots = 0

    def vacant(self):
        self.left -= 1
        return self.left >= 0

    def allowed(self, ms=0):
        return self.left >= 0

    async def reboot(self):
        self.reboots += 1


class Door:
    wait_s = 900


def taken(services, conn):
    """The door after `conn` has been served."""

    async def installer(services):
        return services.one

    async def play():
        door, kept = Door(), update._installer
        update._installer = installer
        try:
            await update.take(door, conn)
        finally:
            update._installer = kept
        return door

    return run(play())


def ended(status, code, one, **more):
    """Play it; the answer's message. Whatever happens the door opens and the client is closed."""
    fails = more.pop("fails", None)
    services = Services(one, **more)
    conn = Conn(services, fails)
    assert taken(services, conn).wait_s == 0 and conn.closed
    assert services.reboots == 0
    if status is None:
        assert conn.sent == b""
        return conn
    told, fields = conn.answer()
    assert (told, fields["error"]) == (status, code)
    assert conn.given + conn.skipped == SIZE, "all is read, or the client does not see the answer"
    return fields["message"]


def test_each_way_to_end_is_told_and_aborts_the_installer():
    for fails, status, code, words in (
        (MemoryError("none"), 503, "memory", "no memory"),
        (OSError(5), 500, "flash", "could not be stored"),
        (ValueError("it is odd"), 400, "bundle", "it is odd"),
    ):
        one = Installer(fails)
        assert words in ended(status, code, one)
        assert (one.aborted, one.finished) == (1, 0)
    one = Installer()
    assert "session" in ended(409, "busy", one, sessions_after=3)
    assert one.size == 3 * 700 and one.aborted == 1, "nothing is written once a session begins"
    assert "by cable" in ended(409, "no_slots", None)
    one = Installer()
    assert "no memory" in ended(503, "memory", one, fails=MemoryError("6144 bytes"))
    assert one.aborted == 1


def test_a_client_that_has_left_is_not_answered():
    one = Installer()
    conn = ended(None, None, one, fails=bounds.Disconnected())
    assert one.aborted == 1 and conn.skipped == 0


def test_without_room_for_the_installer_nothing_is_loaded():
    class Heap:
        @staticmethod
        def mem_free():
            return update.NEEDS - 1

        @staticmethod
        def collect():
            pass

    kept = port.gc, update.gc
    port.gc = update.gc = Heap
    try:
        one = Installer()
        assert "no memory" in ended(503, "memory", one)
        assert one.size == one.aborted == 0
        Heap.mem_free = lambda: update.NEEDS
        services = Services(Installer())
        conn = Conn(services)
        taken(services, conn)
        assert conn.answer() == (
            200,
            {"message": "Version 7.7 is installed; the charger starts it now."},
        )
        assert (services.one.finished, services.one.aborted, conn.skipped) == (1, 0, 0)
    finally:
        port.gc, update.gc = kept
