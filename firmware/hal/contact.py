# Contacts to ground with a pull-up: mirror contact, supervision of the protective earth.
# MIT license; part of microevse

import machine


class Contact:
    """`open` while nothing pulls the pin to ground. Reading does not allocate."""

    def __init__(self, pin):
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)

    def is_open(self):
        return self._pin.value() == 1

    def is_closed(self):
        return self._pin.value() == 0
