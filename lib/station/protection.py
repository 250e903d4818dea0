# What watches the parts of a connector while they work: poles, earth, lock, current, heat.
# MIT license; part of microevse
"""The EVSE state machine guards the pilot, the RCD acts by itself; everything slower is
watched here, twice a second. `OverCurrent` and `Derating` are pure; `Protection` asks the
sensors that are fitted and reports faults to its connector, whose table (`faults`) decides
what becomes of the session.
"""

import asyncio

import log
from iec61851.levels import A
from port import const

LOOK_S = 0.5
# Mirror contacts follow the poles within milliseconds, coils and their diodes within 60.
SWITCHED_MS = const(1000)
BLIND_LOOKS = const(6)  # without a temperature; a DS18B20 has none in its first second
SURE_LOOKS = const(2)  # one look may have caught a disturbance

# Over-current: what cables and meters tolerate, and for how long.
_SOFT_MORE_MA = const(500)
SOFT_MS = const(7000)
HARD_MS = const(1500)
FOLLOW_MS = const(6000)  # after the limit was lowered: 5 s for the EV, one for the meter

# (on, off) in tenths of a degree, and the share of the current that is left.
_STEPS = ((650, 620), (680, 650), (710, 620))
_SHARES = (1, 2, 4)
STOP = const(3)
MIN_MA = const(6000)
# Outside it is no temperature but a broken sensor or wire.
_SENSOR_DC = (-400, 1250)

PROBE_S = 0.2
RCD_TEST_MS = const(86400000)


class OverCurrent:
    """Soft: above (limit + 0.5 A) * 1.1 for 7 s. Hard: above 1.25 * limit for 1.5 s."""

    def __init__(self):
        self._limit = 0
        self._lowered_ms = None
        self._read_ms = None
        self._soft_ms = self._hard_ms = None  # when the first reading above came

    def look(self, now, offered_ma, current_ma, read_ms):
        """The cause, or None. `current_ma` was read at `read_ms`, all at uptime ms."""
        self._follow(now, offered_ma)
        limit = self._limit
        if not limit:
            self._soft_ms = self._hard_ms = None
            return None
        if read_ms == self._read_ms:
            return None  # an old reading says nothing new
        self._read_ms = read_ms
        if current_ma <= (limit + _SOFT_MORE_MA) * 11 // 10:
            self._soft_ms = None
        elif self._soft_ms is None:
            self._soft_ms = read_ms
        if current_ma <= limit * 5 // 4:
            self._hard_ms = None
        elif self._hard_ms is None:
            self._hard_ms = read_ms
        if self._hard_ms is not None and read_ms - self._hard_ms >= HARD_MS:
            return "OverCurrentHard"
        if self._soft_ms is not None and read_ms - self._soft_ms >= SOFT_MS:
            return "OverCurrentSoft"
        return None

    def _follow(self, now, offered_ma):
        if offered_ma >= self._limit:
            self._limit = offered_ma
            self._lowered_ms = None
        elif self._lowered_ms is None:
            self._lowered_ms = now
        elif now - self._lowered_ms >= FOLLOW_MS:
            self._limit = offered_ma
            self._lowered_ms = None


