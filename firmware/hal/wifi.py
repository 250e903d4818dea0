# Joins one of the known WiFi networks and stays there.
# MIT license; part of microevse
"""The driver reconnects by itself after lost beacons; this module acts where it does not. From
mild to harsh: the driver's own attempts (30 s), a new association, another known network,
the driver switched off and on (stalls for a moment: only while that does no harm), and, once
in a start that has had the network, a reset of the chip. Nothing here opens a contactor.
"""

import asyncio

from evse_base import log
import network
from hal import dns
from hal.silence import Silence, own_name
from evse_base import ticks_diff, ticks_ms

JOIN_MS = 20000  # association and DHCP
LOST_MS = 30000  # so long the driver may try alone
LOST_OF_SEVERAL_MS = 12000  # where another network may be there
REBOOT_MS = 1800000
ROUNDS = 3  # over all known networks, without success, before the driver is restarted
STRIKES = 3  # associations in a row that turned out dead, likewise
_STEP_S = 0.25
_CHECK_S = 2
_PAUSE_S = 5
_RESTART_S = 0.5
_SCAN_MS = 3000  # so long no contactor may close: a scan takes 2.5 s
_FOR_EVER = -1
_ONCE_MORE = 1
_RSSI = 3  # index in an entry of scan()
# Settings of the known networks.
KNOWN = (
    ("WifiSsid", "WifiPassword"),
    ("Wifi2Ssid", "Wifi2Password"),
    ("Wifi3Ssid", "Wifi3Password"),
)
# ESP-IDF wifi_err_reason_t, as status() tells them.
_REASONS = {
    2: "password refused", 15: "password refused", 200: "no beacon", 201: "not there",
    202: "password refused", 203: "refused", 204: "password refused",
}  # fmt: skip


def ordered(known, seen):
    """`known` [(ssid, key)] by strength as `seen` (of scan()); those not seen come last.

    A hidden network is never seen.
    """
    strength = {}
    for entry in seen:
        name = bytes(entry[0])
        strength[name] = max(entry[_RSSI], strength.get(name, -999))
    return sorted(known, key=lambda pair: -strength.get(pair[0].encode(), -999))


