# Weeks in the life of a charger, in virtual time and at a heap limit.
# MIT license; part of microevse
"""`soak(days, sessions, seed)`: random sessions, outages, restarts of the central system, steps
of its clock, resets and power cuts. At the end every session that began is booked once, from
its start to its end, with all its samples and the energy that flowed; the heap is what it was;
and how often each block of the flash was erased is extrapolated to ten years.

Analytic sampling. Where the pilot does not change and nothing counts its windows, ticks are
left out and long sleeps end together (twin options skip_ms and coalesce_ms). Resets happen in
the first third only, and outages are short after it (a long one ends in a reset of the
charger's own): what leaks needs a long time without one to show.

The firmware is frozen into a 32-bit MicroPython, and the limit is the heap of a plain ESP32.
Where that interpreter cannot be built the firmware is loaded compiled; the limit is then what it
takes while a car charges and the central system is connected, measured first, and ROOM beyond.
The twin's own memory comes on top: some is set aside for it, and what it holds is measured and
left out of all figures.
"""

import asyncio
import random
import re
import statistics
import sys
import time

from bench import EPOCH, Bench
from bench2 import Bench2
from compiled import directories
from memory_run import options as program_options
from soak_judge import GRID_MS, SAMPLE_S, judge, read
from tools_paths import ROOT

sys.path.append(str(ROOT / "tools"))
import frozen  # noqa: E402

