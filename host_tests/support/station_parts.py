# Small fakes around a real station and a real journal.
# MIT license; part of microevse
"""A charger without electricity: what the tests of lib/station stand on."""

import asyncio

from evse_base import log
from iec61851 import levels
from iec61851.closings import Closings
from iec61851.levels import FrontEnd
from evse_base import Flag
from station.authorization import Authorizer
from station.settings import Settings
from station.station import Station
from store import norlog
from store.journal import Journal
from store.ramflash import RamFlash

log.use_sink(lambda line: None)

NOON = 1798804800  # 2027-01-01T12:00:00Z


class FakeClock:
    """Clock that stands still until `pass_s`."""

    def __init__(self, boot=1, unix=NOON):
        self.boot = boot
        self.ms = 0
        self.unix = unix
        self.listeners = []

    def uptime_ms(self):
        return self.ms

    def uptime(self):
        return self.ms // 1000

    def now(self, ago_ms=0):
        return None if self.unix is None else self.unix + (self.ms - ago_ms) // 1000

    def on_set(self, fn):
        self.listeners.append(fn)

    def wall(self, boot, uptime):
        return None if self.unix is None or boot != self.boot else self.unix + uptime

    def set(self, unix, ms=0):
        """The central system tells the time: it is `unix` now."""
        before = self.now()
        self.unix = unix - self.ms // 1000
        for fn in self.listeners:
            fn(None if before is None else unix - before)


class FakeEvse:
    """The verbs of iec61851.evse.Evse, with an EV that does what the test says."""

    def __init__(self):
        self.state = levels.A
        self.closed = self.pwm = self.plugged = self.paused = False
        self.since_ms = 0
        self.offered_ma = 0
        self.faults = []  # all that are latched
        self.protects = []  # the `protect` of each permission
        self.plug_count = self.unplug_count = self.close_count = 0
        self.changed = Flag()
        self.disputed = False
        self.front_end = FrontEnd()
        self.closings = Closings()
        self.causes = set()  # faults that cannot be cleared yet
        self.calls = []
        self.obeys = True  # the EV lets go when the PWM ends

    def permit(self, ma, protect=False):
        self.calls.append("permit %d" % ma)
        self.protects.append(protect)
        self.offered_ma = ma
        self.pwm = self.plugged and self.fault is None
        self._follow()

    def forbid(self):
        self.calls.append("forbid")
        self.offered_ma = 0
        self.pwm = False
        if self.obeys:
            self.closed = False

    def may_clear(self, fault):
        return fault not in self.causes

    def trip(self, fault):
        self.calls.append("trip " + fault)
        if fault not in self.faults:
            self.faults.append(fault)
        self.closed = self.pwm = False

    @property
    def away(self):
        return self.state == levels.A and not self.plugged

    @property
    def fault(self):
        return self.faults[0] if self.faults else None

    def restore_closings(self, counts):
        if self.closings.restore(counts):
            self.trip("ClosingsExceeded")

    def reset_closings(self):
        self.closings.reset()
        return self.clear("ClosingsExceeded")

    def out_of_service(self, on):
        self.calls.append("out of service %s" % on)

    def clear(self, fault):
        if not self.may_clear(fault):
            return False
        if fault in self.faults:
            self.faults.remove(fault)
        return True

    def _follow(self):
        self.closed = self.pwm and self.state == levels.C and not self.faults

    # the EV
    def plug(self):
        self.plugged = True
        self.plug_count += 1
        self.state = levels.B
        self.pwm = self.offered_ma > 0

    def unplug(self):
        self.plugged = self.closed = self.pwm = False
        self.unplug_count += 1
        self.state = levels.A

    def request(self):
        self.state = levels.C
        self._follow()

    def release(self):
        self.state = levels.B
        self.closed = False


class FakeMeter:
    def __init__(self, wh=1000):
        self.energy_mwh = None
        self.register_wh = wh
        self.power_w = 0
        self.current_ma = [0]
        self.voltage_mv = [230000]
        self.fails = False

    async def poll(self):
        if self.fails:
            raise OSError("no answer")
        self.energy_mwh = self.register_wh * 1000


