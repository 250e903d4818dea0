# The power cut at every flash operation of a session, whole firmware and central system.
# MIT license; part of microevse
"""`sweep(step)`: a session with an outage in it, cut at operation 1, 1 + step, 1 + 2 step, ...
of the flash, a fresh charger each time. Every page programmed and every sector erased is one
operation; the cut leaves it half done. The charger then starts again, in one case of three to
be cut a second time while it recovers, and goes on until everything has been delivered. Then

- the central system has exactly one transaction, with a start and an end, after it has
  recognised repetitions;
- the energy billed is no less than what was on flash, and no more than what flowed;
- whatever was sent twice was the same twice, byte for byte as JSON;
- no message id was used twice over all the starts (the CSMS itself watches that);
- nothing that was on flash as an event is missing on the wire.

Under 2.x the central system's ledger judges the numbers of the events as well: from 0 on, without
a gap, and none twice with other contents.
"""

import asyncio
import json
import pathlib
import random
import shutil
import tempfile
import time

from bench import EPOCH, ID, Bench
from compiled import directories
from csms import script
from station import measurands
from store import kinds, norlog
from store.journal import Journal
from store.norlog import NorLog
from store.ramflash import RamFlash

SETTINGS = {"MeterValueSampleInterval": 1, "MessageTimeout": 5}
# Where the default partition table has the journal.
JOURNAL_AT, JOURNAL_SIZE, BLOCK = 0x3C0000, 0x40000, 4096
# What tells of a session, by version: (action, fn(payload) that names what is told, or None).
TELLS = {
    "1.6": (
        ("StartTransaction", lambda p: 0),
        ("StopTransaction", lambda p: 0),
        ("MeterValues", lambda p: _sample_key(p)),
    ),
}
TELLS["2.0.1"] = TELLS["2.1"] = (
    ("TransactionEvent", lambda p: p["seqNo"]),
    ("MeterValues", lambda p: _sample_key(p)),
)
READY_BLOCKS = 7  # erased blocks that the used flash has left
EV_A = 32
DELIVERED_S = 300
# How deep into the second start its own cut may lie.
SECOND_CUT = 40


