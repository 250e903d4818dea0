# Lamps and the button of the board.
# MIT license; part of microevse
"""Plain lamps on pins, a strip of WS2812 on one pin, a button to ground."""

import machine
from evse_base import Flag


class Lamps:
    """`cfg`: the `leds` of the profile: {name: pin, ..., "active_low": bool, "ws2812": {...}}.

    Writing a strip takes 30 us for each pixel, by hardware (RMT).
    """

    def __init__(self, cfg):
        self._lit = 0 if cfg.get("active_low") else 1
        self._pins = {}
        for name in cfg:
            if name not in ("active_low", "ws2812"):
                self._pins[name] = machine.Pin(cfg[name], machine.Pin.OUT, value=1 - self._lit)
        self.names = sorted(self._pins)
        self._strip = None
        self.pixels = 0
        strip = cfg.get("ws2812")
        if strip:
            import neopixel  # only where there is a strip

            self.pixels = strip.get("count", 1)
            self._strip = neopixel.NeoPixel(machine.Pin(strip["pin"]), self.pixels)

    def show(self, name, on):
        self._pins[name].value(self._lit if on else 1 - self._lit)

    def paint(self, colours):
        for i in range(self.pixels):
            self._strip[i] = colours[i]
        self._strip.write()


class Contact:
    """A button between `pin` and ground: `pressed()`, and `flag`, set by every change."""

    def __init__(self, pin):
        self.flag = Flag()
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._pin.irq(self._moved, machine.Pin.IRQ_RISING | machine.Pin.IRQ_FALLING)

    def _moved(self, _pin):
        self.flag.set()

    def pressed(self):
        return not self._pin.value()
