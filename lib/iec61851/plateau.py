# Samples of the control pilot -> the voltage of its two plateaus.
# MIT license; part of microevse
"""Oversampled plateau statistics: no synchronisation with the PWM is needed.

A window of some milliseconds holds samples of both halves of the square wave, a few from
its edges, and now and then a spike. Samples are parted at the threshold of state E; the
75th percentile of the upper and the 25th of the lower cluster are the plateaus. Means
would be pulled by edges, extremes by spikes; so of three samples or more it is never the
outermost one (of four, rounding up once took it: two spikes in a row at 6 A opened).

Percentiles are taken on raw counts; only the two results are converted, piece by piece
where the converter is not straight. Nothing here allocates after calibration, and all
products stay below 2**30 (30-bit small ints).
"""

from array import array

from evse_base import const

from iec61851.levels import E_MV

FULL_U16 = const(65535)
_SHIFT = const(13)  # fixed point of the conversion: 6 mV of rounding over the whole range


def part(buf, n, split):
    """Reorder buf[:n]: counts above `split` first. Returns how many those are."""
    front = 0
    back = n - 1
    while front <= back:
        value = buf[front]
        if value > split:
            front += 1
        else:
            buf[front] = buf[back]
            buf[back] = value
            back -= 1
    return front


def kth(buf, left, right, k):
    """The k-th smallest (from 0) of buf[left:right], which is reordered (Hoare's selection)."""
    k += left
    right -= 1
    while left < right:
        pivot = buf[k]
        i = left
        j = right
        while i <= j:
            while buf[i] < pivot:
                i += 1
            while pivot < buf[j]:
                j -= 1
            if i <= j:
                value = buf[i]
                buf[i] = buf[j]
                buf[j] = value
                i += 1
                j -= 1
        if j < k:
            left = i
        if k < i:
            right = j
    return buf[k]


def divider(ohms, vcc_mv):
    """Slope (ppm: uV at the ADC per V of pilot) and offset (uV) of a front end.

    `ohms`: [Rcp to the pilot, Rup to Vcc, Rdn to ground]. V_adc = V_cp * s + o with
    s = (1/Rcp)/G, o = Vcc (1/Rup)/G, G = 1/Rcp + 1/Rup + 1/Rdn.
    """
    rcp, rup, rdn = ohms
    g = rup * rdn + rcp * rdn + rcp * rup
    return (1000000 * rup * rdn + g // 2) // g, (1000 * vcc_mv * rcp * rdn + g // 2) // g


class Plateau:
    """Result of the last window: `high_mv`, `low_mv` (pilot mV), `n_high`, `n_low`, `n`.

    A plateau without samples keeps its old voltage: look at the count first. `empty_mv`: what a
    count of 0 stands for, which a conversion that has failed can give, too.
    `kernel`: object with `part` and `kth`, for a port that has faster ones.
    """

    def __init__(self, slope_ppm, offset_uv, kernel=None):
        self._slope_ppm = slope_ppm
        self._offset_uv = offset_uv
        self._part = kernel.part if kernel else part
        self._kth = kernel.kth if kernel else kth
        self.n = self.n_high = self.n_low = 0
        self.high_mv = self.low_mv = 0
        self.calibrate(0, 0, FULL_U16, 3300000)

    def pilot_mv(self, pin_uv):
        """Pilot millivolts for microvolts at the ADC pin."""
        return (pin_uv - self._offset_uv) * 1000 // self._slope_ppm

    def pin_uv(self, pilot_mv):
        """Microvolts at the ADC pin for pilot millivolts."""
        return pilot_mv * self._slope_ppm // 1000 + self._offset_uv

    def calibrate(self, raw_a, uv_a, raw_b, uv_b):
        """The ADC's line goes through these two points; otherwise as `trace`."""
        self.trace(((raw_a, uv_a), (raw_b, uv_b)))

    def trace(self, points):
        """The ADC's curve goes through these points (count of 65535, microvolts), rising,
        and straight on beyond the first and the last.

        Raises ValueError if they are too close together or run backwards.
        """
        if points[-1][0] - points[0][0] < FULL_U16 // 8:
            raise ValueError("calibration points %d, %d too close" % (points[0][0], points[-1][0]))
        starts, mvs, gains = array("H"), array("i"), array("i")
        for (raw_a, uv_a), (raw_b, uv_b) in zip(points, points[1:]):
            if raw_b <= raw_a or uv_b <= uv_a:
                raise ValueError("calibration runs backwards at %d" % raw_b)
            mv = self.pilot_mv(uv_a)
            gain = ((self.pilot_mv(uv_b) - mv) << _SHIFT) // (raw_b - raw_a)
            # The last piece goes on to the full count, the first one down to 0.
            reach = FULL_U16 - raw_a if raw_b == points[-1][0] else raw_b - raw_a
            if max(reach, raw_a if not starts else 0) * gain >= 1 << 30:
                raise ValueError("front end: %d ppm are too little" % self._slope_ppm)
            starts.append(raw_a)
            mvs.append(mv)
            gains.append(gain)
        self._starts, self._mvs, self._gains = starts, mvs, gains
        i = len(starts) - 1
        while i and mvs[i] > E_MV:
            i -= 1
        self._split = starts[i] + ((E_MV - mvs[i]) << _SHIFT) // gains[i]
        self.empty_mv = self.mv(0)

    def mv(self, raw):
        """Pilot millivolts for a count of 65535."""
        starts = self._starts
        i = len(starts) - 1
        while i and raw < starts[i]:
            i -= 1
        return ((raw - starts[i]) * self._gains[i] >> _SHIFT) + self._mvs[i]

    def measure(self, buf, n):
        """Find the plateaus in buf[:n] (array of unsigned 16 bit counts; gets reordered)."""
        n_high = self._part(buf, n, self._split)
        n_low = n - n_high
        self.n = n
        self.n_high = n_high
        self.n_low = n_low
        if n_high:
            self.high_mv = self.mv(self._kth(buf, 0, n_high, (n_high - 1) * 3 // 4))
        if n_low:
            self.low_mv = self.mv(self._kth(buf, n_high, n, n_low - 1 - (n_low - 1) * 3 // 4))
