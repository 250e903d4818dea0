# The electrical parts of a board profile, put together.
# MIT license; part of microevse
"""State machines, the sensors a board has, and what watches them; app.py keeps the results.
The code of what is not fitted is not loaded."""

import log
from hal.contactor import Contactor
from hal.pilot import Pilot
from iec61851.evse import Evse
from station.protection import Protection
from station.soft_pause import SoftPause


def guarded(board):
    """True where the pilot and the RCD open every contactor without the interpreter: what stalls
    is allowed while charging then. Says so in the log, and why not."""
    kind = board["guard"]
    if kind == "none":
        return False
    missing = None
    if kind not in ("interlock", "external"):
        missing = "not proven on this board"  # ulp, until a bench has shown it
    elif not all([c.get("rcd", {}).get("gates", False) for c in board["connectors"]]):
        missing = "the RCD does not gate the relay driver"
    if missing:
        log.warn("electrical", "guard %s: %s, counts as none", kind, missing)
    else:
        log.info("electrical", "guard %s: stalls are allowed while charging", kind)
    return missing is None


def lock(profile):
    """The lock of the plug; None where not fitted."""
    if "lock" not in profile:
        return None
    from hal.lock import Lock

    return Lock(profile["lock"])


def rcd(profile):
    """The residual current device that tells when it has tripped; None where not fitted."""
    if "rcd" not in profile:
        return None
    from hal.rcd import Rcd

    return Rcd(profile["rcd"])


def poles(profile):
    """What tells where the poles of the contactor are; None where not fitted."""
    relay = profile["contactor"]
    if "feedback" not in relay and "sense" not in relay:
        return None
    from hal.contact import Poles

    return Poles(relay.get("feedback"), relay.get("sense"))


def _may_close(lock, mirrors):
    """fn(): plug locked, and no pole sticks. What is not fitted is not asked."""
    if mirrors is None:
        return lock.is_locked if lock else None
    return lambda: (lock is None or lock.is_locked()) and not mirrors.any_closed()


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
        made.trip("Uncalibrated")
    if "held" in profile["contactor"]:
        made.held = _closed(profile["contactor"]["held"])
    low_mv = charger.adc.low_mv(i)
    if low_mv is not None:
        made.front_end.tested(low_mv)
    made.waker.after_ms = 1000 * charger.settings.get("WakeUpDelay")
    if rcd:
        rcd.on_trip(made.trip)
    return made


def protections(charger):
    """The Protection of each connector; earth and temperature are those of the board."""
    board = charger.board
    thermometer, temp_dc = _thermometer(board.get("temp"), charger.adc)
    earth_lost = _closed(board["pe"]) if "pe" in board else None
    made = []
    for i, connector in enumerate(charger.station.connectors):
        full_ma = 1000 * board["connectors"][i]["max_a"]
        made.append(
            Protection(
                connector,
                charger.clock,
                full_ma,
                charger.rcds[i],
                charger.mirrors[i],
                earth_lost,
                temp_dc,
            )
        )
        made[i].rcd_test_ms = lambda: 1000 * charger.settings.get("RcdTestInterval")
    if thermometer is not None:
        made.append(thermometer)  # it has to be run, too
    return made


def _closed(pin):
    """fn(): the contact between `pin` and ground is closed."""
    from hal.contact import Contact

    return Contact(pin).is_closed


def _thermometer(cfg, adc):
    """(what needs a task or None, fn() -> tenths of a degree or None) for the `temp` table."""
    if not cfg:
        return None, None
    if cfg.get("type") == "ds18b20":
        from hal.ds18b20 import Ds18b20  # its drivers are not small, and seldom needed

        sensor = Ds18b20(cfg)
        return sensor, sensor.temp_dc
    from station import temperature

    return None, temperature.reader(cfg, adc.temp_mv)


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
