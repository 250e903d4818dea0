# The electrical parts of a board profile, put together.
# MIT license; part of microevse
"""State machines, the sensors of a board, and the tasks that watch them; app.py keeps the results.
The code of a part that is not fitted is not loaded. This module is unloaded once all parts run: no
part may keep a function that is made here, for that would keep the whole module."""

from evse_base import log
from hal.contactor import Contactor
from hal.pilot import Pilot
from hal.tick import Tick
from hal.watchdog import Watchdog
from iec61851.evse import Evse
from evse_base import const, forget
from station.protection import Protection
from wiring import fitted

# Protection looks twice a second.
_PROTECTION_LIMIT_MS = const(2000)


def guarded(board):
    """True where the pilot and the RCD open every contactor without the interpreter: then the
    interpreter may stall while charging. Writes the answer and its reason to the log."""
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


def ulp(board):
    """The guard in the ULP (hal.ulp_guard), at rest; None where the board asks for none. Made
    before anything reads the converter: the program of before a reset may still run."""
    if board["guard"] != "ulp":
        return None
    try:
        import ulp_program  # tools/build.py makes it for this board
    except ImportError:
        log.error("electrical", "this image has no program for the ULP: nothing will close")
        return None
    from hal.ulp_guard import UlpGuard

    return UlpGuard(ulp_program)


def ulp_watch(supervisor, guard, profile, connector, adc):
    """Set the ULP's program up and start the task that tests it and compares its memory."""
    from hal.ulp_watch import UlpWatch

    guard.on_fail = connector.evse.trip
    watch = UlpWatch(guard, connector, adc.plateau(0), profile.get("ventilated", False))
    supervisor.start("ulp", watch.run, critical=True)


def lock(profile):
    """The lock of the plug; None where not fitted."""
    if "lock" not in profile:
        return None
    from hal.lock import Lock

    return Lock(profile["lock"])


def rcd(profile):
    """The input of the residual current device; None where not fitted."""
    if "rcd" not in profile:
        return None
    from hal.rcd import Rcd

    return Rcd(profile["rcd"])


def poles(profile):
    """The sensor of the contactor's poles; None where not fitted."""
    relay = profile["contactor"]
    if "feedback" not in relay and "sense" not in relay:
        return None
    from hal.contact import Poles

    return Poles(relay.get("feedback"), relay.get("sense"))


def stop(board):
    """The emergency stop of the board; None where not fitted."""
    if "estop" not in board:
        return None
    from hal.contact import EmergencyStop

    return EmergencyStop(board["estop"])


def _may_close(lock, mirrors, stop):
    """fn(): plug locked, no pole sticks, emergency stop not pressed. A part that is not fitted is
    left out; None without any."""
    if mirrors is None and stop is None:
        return lock.is_locked if lock else None
    from hal.contact import may_close

    return may_close(lock, mirrors, stop)


def contactor(profile, guard=None):
    """The contactor of a connector, open. `guard`: the ULP that has the second key to it."""
    if guard:
        from hal.ulp_guard import UlpContactor

        return UlpContactor(guard)
    return Contactor(profile["contactor"])


def evses(board, adc, contactors, rcds, locks, mirrors, stop, wake_up_ms, guard=None):
    """The state machine of each connector; the lists have one part for each, None where not
    fitted. wake_up_ms: for iec61851.evse.Waker.after_ms. guard: the ULP, where one is used."""
    made = []
    for i, contactor in enumerate(contactors):
        may_close = _may_close(locks[i], mirrors[i], stop)
        if guard:
            guard.inner, may_close = may_close, guard.may_close
        one = _evse(board["connectors"][i], contactor, rcds[i], may_close, guard)
        missing = fitted.lacks(board, i)
        if missing:
            log.warn("evse", "connector %d of this board has %s", i + 1, missing)
        if i in adc.uncalibrated:
            # 6 % of an ADC without calibration are enough to take B for C.
            log.error("evse", "connector %d: levels of the pilot cannot be trusted", i + 1)
            one.trip("Uncalibrated")
        low_mv = adc.low_mv(i)
        if low_mv is not None:
            one.front_end.tested(low_mv)
        if board["guard"] == "ulp" and guard is None:
            one.trip("GuardFailed")
        one.waker.after_ms = wake_up_ms
        if stop:
            stop.on_press(one.trip)
        made.append(one)
    return made


