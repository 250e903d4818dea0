# Stands in for the esp32 port's `network`: a station, an access point, an Ethernet port.
# MIT license; part of microevse
"""Joins after about 1.5 s of virtual time, loses the network after missed beacons, and tries
again for ever, as the ESP-IDF driver does unless config(reconnects=n) says otherwise; as long as
it tries, status() says "connecting" (ports/esp32/network_wlan.c). twin/net.py has the ways in
which it goes quiet."""

import errno

import twin_state
from twin.system_heap import NoRoom
from twin.net import AP_ADDRESS, BRICKED, DEAD, GATEWAY, NO_ADDRESS, STUCK, WEDGED

STA_IF = 0
AP_IF = 1

STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_BEACON_TIMEOUT = 200
STAT_ASSOC_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204

AUTH_OPEN = 0
AUTH_WEP = 1
AUTH_WPA_PSK = 2
AUTH_WPA2_PSK = 3
AUTH_WPA_WPA2_PSK = 4
AUTH_WPA2_WPA3_PSK = 7

PHY_LAN8710 = 0
PHY_LAN8720 = 1
PHY_IP101 = 2
PHY_RTL8201 = 3
PHY_DP83848 = 4
PHY_KSZ8041 = 5

ETH_INITIALIZED = 0
ETH_STARTED = 1
ETH_STOPPED = 2
ETH_CONNECTED = 3
ETH_DISCONNECTED = 4
ETH_GOT_IP = 5

_JOIN_US = 1500000
_RETRY_US = 3000000  # a scan that finds nothing, then once more
_BEACONS_US = 6000000  # missed beacons before the driver gives up
_LAN_US = 2000000  # auto-negotiation and DHCP
_SCAN_US = 2000000
_RSSI = -58

_hostname = "mpy-esp32"
_country = "XX"


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    if not 0 < len(name) <= 32:
        raise ValueError("hostname")
    _hostname = name
    return None


def country(code=None):
    global _country
    if code is None:
        return _country
    if len(code) != 2:
        raise ValueError("country")
    _country = code
    return None


class _Interface:
    def __init__(self):
        self._active = False
        self._fixed = None  # static (address, mask, gateway, DNS)

    def _ip(self):
        net = twin_state.net
        host = net.web[0] if net.web else "127.0.0.1"
        if net.lease:
            return "127.0.0.%d" % (1 + net.lease)
        return "127.0.0.1" if host in ("", "0.0.0.0") else host

    def ifconfig(self, config=None):
        """(address, mask, gateway, DNS); "dhcp" or such a tuple sets it."""
        if config is not None:
            self._fixed = None if config == "dhcp" else tuple(config)
            return None
        if not self.isconnected():
            return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
        return self._fixed or (self._ip(), "255.255.255.0", GATEWAY, GATEWAY)

    def ipconfig(self, param=None, **kwargs):
        if param is None:
            return None
        if param in ("addr4", "gw4"):
            config = self.ifconfig()
            return config[:2] if param == "addr4" else config[2]
        if param in ("dhcp4", "has_dhcp4"):
            return True
        raise ValueError("unknown parameter")


def _take(what):
    """Blocks of the system heap. The driver's error without them is that of ESP_ERR_NO_MEM
    (ports/esp32/network_common.c)."""
    try:
        return twin_state.heap.take(what)
    except NoRoom:
        raise OSError(errno.ENOMEM)


def _radio():
    """The driver of the radio takes its buffers once, and keeps them (esp_wifi_init())."""
    if "wifi" not in _drivers:
        _drivers["wifi"] = _take("wifi")


