# The lockstep bench: one charger on the twin, one CSMS, one virtual clock.
# MIT license; part of microevse
"""`Bench` and `@scenario`: how tests of the whole firmware are written.

    @scenario(board="esp32s2_diy_alpha")
    async def test_something(b):
        await b.boot()
        await b.do("plug")
        await b.expect("StatusNotification", status="Preparing", within=5)

Time is the charger's virtual time: it moves only while a method of the bench waits, and only
when the CSMS has handled all that the charger wrote. `within`, `for_` and `advance` are
virtual seconds. `expect` consumes the CSMS's log in order, so a sequence of expects asserts
a sequence of messages. A failure tells the frames and the charger's last log lines; a test
also fails for a message that breaks the schemas or the rules of csms/checks.py, and for an
exception in the charger's log.
"""

import asyncio
import inspect
import re

from compiled import quick
from csms import CallError, Csms, Payload, matches, script  # noqa: F401 (script: for tests)
from host_time import STORY_S
from twin.host import Twin

# 2027-01-01T00:00:00Z: midnight, so that clock-aligned instants are easy to read.
EPOCH = 1798761600

# The tokens of the cases: CARD1 and CARD2 belong together, CARD3 is alone, and so on.
TAGS = {
    "CARD1": {"parentIdTag": "FAMILY"},
    "CARD2": {"parentIdTag": "FAMILY"},
    "CARD3": {},
    "CARD4": {},
    "BLOCKED": {"status": "Blocked"},
}

ID = "EVSE-1"

# A fast test takes 1-3 s; this is the limit for one that hangs.
REAL_TIMEOUT = STORY_S
# Readers report a card that is left on them over and over; chargers ignore that for a while.
TAP_S = 6
# Virtual seconds per step while waiting: fine at first, then coarser.
_STEP_FIRST = 0.05
_STEP_LAST = 0.5
_TROUBLE = re.compile(r"Traceback \(most recent|Task exception wasn't retrieved|MemoryError")