class Link:
    """`settings`: text(name) of KNOWN, WifiCountry, Hostname, ChargePointId.

    on_change: plain fn(up), called within two seconds of a loss or a return.
    fixed: (address, mask, gateway, DNS) or None for DHCP. quiet_s: see Silence. may_stall:
    fn(ms=0) -> True while a stall of the interpreter does no harm, and for `ms` from now on.
    reboot: fn(), resets the chip unless a car is charging, and returns then; None: never.
    """

    def __init__(self, settings, on_change, fixed, quiet_s, may_stall, reboot):
        self._settings = settings
        self._on_change = on_change
        self._fixed = fixed
        self._silence = Silence(quiet_s)
        self._may_stall = may_stall
        self._reboot = reboot
        self._wlan = dns.interface = network.WLAN(network.WLAN.IF_STA)
        self._rounds = 0
        self._away = None  # ticks when the network was lost
        self._seen = ()
        self.ssid = ""  # of the network it is in, or was in last
        self.joins = 0

    @property
    def connected(self):
        """True with an address."""
        return self._wlan.isconnected()

    @property
    def name(self):
        """Host name in the network."""
        return own_name(self._settings)

    @property
    def address(self):
        return self._wlan.ifconfig()[0] if self.connected else ""

    def known(self):
        """[(ssid, password)] of the settings."""
        text = self._settings.text
        return [(text(ssid), text(key)) for ssid, key in KNOWN if text(ssid)]

    async def up(self):
        """Join the strongest known network; returns with an address. OSError if it can join none:
        6 s for a network that is not there, 20 s for one that gives no address."""
        self._start()
        why = "no network is known"
        for ssid, key in self._candidates():
            why = await self._join(ssid, key)
            if why is None:
                return
            log.warn("wifi", "%s: %s", ssid, why)
        raise OSError(why)

    def _start(self):
        country = self._settings.text("WifiCountry")
        if len(country) == 2:
            network.country(country)
        network.hostname(self.name)  # before connect, or it is too late
        self._wlan.active(True)
        # Power save adds latency, and on some chips disturbs the ADC.
        self._wlan.config(pm=network.WLAN.PM_NONE)

    def _candidates(self):
        known = self.known()
        if len(known) > 1 and self._may_stall(_SCAN_MS):
            # A scan takes two seconds in which nothing else runs.
            self._wlan.disconnect()
            self._seen = [entry for entry in self._wlan.scan() if self._is_known(entry, known)]
        return ordered(known, self._seen)

    @staticmethod
    def _is_known(entry, known):
        return bytes(entry[0]) in [ssid.encode() for ssid, _ in known]

    async def _join(self, ssid, key):
        """None, or why not."""
        wlan = self._wlan
        # connect() while the driver is busy is an error: always from a clean start.
        wlan.disconnect()
        # A driver that tries for ever never reports why it cannot join.
        wlan.config(reconnects=_ONCE_MORE)
        if self._fixed:
            wlan.ifconfig(self._fixed)
        wlan.connect(ssid, key or None)
        start = ticks_ms()
        while not wlan.isconnected():
            status = wlan.status()
            late = ticks_diff(ticks_ms(), start) > JOIN_MS
            # The driver is idle for a moment before it begins, too.
            if late or status not in (network.STAT_CONNECTING, network.STAT_IDLE):
                wlan.disconnect()
                return _REASONS.get(status, "no address, status %s" % status)
            await asyncio.sleep(_STEP_S)
        wlan.config(reconnects=_FOR_EVER)
        self.joins += 1
        self.ssid = ssid
        self._rounds = 0
        self._away = None
        log.info("wifi", "joined %s, address %s", ssid, self.address)
        self._on_change(True)
        return None

    async def run(self):
        """Stay joined, for ever."""
        if not self.known():
            log.warn("wifi", "WifiSsid is not set: no network")
        while not self.known():
            await asyncio.sleep(_PAUSE_S)
        while True:
            try:
                await self.up()
            except OSError as exc:
                log.warn("wifi", "%s", exc)
                await self._failed()
                continue
            await self._stay()

    async def _stay(self):
        """Returns when the network has to be joined anew."""
        lost = None
        address = self.address
        patience = LOST_OF_SEVERAL_MS if len(self.known()) > 1 else LOST_MS
        while lost is None or ticks_diff(ticks_ms(), lost) < patience:
            await asyncio.sleep(_CHECK_S)
            if not self.connected:
                if lost is None:
                    lost = self._away = ticks_ms()
                    log.warn("wifi", "lost, status %s", self._wlan.status())
                    self._on_change(False)
                continue
            if lost is not None or self.address != address:
                address = self.address
                log.info("wifi", "back, address %s", address)
                self._on_change(True)
            lost = self._away = None
            if await self._silence.broken(self._wlan.ifconfig()[2]):
                self._away = ticks_ms()
                self._on_change(False)
                if self._silence.strikes % STRIKES == 0:
                    await self._restart_driver()
                return

    async def _failed(self):
        """After a round over all known networks without success."""
        await asyncio.sleep(_PAUSE_S)
        self._rounds += 1
        if self._rounds % ROUNDS == 0:
            await self._restart_driver()
        # If this start never had the network, another start would gain nothing. So a network that
        # is gone for good costs a single reset.
        if self._reboot and self.joins and self._away is not None:
            if ticks_diff(ticks_ms(), self._away) > REBOOT_MS:
                self._reboot()

    async def _restart_driver(self):
        if not self._may_stall():
            return  # a car charges: try in a later round
        log.warn("wifi", "driver restarts")
        self._wlan.active(False)
        await asyncio.sleep(_RESTART_S)
