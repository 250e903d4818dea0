# Weeks in the life of a charger, in virtual time and at a heap limit.
# MIT license; part of microevse
"""`soak(days, sessions, seed)`: random sessions, outages, restarts of the central system, steps
of its clock, resets and power cuts. At the end every session that began is booked once, from
its start to its end, with all its samples and the energy that flowed; the heap is what it was;
and how often each block of the flash was erased is extrapolated to ten years.

Analytic sampling. Where the pilot does not change and nothing counts its windows, ticks are
left out and long sleeps end together (twin options skip_ms and coalesce_ms). The firmware is
loaded as it lies on a chip, compiled. Resets happen in the first third only: what leaks needs a
long time without one to show.

The heap limit is what the firmware takes while a car charges and the central system is
connected, measured first, and ROOM beyond; or what is asked for. The twin's own memory comes on
top: OWN is set aside for it, and what it holds is measured and left out of all figures.
"""

import asyncio
import random
import re
import statistics
import time
from datetime import datetime

from bench import EPOCH, ID, Bench
from compiled import directories

# The 24 KB that DESIGN 6 wants free on a plain ESP32, charging, at this machine's object size.
ROOM = 48 * 1024
ROOMY = 2 * 1024 * 1024  # for measuring what the firmware takes
OWN = 24 * 1024
# Growth that is no leak, in bytes: a heap is searched conservatively, in 32-byte blocks.
GROWTH = 2048
# The largest free piece must hold a sector of the flash or a large message. Where collecting was
# left to the interpreter it was down to 3 KB after the start, and soon less.
PIECE = 4096
# In a quiet time the twin jumps so far. Pings are counted in wake-ups: much longer, and the line
# would be taken for dead.
GRID_MS = 30000
DAY_S = 86400
SAMPLE_S = 300
SETTLED_S = 7200
SHIFTS = (0, 30, -30, 900, -900)  # how wrong the clock of the central system may be, s
STEPS = sorted({a - b for a in SHIFTS for b in SHIFTS})
YEARS_DAYS = 3652
ENDURANCE = 100000  # erases that a block of the flash is specified for
JOURNAL = range(0x3C0000 // 4096, 0x400000 // 4096)
TAGS = ("CARD1", "CARD2", "CARD3", "CARD4")
SETTINGS = {
    "MeterValueSampleInterval": SAMPLE_S,
    "WebSocketPingInterval": 240,
    "MeterPollInterval": 10,
    # Cards that are new are welcome during an outage, too: every driver gets a session.
    "AllowOfflineTxForUnknownId": "true",
}
# What the charger says when it gives something up that it should have kept, or fails.
_BAD = re.compile(
    r"Traceback \(most recent|Task exception|MemoryError|damaged and lost|given up|not recorded"
    r"|not stored| failed: |Unhandled exception"
)


def _bench(heap, seed, **options):
    return Bench(
        firmware=directories(),
        heap=str(heap),
        seed=seed,
        settings=dict(SETTINGS),
        options={"heap_reserve": OWN, "history": 40, **options},
    )


async def _taken(seed):
    """Bytes of heap that the firmware takes, charging and connected, on this machine."""
    async with _bench(ROOMY, seed) as b:
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
        self.stepped = set()  # numbers of sessions in which the charger's clock may step
        self.down = False
        self.may_reset = True
        self.bad = []  # lines of the charger's log that should not be there
        self._deck = []
        bench.allow_trouble = True  # looked for here, line by line
        bench.csms.clock = self.unix
        bench.twin.listeners.append(self._heard)

    def _heard(self, event):
        if event["event"] == "log" and _BAD.search(event["line"]):
            self.bad.append(event["line"])
        elif event["event"] in ("crash", "died"):
            self.bad.append(str(event))

    def unix(self):
        return EPOCH + self.b.now + self.shift

    async def session(self, seconds):
        """Somebody comes, charges for about so long, and goes."""
        b, rng = self.b, self.rng
        tag = rng.choice(TAGS)
        await b.do("draw", amps=rng.randrange(6, 17))
        await b.do("plug")
        await b.do("request")
        await b.do("tap", tag=tag)
        await b.contactor(True, within=60)
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
        await b.until(b._unplug, 60, "the cable can be pulled")
        await b.advance(20)
        assert not self.bad, self.bad

    async def _stop(self, tag):
        """Half of the drivers use their card; the others pull the plug."""
        b = self.b
        if self.rng.random() < 0.5:
            await b.advance(8)
            await b.do("tap", tag=tag)
            await b.contactor(False, within=60)

    async def trouble(self):
        """Something goes wrong around the charger, or gets well again. True for a reset or a
        power cut, which end the session."""
        b, rng = self.b, self.rng
        if self.down:
            self.down = False
            await b.do("network", up=True)
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
        elif kind == "restart":
            self.restarts += 1
            await b.csms.pause(rng.choice((None, 1001, 1012)))
            await b.advance(rng.randrange(5, 900))
            await b.csms.resume()
        elif kind == "step":
            self.steps += 1
            self.shift = rng.choice(SHIFTS)
            # The charger hears of it with the next answer: in this session or a later one.
            self.stepped.update(range(self.began, self.began + 4))
        elif self.may_reset:
            self.reboots += 1
            cause = rng.choice(("hard", "wdt", "pwron", "cut"))
            if cause == "cut":
                await b.do("power_cut", seconds=rng.randrange(1, 600))
            else:
                await b.do("reboot", cause=cause)
            await b.until(lambda: b.twin.boots == 1 + self.reboots, 900, "the charger is back")
            await b.advance(30)
            return True
        return False


class Heap:
    """What is free, looked at whenever nothing goes on, after a collection."""

    def __init__(self, life):
        self.life = life
        self._told = 0  # days
        self.seen = []  # [(virtual s, boot, free, largest piece, the twin's own)]

    async def look(self):
        b = self.life.b
        await b.advance(30)
        if (await b.status())["ocpp"]:
            found = await b.twin.heap()
            assert found["own"] < OWN, f"the twin holds {found['own']} bytes"
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
        if not self._told:
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
        say(f"  the twin's own, left out: {own / 1024:.1f} KB at most, {OWN // 1024} set aside")


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


def _judge(life, total_wh):
    """Every session once, complete, and with its energy; returns (samples, Wh billed)."""
    b = life.b
    book = list(b.csms.transactions.values())
    assert len(book) == life.began, f"{len(book)} transactions for {life.began} sessions"
    samples = 0
    for number, entry in enumerate(book, 1):
        assert entry.stop is not None, f"no end of {entry}"
        samples += len(entry.samples)
        _judge_samples(entry, STEPS if number in life.stepped else (0,))
    stray = [p for p in b.csms.calls("StopTransaction") if p["transactionId"] == -1]
    assert not stray, stray
    assert b.twin.boots - 1 == life.reboots, f"{b.twin.boots - 1} resets, {life.reboots} on purpose"
    assert total_wh > 50 * life.began, f"only {total_wh} Wh: nobody has charged"
    billed = sum(entry.wh for entry in book)
    # Each session rounds down twice; nothing is billed that did not flow.
    assert billed <= total_wh + 1, f"{billed} Wh billed, {total_wh} flowed"
    assert billed >= total_wh - 3 * len(book), f"{billed} Wh billed, {total_wh} flowed"
    assert b.csms.registration[ID] == "Accepted"
    return samples, billed


def _unix(stamp):
    return int(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp())


def _judge_samples(entry, steps):
    """One sample every SAMPLE_S from the first to the last, none missing, none twice. Stamps
    are by the charger's clock: where that may have stepped, by `steps` (s) more or less."""
    stamps = [_unix(stamp) for stamp, _ in entry.samples]
    start, stop = _unix(entry.start["timestamp"]), _unix(entry.stop["timestamp"])
    gaps = [b - a for a, b in zip([start] + stamps, stamps)]
    # A stamp is in whole seconds; a session that a reset ended is as old as its last record.
    for gap in gaps:
        near = [step for step in steps if abs(gap - SAMPLE_S - step) <= 2]
        assert near, f"{entry}: samples {gaps} s apart"
    rest = stop - ([start] + stamps)[-1]
    near = [step for step in steps if -SAMPLE_S <= rest - step < 2 * SAMPLE_S]
    assert near, f"{entry}: the last of {len(stamps)} samples {rest} s before the end"


async def _run(days, sessions, seed, say, heap):
    rng = random.Random(seed)
    if heap is None:
        taken = await _taken(seed)
        limit = taken + ROOM
        say(
            f"heap limit {limit / 1024:.0f} KB: {taken / 1024:.0f} KB that the firmware takes,"
            f" charging and connected, on this machine (64 bits, bytecode included), and"
            f" {ROOM // 1024} KB (24 KB at the 32 bits of a chip)"
        )
    else:
        limit = heap
        say(f"heap limit {limit / 1024:.0f} KB, as asked for")
    async with _bench(limit, seed, skip_ms=GRID_MS, coalesce_ms=GRID_MS) as b:
        life = Life(b, rng)
        free = Heap(life)
        await b.boot()
        await free.look()
        each = days * DAY_S / sessions
        for number in range(sessions):
            due = (number + 1) * each
            life.may_reset = 3 * number < sessions
            await life.session(rng.randrange(300, max(600, int(each * 0.6))))
            if rng.random() < 0.4:
                await life.trouble()
            await free.look()
            free.tell(say)
            if b.now < due:
                await b.advance(due - b.now)
        await b.do("network", up=True)
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
        samples, billed = _judge(life, total)
        assert not life.bad, life.bad
        say(
            f"{b.now / DAY_S:.1f} days, {life.began} sessions, {samples} samples, {life.outages}"
            f" outages, {life.restarts} CSMS restarts, {life.steps} clock steps, {life.reboots}"
            f" resets and power cuts: {2 * life.began + samples} events, none lost; {billed} Wh"
            f" billed, {total:.0f} Wh flowed; {len(b.csms.log)} frames"
        )
        free.tell(say, True)
        free.tell_own(say)
        _tell_wear(await b.twin.erases(), days, say)
        growth, looks, hours = free.growth()
        say(f"heap growth of the firmware in the last boot, {looks} looks in {hours:.0f} h: {growth} bytes")
        assert growth <= GROWTH, f"the firmware has grown by {growth} bytes"
        return life


def soak(days, sessions, seed=1, say=print, heap=None):
    """Raises AssertionError if anything was lost, billed wrongly, or leaks; returns the Life.

    heap: limit in bytes, None: as derived above.
    """
    began = time.monotonic()
    life = asyncio.run(_run(days, sessions, seed, say, heap))
    say(f"soak of {days} days with seed {seed} took {time.monotonic() - began:.0f} s")
    return life