class Bench:
    """`csms`: options of Csms in a dict; everything else is passed to Twin."""

    def __init__(self, csms=None, host="127.0.0.1", **twin):
        options = {"id_tags": {k: dict(v) for k, v in TAGS.items()}, "clock": self.unix}
        options["lockstep"] = True
        options.update(csms or {})
        self.csms = Csms(**options)
        self.host = host
        self._twin_options = {"id": ID, "hold": True, "compiled": quick(), **twin}
        self.twin = None
        self.cursor = 0
        self._tapped = -TAP_S
        self.allow_trouble = False  # a test that provokes a crash on purpose
        self.allow_violations = False

    async def __aenter__(self):
        await self.csms.start(self.host)
        return await self.start_twin()

    async def start_twin(self):
        """Power on; the CSMS must be listening."""
        # Another object counts what its charger has written from 0 on, and so must the CSMS: it
        # once took the first bytes of a second twin for ones it had seen, and time ran ahead.
        self.csms.rx_bytes = self.csms._slack = 0
        options = dict(self._twin_options)
        options.setdefault("csms", self.csms.url)
        self.twin = Twin(**options)
        self.twin.settle = self._settle
        try:
            await self.twin.start()
        except BaseException:
            await self.twin.stop()
            await self.csms.stop()
            raise
        return self

    async def __aexit__(self, kind, exc, tb):
        try:
            if exc is None:
                await self.advance(0.2)
                self.check()
            elif isinstance(exc, (AssertionError, CallError, ConnectionError)):
                self._told(exc)
        except AssertionError as wrong:
            raise self._told(wrong)
        finally:
            await self.twin.stop()
            await self.csms.stop()

    def check(self):
        """Fail if the charger broke a rule of OCPP or reported a trouble of its own."""
        if not self.allow_violations:
            assert not self.csms.violations, "\n".join(self.csms.violations)
        self.check_log()

    def check_log(self):
        """Fail if the charger's log has an unexpected exception."""
        if not self.allow_trouble:
            bad = [line for line in self.log if _TROUBLE.search(line)]
            assert not bad, f"trouble in the charger's log: {bad[:3]}"

    # --- time ------------------------------------------------------------------------------

    @property
    def now(self):
        """Virtual seconds since the charger's image was made."""
        return self.twin.now if self.twin else 0.0

    def unix(self):
        """The CSMS's clock."""
        return EPOCH + self.now

    async def advance(self, seconds):
        """Let virtual time pass; delayed answers of the CSMS leave when they are due."""
        end = self.now + seconds
        while True:
            self.csms.run_due()
            due = self.csms.next_due()
            stop = end if due is None else min(end, due - EPOCH)
            await self._advance(max(stop - self.now, 0.001))
            self.csms.run_due()
            if self.now >= end - 1e-6:
                return

    async def _advance(self, seconds):
        # A charger that dies at every start would never reach the horizon: notice that.
        moving = asyncio.ensure_future(self.twin.advance(seconds))
        try:
            while not moving.done():
                await asyncio.wait({moving}, timeout=1)
                if not moving.done():
                    self.check_log()
            moving.result()
        finally:
            moving.cancel()
        self.check_log()

    async def until(self, test, within=10, what=None):
        """Let time pass until `test()` (plain or async) is true; returns its value."""
        end = self.now + within
        step = _STEP_FIRST
        while True:
            value = test()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
            assert self.now < end, f"not within {within} s: {what or _source(test)}"
            await self.advance(min(step, max(end - self.now, 0.001)))
            step = min(step * 1.3, _STEP_LAST)

    async def _settle(self, tx_bytes=None):
        await self.csms.settle(tx_bytes)

    # --- the physical world ----------------------------------------------------------------

    async def do(self, verb, **fields):
        """A control command (plug, tap, fault ...); fails unless it was applied."""
        answer = await self.twin.command({"do": verb, **fields})
        assert answer.get("ok"), f"{verb} {fields}: {answer}"
        return answer

    async def status(self, connector=1):
        """The answer of the control port to `status`."""
        return await self.do("status", connector=connector)

    async def tap(self, tag="CARD1"):
        """Hold a card to the reader; not sooner than a person would hold it there again."""
        await self.advance(max(0, self._tapped + TAP_S - self.now))
        self._tapped = self.now
        await self.do("tap", tag=tag)

    async def contactor(self, closed, within=10):
        """Wait until the contactor is closed (or open)."""

        async def there():
            return (await self.status())["contactor"] is closed

        await self.until(there, within, f"contactor {'closed' if closed else 'open'}")

    @property
    def log(self):
        """Lines that the charger printed."""
        return self.twin.log_lines

    def logged(self, text):
        """Lines of the charger's log that contain `text`, in whatever case."""
        return [line for line in self.log if text.lower() in line.lower()]

    # --- OCPP ------------------------------------------------------------------------------

    def mark(self):
        """A place in the CSMS's log: now."""
        return len(self.csms.log)

    def skip(self):
        """Consume everything the CSMS has seen so far."""
        self.cursor = len(self.csms.log)

    async def expect(self, action, within=10, **fields):
        """Wait for the next CALL that fits, and consume the log up to it; returns Payload."""
        end = self.now + within
        step = _STEP_FIRST
        while True:
            found = self.csms.find(action, fields, self.cursor)
            if found:
                self.cursor = found.index + 1
                return found
            assert self.now < end, f"no {action} {_fields(fields)} within {within} s"
            await self.advance(min(step, max(end - self.now, 0.001)))
            step = min(step * 1.3, _STEP_LAST)

    async def expect_all(self, *wanted, within=10):
        """Several CALLs in any order: `("Action", {fields})`; consumes up to the last of them."""
        start = self.cursor
        found = []
        for action, fields in wanted:
            self.cursor = start
            found.append(await self.expect(action, within, **fields))
        self.cursor = max(item.index for item in found) + 1
        return found

    async def expect_status(self, status, connector=1, within=10, **fields):
        return await self.expect(
            "StatusNotification", within, connectorId=connector, status=status, **fields
        )

    async def none(self, action, for_=5, since=None, **fields):
        """Fail if such a CALL came since `since` (default: the cursor) or comes in `for_` s."""
        start = self.cursor if since is None else since
        if for_:
            await self.advance(for_)
        found = self.csms.find(action, fields, start)
        assert found is None, f"unwanted {action} {found}"

    def calls(self, action=None, since=0, **fields):
        """CALLs of the charger seen since a mark."""
        return self.csms.calls(action, since, **fields)

    async def call(self, action, payload=None, within=30, **kw):
        """A CALL to the charger, time passing while it answers; CallError if it says so."""
        future = self.csms.start_call(action, payload or {}, **kw)
        await self.until(future.done, within, f"an answer to {action}")
        return future.result()

    async def call_error(self, action, payload=None, within=30, **kw):
        """A CALL that must be answered with a CALLERROR; returns it."""
        try:
            answer = await self.call(action, payload, within, **kw)
        except CallError as error:
            return error
        raise AssertionError(f"{action} {payload} was answered {answer}, no CALLERROR")

    async def configure(self, **values):
        """ChangeConfiguration for each key; every one must be accepted."""
        for key, value in values.items():
            if isinstance(value, bool):
                value = "true" if value else "false"
            answer = await self.call("ChangeConfiguration", {"key": key, "value": str(value)})
            assert answer["status"] == "Accepted", f"{key}={value}: {answer}"

    async def configuration(self, *keys):
        """{key: value} of GetConfiguration."""
        answer = await self.call("GetConfiguration", {"key": list(keys)} if keys else {})
        return {item["key"]: item.get("value") for item in answer.get("configurationKey", ())}

    async def start_of_day(self, within=60):
        """BootNotification, accepted, and the first status of each connector."""
        boot = await self.expect("BootNotification", within)
        await self.until(
            lambda: self.csms.registration.get(ID) == "Accepted", within, "boot accepted"
        )
        return boot

    async def boot(self, within=60, **settings):
        """From power-on to Available with all statuses sent; then changes `settings`."""
        boot = await self.start_of_day(within)
        await self.expect_all(
            ("StatusNotification", {"connectorId": 0, "status": "Available"}),
            ("StatusNotification", {"connectorId": 1, "status": "Available"}),
        )
        if settings:
            await self.configure(**settings)
        self.skip()
        return boot

    # --- states that many cases start from -------------------------------------------------

    async def charging(self, tag="CARD1", amps=None):
        """Plugged in, authorized locally, drawing; returns the Transaction (see csms/ledger)."""
        if amps is not None:
            await self.do("draw", amps=amps)
        await self.do("plug")
        await self.expect_status("Preparing")
        await self.do("request")
        await self.tap(tag)
        start, _ = await self.expect_all(
            ("StartTransaction", {"idTag": tag}),
            ("StatusNotification", {"connectorId": 1, "status": "Charging"}),
        )
        await self.contactor(True)
        return self.transaction(start)

    def transaction(self, start=None):
        """The Transaction of a StartTransaction payload; the latest if none is given."""
        book = list(self.csms.transactions.values())
        if start is not None:
            book = [entry for entry in book if entry.start == start]
        assert book, "the CSMS has no such transaction"
        return book[-1]

    async def leave(self):
        """The car goes: S2 open, cable out, connector Available."""
        await self.do("release")
        await self.until(self._unplug, 15, "the cable can be pulled")
        await self.expect_status("Available", within=15)

    async def _unplug(self):
        return (await self.twin.command({"do": "unplug"})).get("ok")

    async def offline(self, within=150):
        """The link is gone without a goodbye; returns once the charger has noticed."""
        await self.do("network", up=False)

        async def noticed():
            return (await self.status())["ocpp"] is False

        await self.until(noticed, within, "the charger notices that the link is gone")

    async def online(self, within=120):
        """The link is back; returns once the charger is connected again.

        What was open before the outage is dead for good, so it is always a new connection.
        """
        before = len(self.csms.connections)
        await self.do("network", up=True)
        await self.until(
            lambda: any(wire.open for wire in self.csms.connections[before:]),
            within,
            "connected again",
        )

    # --- telling ---------------------------------------------------------------------------

    def story(self):
        """The frames and log lines, for a failure."""
        lines = ["", f"--- virtual time {self.now:.3f} s (EPOCH {EPOCH}); frames:"]
        lines.append(self.csms.story(80))
        if self.twin:
            lines.append("--- the world's last events:")
            lines.extend(str(event) for event in self.twin.events[-25:])
        lines.append("--- the charger's last log lines:")
        lines.extend(self.log[-60:] if self.twin else ["(no twin)"])
        return "\n".join(lines)

    def _told(self, exc):
        exc.args = (f"{exc}\n{self.story()}",)
        return exc


