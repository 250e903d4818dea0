# Owner of ADC1: windows of the control pilot, readings of the proximity pilot.
# MIT license; part of microevse
"""No other module reads an ADC. ADC2 belongs to the radio."""

from array import array

import burst
import machine
from iec61851 import proximity
from iec61851.plateau import Plateau, divider
from evse_base import const, forget, sleep_ms, ticks_diff, ticks_ms

from hal import kernel, pilot

_WINDOW_US = const(4000)  # four periods
# Above 63 A the low half is so short that four periods may hold no two samples of it.
_LONG_WINDOW_US = const(8000)
_LONG_ABOVE_MA = const(63000)
_BUFFER = const(256)  # 8 ms at 31 us: faster than any ESP32 converts

_SKIP_WRAP = const(0x0FFFFFFF)  # three days in ms: a small int, and longer than any gap
_PAIRS = const(9)  # readings for one voltage, an odd number
_EMPTY = const(150)  # counts of 65535; a lower count is no reading
_FULL_FROM = const(65500)  # counts above mean a full converter
_NOMINAL_UV = const(48)
_INTERCEPT_UV = const(142000)  # voltage of a count of 0 on an ESP32; other chips start at 0


class PilotAdc:
    """`board`: the profile. After `window()`: `gap_ms`, `now_ms` of that window. `gate`: where the
    converter has a second owner, hal.ulp_guard.UlpGuard: it samples, and every other reading is
    between its `take()` and its `give()`."""

    def __init__(self, board, gate=None):
        self._gate = gate
        self._sample = gate.sample if gate else burst.sample
        self._buf = array("H", bytes(2 * _BUFFER))
        self._adcs = []
        self._pps = []
        self._plateaus = []
        self._starts = []
        self._skips = []  # the part of `_skipped_ms` that each connector has accounted for
        self._skipped_ms = 0
        self.gap_ms = 0
        self.now_ms = 0
        self.uncalibrated = []  # indices of connectors whose levels cannot be trusted
        self._intercept_uv = _INTERCEPT_UV if board["chip"] == "esp32" else 0
        self._lows = []
        from iec61851 import calibration  # needed once, then unloaded: it takes much heap

        temp = board.get("temp")
        self._temp = _input(temp["adc"]) if temp and "adc" in temp else None
        for connector in board["connectors"]:
            cp = connector["cp"]
            plateau = Plateau(*divider(cp["divider"], cp["vcc_mv"]), kernel)
            adc = _input(cp["adc"])
            bench = calibration.Bench(adc, plateau, cp, pilot.hold, sleep_ms, _middle)
            known = bench.calibrate(board["chip"] == "esp32", self._intercept_uv, _NOMINAL_UV)
            if not known:
                self.uncalibrated.append(len(self._adcs))
            self._lows.append(bench.own_low() if known else None)
            self._adcs.append(adc)
            self._plateaus.append(plateau)
            self._starts.append(None)
            self._skips.append(0)
            pp = connector.get("pp")
            self._pps.append((_input(pp["adc"]), pp) if pp else None)
        forget("iec61851.calibration")

    def window(self, index, ma=0):
        """Sample one pilot; returns its Plateau. `ma`: the current offered."""
        start = ticks_ms()
        self.gap_ms = self.age_ms(index)
        self._starts[index] = start
        self._skips[index] = self._skipped_ms
        n = self._sample(
            self._adcs[index], self._buf, _LONG_WINDOW_US if ma > _LONG_ABOVE_MA else _WINDOW_US
        )
        plateau = self._plateaus[index]
        plateau.measure(self._buf, n)
        self.now_ms = ticks_ms()
        return plateau

    def age_ms(self, index):
        """How long ago the last window of a pilot began; 0 if there was none yet."""
        # Asked each time, because `skipped_ms` returns a time only once: it is for all pilots, and
        # must not count for a later window.
        self._skipped_ms = (self._skipped_ms + burst.skipped_ms()) & _SKIP_WRAP
        last = self._starts[index]
        if last is None:
            return 0
        skipped = (self._skipped_ms - self._skips[index]) & _SKIP_WRAP
        return max(0, ticks_diff(ticks_ms(), last) - skipped)

    def cable_ma(self, index):
        """Cable rating in mA, or proximity.OPEN, SHORT, INVALID (also where the converter gives
        no reading). None: no such input."""
        if self._pps[index] is None:
            return None
        adc, pp = self._pps[index]
        mv = self._mv(adc)
        if mv is None:
            return proximity.INVALID
        return proximity.cable_ma(mv, pp.get("pullup", 1000), pp.get("vcc_mv", 3300))

    def low_mv(self, index):
        """The voltage that the pilot's source gave for -12 V at boot, mV; None if an EV was there,
        or where the front end cannot measure it."""
        return self._lows[index]

    def temp_mv(self):
        """Millivolts at the temperature sensor, only where one is fitted. None without a reading,
        and at either end of the converter's range, whatever the curve gives there: the sensor is
        missing or shorted, or conversions fail."""
        raw = self._read(self._temp.read_u16)
        if raw is None or not _EMPTY < raw < _FULL_FROM:
            return None
        return self._mv(self._temp)

    def _mv(self, adc):
        """Millivolts at a pin: nominal ones on a chip without calibration. None if the converter
        gives no reading."""
        uv = self._read(adc.read_uv)
        if uv is not None:
            return uv // 1000
        raw = self._read(adc.read_u16)
        return None if raw is None else (self._intercept_uv + raw * _NOMINAL_UV) // 1000

    def plateau(self, index):
        """The Plateau of one pilot after its last window."""
        return self._plateaus[index]

    def _read(self, read):
        """The middle one of some readings, with the converter in our hands."""
        gate = self._gate
        if not gate:
            return _middle(read)
        gate.take()
        try:
            return _middle(read)
        finally:
            gate.give()


def _input(pin):
    return machine.ADC(machine.Pin(pin), atten=machine.ADC.ATTN_11DB)


def _middle(read, count=_PAIRS):
    """The middle one of `count` readings. A reading fails by an OSError, a number below 0 or a 0.
    None if half of them or more have failed. They are not averaged: the mean of 2 V and some zeros
    is another cable, a hot sensor that seems cool, or a wrong calibration."""
    values = []
    for _ in range(count):
        try:
            value = read()
        except OSError:
            continue
        if value >= 0:
            values.append(value)
    if len(values) * 2 <= count:
        return None
    values.sort()
    return values[len(values) // 2]
