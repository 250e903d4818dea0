# Joins the WiFi network and stays there.
# MIT license; part of microevse
"""The driver reconnects by itself after a lost beacon; this steps in where it does not."""

import asyncio

import log
import network
from port import ticks_diff, ticks_ms

JOIN_MS = 20000
LOST_MS = 30000  # so long the driver may try alone
_STEP_S = 0.25
_CHECK_S = 2
_PAUSE_S = 5
_HOSTNAME_MAX = 32


def hostname(text):
    """`text` as a host name: letters, digits, hyphens; never empty."""
    name = "".join(c if "a" <= c <= "z" or "0" <= c <= "9" else "-" for c in text.lower())
    return name.strip("-")[:_HOSTNAME_MAX].strip("-") or "microevse"


class Link:
    """`settings`: text("WifiSsid"), text("WifiPassword"), text("ChargePointId").

    on_change: plain fn(up), called within two seconds of a loss or a return.
    """

    def __init__(self, settings, on_change=None):
        self._settings = settings
        self._on_change = on_change or (lambda up: None)
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self.joins = 0

    @property
    def connected(self):
        """True with an address."""
        return self._wlan.isconnected()

    @property
    def name(self):
        """Host name in the network."""
        return hostname(self._settings.text("ChargePointId"))

    @property
    def address(self):
        return self._wlan.ifconfig()[0] if self.connected else ""

    async def up(self):
        """Join; returns with an address. OSError if it takes longer than 20 s."""
        text = self._settings.text
        wlan = self._wlan
        network.hostname(self.name)  # before connect, or it is too late
        wlan.active(True)
        # Power save adds latency, and on some chips disturbs the ADC.
        wlan.config(pm=network.WLAN.PM_NONE)
        # connect() while the driver is busy is an error: always from a clean start.
        wlan.disconnect()
        wlan.connect(text("WifiSsid"), text("WifiPassword") or None)
        start = ticks_ms()
        while not wlan.isconnected():
            if ticks_diff(ticks_ms(), start) > JOIN_MS:
                status = wlan.status()
                wlan.disconnect()
                raise OSError("no WiFi within %d s, status %s" % (JOIN_MS // 1000, status))
            await asyncio.sleep(_STEP_S)
        self.joins += 1
        log.info("wifi", "joined, address %s", self.address)
        self._on_change(True)

    async def run(self):
        """Stay joined, for ever."""
        if not self._settings.text("WifiSsid"):
            log.warn("wifi", "WifiSsid is not set: no network")
        while not self._settings.text("WifiSsid"):
            await asyncio.sleep(_PAUSE_S)
        while True:
            try:
                await self.up()
            except OSError as exc:
                log.warn("wifi", "%s", exc)
                await asyncio.sleep(_PAUSE_S)
                continue
            lost = None
            while lost is None or ticks_diff(ticks_ms(), lost) < LOST_MS:
                await asyncio.sleep(_CHECK_S)
                if self.connected:
                    if lost is not None:
                        log.info("wifi", "back, address %s", self.address)
                        self._on_change(True)
                    lost = None
                elif lost is None:
                    lost = ticks_ms()
                    log.warn("wifi", "lost, status %s", self._wlan.status())
                    self._on_change(False)