class Derating:
    """Half the current at 65 degrees, a quarter at 68, none from 71 down to 62."""

    def __init__(self):
        self.step = 0  # 0 all of it ... STOP

    def look(self, temp_dc):
        """New step for a temperature in tenths of a degree."""
        step = self.step
        while step < STOP and temp_dc >= _STEPS[step][0]:
            step += 1
        while step and temp_dc < _STEPS[step - 1][1]:
            step -= 1
        self.step = step
        return step

    def cap(self, full_ma):
        """What is left of `full_ma`: None for no cap, 0 for none of it."""
        if not self.step:
            return None
        if self.step == STOP:
            return 0
        return max(MIN_MA, full_ma // _SHARES[self.step])


class Protection:
    """Watches one connector. What is not fitted is None.

    poles: has wrong(closed) -> number of the first pole that is not, and any_closed();
    earth_lost(): from the PE input; temp_dc(): tenths of a degree, None without a reading.
    full_ma: the rating that derating divides.
    """

    def __init__(
        self, connector, clock, full_ma, rcd=None, poles=None, earth_lost=None, temp_dc=None
    ):
        self._connector = connector
        self._clock = clock
        self._full_ma = full_ma
        self._rcd = rcd
        self._poles = poles
        self._earth_lost = earth_lost
        self._temp_dc = temp_dc
        self._closed = False
        self._switched_ms = clock.uptime_ms() - SWITCHED_MS  # the first look tells of a weld
        # Looks in a row.
        self._wrong_poles = self._no_earth = self._no_lock = self._no_temp = 0
        self._front_told = self._probed = False
        self._tested_ms = clock.uptime_ms()
        self.over_current = OverCurrent()
        self.derating = Derating()
        self.rcd_test_ms = lambda: RCD_TEST_MS  # an owner may want it more often
        connector.poles_closed = poles.any_closed if poles is not None else None

    async def run(self):
        """Look for ever."""
        while True:
            now = self._clock.uptime_ms()
            self.look(now)
            if self.test_is_due(now):
                await self.test_rcd(now)
            if self.probe_is_due():
                await self.probe()
            await asyncio.sleep(LOOK_S)

    def look(self, now):
        """One look at everything that is fitted, at uptime `now` ms."""
        evse = self._connector.evse
        if evse.closed != self._closed:
            self._closed = evse.closed
            self._switched_ms = now
        self._look_pilot(evse)
        if self._poles is not None:
            self._look_poles(now)
        if self._earth_lost is not None:
            self._look_earth()
        self._look_lock()
        self._look_current(now)
        if self._temp_dc is not None:
            self._look_temperature(self._temp_dc())

    def _look_pilot(self, evse):
        """What the state machine found out about the charger itself, told in words."""
        if self._front_told:
            return
        if evse.front_end.weak:
            self._front_told = True
            self._connector.report_fault("PilotFrontEnd", "%d mV" % evse.front_end.low_mv)
        elif evse.disputed:
            self._front_told = True
            self._connector.report_fault("GuardDisagrees")

    def _look_poles(self, now):
        wrong = self._poles.wrong(self._closed)
        if not wrong or now - self._switched_ms < SWITCHED_MS:
            self._wrong_poles = 0
            return
        self._wrong_poles += 1
        if self._wrong_poles == SURE_LOOKS:
            cause = "ContactorNotClosing" if self._closed else "ContactorWelded"
            self._connector.report_fault(cause, "" if self._poles.single else "pole %d" % wrong)

    def _look_earth(self):
        if not self._earth_lost():
            if self._no_earth >= SURE_LOOKS:
                self._connector.clear_fault("ProtectiveEarthLost")
            self._no_earth = 0
            return
        self._no_earth += 1
        if self._no_earth == SURE_LOOKS:
            self._connector.report_fault("ProtectiveEarthLost", "", True)

    def _look_lock(self):
        lock = self._connector.lock
        if not self._closed or lock is None or not lock.fitted or lock.locked:
            self._no_lock = 0
            return
        self._no_lock += 1
        if self._no_lock == SURE_LOOKS:
            self._connector.report_fault("LockLost")

    def _look_current(self, now):
        metering = self._connector.metering
        currents = metering.meter.current_ma if metering.meter is not None else None
        if not currents or not self._closed:
            return
        # Phases the meter cannot tell are None.
        highest = max([ma for ma in currents if ma is not None] or [0])
        offered = self._connector.offered_ma
        how = self.over_current.look(now, offered, highest, metering.read_ms)
        if how:
            log.warn("station", "%d mA drawn at %d mA", highest, offered)
            self._connector.report_fault(how)

    def _look_temperature(self, temp_dc):
        connector = self._connector
        if temp_dc is None or not _SENSOR_DC[0] <= temp_dc <= _SENSOR_DC[1]:
            self._no_temp += 1
            if self._no_temp == BLIND_LOOKS:
                connector.report_fault("TemperatureSensor")
            return
        self._no_temp = 0
        connector.clear_fault("TemperatureSensor")
        before = self.derating.step
        step = self.derating.look(temp_dc)
        if step == STOP:
            connector.report_fault("TemperatureStop")
        else:
            connector.clear_fault("TemperatureStop")
        if step != before:
            log.warn("station", "%d.%d degrees, step %d", temp_dc // 10, temp_dc % 10, step)
            connector.limits.cap("temperature", self.derating.cap(self._full_ma))

    # -- the charger's own pilot ---------------------------------------------------------

    def probe_is_due(self):
        """Once, where an EV stood in the way of the test at boot and has gone since."""
        connector = self._connector
        evse = connector.evse
        if self._probed or evse.front_end.low_mv is not None:
            return False
        return evse.state == A and connector.session is None and connector.pending is None

    async def probe(self):
        """Send -12 V for a moment, with no EV there: the state machine looks at it."""
        self._probed = True
        evse = self._connector.evse
        evse.out_of_service(True)
        try:
            await asyncio.sleep(PROBE_S)
        finally:
            evse.out_of_service(False)

    # -- the RCD's own test --------------------------------------------------------------

    def test_is_due(self, now):
        """Once a day, while nobody is there (before each session it is tested anyway)."""
        connector = self._connector
        if self._rcd is None or now - self._tested_ms < self.rcd_test_ms():
            return False
        return connector.session is None and connector.pending is None and not connector.evse.plugged

    async def test_rcd(self, now):
        """Test the RCD; a failure is a fault. A trip that is latched already fails, too."""
        self._tested_ms = now
        if await self._rcd.self_test():
            log.info("station", "RCD self-test passed")
        else:
            self._connector.report_fault("RcdTestFailed")
