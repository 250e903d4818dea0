# The chip under test: its converter and its square wave.
# MIT license; part of microevse
import time
from array import array

from machine import ADC, PWM, Pin

_wave = None


def pilot(pin, level):
    """The pilot's pin steady."""
    global _wave
    if _wave is not None:
        _wave.deinit()
        _wave = None
    Pin(pin, Pin.OUT, value=level)


def wave(pin, duty):
    """1 kHz with `duty` of 65535."""
    global _wave
    _wave = PWM(Pin(pin), freq=1000, duty_u16=duty)
    time.sleep_ms(20)


def counts(pin, number):
    """`number` conversions: least, middle and largest count of 65535; how many read 0, how many
    less than 0; the middle in millivolts by the chip's calibration; microseconds for each."""
    adc = ADC(Pin(pin), atten=ADC.ATTN_11DB)
    read = adc.read_u16
    values = array("i", [0] * number)
    start = time.ticks_us()
    for i in range(number):
        values[i] = read()
    took = time.ticks_diff(time.ticks_us(), start)
    got = sorted(values)
    try:
        mv = sorted([adc.read_uv() for _ in range(31)])[15] // 1000
    except OSError:
        mv = -1  # no calibration in its eFuse
    return {
        "least": got[0], "middle": got[number // 2], "most": got[-1], "mv": mv,
        "zeros": len([v for v in got if v == 0]), "failed": len([v for v in got if v < 0]),
        "us": took / number,
    }  # fmt: skip