class _Station(_Interface):
    def __init__(self):
        super().__init__()
        self._ssid = None
        self._key = None
        self._status = STAT_IDLE
        self._event = None
        self._tries = 0
        self._key = None
        self._associated = False  # and waiting for an address
        self._config = {
            "mac": b"\x24\x0a\xc4\x00\x00\x01",
            "channel": 6,
            "txpower": 20,
            "reconnects": -1,
            "pm": WLAN.PM_PERFORMANCE,
            "protocol": 7,
        }
        twin_state.net.on_link.append(self._link)
        twin_state.net.on_trouble.append(self._trouble)

    def active(self, on=None):
        twin_state.clock.entered()
        if on is None:
            return self._active
        if not on:
            self.disconnect()
            self._cured(WEDGED)
        else:
            _radio()
        self._active = bool(on)
        return self._active

    def connect(self, ssid=None, key=None, bssid=None):
        twin_state.clock.entered()
        if not self._active:
            raise OSError("Wifi Not Started")
        if self._status == STAT_CONNECTING or self.isconnected():
            # The driver refuses a second attempt while it is busy with one.
            raise OSError("Wifi Internal State Error")
        if twin_state.net.trouble == BRICKED:
            raise OSError("Wifi Internal Error")
        if ssid is not None:
            self._ssid, self._key = ssid, key
        if self._ssid is None:
            raise OSError("Wifi Invalid Argument")
        self._tries = 0
        self._attempt()

    def _attempt(self):
        self._status = STAT_CONNECTING
        self._later(_JOIN_US, self._joined)

    def _later(self, us, fn):
        clock = twin_state.clock
        clock.cancel(self._event)
        self._event = clock.after(us, fn)

    def _joined(self):
        net = twin_state.net
        if net.trouble in (WEDGED, STUCK):
            return  # for ever connecting
        why = self._turned_away()
        if why:
            self._lost(why)
        elif net.trouble == NO_ADDRESS and not self._fixed:
            self._associated = True  # still "connecting" to who asks
        else:
            self._associated = False
            self._status = STAT_GOT_IP
            net.set_joined(True)

    def _turned_away(self):
        """WLAN status with which there is no joining this network now; None: welcome."""
        net = twin_state.net
        if not net.up:
            return STAT_NO_AP_FOUND
        if net.aps is not None:
            if self._ssid not in net.aps:
                return STAT_NO_AP_FOUND
            if (net.aps[self._ssid].get("key") or None) != (self._key or None):
                return STAT_WRONG_PASSWORD
        return net.refuse

    def _lost(self, why):
        twin_state.net.set_joined(False)
        self._tries += 1
        limit = self._config["reconnects"]
        if limit < 0 or self._tries <= limit:
            # While the driver tries, it does not tell why it has to.
            self._status = STAT_CONNECTING
            self._later(_RETRY_US, self._attempt)
        else:
            self._status = why

    def _trouble(self):
        net = twin_state.net
        if net.trouble in (STUCK, WEDGED, BRICKED) and self._status != STAT_IDLE:
            twin_state.clock.cancel(self._event)
            self._status = STAT_CONNECTING
            net.set_joined(False)
        elif net.trouble == NO_ADDRESS and self._status == STAT_GOT_IP and not self._fixed:
            self._status = STAT_CONNECTING
            self._associated = True
            net.set_joined(False)
        elif net.trouble is None and self._associated:
            self._later(_JOIN_US, self._joined)

    @staticmethod
    def _cured(*troubles):
        net = twin_state.net
        if net.trouble in troubles:
            net.trouble = None

    def _link(self, up):
        if self._status != STAT_GOT_IP:
            return
        if up and self._turned_away() in (None, twin_state.net.refuse):
            twin_state.clock.cancel(self._event)  # back before the loss was noticed
        else:
            self._tries = 0
            self._later(_BEACONS_US, lambda: self._lost(STAT_BEACON_TIMEOUT))

    def disconnect(self):
        twin_state.clock.entered()
        twin_state.clock.cancel(self._event)
        self._status = STAT_IDLE
        self._associated = False
        self._cured(STUCK, DEAD)
        twin_state.net.set_joined(False)

    def isconnected(self):
        twin_state.clock.entered()
        return self._status == STAT_GOT_IP

    def status(self, param=None):
        twin_state.clock.entered()
        if param is None:
            return self._status
        if param == "rssi":
            if not self.isconnected():
                raise OSError("Wifi Not Connected")
            aps = twin_state.net.aps
            return aps[self._ssid].get("rssi", _RSSI) if aps else _RSSI
        raise ValueError("unknown status param")

    def scan(self):
        if not self._active:
            raise OSError("Wifi Not Started")
        twin_state.clock.spend(_SCAN_US)
        if not twin_state.net.up:
            return []
        if twin_state.net.aps is not None:
            # In no useful order.
            return [
                (
                    name.encode(),
                    b"\x24\x0a\xc4\x00\x00\x02",
                    6,
                    ap.get("rssi", _RSSI),
                    AUTH_WPA2_PSK if ap.get("key") else AUTH_OPEN,
                    False,
                )
                for name, ap in twin_state.net.aps.items()
                if not ap.get("hidden")
            ]
        ssid = self._ssid or "twin"
        if isinstance(ssid, str):
            ssid = ssid.encode()
        return [(ssid, b"\x24\x0a\xc4\x00\x00\x02", 6, _RSSI, AUTH_WPA2_PSK, False)]

    def config(self, param=None, **kwargs):
        if param is not None:
            if param in ("ssid", "essid"):
                return self._ssid or ""
            if param in ("hostname", "dhcp_hostname"):
                return _hostname
            if param not in self._config:
                raise ValueError("unknown config param")
            return self._config[param]
        for name in kwargs:
            if name in ("hostname", "dhcp_hostname"):
                hostname(kwargs[name])
            elif name in self._config:
                self._config[name] = kwargs[name]
            else:
                raise ValueError("unknown config param")
        return None


