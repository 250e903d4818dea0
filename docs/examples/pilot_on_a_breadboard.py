# A control pilot on a breadboard: an ESP32, a comparator, four resistors and a lamp. No mains.
# MIT license; part of microevse
"""Needs the package `iec61851`. Wiring: docs/wiring.md, "Control pilot".

    GPIO 18   to the comparator (PWM of 1 kHz, later +12/-12 V behind 1 kohm: CP)
    GPIO 34   to the divider: 120k to CP, 27k to 3.3 V, 22k to 0 V
    GPIO 25   a lamp (LED and 1 kohm) in place of the contactor. Never a contactor: this example
              has no watchdog, no RCD and no lock.

A car is 2.74 kohm in series with a diode from CP to 0 V (state B), and 1.3 kohm more parallel to
the resistor (state C). The lamp is lit while a contactor would be closed.
"""

import asyncio
import time
from array import array

import machine
from iec61851 import duty
from iec61851.evse import Evse
from iec61851.levels import LETTERS
from iec61851.plateau import Plateau, divider

PWM_PIN, ADC_PIN, LAMP_PIN = 18, 34, 25
OFFER_MA = 16000
WINDOW_US = 4000  # four periods of the pilot
PAUSE_MS = 6
COUNT_UV = 50  # what one count in the buffer stands for


class Pilot:
    """What Evse asks of the output: three verbs."""

    def __init__(self, pin):
        self._pwm = machine.PWM(machine.Pin(pin), freq=1000, duty_u16=duty.STEADY)

    def steady(self):
        self._pwm.duty_u16(duty.STEADY)

    def offer(self, ma):
        self._pwm.duty_u16(duty.duty_u16(ma))

    def fault(self):
        self._pwm.duty_u16(duty.FAULT)


class Lamp:
    """What Evse asks of a contactor: two verbs."""

    def __init__(self, pin):
        self._pin = machine.Pin(pin, machine.Pin.OUT, value=0)

    def close(self):
        self._pin.value(1)

    def open(self):
        self._pin.value(0)


def sample(adc, buf):
    """Fill `buf` for one window, calibrated by the chip; returns how many samples."""
    # Not always at the same places of the square wave.
    time.sleep_us(time.ticks_us() >> 2 & 511)
    start = time.ticks_us()
    n = 0
    while n < len(buf) and time.ticks_diff(time.ticks_us(), start) < WINDOW_US:
        buf[n] = adc.read_uv() // COUNT_UV
        n += 1
    return n


async def main():
    adc = machine.ADC(machine.Pin(ADC_PIN), atten=machine.ADC.ATTN_11DB)
    plateau = Plateau(*divider([120000, 27000, 22000], 3300))
    plateau.calibrate(0, 0, 65535, 65535 * COUNT_UV)
    evse = Evse(Pilot(PWM_PIN), Lamp(LAMP_PIN))
    evse.permit(OFFER_MA)
    buf = array("H", bytes(2 * 128))
    before = None
    last = time.ticks_ms()
    while True:
        now = time.ticks_ms()
        plateau.measure(buf, sample(adc, buf))
        evse.window(now, plateau, time.ticks_diff(now, last))
        last = now
        seen = (LETTERS[evse.state], evse.offered_ma, evse.closed, evse.fault)
        if seen != before:
            before = seen
            print(
                "state %s, %d mV / %d mV, offered %d mA, lamp %s, fault %s"
                % (seen[0], plateau.high_mv, plateau.low_mv, seen[1], seen[2], seen[3])
            )
        await asyncio.sleep_ms(PAUSE_MS)


if hasattr(machine, "ADC"):
    asyncio.run(main())
else:
    print("This example needs a board: there is no ADC here. See docs/examples/README.md.")