def used_image():
    """The flash of a charger with many sessions behind it: all delivered, little erased.

    So that reclaiming, with its merges and erases, is part of every story.
    """
    flash = RamFlash(JOURNAL_SIZE // BLOCK, BLOCK)
    norlog.format(flash)
    journal = Journal(NorLog(flash))
    journal.keep(kinds.BOOT, 0, [6, "PowerUp"])
    session = meter_wh = 0
    while journal.log.ready > READY_BLOCKS:
        session += 1
        for kind, payload in _old_session(session, meter_wh):
            journal.append(kind, payload)
            journal.done(journal.pending()[0])
        journal.keep(kinds.CHECKPOINT, 1, [1, session, meter_wh, [6, session, 0]])
        journal.keep(
            kinds.CACHE, f"OLD{session % 30}", [f"OLD{session % 30}", "accepted", None, None]
        )
    return b"\xff" * JOURNAL_AT + bytes(flash.image)


def _old_session(session, meter_wh):
    at = [6, session, EPOCH - 100000 + session]
    yield kinds.START, [session, 1, "OLD", meter_wh, None, at]
    for _ in range(20):
        yield kinds.SAMPLE, [session, 1, measurands.PERIODIC, at, [[1, 0, meter_wh]]]
    yield kinds.STOP, [session, 1, meter_wh, "local", None, at, None]


class Image:
    """The content of the flash, read by the project's own journal from a copy."""

    def __init__(self, twin):
        data = (twin.data / "flash.bin").read_bytes()[JOURNAL_AT : JOURNAL_AT + JOURNAL_SIZE]
        flash = RamFlash(JOURNAL_SIZE // BLOCK, BLOCK, bytearray(data))
        self.events = []
        self.meter_wh = None  # the highest energy known of the session, None without one
        journal = Journal(NorLog(flash))
        journal.replay(self._record)
        for _, payload in journal.state(kinds.CHECKPOINT):
            if self.meter_wh is not None:
                self._energy(payload[2])

    def _record(self, _seq, kind, payload, done):
        # Sessions of the used flash are delivered and over: replay does not tell of them.
        if kind not in (kinds.START, kinds.SAMPLE, kinds.STOP):
            return
        if not done:
            self.events.append((kind, payload))
        if kind == kinds.START:
            self._energy(payload[3])
        elif kind == kinds.STOP:
            self._energy(payload[2])
        else:
            for code, phase, value in payload[4]:
                if code == measurands.ENERGY and phase == 0:
                    self._energy(value)

    def _energy(self, wh):
        self.meter_wh = wh if self.meter_wh is None else max(self.meter_wh, wh)


class Cut(Exception):
    """The power was cut while the session went on."""


class Story:
    """One session with an outage, told until the cut or to its end."""

    def __init__(self, bench, samples):
        self.b = bench
        self.samples = samples  # the action that tells them
        self.boots = bench.twin.boots

    def _alive(self):
        if self.b.twin.boots != self.boots:
            raise Cut()

    async def advance(self, seconds):
        await self.b.advance(seconds)
        self._alive()

    async def until(self, test, within=60):
        end = self.b.now + within
        while not test():
            assert self.b.now < end, f"not within {within} s"
            await self.advance(0.25)

    async def closed(self, wanted, within=30):
        end = self.b.now + within
        while (await self.b.status())["contactor"] is not wanted:
            assert self.b.now < end, f"contactor not {'closed' if wanted else 'open'}"
            await self.advance(0.25)

    async def play(self):
        """Plug, card, charge, lose the network, charge on, get it back, stop."""
        b = self.b
        await self.until(lambda: b.csms.registration.get(ID) == "Accepted")
        await self.advance(1)
        await b.do("plug")
        await b.do("request")
        await b.do("tap", tag="CARD1")
        await self.closed(True)
        await self.advance(8)
        # An answer that never comes: this one message is repeated even without a cut.
        b.csms.reply(self.samples, script.Cut())
        await self.advance(4)
        await b.do("network", up=False)
        await self.advance(13)
        await b.do("network", up=True)
        await self.advance(5)
        await b.do("tap", tag="CARD1")
        await self.closed(False)
        await self.until(lambda: not b.csms.ledger.running(), DELIVERED_S)
        await self.advance(2)


async def one(cut_at, firmware, image, rng=None, seed=1, version="1.6"):
    """One charger's life with a cut at that operation (None: no cut); returns a dict."""
    data = tempfile.mkdtemp(prefix="microevse-cut-")
    pathlib.Path(data, "flash.bin").write_bytes(image)
    options = {"flash_cut_at": cut_at, "draw_a": EV_A}
    settings = dict(SETTINGS, OcppVersions=version)
    csms = {"subprotocols": ("ocpp" + version,)}
    bench = Bench(
        csms, firmware=firmware, options=options, settings=settings, data=data, seed=seed
    )
    try:
        async with bench as b:
            # Options of the power-on hold for this start alone.
            b.twin._options.pop("flash_cut_at")
            second = rng.randrange(1, SECOND_CUT) if rng and rng.random() < 1 / 3 else None
            if second:
                b.twin._options["flash_cut_at"] = second
            return await _life(b, cut_at, version)
    finally:
        shutil.rmtree(data, ignore_errors=True)


class Unreached(AssertionError):
    """The life was over before the operation at which it was to be cut."""


async def _life(b, cut_at, version):
    samples = "MeterValues" if version == "1.6" else "TransactionEvent"
    found = {"cut": False, "ops": None, "boots": 1}
    known = None
    await b.do("draw", amps=EV_A)
    # The first cut may come before the start was on flash, and a second one in the next try.
    for _ in range(3):
        try:
            await Story(b, samples).play()
            found["ops"] = (await b.twin.flash())["ops"]
        except Cut:
            found["cut"] = True
            known = Image(b.twin)
            # The start after this one lives.
            b.twin._options.pop("flash_cut_at", None)
            b.csms.usual(samples)
            await b.do("network", up=True)
        if cut_at and not found["cut"]:
            raise Unreached(f"operation {cut_at} was never reached")
        await _recovered(b, known)
        if b.csms.transactions:
            break
        # Nothing was begun: the driver tries again.
        await b.twin.command({"do": "unplug"})
        await b.advance(7)
    found["boots"] = b.twin.boots
    _judge(b, known, (await b.status())["wh"], version)
    return found


async def _recovered(b, known):
    """The last start has delivered all there was, and the contactor is open."""
    end = b.now + DELIVERED_S
    expect_stop = known is not None and known.meter_wh is not None
    while True:
        flash = await b.twin.flash()
        state = await b.status()
        # Recovery reads the meter before it writes the end of a cut session.
        idle = flash["queued"] == 0 and state["ocpp"] and state["transaction"] is None
        if idle and not b.csms.ledger.running():
            if not expect_stop or b.csms.transactions:
                break
        assert b.now < end, f"not delivered within {DELIVERED_S} s: {flash}"
        await b.advance(0.5)
    await b.advance(3)
    assert (await b.twin.flash())["queued"] == 0
    assert (await b.status())["contactor"] is False


def _judge(b, known, flowed_wh, version):
    book = list(b.csms.transactions.values())
    assert len(book) == 1, f"{len(book)} transactions: {book}"
    (entry,) = book
    assert entry.stop is not None, "no end"
    stops = b.csms.calls("StopTransaction")
    assert all(stop["transactionId"] == entry.id for stop in stops), "an end of something else"
    assert entry.meter_stop <= flowed_wh + 1e-6, "more energy than flowed"
    repeated = {}
    for action, key in TELLS[version]:
        for call in b.csms.calls(action):
            text = json.dumps(call, sort_keys=True)
            first = repeated.setdefault((action, key(call)), text)
            assert first == text, f"{action} repeated with other contents: {first} / {text}"
    if known is None:
        return
    if known.meter_wh is not None:
        stop = entry.meter_stop
        assert stop >= known.meter_wh, f"{stop} Wh billed, {known.meter_wh} Wh were on flash"
    sent = sorted(at for at, _ in entry.samples)
    samples = [payload for kind, payload in known.events if kind == kinds.SAMPLE]
    assert len(sent) >= len(samples), f"{len(samples)} samples were on flash, {len(sent)} came"


def _sample_key(payload):
    value = payload["meterValue"][0]
    return value["timestamp"], value["sampledValue"][0].get("context", "")


# Two lives are not the same to the millisecond. One may take a sample less than that in which the
# operations were counted.
FEWER = 3


def sweep(step, offset=0, seed=1, say=print, seconds=None, version="1.6"):
    """Cut at every `step`-th operation from 1 + offset on. Returns the number of cuts.

    seconds: give up beginning new ones after so much real time, but for the first (None: never).
    """
    firmware, image = directories(), used_image()
    began = time.monotonic()
    ops = asyncio.run(one(None, firmware, image, seed=seed, version=version))["ops"]
    points = list(range(1 + offset, ops + 1, step))
    rng = random.Random(seed)
    again = cuts = 0
    for point in points:
        if seconds and cuts and time.monotonic() - began > seconds:
            break
        try:
            found = asyncio.run(one(point, firmware, image, rng, seed, version))
        except Unreached:
            if point <= ops - FEWER:
                raise
            say(f"operation {point} of {ops} was not reached")
            continue
        except AssertionError as exc:
            raise AssertionError(f"cut at operation {point} of {ops}, seed {seed}: {exc}") from exc
        cuts += 1
        again += found["boots"] - 2
    took = time.monotonic() - began
    say(
        f"power cut sweep, OCPP {version}: {cuts} cuts at {len(points)} of {ops} flash operations"
        f" (every {step}., from {1 + offset} on, seed {seed}), {again} more while recovering:"
        f" each time one start and one stop, {took:.0f} s"
    )
    assert cuts, "no cut at all"
    return cuts
