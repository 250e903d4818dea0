# When the application crashes at every start: the page and the network, and no charging.
# MIT license; part of microevse
"""Started by main.py instead of the application after so many crashes in a row.

Every contactor stays open and the pilots are in state F, which an EV understands as "not
available" (IEC 61851-1 table A.1). The page says why, shows the last log lines before the crash
behind the password, and can start the application again. That is also tried every half hour:
in a garage no person looks at the charger. This module uses as little as possible of the
application: the fault that crashes the application must not crash safe mode, too.
"""

import asyncio

import blackbox
from evse_base import forget, log
from evse_base.clock import Clock
from config import layer_values, provisioning
from hal import board as board_file
from hal import system
from hal.watchdog import Watchdog
from station.settings import Settings
from version import VERSION

# Crashes in a row, each within two minutes of its start, that lead here.
AFTER = 3
RETRY_S = 1800
# No contactor can close here. A person who stops this from the console has this long until a
# reset.
_WATCHDOG_MS = 60000
_FEED_S = 2


class View:
    """The page's window (web.view.View) on a charger that does not charge."""

    def __init__(self, settings, clock, board, lines):
        self._settings = settings
        self._clock = clock
        self._board = board
        self._lines = lines
        self.services = Services(settings)  # another version of the program may work

    def snapshot(self):
        why = "Safe mode: the program crashed %d times in a row (%s). Nothing is charged." % (
            system.boot_loops(),
            log.redact(blackbox.reason(self._lines)),
        )
        return {
            "status": "faulted",
            "why": why,
            "fault": "TaskFailed: " + why,
            "plugged": False,
            "contactor": False,
            "session": None,
            "ocpp": {"state": "not started", "url_host": "", "last_error": ""},
            "name": self._settings.text("ChargePointId") or self._board.get("name", ""),
            "uptime_s": self._clock.uptime(),
            "version": VERSION,
            "safe_mode": True,
        }

    async def start(self, id_tag):
        return "Nothing can be charged in safe mode; restart the charger."

    async def stop(self):
        return "Nothing is charging."

    async def reset_faults(self):
        return "There is nothing to reset in safe mode; restart the charger."

    async def restart(self):
        return restart()

    async def factory_reset(self):
        return "Not in safe mode; restart the charger."

    async def security_lines(self):
        return ["# the security log cannot be read in safe mode"]

    def log_lines(self):
        return [log.redact(line) for line in self._lines + ["-- safe mode --"] + log.tail()]


class Services:
    """The verbs of upkeep.transfers.Transfers that web.update needs; here no EV charges."""

    def __init__(self, settings):
        self._settings = settings

    def allowed(self, *ms):
        return True

    def installer(self):
        from upkeep import installer

        return installer.fitted(self._settings)

    vacant = allowed

    async def reboot(self):
        system.mark("FirmwareUpdate")
        system.reset()


def wanted():
    """True if the application has crashed too often in a row, and there is no other application.

    Asked at every start. A version on trial has its own count, in its slot: its crashes do not
    count against the version that runs after it.
    """
    if not system.boot_loops():
        return False
    from hal import appslot  # rarely needed

    try:
        if appslot.on_trial():
            system.healthy()
            return False
        if system.boot_loops() < AFTER:
            return False
        if appslot.go_back():
            log.error("safe", "%d crashes in a row: the other slot is taken", AFTER)
            system.healthy()
            system.mark("Crash")
            system.reset()
    except (OSError, KeyError) as exc:
        log.error("safe", "slots: %r", exc)
    finally:
        forget("slots")
        forget("hal.appslot")
    return system.boot_loops() >= AFTER


def restart():
    """Give the application another chance, a moment from now; text for a person."""
    system.mark("Retry")
    asyncio.create_task(_reset())
    return "Starting again."


async def _reset():
    await asyncio.sleep(1)  # the page's answer is on its way
    system.reset()


def _pilots_off(board):
    """State F on every pilot, as far as the profile can be read."""
    from hal.pilot import hold

    for connector in _load("connectors", lambda: list(board["connectors"]), []):
        _load("pilot", lambda: hold(connector["cp"], False), None)  # noqa: B023


def _load(what, make, otherwise):
    """`make()`, or `otherwise` if that raises: it may be the part that crashes the application."""
    try:
        return make()
    except Exception as exc:
        log.error("safe", "no %s: %r", what, exc)
        return otherwise


def _journal(clock):
    from wiring import journal

    # Opened only: the crash may have come from the recovery of sessions.
    return journal.look_up(clock)


def _vault():
    from wiring import vault

    return vault.opened(lambda: True)


def _settings(clock):
    """The charger's settings; without a readable journal those of config.json alone."""
    settings = Settings(_load("journal", lambda: _journal(clock), None), _vault)
    provision = _load("config.json", provisioning, {})
    layer_values(settings.factory, provision.get("settings", {}))
    layer_values(settings.overlay, provision.get("start", {}))
    return settings


def _link(board, settings):
    """The board's link, without listeners and without the reset."""
    from station import netaddress

    fixed = _load("StaticAddress", lambda: netaddress.parse(settings.text("StaticAddress")), None)
    common = (settings, lambda up: None, fixed, lambda: 0, Services(settings).allowed, None)
    if board.get("network") == "ethernet":
        from hal.ethernet import Link

        return Link(board["ethernet"], *common)
    from hal.wifi import Link

    return Link(*common)


async def _serve(settings, clock, board, lines, link):
    from web.door import Door

    # The same bounds as everywhere: eight visitors at once must not end safe mode, either.
    await Door(lambda: View(settings, clock, board, lines), settings, clock, link).run()


async def _guarded(name, factory):
    """Run a task to its end: an error of the network must not end the page, or the reverse."""
    while True:
        try:
            await factory()
        except Exception as exc:
            log.error("safe", "%s failed: %r", name, exc)
        await asyncio.sleep(5)


async def run():
    """Until the next start, which comes by itself after half an hour."""
    lines = blackbox.previous()
    log.error("safe", "safe mode after %d crashes in a row", system.boot_loops())
    board = _load("board profile", board_file.load, {})
    if not isinstance(board, dict):
        board = {}
    _pilots_off(board)
    watchdog = Watchdog()
    watchdog.set(_WATCHDOG_MS)
    clock = Clock()
    log.use_clock(clock)
    settings = _settings(clock)
    try:
        link = _link(board, settings)
        asyncio.create_task(_guarded("network", link.run))
        asyncio.create_task(_guarded("page", lambda: _serve(settings, clock, board, lines, link)))
    except Exception as exc:
        # Half an hour later the application has its next chance.
        log.error("safe", "no network: %r", exc)
    while clock.uptime() < RETRY_S:
        watchdog.feed()
        await asyncio.sleep(_FEED_S)
    log.info("safe", "another try")
    restart()
    await asyncio.sleep(60)