def _evse(profile, contactor, rcd, may_close, guard):
    if guard:
        from hal.ulp_guard import EasedPilot

        pilot = EasedPilot(profile["cp"], guard)
    else:
        pilot = Pilot(profile["cp"])
    made = Evse(
        pilot,
        contactor,
        ventilated=profile.get("ventilated", False),
        lock_ok=may_close,
        rcd_ok=rcd.is_ok if rcd else None,
        diode_check=profile["cp"].get("diode_check", True),
    )
    if "held" in profile["contactor"]:
        made.held = _closed(profile["contactor"]["held"])
    elif guard:
        made.held = guard.held
    if rcd:
        rcd.on_trip(made.trip)
        rcd.evse = made
    return made


def tick(board, adc, evses, contactors, alive, guarded, ulp=None):
    """The Tick of all connectors, not started; see hal.tick. Keeps the list of outputs that
    boot.py opens before it touches a file. Where that fails nothing is closed: after a crash a
    contactor would stay closed for as long as a boot takes, or for good. `ulp`: gets a heartbeat
    with each feed of the watchdogs."""
    if ulp:
        from hal.ulp_guard import BeatingWatchdog

        dog = BeatingWatchdog(board["chip"], ulp)
    else:
        dog = Watchdog(board["chip"])
    if dog.mem is None:
        log.warn(
            "electrical", "no watchdog here lets go of the relay: after a hang boot.py opens it"
        )
    made = Tick(adc, evses, contactors, dog, alive, guarded)
    from hal import kept

    try:
        kept.keep(board)
    except (OSError, ValueError) as exc:
        log.error("electrical", "the outputs cannot be kept for the next boot: %r", exc)
        made.open_all("StorageFailed")
    forget("hal.kept")
    return made


def start_protections(supervisor, protections):
    """Run the tasks that watch the sensors, without back-off. The watchdogs are fed only while
    these tasks beat."""
    for i, guard in enumerate(protections):
        name = "protection %d" % (i + 1)
        if hasattr(guard, "beat"):
            guard.beat = supervisor.watch(name, _PROTECTION_LIMIT_MS)
        supervisor.start(name, guard.run, critical=True)


def protections(board, connectors, clock, settings, adc, rcds, mirrors, stop):
    """The Protection of each of `connectors`; earth, temperature and emergency stop are those of
    the board."""
    thermometer, temp_dc, derating = _thermometer(board.get("temp"), adc)
    earth_lost = None
    if "pe" in board:
        from hal.contact import tells

        earth_lost = tells(board["pe"])
    made = []
    for i, connector in enumerate(connectors):
        full_ma = 1000 * board["connectors"][i]["max_a"]
        made.append(
            Protection(
                connector,
                clock,
                full_ma,
                rcds[i],
                mirrors[i],
                earth_lost,
                temp_dc,
                derating and derating(),
                stop and stop.pressed,
            )
        )
        if rcds[i]:
            from hal.rcd import test_interval

            made[i].rcd_test_ms = test_interval(settings)
    if thermometer is not None:
        made.append(thermometer)  # its task has to run, too
    return made


def _closed(pin):
    """fn(): the contact between `pin` and ground is closed."""
    from hal.contact import Contact

    return Contact(pin).is_closed


def _thermometer(cfg, adc):
    """(sensor that needs a task or None, fn() -> tenths of a degree or None, the class that
    derates) for the `temp` table."""
    if not cfg:
        return None, None, None
    from station import temperature

    if cfg.get("type") == "ds18b20":
        from hal.ds18b20 import Ds18b20  # its drivers are not small, and seldom needed

        sensor = Ds18b20(cfg)
        return sensor, sensor.temp_dc, temperature.Derating
    return None, temperature.reader(cfg, adc.temp_mv), temperature.Derating
