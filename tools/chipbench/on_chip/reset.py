# The chip under test: into each kind of reset, with the relay's pin active.
# MIT license; part of microevse
"""Before the event the relay's pin shows a mark: 5 ms inactive, then active. The end of the mark
is the moment that a witness or an oscilloscope measures from."""

import time

import machine
from machine import PWM, RTC, Pin

KEPT = b"bench: kept over a reset"
# If the computer dies or the cable is pulled while the pin is active: the task watchdog resets the
# CPU, which keeps the pin, and boot.py (or board.c) makes it inactive. It cannot be stopped. A
# person has 30 s to take the power away.
LEFT_ALONE_MS = 60000
_OPTIONS0 = 0x3FF48000  # RTC_CNTL_OPTIONS0; bit 31 resets the system
_SLOW = 0x3FF48050
_CONFIG0, _CONFIG1, _FEED, _KEY_AT = 0x3FF4808C, 0x3FF48090, 0x3FF480A0, 0x3FF480A4


def arm(relay, pilot, on):
    """A watchdog; then the relay's pin active, the pilot's pin with 50 % of 1 kHz; some bytes in
    RTC memory."""
    global _pin, _pwm, _on
    machine.WDT(timeout=LEFT_ALONE_MS)
    _on = on
    _pwm = PWM(Pin(pilot), freq=1000, duty_u16=32768)
    _pin = Pin(relay, Pin.OUT, value=on)
    RTC().memory(KEPT)
    return _pin.value()


def go(kind):
    """Does not come back, but for "en"."""
    if kind == "twdt":
        machine.WDT(timeout=1000)
    if kind == "rwdt":
        mem = machine.mem32
        slow = mem[_SLOW]
        mem[_KEY_AT] = 0x50D83AA1
        mem[_CONFIG1] = 1000 * (524288000 // slow if slow else 150)
        # Enabled, stage 0 resets the system: as firmware/hal/watchdog.py sets it.
        mem[_CONFIG0] = 0xB001FB00
        mem[_FEED] = 0x80000000
        mem[_KEY_AT] = 0
    time.sleep_ms(20)
    if kind == "twdt":
        machine.WDT(timeout=1000)  # fed: its second begins at the mark
    _pin.value(1 - _on)
    time.sleep_ms(5)
    if kind == "rwdt":
        mem[_KEY_AT] = 0x50D83AA1
        mem[_FEED] = 0x80000000
        mem[_KEY_AT] = 0
    _pin.value(_on)
    if kind == "cpu":
        machine.reset()
    elif kind == "panic":
        machine.mem32[0]  # nothing is mapped there
    elif kind == "system":
        machine.mem32[_OPTIONS0] |= 0x80000000
    while kind != "en":
        time.sleep_ms(100)  # feeds nothing


def after(relay, pilot):
    """What this start finds."""
    return {
        "cause": machine.reset_cause(),
        "kept": bytes(RTC().memory()[: len(KEPT)]) == KEPT,
        "relay": Pin(relay).value(),
    }
