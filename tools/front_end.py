# The levels of the control pilot, as they come through a divider and a chip's ADC.
# MIT license; part of microevse
"""The firmware's own arithmetic over an ADC at the ends of its tolerance: can it tell the states
apart? Volts above the linear part of an ESP32's converter go through its curve and back, for chips
with the lowest, the middle and the highest reference."""

import sys
from pathlib import Path

# Pilot levels in mV over all tolerances the standard allows: source 5 %, resistors 3 %,
# diode 0.55 to 0.85 V. In order: A, B, C, D, E (lowest, highest).
LEVELS = (
    ("A", 11400, 12600),
    ("B", 8370, 9590),
    ("C", 5470, 6530),
    ("D", 2590, 3280),
    ("E", -1000, 1000),
)
THRESHOLDS = (10500, 7500, 4500, 1500)
_ALL = len(THRESHOLDS)
HYSTERESIS_MV = 250
DIODE_MV = -10000
MOST_PERMILLE = 200  # no ADC is as bad as that
LINEAR_MV = 2450  # of an ESP32's ADC at 11 dB
# References that an ESP32 may have: the ends of Espressif's curves, and their middle.
REFERENCES_MV = (1000, 1100, 1200)


def _firmware():
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
    try:
        from iec61851 import curve, plateau
    finally:
        sys.path.pop(0)
    return curve, plateau


class FrontEnd:
    """A divider and the ADC behind it, seen through the firmware's own arithmetic.

    Levels are those of the pilot, mV; `pin_mv()` those at the ADC.
    """

    def __init__(self, cp, chip):
        curve, plateau = _firmware()
        self._chip = chip
        rcp, rup, rdn = cp["divider"]
        g = 1 / rcp + 1 / rup + 1 / rdn
        self.slope = 1 / rcp / g
        self.offset = cp["vcc_mv"] / rup / g
        # For boards that are calibrated by their curve: one curve for each kind of chip.
        self._curves = []
        if not chip.floor_mv or self.pin_mv(12000) <= LINEAR_MV:
            return
        top_uv = int(self.pin_mv(12000) * 1000)
        for reference in REFERENCES_MV:
            points = curve.points(reference)
            seen = plateau.Plateau(*plateau.divider(cp["divider"], cp["vcc_mv"]))
            # Points from a voltmeter are of that one chip: they stand for its own curve.
            seen.trace(curve.points(reference, top_uv))
            self._curves.append((points, seen))

    def pin_mv(self, level):
        return level * self.slope + self.offset

    def seen(self, level, error):
        """(lowest, highest) reading of `level` with ADCs that are off by up to `error`, a
        fraction."""
        pins = [self.pin_mv(level) * (1 + e) for e in (-error, error)]
        if not self._curves:
            found = [(pin - self.offset) / self.slope for pin in pins]
        else:
            found = [s.mv(_count(p, pin * 1000)) for p, s in self._curves for pin in pins]
        return min(found), max(found)

    def full_mv(self):
        """Millivolts at the pin from which on the ADC of any chip may be full."""
        return (
            min(p[-1][1] for p, _ in self._curves) / 1000 if self._curves else self._chip.full_mv
        )

    def confused(self, error, pairs=_ALL):
        """The first pair of states that such ADCs mix up, as a sentence; None if they do not.
        `pairs`: how many to look at, from A and B down."""
        for i, threshold in enumerate(THRESHOLDS[:pairs]):
            upper, low, _ = LEVELS[i]
            lower, _, high = LEVELS[i + 1]
            least, most = self.seen(low, error)[0], self.seen(high, error)[1]
            if least < threshold + HYSTERESIS_MV or most > threshold - HYSTERESIS_MV:
                return (
                    "cannot separate states %s and %s: with an ADC that is off by %.1f %%, %d "
                    "and %d mV of the pilot are seen as %d and %d; the threshold is %d +-%d mV"
                    % (upper, lower, error * 100, high, low, most, least, threshold, HYSTERESIS_MV)
                )
        return None

    def margin(self, pairs=_ALL):
        """Largest error of the ADC in per mille with which no states are mixed up."""
        found = 0
        while found < MOST_PERMILLE and not self.confused((found + 1) / 1000, pairs):
            found += 1
        return found


def _count(points, uv):
    """Count of 65535 of a converter with that curve."""
    for (raw_a, uv_a), (raw_b, uv_b) in zip(points, points[1:]):
        if uv < uv_b:
            return max(0, int(raw_a + (uv - uv_a) * (raw_b - raw_a) / (uv_b - uv_a)))
    return points[-1][0]
