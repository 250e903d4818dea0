# The electrical parts of a board profile, put together.
# MIT license; part of microevse
"""State machines, the sensors a board has, and what watches them; app.py keeps the results."""

import log
from hal.contact import Contact
from hal.contactor import Contactor
from hal.pilot import Pilot
from iec61851.evse import Evse
from station.protection import Protection
from station.soft_pause import SoftPause
from station.temperature import reader


def mirror_contact(profile):
    """The contact that is open while a pole is closed; None where not fitted."""
    pin = profile["contactor"].get("feedback")
    return None if pin is None else Contact(pin)


def _may_close(lock, mirror):
    """fn(): plug locked, and no pole sticks. What is not fitted is not asked."""
    if mirror is None:
        return lock.is_locked if lock else None
    return lambda: (lock is None or lock.is_locked()) and not mirror.is_open()


def evse(charger, i):
    """The state machine of connector i of the profile, from 0."""
    profile = charger.board["connectors"][i]
    rcd = charger.rcds[i]
    made = Evse(
        Pilot(profile["cp"]),
        Contactor(profile["contactor"]),
        ventilated=profile.get("ventilated", False),
        lock_ok=_may_close(charger.locks[i], charger.mirrors[i]),
        rcd_ok=rcd.is_ok if rcd else None,
        diode_check=profile["cp"].get("diode_check", True),
    )
    if not profile["cp"].get("diode_check", True):
        log.warn("evse", "connector %d: this board cannot check the EV's diode", i + 1)
    if i in charger.adc.uncalibrated:
        # 6 % of an ADC without calibration are enough to take B for C.
        log.error("evse", "connector %d: levels of the pilot cannot be trusted", i + 1)
        made.trip("InternalError")
    made.waker.after_ms = 1000 * charger.settings.get("WakeUpDelay")
    if rcd:
        rcd.on_trip(made.trip)
    return made


def protections(charger):
    """The Protection of each connector; earth and temperature are those of the board."""
    board = charger.board
    temp = board.get("temp")
    temp_dc = reader(temp, charger.adc.temp_mv) if temp else None
    earth_lost = Contact(board["pe"]).is_closed if "pe" in board else None
    made = []
    for i, connector in enumerate(charger.station.connectors):
        mirror = charger.mirrors[i]
        poles = mirror.is_open if mirror else None
        full_ma = 1000 * board["connectors"][i]["max_a"]
        rcd = charger.rcds[i]
        made.append(
            Protection(connector, charger.clock, full_ma, rcd, poles, earth_lost, temp_dc)
        )
    return made


def soft_pause(charger):
    """What lets a lost wss:// connection come back while a car charges."""
    connection, link = charger.connection, charger.link
    return SoftPause(
        charger.settings,
        charger.clock,
        charger.evses,
        lambda: connection.gated and link.connected,
        lambda: connection.connected,
    )
