# Resets, crashes and hangs with contactors closed: what happens to the contacts, and when.
# MIT license; part of microevse
"""The whole firmware on the virtual board, which keeps its outputs through a reset of the CPU as
the chip does (docs/chip.md). test_resets.py runs a part of it, bench_resets.py all.

What must be true: a commanded reset opens before it happens; a hang opens within HANG_S where
the RTC watchdog can reset the system; after a crash of the interpreter boot.py opens, whatever
lies in the file system. How long a crash leaves the contacts closed is measured, not promised.
"""

import asyncio
import shutil

from bench import Bench
from tools_paths import ROOT

HANG_S = 1.5
# A crash: its text at 115200 baud, ROM, bootloader, start, mount, boot.py, and 30 ms of drop-out.
CRASH_S = 1.2
DROP_S = 0.03
GIVEN_UP_S = 8

ONE, TWO = "esp32_devkitc", "esp32_dual"
# One plug-in allows so many closings, and many of them one in 15 s (lib/iec61851/closings.py).
CLOSINGS = 33
STATES = ("charging", "paused", "closing", "letting go")


class Seen:
    """The events since it was made: times in seconds from then."""

    def __init__(self, b, closed):
        self.begin = b.now
        self.events = []
        self._closed = closed  # connectors whose contacts were closed then
        b.twin.listeners.append(self._take)

    def _take(self, event):
        if event["event"] in ("relay", "contactor", "reboot"):
            self.events.append(event)

    def _times(self, what, connector, value):
        return [
            e["t"] - self.begin
            for e in self.events
            if e["event"] == what and e.get("connector") == connector and e.get("value") is value
        ]

    def opened(self, connector):
        """When the contacts opened, None if not; 0 where they never closed."""
        for t in self._times("contactor", connector, False):
            return t
        closed = connector in self._closed or self._times("contactor", connector, True)
        return None if closed else 0.0

    def reset(self):
        """(kind, when) of the first reset, None without one."""
        for e in self.events:
            if e["event"] == "reboot":
                return e["kind"], e["t"] - self.begin
        return None

    def let_go_before_the_reset(self, connector):
        """True if the relay's pin went to its open level before the chip was reset."""
        for e in self.events:
            if e["event"] == "reboot":
                return False
            if e["event"] == "relay" and e["connector"] == connector and not e["value"]:
                return True
        return False


def bench(board=ONE, **options):
    b = Bench(board=board, **options)
    b.allow_trouble = True
    return b


def connectors(b):
    return [c["id"] for c in b.twin.board["connectors"]]


async def charge(b, state="charging"):
    """From power-on to closed contactors at every connector."""
    await b.start_of_day()
    for n in connectors(b):
        await b.expect_status("Available", connector=n, within=30)
    await begin(b, state)


async def begin(b, state="charging"):
    """A session at every connector, up to its closed contactor."""
    numbers = connectors(b)
    for n in numbers:
        await b.do("plug", connector=n)
        await b.expect_status("Preparing", connector=n, within=15)
        await b.do("request", connector=n)
        answer = await b.call("RemoteStartTransaction", {"idTag": "CARD%d" % n, "connectorId": n})
        assert answer == {"status": "Accepted"}
        if state == "closing" and n == numbers[-1]:
            # Up to the moment when the relay has its level and the contacts are on their way.
            before = len(b.twin.events)
            for _ in range(4000):
                await b.advance(0.005)
                if any(e["event"] == "relay" for e in b.twin.events[before:]):
                    return
            raise AssertionError("it does not close")
        await b.until(lambda n=n: closed(b, n), 20, "contactor %d closed" % n)
    await b.advance(3)
    if state == "paused":
        for n in numbers:
            await b.do("draw", connector=n, amps=0)
        await b.advance(3)
    if state == "letting go":
        for n in numbers:
            await b.do("release", connector=n)
        await b.advance(0.002)


async def close_often(b, plug_ins):
    """So many plug-ins, in each of which the car lets go and asks again CLOSINGS times."""
    for _ in range(plug_ins):
        for _ in range(CLOSINGS):
            for n in connectors(b):
                await b.do("release", connector=n)
                await b.until(lambda n=n: _open(b, n), 2, "open")
                await b.advance(2)
                await b.do("request", connector=n)
                await b.until(lambda n=n: closed(b, n), 8, "closed")
        for n in connectors(b):
            await b.do("release", connector=n)
            await b.until(lambda n=n: _unplug(b, n), 15, "the plug is free")
            await b.expect_status("Available", connector=n, within=15)
        await b.advance(15 * CLOSINGS)  # one closing of all is forgotten each 15 s
        await begin(b)


