# Which sensors a board has, and what watches them.
# MIT license; part of microevse
"""Contactor feedback, PE supervision and thermometer of the profile -> station.Protection."""

from hal.contact import Contact
from station.protection import Protection
from station.temperature import reader


def mirror_contact(profile):
    """The contact that is open while a pole is closed; None where not fitted."""
    pin = profile["contactor"].get("feedback")
    return None if pin is None else Contact(pin)


def may_close(lock, mirror):
    """fn(): plug locked, and no pole sticks. What is not fitted is not asked."""
    if mirror is None:
        return lock.is_locked if lock else None
    return lambda: (lock is None or lock.is_locked()) and not mirror.is_open()


def protection(board, adc, connector, clock, rcd, mirror):
    """The Protection of one connector."""
    temp = board.get("temp")
    return Protection(
        connector,
        clock,
        1000 * board["connectors"][connector.id - 1]["max_a"],
        rcd,
        mirror.is_open if mirror else None,
        Contact(board["pe"]).is_closed if "pe" in board else None,
        reader(temp, adc.temp_mv) if temp else None,
    )
