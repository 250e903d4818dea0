# The network parts of a board profile, put together.
# MIT license; part of microevse
"""Which link a board has, and what it is told of the rest of the charger; app.py keeps the
result."""

from evse_base import log
from hal import system
from hal.dns import Dns
from ocppj.dial import resolve
from timekeeper import Timekeeper


def lookup():
    """Asks for the address of a name without stopping anybody, where the chip has threads."""
    return Dns(resolve).lookup


def link(charger):
    """The Link of the board: WiFi or Ethernet, with the same methods."""
    settings = charger.settings
    fixed = None
    if settings.text("StaticAddress"):
        from station import netaddress  # rarely set

        try:
            fixed = netaddress.parse(settings.text("StaticAddress"))
        except ValueError as exc:
            log.error("net", "StaticAddress %s", exc)
    common = (
        settings,
        charger.on_network,
        fixed,
        charger.connection.quiet_s,
        charger._may_stall,
        lambda: _reboot(charger),
    )
    if charger.board["network"] == "ethernet":
        from hal.ethernet import Link

        return Link(charger.board["ethernet"], *common)
    from hal.wifi import Link

    return Link(*common)


def timekeeper(charger):
    """Who asks the time server, once there is a link."""
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


def soft_pause(charger):
    """What lets a lost wss:// connection come back while a car charges."""
    from station.soft_pause import SoftPause

    connection, link = charger.connection, charger.link
    return SoftPause(
        charger.settings,
        charger.clock,
        charger.evses,
        lambda: connection.gated and link.connected,
        lambda: connection.connected,
    )


def _reboot(charger):
    """The last resort of a link: not while a car is anybody's business."""
    if not charger._may_stall() or [c for c in charger.station.connectors if c.session]:
        return
    log.error("net", "the network does not come back: reset")
    system.mark("SoftRestart")
    system.reset()