async def _open(b, n):
    return not await closed(b, n)


async def _unplug(b, n):
    return (await b.twin.command({"do": "unplug", "connector": n})).get("ok")


async def closed(b, n):
    return (await b.status(n))["contactor"]


async def outcome(b, act, limit=GIVEN_UP_S, reset=False):
    """Do `await act(b)` and let time pass until everything is open (`reset`: and the chip has been
    reset), at most `limit` s."""
    seen = Seen(b, [n for n in connectors(b) if await closed(b, n)])
    await act(b)
    await b.advance(0.05)  # contacts that are on their way arrive
    while b.now < seen.begin + limit:
        await b.advance(0.05)
        done = seen.reset() is not None or not reset
        if done and all([seen.opened(n) is not None for n in connectors(b)]):
            # A reset that comes after the opening belongs to it, too.
            await b.advance(0.3)
            break
    return seen


def chip(what, **more):
    """An event of the chip, as `act` of `outcome`."""

    async def act(b):
        await b.twin.chip(what, **more)

    return act


# -- ways to break what boot.py finds -------------------------------------------------------


def broken_module(folder, name, line):
    """[firmware folders] with one module that fails with `line` once the file `break` lies in the
    board's file system."""
    shutil.copytree(ROOT / "firmware", folder)
    path = folder / (name.replace(".", "/") + ".py")
    fuse = "try:\n    open('break').close()\n    _on = True\nexcept OSError:\n    _on = False\n"
    path.write_text(fuse + "if _on:\n    %s\n" % line + path.read_text())
    return [folder, ROOT / "lib"]


def _file(name, text):
    def damage(b):
        (b.twin.data / "vfs" / name).write_text(text)

    return damage


def _gone(name):
    return lambda b: (b.twin.data / "vfs" / name).unlink()


def _shadow(b):
    """Modules of an older version that an update of the image has left in the file system."""
    folder = b.twin.data / "vfs" / "hal"
    folder.mkdir()
    for name in ("__init__", "board", "contactor", "appslot"):
        (folder / (name + ".py")).write_text("raise ImportError('an old one')\n")


def _nvs(byte):
    """The NVS and the file system: nothing says which pins are outputs."""

    def damage(b):
        with open(b.twin.data / "flash.bin", "r+b") as flash:
            flash.seek(0x9000)
            flash.write(bytes([byte]) * 0x6000)
        b.twin.change(fs="corrupt")

    return damage


DAMAGES = {
    "nothing": lambda b: None,
    "board.json cut off": _file("board.json", '{"connectors": [{"id": 1, "contac'),
    "board.json empty": _file("board.json", ""),
    "board.json of another kind": _file("board.json", "[1, 2]"),
    "board.json deeply nested": _file("board.json", "[" * 100000),
    "board.json gone": _gone("board.json"),
    "board.json without connectors": _file("board.json", '{"chip": "esp32"}'),
    "old modules": _shadow,
    "modules that fail": _file("break", ""),
    "file system damaged": lambda b: b.twin.change(fs="corrupt"),
    "file system made anew": lambda b: b.twin.change(fs="empty"),
    "NVS erased, file system damaged": _nvs(0xFF),
    "NVS and file system damaged": _nvs(0x5A),
}
# Stock MicroPython runs boot.py from the file system: without that nothing opens.
NEEDS_OWN_IMAGE = (
    "file system damaged",
    "file system made anew",
    "old modules",
    "NVS erased, file system damaged",
    "NVS and file system damaged",
)


async def after_damage(folder, damage, cause="panic", board=ONE, image="own", error="MemoryError"):
    """Seen of a `cause` with `damage` in the file system."""
    firmware = broken_module(folder, "hal.board", "raise %s('made by the test')" % error)
    options = {"image": image}
    async with bench(board, firmware=firmware, options=options) as b:
        await charge(b)
        DAMAGES[damage](b)
        seen = await outcome(b, chip(cause))
        b.csms.violations.clear()
        return seen


def play(coro, limit=110):
    """Run one scene."""
    return asyncio.run(asyncio.wait_for(coro, limit))
