# The control pilot's output: 1 kHz from the LEDC.
# MIT license; part of microevse
"""The PWM object is made once and kept, +12 and -12 V are duties of 100 and 0 %: a new object
would cause a glitch. The LEDC runs on while the interpreter stalls."""

import machine
from iec61851 import duty

FREQ_HZ = 1000


class Pilot:
    """`cp`: the profile's cp table; `pwm` is the pin that drives the comparator, `disconnect`
    a switch between it and the EV, which stays closed."""

    def __init__(self, cp):
        switch = cp.get("disconnect")
        if switch:
            opens = switch.get("active_high", True)
            machine.Pin(switch["pin"], machine.Pin.OUT, value=0 if opens else 1)
        self._pwm = machine.PWM(machine.Pin(cp["pwm"]), freq=FREQ_HZ, duty_u16=duty.STEADY)

    def steady(self):
        """+12 V."""
        self._pwm.duty_u16(duty.STEADY)

    def offer(self, ma):
        """PWM that offers at most `ma` (6000 to 80000)."""
        self._pwm.duty_u16(duty.duty_u16(ma))

    def fault(self):
        """-12 V: state F."""
        self._pwm.duty_u16(duty.FAULT)


def hold(cp, high):
    """+12 or -12 V before there is a Pilot, for the calibration at boot."""
    machine.Pin(cp["pwm"], machine.Pin.OUT, value=1 if high else 0)
