# The physical state of one connector, for the rows of rows.py.
# MIT license; part of microevse

from collections import deque

from . import rows
from .fitted import ADC_PINS, TEMP_PIN

_SECOND = 1000.0
STEADY = 65500  # of 65536: before MicroPython 1.26 steady +12 V is a duty of 65535
# Stop is at 71 degrees, by a converter that is 6 % off.
_HOT_C = 85
_WARM_C = 65  # the same converter the other way round may stop it from here on
_SEEN_MS = 10
_OUT_MS = 80
PLUGGED_MS = 150  # so long after it an EV has surely been seen


class Level:
    """Since when a state holds, and how much of the last second it held."""

    __slots__ = ("since", "leaky", "spans", "total", "last")

    def __init__(self):
        self.since = None  # ms
        self.leaky = None  # since when it has been so for more than half of a second
        self.spans = deque()  # (from, to) of the last second
        self.total = 0.0
        self.last = None

    def put(self, on, now):
        if self.last is not None and now > self.last:
            if self.since is not None:
                self.spans.append((self.last, now))
                self.total += now - self.last
        self.last = now
        spans = self.spans
        old = now - _SECOND
        while spans and spans[0][0] < old:
            begin, end = spans[0]
            if end <= old:
                spans.popleft()
                self.total -= end - begin
            else:
                spans[0] = (old, end)
                self.total -= old - begin
                break
        if on:
            if self.since is None:
                self.since = now
        else:
            self.since = None
        if self.total > _SECOND * 0.55:
            if self.leaky is None:
                self.leaky = now
        else:
            self.leaky = None

    def again(self, now):
        """Count from now."""
        if self.since is not None:
            self.since = now
        self.leaky = None
        self.spans.clear()
        self.total = 0.0

    def shift(self, ms):
        """That much of the time does not count."""
        if self.since is not None:
            self.since += ms
        if self.leaky is not None:
            self.leaky += ms


class Watched:
    """One connector, as the rows see it."""

    def __init__(self, judge, c):
        self.judge = judge
        self.c = c
        charger = judge.charger
        self.outlet = charger.outlets[c]
        self.circuit = self.outlet.pilot
        self.meter = charger.meter_parts[c]
        self.guarded = charger.guarded
        self.mirrored = "feedback" in charger.board["connectors"][c]["contactor"]
        self.levels = [Level() for _ in rows.ROWS]
        self.broken = False  # the contactor does not close
        self.raising = None  # which of its sensors raises an exception when it is asked
        self.forbidden = False
        self.meant_duty = self.circuit.duty
        self.coil = False
        self.opened_ms = -1e9
        self.sound = False  # it asks, and a diode can be seen
        self.diode_ms = 0.0
        self.away_ms = 0.0
        self.last_ms = judge.charger.ms
        self.letter = "A"
        self.out_ms = judge.charger.ms  # since when it has been out; None: it is in
        self.in_ms = self.let_ms = judge.charger.ms  # last seen out; last seen not asking
        self.proved = False  # the RCD has tripped at its test since the plug came in
        self.stuck = self.pwm = self.temp_stuck = False
        self.closed_ms = 0.0  # when the relay was energised last
        self.since_plug = self.faults_in_plug = 0
        self.by_fault = []  # ms of closings that a fault has ended
        self.by_rcd = []
        self.f_since = self.f_short = None
        self.duty = self.circuit.duty
        self.limit_ma = 16000
        self.limits = deque()  # (until ms, mA): what was allowed until lately
        rcd = self.outlet.rcd
        moved = rcd._moved

        def seen():
            if rcd.tripped and rcd._testing:
                self.proved = True
            moved()

        rcd._moved = seen

    # -- what the rows ask -------------------------------------------------------------

    def take(self):
        """The world as it is now."""
        circuit = self.circuit
        self.letter = circuit.letter
        self.asking = self.letter == "C"
        now = self.judge.charger.ms
        if self.out_ms is not None and now - self.out_ms > _SEEN_MS:
            # Two windows of state A: what comes next is a session of its own.
            self.forbidden = False
        if self.out_ms is not None and now - self.out_ms > _OUT_MS:
            # Unplugged, or as good as that.
            self.since_plug = self.faults_in_plug = 0
            surely_ms = PLUGGED_MS + self.judge.late_tick.ms
            if now - self.out_ms > surely_ms and self.letter == "A":
                self.proved = False
        # Without PWM a converter that stands still at +12 V is what an unplugged cable looks like.
        if self.letter != "A" and not (self.stuck and not self.pwm):
            self.out_ms = None
        else:
            self.in_ms = now
            if self.out_ms is None:
                self.out_ms = now
        if self.letter in "AB":
            self.let_ms = now
        self.short = circuit.diode_short or circuit.ev_diode_short
        self.pwm = 0 < circuit.duty < STEADY
        charger = self.judge.charger
        world = charger.world
        self.blind = self.stuck = temp_bad = temp_dead = temp_hides = False
        for fault in world.adc.faults._list:
            dead = fault.stuck is None and fault.rate >= 1.0
            if fault.pin is None or fault.pin == ADC_PINS[self.c + 1]:
                self.blind = self.blind or dead
                self.stuck = self.stuck or fault.stuck is not None
            if fault.pin is None or fault.pin == TEMP_PIN:
                temp_bad = True
                temp_dead = temp_dead or dead
                temp_hides = temp_hides or fault.stuck is not None
        self.hot = world.celsius >= _HOT_C and not temp_bad
        self.warm = world.celsius >= _WARM_C
        # A converter that stands still at a good value hides what the sensor has.
        self.temp_stuck = temp_hides
        self.temp_dead = temp_dead or (world.thermometer.sensor != "ok" and not temp_hides)
        meant = self.meant_duty
        self.duty_off_pm = abs(meant - circuit.duty) * 1000 // 65536 if self.pwm else 0
        amps = self.outlet.ev.amps if self.outlet.contactor.closed else 0.0
        limits = self.limits
        while limits and limits[0][0] < now:
            limits.popleft()
        allowed = max([self.limit_ma] + [ma for _, ma in limits])
        self.over = 1000 * amps / allowed
        self.over_ma = 1000 * amps - allowed

    def fault(self, kind):
        return kind in self.judge.charger.world._faults