def scenario(fn=None, **options):
    """Make a pytest test of `async def test_x(b)`: b is a Bench made with `options`.

    `tags` in options, if there, is the {idTag: info} of the CSMS; `passwords`, `ssl` and
    `interval` go to the CSMS as well.
    """

    def wrap(fn):
        def test():
            asyncio.run(_play(fn, dict(options)))

        test.__name__ = test.__qualname__ = fn.__name__
        test.__doc__ = fn.__doc__
        test.__module__ = fn.__module__
        return test

    return wrap(fn) if fn else wrap


async def _play(fn, options):
    csms = dict(options.pop("csms", {}))
    if "tags" in options:
        csms["id_tags"] = {tag: dict(info) for tag, info in options.pop("tags").items()}
    bench = options.pop("kind", Bench)(csms=csms, **options)

    async def inside():
        async with bench as b:
            await fn(b)

    try:
        await asyncio.wait_for(inside(), REAL_TIMEOUT)
    except asyncio.TimeoutError as exc:
        raise AssertionError(f"took more than {REAL_TIMEOUT} s real\n{bench.story()}") from exc


def _fields(fields):
    return " ".join(f"{key}={'?' if callable(v) else v!r}" for key, v in fields.items())


def _source(test):
    return getattr(test, "__name__", repr(test))


__all__ = ["Bench", "CallError", "EPOCH", "ID", "Payload", "TAGS", "matches", "scenario", "script"]
