# Our own WiFi network for set-up, and the trial of the network that the charger is to join.
# MIT license; part of microevse
"""The access point and the station share one radio: when the station joins, the access point
moves to its channel, and phones lose it for a moment."""

import asyncio

import network
from evse_base import ticks_diff, ticks_ms
from hal import memory

MAX_CLIENTS = 4
JOIN_MS = 20000
_STEP_S = 0.25
_WPA2 = 3  # WIFI_AUTH_WPA2_PSK; the name of the constant has changed between versions
# ESP-IDF's wifi_err_reason_t for a wrong password, depending on the router.
_REFUSED = (2, 15, 202, 204)
_NOT_FOUND = 201


class SoftAp:
    """`open`, `wake`, `scan` and `close` stall the interpreter: only while each contactor is
    open."""

    def __init__(self):
        self._ap = network.WLAN(network.WLAN.IF_AP)
        self._sta = network.WLAN(network.WLAN.IF_STA)

    @property
    def address(self):
        return self._ap.ifconfig()[0]

    def wake(self):
        """Switch the radio on. Without it the chip's random numbers are none (chip.md)."""
        self._sta.active(True)

    def open(self, ssid, key):
        """Start the access point with WPA2. OSError if there is no memory, or the driver
        refuses."""
        memory.want("ap")
        # Configured before it starts: it is never open without a password.
        self._ap.config(ssid=ssid, security=_WPA2, key=key, max_clients=MAX_CLIENTS)
        self._ap.active(True)

    def close(self):
        self._ap.active(False)

    def scan(self):
        """[(name, dBm, needs a password)], strongest first, each name once. Takes 2 s."""
        self._sta.active(True)
        best = {}
        try:
            found = self._sta.scan()
        except OSError:
            found = ()  # the station is busy joining: the name can be typed
        for entry in found:
            try:
                name = entry[0].decode()
            except UnicodeError:
                continue  # cannot be typed into a form either
            if name and (name not in best or entry[3] > best[name][0]):
                best[name] = (entry[3], entry[4] != 0)
        return sorted([(name,) + best[name] for name in best], key=lambda item: -item[1])

    async def join(self, ssid, password):
        """Try to join as a station. The address we got; ValueError says why there is none."""
        sta = self._sta
        sta.active(True)
        sta.config(pm=network.WLAN.PM_NONE)  # power save disturbs the ADC on some chips
        sta.disconnect()
        # A driver that tries for ever never reports the reason.
        sta.config(reconnects=1)
        try:
            sta.connect(ssid, password or None)
            start = ticks_ms()
            while not sta.isconnected():
                status = sta.status()
                if status in _REFUSED:
                    raise ValueError("refused")
                if ticks_diff(ticks_ms(), start) > JOIN_MS:
                    raise ValueError("not found" if status == _NOT_FOUND else "no answer")
                await asyncio.sleep(_STEP_S)
            return sta.ifconfig()[0]
        except (ValueError, OSError):
            # An attempt of the driver's that goes on would disturb the access point.
            sta.disconnect()
            raise
        finally:
            sta.config(reconnects=-1)
