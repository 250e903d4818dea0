# The network parts of a board profile, put together.
# MIT license; part of microevse
"""Which link a board has, and what it is told of the rest of the charger; app.py keeps the
result. Safe mode makes its link here, too: what only a charger needs is imported where it is."""

import log
from hal import system


def lookup():
    """Asks for the address of a name without stopping anybody, where the chip has threads."""
    from hal.dns import Dns
    from ocppj.dial import resolve

    return Dns(resolve).lookup


def make(board, settings, on_change, quiet_s, may_stall, reboot):
    """The Link of the board: WiFi or Ethernet, with the same methods; arguments as theirs."""
    fixed = None
    if settings.text("StaticAddress"):
        from station import netaddress  # rarely set

        try:
            fixed = netaddress.parse(settings.text("StaticAddress"))
        except ValueError as exc:
            log.error("net", "StaticAddress %s", exc)
    common = (settings, on_change, fixed, quiet_s, may_stall, reboot)
    if board.get("network") == "ethernet":
        from hal.ethernet import Link

        return Link(board["ethernet"], *common)
    from hal.wifi import Link

    return Link(*common)


def link(charger):
    """The Link of a charger that runs."""
    return make(
        charger.board,
        charger.settings,
        charger.on_network,
        charger.connection.quiet_s,
        charger._may_stall,
        lambda: _reboot(charger),
    )


def timekeeper(charger):
    """Who asks the time server, once there is a link."""
    from timekeeper import Timekeeper

    return Timekeeper(
        charger.settings,
        charger.clock,
        charger.link,
        charger._may_stall,
        charger.config.secure,
        charger.connection.resolver,
        charger.journal,
        system.rtc_not_before,
    )


def _reboot(charger):
    """The last resort of a link: not while a car is anybody's business."""
    if not charger._may_stall() or [c for c in charger.station.connectors if c.session]:
        return
    log.error("net", "the network does not come back: reset")
    system.mark("SoftReset")
    system.reset()
