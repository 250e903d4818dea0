# Contacts to ground with a pull-up: mirror contacts, sensed voltage, earth, a guard's output.
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


def input_of(cfg):
    """(pin, True if a closed contact means yes) of an input. A pin alone: the contact closes for
    yes. A table {pin, normally_closed}: the contact may open for yes; then a broken wire says yes,
    too."""
    if isinstance(cfg, dict):
        return cfg["pin"], not cfg.get("normally_closed", False)
    return cfg, True


def tells(cfg):
    """fn(): whether the input says yes."""
    pin, closed = input_of(cfg)
    contact = Contact(pin)
    return contact.is_closed if closed else contact.is_open


class EmergencyStop:
    """The emergency stop: opens at once, by soft interrupt. `pressed()` is for all other code."""

    def __init__(self, cfg):
        pin, closed = input_of(cfg)
        self.pressed = tells(cfg)
        self._trips = []
        edge = machine.Pin.IRQ_FALLING if closed else machine.Pin.IRQ_RISING
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._pin.irq(handler=self._on_edge, trigger=edge)

    def on_press(self, trip):
        """`trip("EmergencyStop")` is called when it is pressed."""
        self._trips.append(trip)

    def _on_edge(self, _pin):
        # Read again: a contactor nearby may cause a false pulse.
        if self.pressed():
            for trip in self._trips:
                trip("EmergencyStop")


class Poles:
    """Sensor of the poles of a contactor. `mirrors`: pins of mirror contacts (open
    while a pole is closed); `senses`: pins that are low while there is voltage behind a pole.
    Each may be one pin or a list with one for each pole. Reading does not allocate."""

    def __init__(self, mirrors, senses):
        self._mirrors = [Contact(pin) for pin in _pins(mirrors)]
        self._senses = [Contact(pin) for pin in _pins(senses)]
        self.single = len(self._mirrors) < 2 and len(self._senses) < 2

    def wrong(self, closed):
        """Number (from 1) of the first pole that is not in the state `closed`; 0: none."""
        return _first(self._mirrors, not closed) or _first(self._senses, closed)

    def any_closed(self):
        return self.wrong(False) != 0


def may_close(lock, poles, stop):
    """fn(): plug locked, no pole sticks, emergency stop not pressed. A part that is None is left
    out."""
    return lambda: (
        (lock is None or lock.is_locked())
        and (poles is None or not poles.any_closed())
        and (stop is None or not stop.pressed())
    )


def _pins(value):
    if value is None:
        return ()
    return value if isinstance(value, (list, tuple)) else (value,)


def _first(contacts, is_open):
    """Number of the first of `contacts` that is open (or closed); 0 without one."""
    number = 0
    for contact in contacts:
        number += 1
        if contact.is_open() == is_open:
            return number
    return 0
