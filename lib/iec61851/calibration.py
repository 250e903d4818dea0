# Calibration of the converter at boot: from counts to volts at the control pilot.
# MIT license; part of microevse
"""Needed once, at boot: the caller unloads this module afterwards (port.forget) to free its
heap."""

from evse_base import log
from evse_base import const, forget

from .levels import A, level
from .plateau import FULL_U16

# Readings for a point of the curve: above 2.45 V noise of 1 mV moves the reference by up to 1.3
# mV.
_CURVE_PAIRS = const(32)
_PAIRS = const(9)  # readings for one voltage, an odd number
_SETTLE_MS = const(2)
_TRIES = const(3)  # a conversion may fail now and then
# An ESP32 is linear up to here; a front end that goes higher needs the chip's curve.
_STRAIGHT_UV = const(2450000)
_HIGH_MV = const(12000)
_FULL_FROM = const(65500)  # counts above mean a full converter
# Microvolts per count of 65535 at 11 dB, over all chips: outside, the calibration is no good.
_STEP_UV = const((35, 70))


class Bench:
    """One pilot before it is used: `adc` with read_u16() and perhaps read_uv(), its `plateau`,
    the `cp` table of the profile.

    hold: fn(cp, high) sends +12 or -12 V. sleep_ms: fn(ms). middle: fn(read, count) -> the middle
    one of so many readings, None if too many failed.
    """

    def __init__(self, adc, plateau, cp, hold, sleep_ms, middle):
        self._adc = adc
        self._plateau = plateau
        self._cp = cp
        self._hold = hold
        self._sleep_ms = sleep_ms
        self._middle = middle

    def calibrate(self, esp32, intercept_uv, nominal_uv):
        """From counts to volts: by the profile's points, else by the chip's own calibration.

        esp32: the first of the family, whose converter is bent. intercept_uv: what a count of 0
        means; nominal_uv: microvolts per count. False if there is no calibration: then that
        nominal line is taken, which an ESP32 can be 6 % off.
        """
        adc, plateau, cp = self._adc, self._plateau, self._cp
        if "cal" in cp:
            points = [tuple(point) for point in cp["cal"]]
            if points[-1][0] >= _FULL_FROM:
                # The converter is full here: the real voltage may be higher than the profile says.
                points[-1] = (FULL_U16, max(points[-1][1], plateau.pin_uv(_HIGH_MV)))
            plateau.trace(points)
            return True
        plateau.calibrate(0, intercept_uv, FULL_U16, intercept_uv + FULL_U16 * nominal_uv)
        if not hasattr(adc, "read_uv"):
            log.warn("adc", "no calibration on this chip")
            return False
        bent = esp32 and plateau.pin_uv(_HIGH_MV) > _STRAIGHT_UV
        for _ in range(_TRIES):
            try:
                self._send(True)
                if bent:
                    self.curve()
                else:
                    self.line(intercept_uv)
                return True
            except (OSError, ValueError) as exc:
                reason = exc
            finally:
                self._hold(cp, True)
        # MicroPython's read_uv() fails so on a chip without calibration values in its eFuse.
        log.warn("adc", "not calibrated: %s", reason)
        return False

    def line(self, intercept_uv):
        """The line through +12 V and -12 V. OSError, ValueError if the points give no line.

        -12 V for 4 ms is sent only where the first point says that no EV is there. With
        an EV (power came back) the second point is what a count of 0 means on this chip.
        """
        adc, plateau = self._adc, self._plateau
        raw_b, uv_b = self._settled(adc.read_u16), self._settled(adc.read_uv)
        raw_a, uv_a = 0, intercept_uv
        if level(plateau.pilot_mv(uv_b)) == A:
            self._send(False)
            raw_a, uv_a = self._settled(adc.read_u16), self._settled(adc.read_uv)
        if not _STEP_UV[0] * (raw_b - raw_a) < uv_b - uv_a < _STEP_UV[1] * (raw_b - raw_a):
            raise ValueError("%d uV at %d, %d uV at %d" % (uv_a, raw_a, uv_b, raw_b))
        plateau.calibrate(raw_a, uv_a, raw_b, uv_b)

    def curve(self):
        """The curve of an ESP32, by its reference. Any level on the pilot is enough to find it."""
        raw = self._settled(self._adc.read_u16, _CURVE_PAIRS)
        uv = self._settled(self._adc.read_uv, _CURVE_PAIRS)
        from . import curve  # only here: few boards need it

        try:
            points = curve.points(curve.reference_mv(raw, uv), self._plateau.pin_uv(_HIGH_MV))
        finally:
            forget("iec61851.curve")
        self._plateau.trace(points)

    def own_low(self):
        """Pilot millivolts with -12 V sent for 4 ms and no EV there; None if that cannot be
        told."""
        read = self._adc.read_u16
        if not self._cp.get("diode_check", True):
            return None
        try:
            self._send(True)
            if level(self._plateau.mv(self._settled(read))) != A:
                return None
            self._send(False)
            return self._plateau.mv(self._settled(read))
        except OSError as exc:
            log.warn("adc", "no self-test: %s", exc)
            return None
        finally:
            self._hold(self._cp, True)

    def _send(self, high):
        self._hold(self._cp, high)
        self._sleep_ms(_SETTLE_MS)

    def _settled(self, read, count=_PAIRS):
        """The middle of `count` readings. OSError without a reading."""
        value = self._middle(read, count)
        if value is None:
            raise OSError("no conversion")
        return value