class _AccessPoint(_Interface):
    def __init__(self):
        super().__init__()
        self._config = {
            "mac": b"\x24\x0a\xc4\x00\x00\x03",
            "ssid": "ESP_000003",
            "channel": 1,
            "security": AUTH_OPEN,
            "authmode": AUTH_OPEN,
            "key": "",
            "password": "",
            "max_clients": 4,
            "hidden": False,
            "txpower": 20,
        }
        self._memory = []  # blocks of the system heap

    def active(self, on=None):
        twin_state.clock.entered()
        if on is not None:
            self._active = bool(on)
            config = self._config
            if on and config["security"] and not 8 <= len(config["key"]) <= 63:
                raise OSError("Wifi Invalid Password")
            if on:
                _radio()
                self._memory = self._memory or _take("ap")
            else:
                twin_state.heap.give(self._memory)
                self._memory = []
            twin_state.net.set_ap(self._active and (config["ssid"], config["key"]))
        return self._active

    def isconnected(self):
        return self._active

    def status(self, param=None):
        if param == "stations":
            return []
        return STAT_IDLE

    def ifconfig(self, config=None):
        if config is not None:
            return None
        return (AP_ADDRESS, "255.255.255.0", AP_ADDRESS, "0.0.0.0")

    def config(self, param=None, **kwargs):
        if param == "essid":
            param = "ssid"
        if param is not None:
            if param not in self._config:
                raise ValueError("unknown config param")
            return self._config[param]
        for name in kwargs:
            key = "ssid" if name == "essid" else name
            if key not in self._config:
                raise ValueError("unknown config param")
            self._config[key] = kwargs[name]
        return None


class WLAN:
    """WLAN(IF_STA) and WLAN(IF_AP): the same object each time, as on the chip."""

    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2
    SEC_OPEN = AUTH_OPEN
    SEC_WPA2 = AUTH_WPA2_PSK
    SEC_WPA_WPA2 = AUTH_WPA_WPA2_PSK
    SEC_WPA2_WPA3 = AUTH_WPA2_WPA3_PSK

    def __new__(cls, interface=STA_IF):
        if interface not in (STA_IF, AP_IF):
            raise ValueError("invalid WLAN interface")
        if interface not in _interfaces:
            _interfaces[interface] = _Station() if interface == STA_IF else _AccessPoint()
        return _interfaces[interface]


_WIRING = ("mdc", "mdio", "power", "phy_type", "phy_addr", "ref_clk", "ref_clk_mode")


class LAN(_Interface):
    """Ethernet: has an address two seconds after active(True), while the cable is in."""

    def __init__(self, id=None, **wiring):
        super().__init__()
        for name in ("mdc", "mdio"):
            if name not in wiring:
                raise TypeError("'%s' argument required" % name)
        for name in wiring:
            if name not in _WIRING:
                raise TypeError("unexpected keyword argument '%s'" % name)
        self._status = 0
        self._event = None
        self._mac = b"\x24\x0a\xc4\x00\x00\x04"
        twin_state.net.on_link.append(self._link)

    def active(self, on=None):
        twin_state.clock.entered()
        if on is None:
            return self._active
        if on and "lan" not in _drivers:
            _drivers["lan"] = _take("lan")
        self._active = bool(on)
        if not on and twin_state.net.trouble in (STUCK, DEAD, WEDGED):
            twin_state.net.trouble = None
        self._link(twin_state.net.up and self._active)
        return self._active

    def _link(self, up):
        clock = twin_state.clock
        clock.cancel(self._event)
        if up and self._active:
            self._event = clock.after(_LAN_US, self._addressed)
        else:
            # Unlike radio, a pulled cable is seen at once.
            twin_state.net.set_joined(False)

    def _addressed(self):
        if twin_state.net.trouble not in (STUCK, WEDGED, NO_ADDRESS) or self._fixed:
            twin_state.net.set_joined(True)

    def isconnected(self):
        twin_state.clock.entered()
        return self._active and twin_state.net.joined

    def status(self):
        return ETH_GOT_IP if self.isconnected() else ETH_DISCONNECTED

    def config(self, param=None, **kwargs):
        if param == "mac":
            return self._mac
        if param is not None:
            raise ValueError("unknown config param")
        return None


_interfaces = {}
_drivers = {}  # {name: its blocks of the system heap}
