# The network parts of a board profile, put together.
# MIT license; part of microevse
"""Makes the link of a board and the clients that need one; app.py keeps the results. No part keeps
a function of this module, so the module is unloaded once all parts run."""

from config import CsmsConfig
from evse_base import forget, log, release
from hal import memory, system
from hal.dns import Dns
from ocppj.connection import Connection
from ocppj.dial import open_stream, resolve
from timekeeper import Timekeeper


def access(settings, may_stall, protocols):
    """The configuration of that connection, and which slot it uses. It never raises: without slots
    it is what the settings say. protocols: those on offer, changed to those of the slot."""
    config = CsmsConfig(settings, may_stall)
    if settings.text("NetworkConfigurationPriority") != "1" or settings.text("NetworkBefore"):
        try:
            from upkeep.network_slots import NetworkSlots
            from wiring import adapters

            there = adapters.there(())
            config.access = NetworkSlots(settings, config, may_stall, protocols, there)
        except Exception as exc:
            log.error("net", "slot 1 is used: %r", exc)
            settings.guard = config.access.judge
        forget("wiring.adapters")
        release("upkeep.network_slots")
    return config


def watch(config, connection, link, central):
    """Tell what is on trial, or the slots, how attempts end."""
    slots = config.access
    connection.on_failure = slots.failed
    if hasattr(slots, "central"):
        slots.link, slots.central = link, central


def connection(config, clock, may_stall):
    """The Connection to the central system. Names are looked up without a stall; see hal.dns."""
    names, guarded = Dns(resolve).lookup, memory.guarded(open_stream)
    return Connection(config, clock=clock, allowed=may_stall, resolve=names, open_stream=guarded)


def link(board, settings, on_network, quiet_s, may_stall, reboot):
    """The Link of the board: WiFi or Ethernet, with the same methods.

    on_network(up): the network has come or gone. quiet_s, may_stall, reboot: see hal.wifi.Link.
    """
    fixed = None
    if settings.text("StaticAddress"):
        from station import netaddress  # rarely set

        try:
            fixed = netaddress.parse(settings.text("StaticAddress"))
        except ValueError as exc:
            log.error("net", "StaticAddress %s", exc)
    common = (settings, on_network, fixed, quiet_s, may_stall, reboot)
    if board["network"] == "ethernet":
        from hal.ethernet import Link

        return Link(board["ethernet"], *common)
    from hal.wifi import Link

    return Link(*common)


# fmt: off
def timekeeper(settings, clock, link, may_stall, secure, connection, journal):
    """The task that asks the time server, once there is a link; see Timekeeper."""
    # fmt: on
    return Timekeeper(
        settings, clock, link, may_stall, secure, connection, journal, system.correct_rtc
    )
