# Ethernet by a PHY on the ESP32's RMII (LAN8720 and alike).
# MIT license; part of microevse
"""The same methods as hal/wifi.py. The driver reports a pulled cable at once. It does not report a
switch that hangs or a port that moved to another network: then the interface is switched off and
on, as if the cable had been pulled."""

import asyncio

from evse_base import log
import network
from hal import dns
from hal.silence import Silence, own_name
from machine import Pin
from evse_base import ticks_diff, ticks_ms

# DHCP takes its time; longer than that without an address the interface is restarted.
ADDRESS_MS = 60000
REBOOT_MS = 1800000
_CHECK_S = 1
_RESTART_S = 1


def _lan(wiring):
    """network.LAN of the profile's table: mdc, mdio, power, phy, address, clock, clock_out."""
    more = {}
    if "power" in wiring:
        more["power"] = Pin(wiring["power"])
    if "clock" in wiring:
        more["ref_clk"] = Pin(wiring["clock"])
        more["ref_clk_mode"] = Pin.OUT if wiring.get("clock_out") else Pin.IN
    return network.LAN(
        mdc=Pin(wiring["mdc"]),
        mdio=Pin(wiring["mdio"]),
        phy_type=getattr(network, "PHY_" + wiring["phy"].upper()),
        phy_addr=wiring["address"],
        **more,
    )


class Link:
    """wiring: the table `ethernet` of the board profile; the rest as hal/wifi.py's Link."""

    def __init__(self, wiring, settings, on_change, fixed, quiet_s, may_stall, reboot):
        self._settings = settings
        self._on_change = on_change
        self._fixed = fixed
        self._silence = Silence(quiet_s)
        self._may_stall = may_stall
        self._reboot = reboot
        self._lan = dns.interface = _lan(wiring)
        self.joins = 0

    @property
    def connected(self):
        """True with an address."""
        return self._lan.isconnected()

    @property
    def name(self):
        """Host name in the network."""
        return own_name(self._settings)

    @property
    def address(self):
        return self._lan.ifconfig()[0] if self.connected else ""

    def _start(self):
        network.hostname(self.name)
        self._lan.active(True)
        if self._fixed:
            self._lan.ifconfig(self._fixed)

    async def _restart(self):
        if not self._may_stall():
            return  # switching the PHY stalls for a moment: not while a car charges
        log.warn("eth", "interface restarts")
        self._lan.active(False)
        await asyncio.sleep(_RESTART_S)
        self._start()

    async def run(self):
        """Stay connected, for ever."""
        self._start()
        address = ""
        away = tried = ticks_ms()
        while True:
            now = self.address
            if now != address:
                if now:
                    self.joins += 1
                    log.info("eth", "address %s", now)
                else:
                    away = tried = ticks_ms()
                    log.warn("eth", "lost, status %s", self._lan.status())
                address = now
                self._on_change(bool(now))
            if now:
                if await self._silence.broken(self._lan.ifconfig()[2]):
                    await self._restart()
            elif ticks_diff(ticks_ms(), tried) > ADDRESS_MS:
                tried = ticks_ms()
                await self._restart()
                # As for WiFi: once in a start that has had the network.
                if self.joins and ticks_diff(ticks_ms(), away) > REBOOT_MS:
                    self._reboot()
            await asyncio.sleep(_CHECK_S)