class FakeLock:
    fitted = True

    def __init__(self):
        self.locked = False
        self.works = True

    async def lock(self):
        self.locked = self.locked or self.works
        return self.works

    async def unlock(self):
        self.locked = self.locked and not self.works
        return self.works


class FakeRcd:
    works = True
    fired = False
    evse = None
    tested = -1  # the plug-in of the test that was passed
    tests = 0

    def standing(self):
        return self.fired

    def fresh(self):
        return self.evse is None or self.tested == self.evse.plug_count

    def expire(self):
        self.tested = -1

    async def self_test(self):
        self.tests += 1
        if self.works and self.evse is not None:
            self.tested = self.evse.plug_count
        return self.works


class Charger:
    """A station with one connector; `image` continues on the flash of another one."""

    def __init__(
        self, flash=None, boot=1, lock=None, rcd=None, meter=None, settings=None, evse=None
    ):
        self.flash = flash or RamFlash(blocks=16)
        if flash is None:
            norlog.format(self.flash)
        self.clock = FakeClock(boot)
        self.journal = Journal(norlog.NorLog(self.flash), self.clock)
        self.journal.prepare()
        self.settings = Settings(self.journal)
        self.settings.overlay(settings or {})
        self.authorizer = Authorizer(self.settings, self.journal, self.clock)
        self.asked = []
        self.known = {}  # token -> (status, parent); the central system
        self.online = True
        self.authorizer.remote = self._remote
        self.resets = []
        self.station = Station(
            self.settings,
            self.journal,
            self.clock,
            self.authorizer,
            system_reset=self.resets.append,
            rand=lambda n: n - 1,
        )
        self.events = []
        self.station.listeners.append(self._on_event)
        self.evse = evse or FakeEvse()
        self.meter = meter or FakeMeter()
        self.lock = lock
        profile = {"max_a": 16, "phases": 1}
        self.connector = self.station.add(self.evse, self.meter, lock, rcd, profile)
        self.limits = self.connector.limits

    async def _remote(self, token, kind):
        if not self.online:
            return None
        self.asked.append(token)
        status, parent = self.known.get(token, ("invalid", None))
        return {"status": status, "expiry": None, "parent": parent}

    def _on_event(self, kind, connector, data):
        self.events.append((kind, connector, data))

    def statuses(self):
        """All statuses told so far, oldest first."""
        return [data["status"] for kind, _, data in self.events if kind == "status"]

    def records(self, kind):
        """Payloads of undelivered journal events of one kind."""
        out = []
        after = 0
        while True:
            entry = self.journal.pending(after)
            if entry is None:
                return out
            after = entry[0]
            if entry[1] == kind:
                out.append(entry[2])

    async def pass_s(self, seconds, wh=0):
        """Time passes in steps of a second; `wh` are charged evenly meanwhile."""
        start = self.meter.register_wh
        for i in range(seconds):
            self.clock.ms += 1000
            self.meter.register_wh = start + wh * (i + 1) // seconds
            await self.connector.metering.refresh()
            self.connector.metering.tick(self.clock.ms)
            await self.work()

    async def work(self):
        """The task of the connector goes round once."""
        await self.connector.sequence.work()

    async def recover(self, cause="PowerUp"):
        """Boot: what the journal remembers, up to the last cut session."""
        self.station.recover(cause)
        while self.station.recovering:
            await asyncio.sleep(0.01)

    async def charge(self, token="CARD", parent=None):
        """Plug, card, charging."""
        self.known[token] = ("accepted", parent)
        self.evse.plug()
        await self.pass_s(1)
        await self.station.present_token(token)
        await self.pass_s(1)
        self.evse.request()
        await self.pass_s(1)
        assert self.connector.status == "charging", self.connector.status
        return self.connector.session


async def shown_offline(token):
    """A Charger that takes unknown tokens offline: a car is plugged in and `token` is shown."""
    c = Charger(settings={"AllowOfflineTxForUnknownId": "true"})
    c.online = False
    c.evse.plug()
    await c.pass_s(1)
    await c.station.present_token(token, "Local", 1)
    return c
