# Watches the parts of a connector while they work: poles, earth, lock, current, heat.
# MIT license; part of microevse
"""The EVSE state machine guards the pilot, the RCD acts by itself; everything slower is watched
here, twice a second: `Protection` asks the sensors that are fitted and reports causes of faults
to its connector, whose table (`faults`) decides what becomes of the session.

Each sensor is read by itself: a sensor that raises, hangs or gives impossible values has no
reading, and the other sensors are read all the same. A sensor has points: a wrong reading and a
missing one add some, a right one takes some away. With _SURE points its cause is reported, with
none it is cleared. So a single disturbance does nothing, and neither does one wrong look in four;
two looks in a row do, or every third one for 5 s. A missing reading counts a third of a wrong one.
"""

import asyncio

from evse_base import log
from iec61851.levels import A
from evse_base import const

from .over_current import BLIND_MS, OverCurrent

LOOK_S = 0.5
# Mirror contacts follow the poles within milliseconds, coils and their diodes within 60.
_SWITCHED_MS = const(1000)

_WRONG = const(6)  # two looks in a row: 1 s
_NONE = const(2)  # six looks in a row: 3 s; a DS18B20 has none in its first second
_GOOD = const(-2)
# Points of a meter's reading without a current: three in a row are enough, as a meter is read less
# often than the other sensors.
_NO_CURRENT = const(4)
_READ = const(-4)
_SURE = const(12)
_MOST = const(15)
BLIND_LOOKS = const(6)

# More than this many times the rating is no current but a reading that cannot be true.
_ABSURD = const(10)

PROBE_S = 0.2
RCD_TEST_MS = const(86400000)
_RETEST_MS = const(60000)  # after a failed test

# Sensors, and the cause that each of them is for.
_POLES = const(0)
_EARTH = const(1)
_LOCK = const(2)
_CURRENT = const(3)
_HEAT = const(4)
_RCD = const(5)
_STOP = const(6)
_CAUSES = const(
    (
        "ContactorWelded",
        "ProtectiveEarthLost",
        "LockLost",
        "CurrentBlind",
        "TemperatureSensor",
        "RcdTripped",
        "EmergencyStop",
    )
)


