# The converter of an ESP32 at 11 dB, also where it is not straight.
# MIT license; part of microevse
"""Up to 2.45 V an ESP32 counts in proportion, above it ever faster, and somewhere between 3.06 and
3.21 V it is full. This voltage, and the slope below it, depend on the reference voltage of the
chip, 1000 to 1200 mV, which its eFuse holds. `read_uv()` of MicroPython is Espressif's
calibration with that reference: a line, and above it a place between two curves that were
measured at 1000 and 1200 mV (esp-idf, components/esp_adc/esp32/adc_cali_line_fitting.c).

The tick has no time for `read_uv()`, and MicroPython has no other way to read the eFuse. One
reading by `read_uv()` and one by `read_u16()`, of any level on the pilot, give the reference, and
with it the whole curve. Imported while calibrating only; integers, but large ones: not for the
tick.
"""

FULL = 65535  # of read_u16()

# Counts of 12 bits, and the millivolts of ADC1 there at both references. Between these the
# 20 points of the source are met within 8 mV. From 4088 on the converter counts as full.
_COUNTS = (0, 2880, 2944, 3264, 3520, 3776, 4032, 4088, 4096)
_AT_1000 = (142, 2251, 2297, 2564, 2754, 2903, 3030, 3056, 3060)
_AT_1200 = (142, 2673, 2706, 2873, 2982, 3084, 3184, 3206, 3209)
_LOW_MV = 1000
_SPAN_MV = 200
# The range of an eFuse (1100 +- 105 mV), with a margin for noise.
REFERENCES_MV = (980, 1220)


def _on(values, raw):
    """Microvolts of one of the two curves at a count of 65535."""
    i = 1
    while i < len(_COUNTS) - 1 and raw > _COUNTS[i] << 4:
        i += 1
    left, right = _COUNTS[i - 1] << 4, _COUNTS[i] << 4
    low, high = values[i - 1] * 1000, values[i] * 1000
    return low + (high - low) * (raw - left) // (right - left)


def reference_mv(raw, uv):
    """The chip's reference, from one level: its count of 65535 and its voltage by read_uv().

    ValueError if no ESP32 would calibrate it so, or the level is too low to tell.
    """
    low, high = _on(_AT_1000, raw), _on(_AT_1200, raw)
    if high - low < 50000:
        raise ValueError("count %d is too low" % raw)
    reference = _LOW_MV + _SPAN_MV * (uv - low) // (high - low)
    if not REFERENCES_MV[0] <= reference <= REFERENCES_MV[1]:
        raise ValueError("%d uV at %d: reference %d mV" % (uv, raw, reference))
    return reference


def points(reference, full_uv=0):
    """[(count of 65535, microvolts)] of a chip with that reference, rising.

    `full_uv`: the voltage that a full converter stands for, where that is above its range: on the
    pilot only +12 V is so high.
    """
    found = []
    for i in range(len(_COUNTS)):
        low, high = _AT_1000[i] * 1000, _AT_1200[i] * 1000
        uv = low + (high - low) * (reference - _LOW_MV) // _SPAN_MV
        found.append((min(_COUNTS[i] << 4, FULL), uv))
    found[-1] = (FULL, max(full_uv, found[-1][1]))
    return found