# The RAM that stock MicroPython has left on a plain ESP32 with WiFi and one TLS connection.
PLAIN_ESP32 = 110 * 1024
# The 24 KB that DESIGN 6 wants free on a plain ESP32, charging, at this machine's object size.
ROOM = 48 * 1024
ROOMY = 2 * 1024 * 1024  # for measuring what the firmware takes
# Of a machine whose pointers have 4 and 8 bytes: what is set aside for the twin's own memory,
# and growth that is no leak, in bytes: a heap is searched conservatively, by four words, and at
# 32 bits an uptime in ms is an object from 12.4 days on.
OWN = {4: 8 * 1024, 8: 24 * 1024}
GROWTH = {4: 1024, 8: 2048}
# The largest free piece must hold a sector of the flash or a large message. Where collecting was
# left to the interpreter it was down to 3 KB after the start, and soon less.
PIECE = 4096
# Actions that are immediate elsewhere may take this long: a tap, and the events after it, wait.
AT_ONCE_S = 400
DAY_S = 86400
# Of the time from one session to the next, the longest that a session takes: at ten sessions a
# day 5 to 50 minutes. An hour of charging takes this machine as long as many idle days.
SHARE = 0.35
SETTLED_S = 7200
# How wrong the clock of the central system may be, s. The charger logs steps of over a minute.
SHIFTS = (0, 120, -120, 900, -900)
# Without a network for half an hour and no car there, the charger resets itself, once.
OUTAGE_S = 1500
SEEN_S = 600  # that it is back, that is
YEARS_DAYS = 3652
ENDURANCE = 100000  # erases that a block of the flash is specified for
JOURNAL = range(0x3C0000 // 4096, 0x400000 // 4096)
UNASKED_LINES = 60
TAGS = ("CARD1", "CARD2", "CARD3", "CARD4")
SETTINGS = {
    "MeterValueSampleInterval": SAMPLE_S,
    "WebSocketPingInterval": 600,
    "MeterPollInterval": 10,
    # Cards that are new are welcome during an outage, too: every driver gets a session.
    "AllowOfflineTxForUnknownId": "true",
}
# Log lines with which the charger gives something up that it should have kept, or fails.
_BAD = re.compile(
    r"Traceback \(most recent|Task exception|MemoryError|damaged and lost|given up|not recorded"
    r"|not stored| failed: |Unhandled exception"
)
_STARTED = "last reset: "
_OWN_RESET = "the network does not come back: reset"


def interpreter():
    """Path of the 32-bit MicroPython with the application in it, or (None, why there is none)."""
    try:
        return frozen.build(), None
    except frozen.Missing as exc:
        return None, str(exc)


def _bench(program, heap, seed, version="1.6", **options):
    kept = {"history": 40, **options}
    if not program:
        kept["heap_reserve"] = OWN[8]  # there the twin lives in the same heap
    wanted = {"heap": str(heap), "seed": seed, "settings": dict(SETTINGS), "options": kept}
    kind = Bench
    if version != "1.6":
        kind = type("Soaked", (Bench2,), {"version": version})
        wanted["settings"]["OcppVersions"] = version
        wanted["csms"] = {"subprotocols": ("ocpp" + version,)}
    if program:
        return kind(**program_options(frozen=program, **wanted))
    return kind(firmware=directories(), **wanted)


async def _taken(seed):
    """Bytes of heap that the firmware takes, charging and connected, on this machine."""
    async with _bench(None, ROOMY, seed) as b:
        await b.boot()
        await b.charging(amps=16)
        await b.advance(60)
        return ROOMY - (await b.twin.heap())["free"]


class Life:
    """One charger and what happens to it."""

    def __init__(self, bench, rng):
        self.b = bench
        self.rng = rng
        self.shift = 0  # how wrong the clock of the central system is, s
        self.outages = self.restarts = self.steps = self.reboots = self.began = 0
        self.own_resets = 0  # for a network that did not come back
        self.sessions = []  # [Told], as the charger's log has them
        self.flowed = []  # [(Wh, A)] of each session, as the virtual car has it
        self.down = False
        self.up_at = 0
        self.may_reset = True
        self.bad = []  # lines of the charger's log that should not be there
        self.unasked = []  # the last log lines before each reset that has no reason
        self._deck = []
        bench.allow_trouble = True  # looked for here, line by line
        bench.csms.clock = self.unix
        bench.twin.listeners.append(self._heard)

    def _heard(self, event):
        if event["event"] in ("crash", "died"):
            self.bad.append(str(event))
        elif event["event"] == "log":
            self._read(event["line"])

    def _read(self, line):
        if _BAD.search(line):
            self.bad.append(line)
        elif _STARTED in line:
            reasons = self.reboots + self.own_resets + len(self.unasked)
            if self.b.twin.boots - 1 > reasons:
                self.unasked.append("\n".join(self.b.log[-UNASKED_LINES:]))
        elif _OWN_RESET in line:
            self.own_resets += 1
            if not self.down and self.b.now > self.up_at + SEEN_S:
                self.bad.append(line)
        else:
            read(line, self.sessions, self.b.now)

    def unix(self):
        return EPOCH + self.b.now + self.shift

    async def session(self, seconds):
        """A driver comes, charges for about so long, and goes."""
        b, rng = self.b, self.rng
        tag = rng.choice(TAGS)
        amps = rng.randrange(6, 17)
        before = (await b.status())["wh"]
        await b.do("draw", amps=amps)
        await b.do("plug")
        await b.do("request")
        await self._admitted(tag)
        self.began += 1
        while seconds > 0:
            part = min(seconds, rng.randrange(300, 1800))
            seconds -= part
            await b.advance(part)
            if rng.random() < 0.2 and await self.trouble():
                break
        else:
            await self._stop(tag)
        await b.do("release")
        await b.until(b._unplug, AT_ONCE_S, "the cable can be pulled")
        await b.advance(20)
        assert not self.bad, self.bad
        self.flowed.append(((await b.status())["wh"] - before, amps))

    async def _admitted(self, tag):
        """The card is held there until it is taken; not so while the charger starts."""
        b = self.b
        while True:
            boots = b.twin.boots
            await b.do("tap", tag=tag)

            async def closed():
                return b.twin.boots != boots or (await b.status())["contactor"]

            await b.until(closed, AT_ONCE_S, "the contactor closes")
            if b.twin.boots == boots:
                return
            await b.advance(60)

    async def _stop(self, tag):
        """Half of the drivers use their card; the others pull the plug."""
        b = self.b
        if self.rng.random() < 0.5:
            await b.advance(8)
            await b.do("tap", tag=tag)
            await b.contactor(False, within=AT_ONCE_S)

    async def well(self):
        """The network is there."""
        if self.down:
            await self.b.do("network", up=True)
            self.down = False
            self.up_at = self.b.now

    async def trouble(self):
        """Something goes wrong around the charger, or gets well again. True for a reset or a
        power cut, which end the session."""
        b, rng = self.b, self.rng
        if self.down:
            await self.well()
            return False
        if not self._deck:
            # Of each kind as many, in any order.
            self._deck = ["outage", "restart", "step", "reset"]
            rng.shuffle(self._deck)
        kind = self._deck.pop()
        if kind == "outage":
            self.outages += 1
            self.down = True
            await b.do("network", up=False)
            if not self.may_reset:
                await b.advance(rng.randrange(60, OUTAGE_S))
                await self.well()
        elif kind == "restart":
            self.restarts += 1
            await b.csms.pause(rng.choice((None, 1001, 1012)))
            await b.advance(rng.randrange(5, 900))
            await b.csms.resume()
        elif kind == "step":
            self.steps += 1
            # The charger hears of it with the next answer: in this session or a later one.
            self.shift = rng.choice([shift for shift in SHIFTS if shift != self.shift])
        elif self.may_reset:
            self.reboots += 1
            boots = b.twin.boots
            if self.sessions:
                self.sessions[-1].cut(b.now)
            cause = rng.choice(("hard", "wdt", "pwron", "cut"))
            if cause == "cut":
                await b.do("power_cut", seconds=rng.randrange(1, 600))
            else:
                await b.do("reboot", cause=cause)
            await b.until(lambda: b.twin.boots > boots, 900, "the charger is back")
            await b.advance(30)
            return True
        return False


class Heap:
    """The free heap, measured whenever the charger is idle, after a collection."""

    def __init__(self, life, aside):
        self.life = life
        self.aside = aside  # bytes that are the twin's own
        self._told = 0  # days
        self.seen = []  # [(virtual s, boot, free, largest piece, the twin's own)]

    async def look(self):
        b = self.life.b
        await b.advance(30)
        if (await b.status())["ocpp"]:
            found = await b.twin.heap()
            assert found["own"] < self.aside, f"the twin holds {found['own']} bytes"
            assert found["largest"] >= PIECE, f"no piece above {found['largest']} bytes: {found}"
            self.seen.append((b.now, b.twin.boots, found["free"], found["largest"], found["own"]))

    def growth(self):
        """Bytes by which the firmware has grown since the first quarter of the last boot."""
        last = [entry for entry in self.seen if entry[1] == self.seen[-1][1]]
        part = max(1, len(last) // 4)
        # The first sessions fill caches and load what is rarely used.
        early = statistics.median(entry[2] for entry in last[part : 2 * part])
        late = statistics.median(entry[2] for entry in last[-part:])
        hours = (last[-1][0] - last[0][0]) / 3600
        return int(early - late), len(last), hours

    def tell(self, say, whole=False):
        """The days that are over (all with `whole`) and were not told yet."""
        if not self._told and (whole or self.life.b.now > DAY_S):
            say(
                "heap free at rest, KB, by day: at first, least, at last; least largest piece;"
                " resets so far"
            )
        while self._told < self.life.b.now // DAY_S + whole:
            of = [e for e in self.seen if e[0] // DAY_S == self._told]
            self._told += 1
            if of:
                free = [entry[2] / 1024 for entry in of]
                piece = min(entry[3] for entry in of) / 1024
                say(
                    f"  day {self._told:2}: {free[0]:5.1f} {min(free):5.1f} {free[-1]:5.1f}"
                    f" {piece:6.1f} {of[-1][1] - 1:3}"
                )

    def tell_own(self, say):
        own = max(entry[4] for entry in self.seen)
        say(
            f"  the twin's own, left out: {own / 1024:.1f} KB at most,"
            f" {self.aside / 1024:.0f} set aside"
        )


def _tell_wear(erases, days, say):
    counts = [erases.get(block, 0) for block in JOURNAL]
    say("erases of each block of the journal:")
    for at in range(0, len(counts), 16):
        say(f"  {at:2}: " + " ".join(f"{n:3}" for n in counts[at : at + 16]))
    other = {block: n for block, n in erases.items() if block not in JOURNAL}
    if other:
        say(f"  elsewhere (sector: erases): {other}")
    ten_years = YEARS_DAYS / days
    worst = max(list(counts) + list(other.values())) * ten_years
    say(
        f"in ten years: {sum(counts) / len(counts) * ten_years:.0f} erases of a block on average,"
        f" {worst:.0f} at most; specified are {ENDURANCE}"
    )
    assert worst < ENDURANCE / 10, "the flash wears out"


async def _limit(program, why, seed, say):
    """Bytes of heap that the firmware is given."""
    if program:
        say(
            f"32-bit MicroPython with the application frozen in; heap limit"
            f" {PLAIN_ESP32 / 1024:.0f} KB, that of a plain ESP32"
        )
        return PLAIN_ESP32
    taken = await _taken(seed)
    limit = taken + ROOM
    say(
        f"not at 32 bits: {why}; heap limit {limit / 1024:.0f} KB: {taken / 1024:.0f} KB that the"
        f" firmware takes, charging and connected, on this machine (64 bits, bytecode included),"
        f" and {ROOM // 1024} KB (24 KB at the 32 bits of a chip)"
    )
    return limit


def _image_bench(image, seed, **options):
    """A charger over wss:// in an image of heap_table.IMAGES, its heap that of the chip."""
    import heap_table

    wanted = {"seed": seed, "settings": dict(SETTINGS), "options": {"history": 40, **options}}
    return heap_table.bench(image, **wanted)


async def _run(days, sessions, seed, say, heap, image, version):
    rng = random.Random(seed)
    program, why = (True, None) if image else interpreter()
    limit = 0 if image else heap or await _limit(program, why, seed, say)
    if image:
        say(f"{image}, named set, wss: the heap is the chip's")
    elif heap:
        bits = 32 if program else 64
        say(f"{bits}-bit MicroPython; heap limit {heap / 1024:.0f} KB, as asked for")
    word = 4 if program else 8
    grid = {"skip_ms": GRID_MS, "coalesce_ms": GRID_MS}
    made = (
        _image_bench(image, seed, **grid)
        if image
        else _bench(program, limit, seed, version, **grid)
    )
    async with made as b:
        life = Life(b, rng)
        # The clock of the central system is stepped, and with it that of the charger.
        b.csms.ledger.allow |= {"time", "energy"}
        free = Heap(life, OWN[word])
        await b.boot()
        await free.look()
        each = days * DAY_S / sessions
        for number in range(sessions):
            due = (number + 1) * each
            life.may_reset = 3 * number < sessions
            if not life.may_reset:
                await life.well()
            await life.session(rng.randrange(300, max(600, int(each * SHARE))))
            if rng.random() < 0.4:
                await life.trouble()
            await free.look()
            free.tell(say)
            if b.now < due:
                await b.advance(due - b.now)
        await life.well()
        life.shift = 0
        await b.until(lambda: not b.csms.ledger.running(), SETTLED_S, "all sessions ended")
        await b.advance(600)
        flash = await b.twin.flash()
        assert flash["queued"] == 0, f"{flash['queued']} events were not delivered"
        await free.look()
        total = (await b.status())["wh"]
        # A stamp is by the charger's first clock of a boot: after a step it differs from the
        # CSMS's by that step, which is no fault of the charger.
        b.csms.violations[:] = [v for v in b.csms.violations if "in the future" not in v]
        _tell(life, free, total, days, say)
        _tell_wear(await b.twin.erases(), days, say)
        judge(life, total)
        growth = free.growth()[0]
        assert growth <= GROWTH[word], f"the firmware has grown by {growth} bytes"
        return life


def _tell(life, free, total_wh, days, say):
    """The figures, before anything is judged."""
    b = life.b
    book = b.csms.transactions.values()
    samples = sum(len(entry.samples) for entry in book)
    billed = sum(entry.wh or 0 for entry in book)
    events = sum(1 + bool(entry.stop) for entry in book) + samples
    free.tell(say, True)
    free.tell_own(say)
    growth, looks, hours = free.growth()
    say(
        f"heap growth of the firmware in the last boot, {looks} looks in {hours:.0f} h:"
        f" {growth} bytes"
    )
    say(
        f"{b.now / DAY_S:.1f} days, {life.began} sessions, {life.outages} outages,"
        f" {life.restarts} CSMS restarts, {life.steps} clock steps, {life.reboots} resets and"
        f" power cuts, {life.own_resets} resets of the charger's own for want of a network"
    )
    say(
        f"{events} events booked ({samples} samples); {billed} Wh billed, {total_wh:.0f} Wh"
        f" flowed; {len(b.csms.log)} frames"
    )


def soak(days, sessions, seed=1, say=print, heap=None, image=None, version="1.6"):
    """Raises AssertionError if anything was lost, billed wrongly, or leaks; returns the Life.

    heap: limit in bytes, None: as derived above. image: one of heap_table.IMAGES, whose heap is
    that of the chip; then over wss://. version: of OCPP.
    """
    began = time.monotonic()
    life = asyncio.run(_run(days, sessions, seed, say, heap, image, version))
    say(
        f"soak of {days} days with seed {seed}: no event lost, none twice, no growth;"
        f" {time.monotonic() - began:.0f} s"
    )
    return life