class Protection:
    """Watches one connector. A part that is not fitted is None.

    full_ma: the rating of the board. poles: has wrong(closed) -> number of the first pole that is
    not in the state `closed`, and any_closed(). earth_lost(), stopped(): inputs of protective
    earth and emergency stop. temp_dc(): tenths of a degree, None without a reading; derating:
    temperature.Derating.
    """

    def __init__(self, connector, clock, full_ma, rcd=None, poles=None, earth_lost=None,
                 temp_dc=None, derating=None, stopped=None):  # fmt: skip
        self._connector = connector
        self._clock = clock
        self._full_ma = full_ma
        self._rcd = rcd
        self._poles = poles
        self._earth_lost = earth_lost
        self._temp_dc = temp_dc
        self.derating = derating
        self._stopped = stopped
        self._points = bytearray(len(_CAUSES))
        self._closed = False
        # So that the first look reports a weld.
        self._switched_ms = clock.uptime_ms() - _SWITCHED_MS
        self._phases = 0  # the most phases with a current so far, by the meter
        self._read_ms = None  # uptime of the meter's reading that was judged last
        self._failed_looks = 0
        self._probed = False
        self._tested_ms = clock.uptime_ms()
        self._chores = None
        self.over_current = OverCurrent()
        self.rcd_test_ms = lambda: RCD_TEST_MS  # an owner may want it more often
        self.beat = lambda: None  # called after each complete look
        connector.poles_closed = poles.any_closed if poles is not None else None

    async def run(self):
        """Look for ever. Tests that take time run beside it: nothing here waits for them."""
        while True:
            try:
                self.look(self._clock.uptime_ms())
                # Here too, because the connector's own task may wait for a lock, a meter or a
                # test.
                self._connector.sequence.held.keep()
                # At first, or after the task has ended.
                if self._chores is None or self._chores.done():
                    self._chores = asyncio.create_task(self._do_chores())
                self._failed_looks = 0
                self.beat()
            except Exception as exc:
                # `beat` is not called: the watchdog resets the charger if this goes on. The trip
                # below opens the contactor before that.
                log.error("station", "protection: %r", exc)
                self._failed_looks += 1
                if self._failed_looks > 1:
                    self._connector.evse.trip("TaskFailed")
            await asyncio.sleep(LOOK_S)

    def look(self, now):
        """One look at everything that is fitted, at uptime `now` ms."""
        evse = self._connector.evse
        if evse.closed != self._closed:
            self._closed = evse.closed
            self._switched_ms = now
            self._points[_POLES] = 0  # the poles have moved since the last reading
            self.over_current.begin()
        failure = None
        for sensor in range(len(_CAUSES)):
            try:
                self._ask(sensor, now)
            except Exception as exc:
                failure = exc  # raised once the other sensors have been asked
        self._look_pilot(evse)
        if failure is not None:
            raise failure

    def _ask(self, sensor, now):
        """Ask one sensor, and say whether its cause is there."""
        cause, info = _CAUSES[sensor], ""
        try:
            if sensor == _POLES:
                points, cause, info = self._look_poles(now)
            elif sensor == _EARTH:
                points = _judge(self._earth_lost)
            elif sensor == _LOCK:
                points = self._look_lock()
            elif sensor == _CURRENT:
                points = self._look_current(now)
            elif sensor == _HEAT:
                points = self._look_temperature()
            elif sensor == _RCD:
                points = _judge(self._rcd and self._rcd.standing)
            else:
                points = _judge(self._stopped)
        except Exception as exc:
            points, info = _NONE, "no reading: %r" % exc
        points = min(max(self._points[sensor] + points, 0), _MOST)
        self._points[sensor] = points
        if points >= _SURE:
            self._connector.report_fault(cause, info[:40], True)
        elif not points:
            self._connector.clear_fault(cause)

    def _look_pilot(self, evse):
        """Report the faults of the charger that the state machine has found."""
        if evse.front_end.weak:
            self._connector.report_fault("PilotFrontEnd", "%d mV" % evse.front_end.low_mv)
        if evse.disputed:
            self._connector.report_fault("GuardDisagrees")
        if evse.closings.person:
            self._connector.report_fault("ClosingsExceeded", "reset it on the page")

    def _look_poles(self, now):
        cause = "ContactorNotClosing" if self._closed else "ContactorWelded"
        if self._poles is None or now - self._switched_ms < _SWITCHED_MS:
            return 0, cause, ""
        wrong = self._poles.wrong(self._closed)
        info = "pole %d" % wrong if wrong and not self._poles.single else ""
        return _points(wrong), cause, info

    def _look_lock(self):
        lock = self._connector.lock
        if not self._closed or lock is None or not lock.fitted:
            return _GOOD
        locked = lock.locked
        return _points(None if locked is None else not locked)

    def _look_current(self, now):
        metering = self._connector.metering
        if metering.meter is None:
            return _GOOD
        highest = self._highest(metering.meter.current_ma)
        read_ms = metering.read_ms
        offered = self._connector.offered_ma
        if self._closed and highest is not None and self._phases:
            cause = self.over_current.look(now, offered, highest, read_ms)
            if cause:
                log.warn("station", "%d mA drawn at %d mA", highest, offered)
                self._connector.report_fault(cause)
        if not self._phases:
            return _GOOD  # its meter never gave a current: `lacks` lists that
        if self._closed and now - max(read_ms, self._switched_ms) >= BLIND_MS:
            return _SURE
        if read_ms == self._read_ms:
            return 0
        self._read_ms = read_ms
        return _NO_CURRENT if highest is None else _READ

    def _highest(self, currents):
        """The largest current in mA; None if the currents cannot be true, or a phase is missing
        that was there before. A meter that is wired in reverse gives negative currents."""
        highest = count = 0
        for ma in currents or ():
            if ma is not None:  # a phase that the meter cannot tell
                count += 1
                highest = max(highest, abs(ma))
        known, self._phases = self._phases, max(count, self._phases)
        return None if count < known or highest > _ABSURD * self._full_ma else highest

    def _look_temperature(self):
        if self._temp_dc is None:
            return _GOOD
        temp_dc = self._temp_dc()
        if not self.derating.possible(temp_dc):
            return _NONE
        connector = self._connector
        connector.facts.temp_dc = temp_dc
        before = self.derating.step
        step = self.derating.look(temp_dc)
        if self.derating.stops:
            connector.report_fault("TemperatureStop")
        else:
            connector.clear_fault("TemperatureStop")
        if step != before:
            log.warn("station", "%d.%d degrees, step %d", temp_dc // 10, temp_dc % 10, step)
            connector.limits.cap("temperature", self.derating.cap(self._full_ma))
        return _GOOD

    # -- what takes time -----------------------------------------------------------------

    async def _do_chores(self):
        """Test the RCD, and probe while no EV is plugged in, for ever."""
        while True:
            try:
                now = self._clock.uptime_ms()
                if self.test_is_due(now):
                    await self.test_rcd(now)
                if self.probe_is_due():
                    await self.probe()
            except Exception as exc:
                log.error("station", "test: %r", exc)
            await asyncio.sleep(LOOK_S)

    def _is_idle(self):
        connector = self._connector
        return connector.session is None and connector.waiting is None

    def probe_is_due(self):
        """True once, if an EV prevented the test at boot and has gone since."""
        evse = self._connector.evse
        if self._probed or evse.front_end.low_mv is not None:
            return False
        return evse.state == A and self._is_idle()

    async def probe(self):
        """Send -12 V for a moment, with no EV there: the state machine looks at it."""
        self._probed = True
        evse = self._connector.evse
        evse.out_of_service(True)
        try:
            await asyncio.sleep(PROBE_S)
        finally:
            evse.out_of_service(False)

    def test_is_due(self, now):
        """True after each plug-in and once a day, with or without a session; after a failure once
        a minute. Never while the contactor is closed: the test is then due as soon as it is
        open."""
        rcd, evse = self._rcd, self._connector.evse
        if rcd is None or evse.closed:
            return False
        failed = self._connector.faults.has("RcdTestFailed")
        if now - self._tested_ms >= (_RETEST_MS if failed else self.rcd_test_ms()):
            return True
        # An RCD that has tripped keeps the contactor open. The trip is a fault of its own, which
        # ends only after a passed test.
        wanted = evse.plugged or "RcdTripped" in evse.faults
        return not failed and wanted and not rcd.fresh() and not rcd.standing()

    async def test_rcd(self, now):
        """Test the RCD; a failure is a fault until a test has passed. If a trip is latched
        already, the test fails, too."""
        # `expire` comes before the look at the contactor: until then the tick may close it,
        # afterwards it cannot.
        self._rcd.expire()
        if self._connector.evse.closed:
            return
        self._tested_ms = now
        if await self._rcd.self_test():
            log.info("station", "RCD self-test passed")
            self._connector.clear_fault("RcdTestFailed")
        else:
            self._connector.report_fault("RcdTestFailed", "", True)


def _judge(is_wrong):
    """Points of an input fn(), None where it is not fitted."""
    return _GOOD if is_wrong is None else _points(is_wrong())


def _points(wrong):
    """Points of a reading: wrong, right, or (None) none."""
    return _NONE if wrong is None else _WRONG if wrong else _GOOD
