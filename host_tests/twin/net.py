# The virtual network: whether there is a link, which connections it has cut, the bytes sent.
# MIT license; part of microevse
"""State shared by the socket shadows, network.WLAN and the `network` control command.

A lost link is a black hole: writes vanish, nothing arrives, and the peer gets neither
FIN nor RST, however the firmware closes its sockets. When the link is back, whatever
was open before is reset; that is what `epoch` tells.
"""

DNS_MS = 20  # a name server on the local network
DNS_GIVE_UP_MS = 5000  # getaddrinfo() without an answer blocks about this long
AP_ADDRESS = "192.168.4.1"  # ESP-IDF's own
GATEWAY = "192.0.2.1"  # documentation range: never a real machine
# How the radio goes quiet, and what cures it:
STUCK = "stuck"  # the driver no longer tries: a new connect()
DEAD = "dead"  # associated, but no packet passes: a new association
WEDGED = "wedged"  # connect() does nothing: active(False)
BRICKED = "bricked"  # connect() raises: a reset of the chip
# Associated, but without an address from the network: that must end by itself.
NO_ADDRESS = "no_address"
TROUBLES = (STUCK, DEAD, WEDGED, BRICKED, NO_ADDRESS)
TLS_MS = 600  # key exchange and signature checks on an ESP32 (DESIGN 5: 0.3-1.2 s)


class Net:
    def __init__(self, clock, web=None, spare_port=0, tls_ms=TLS_MS):
        self.clock = clock
        self.up = True  # the link itself: cable, access point
        self.joined = False  # WLAN or LAN has an address
        self.ap = None  # (ssid, key) of our own access point while it is on
        self.stations = 0  # how many have joined that
        self.sockets = 0  # open ones
        self.refuse = None  # WLAN status with which the access point turns us away
        self.trouble = None  # one of TROUBLES
        self.upstream = True  # True while the router reaches other networks
        self.aps = None  # {ssid: {"rssi", "key"}}; None: every network that is asked for is there
        self.lease = 0  # DHCP gives another address for another number
        self.hosts = {}  # names that the name server knows, besides those that end in .test
        self.epoch = 0
        self.tx = 0  # bytes written to connections this board opened
        self.rx = 0
        self.tx_served = 0  # bytes written to connections others opened
        self.changes = 0  # connects and closes: a peer may react to those too
        self.owed_since = None  # real us; something was written, nothing heard yet
        self.heard = False
        self.web = web  # (host, port) that port 80 or 443 is mapped to
        self.spare_port = spare_port  # for the second of 80 and 443
        self.ports = {}  # board port -> (host, port)
        self.dns_port = 0  # where the board's UDP port 53 is
        self.dns_fail = False
        self.dns_ms = None  # None: DNS_MS
        self.tls_ms = tls_ms
        self.limbo = []  # real sockets that the firmware closed while the peer could not notice
        self.waiting = []  # (real socket, poll flags) the firmware waits for right now
        self.on_link = []  # fn(up), called when the link itself changes
        self.on_trouble = []  # fn(), called when `trouble` changes from outside
        self.on_listen = None  # fn(board_port, host, port)
        self.announced = set()  # board ports that on_listen was told of
        self.drop = None  # fn(real socket): close with RST; set by the socket shadow
        self.real_us = None  # fn() -> real time, set by the pacer

    def usable(self):
        """True if packets pass between this board and the rest of the world."""
        return self.local() and self.upstream

    def passes(self, side):
        """True if packets pass on one side: `True` that of our access point, `False` the other
        one, None: either."""
        inside = bool(self.ap and self.stations)
        return inside if side else self.usable() or (side is None and inside)

    def set_ap(self, ap):
        """Our access point is on, with (ssid, key), or off: then its stations have lost it."""
        self.ap = ap or None
        self.stations = 0

    def join_ap(self, ssid, key):
        """A phone joins our access point; ValueError if it cannot."""
        if not self.ap or ssid != self.ap[0]:
            raise ValueError("no such network")
        if key != self.ap[1]:
            raise ValueError("wrong password")
        self.stations += 1

    def local(self):
        """True if packets pass as far as the router."""
        return self.up and self.joined and self.trouble != DEAD

    def state(self):
        """The state outside of the board, which its reset does not change."""
        return {
            "trouble": NO_ADDRESS if self.trouble == NO_ADDRESS else None,
            "upstream": self.upstream,
            "aps": self.aps,
            "lease": self.lease,
            "hosts": self.hosts,
            "refuse": self.refuse,
            "dns_fail": self.dns_fail,
            "dns_ms": self.dns_ms,
        }

    def restore(self, state):
        for name in state:
            setattr(self, name, state[name])

    def set_trouble(self, trouble):
        self.trouble = trouble
        for fn in self.on_trouble:
            fn()
        self._bury()

    def set_upstream(self, up):
        self.upstream = up
        if not up:
            self.epoch += 1
        self._bury()

    def set_lease(self, lease):
        """lwIP aborts what was connected from the old address."""
        if lease != self.lease:
            self.lease = lease
            self.epoch += 1

    def set_aps(self, aps):
        self.aps = aps
        for fn in self.on_link:
            fn(self.up)

    def at(self, host):
        """The answer of the name server: a number, or None for a name it does not know."""
        return self.hosts.get(host) or ("127.0.0.1" if host.endswith(".test") else None)

    def set_up(self, up):
        """The link is gone without a goodbye, or back."""
        if up == self.up:
            return
        self.up = up
        if not up:
            self.epoch += 1
        for fn in self.on_link:
            fn(up)
        self._bury()

    def set_joined(self, joined):
        """The interface got or lost its address."""
        if joined == self.joined:
            return
        self.joined = joined
        if not joined:
            self.epoch += 1
        self._bury()

    def _bury(self):
        if self.usable() and self.drop:
            while self.limbo:
                self.drop(self.limbo.pop())

    # -- bookkeeping of the socket shadows ---------------------------------------------

    def wrote(self, count, outgoing):
        if not count:
            return
        if outgoing:
            self.tx += count
        else:
            self.tx_served += count
        if self.owed_since is None:
            self.owed_since = self.real_us() if self.real_us else 0
        self.heard = False

    def read(self, count):
        self.rx += count
        self.heard = True

    def activity(self):
        """Changes whenever a peer may have something new to think about."""
        return (self.tx, self.tx_served, self.changes)

    # -- names and ports -------------------------------------------------------------

    def dns(self, host):
        """Spend what resolving `host` costs; False if it cannot be resolved now."""
        if host in ("localhost", "0.0.0.0", "::", "") or _numeric(host):
            return True
        if self.dns_fail or not self.usable():
            self.clock.spend(1000 * (DNS_GIVE_UP_MS if self.dns_ms is None else self.dns_ms))
            return False
        self.clock.spend(1000 * (DNS_MS if self.dns_ms is None else self.dns_ms))
        return True

    def names(self):
        """True while the name server answers."""
        return not self.dns_fail and self.usable()

    def names_ms(self):
        """How long it takes for that."""
        return DNS_MS if self.dns_ms is None else self.dns_ms

    def map_port(self, host, port):
        """The real address for a socket the firmware binds to (host, port)."""
        if port == 53:
            return (self.web[0] if self.web else "127.0.0.1", self.dns_port)
        if port in (80, 443) and self.web:
            if port not in self.ports:
                taken = self.web in self.ports.values()
                self.ports[port] = (self.web[0], self.spare_port) if taken else self.web
            return self.ports[port]
        if host in ("0.0.0.0", "", "::", AP_ADDRESS):
            # Never on the real network: this is a simulator on a person's machine.
            host = self.web[0] if self.web else "127.0.0.1"
        return (host, port)

    def listening(self, port, address):
        if self.on_listen and port not in self.announced:
            self.announced.add(port)
            self.on_listen(port, address[0], address[1])


def station(address):
    """Address in the access point's network of a client: 127.0.0.1 is its first one."""
    return AP_ADDRESS[:-1] + str(1 + int(address.rpartition(".")[2]))


class Handshake:
    """Charges the clock where a TLS handshake would stall the chip.

    Told of every chunk of raw bytes of one connection. The costly moment is between
    the peer's first flight and our answer to it, on either side of a handshake.
    """

    def __init__(self, net):
        self._net = net
        self._stage = 0  # 0 nothing yet, 1 hello sent or seen, 2 answer seen, 3 not TLS or done

    def sent(self, data):
        if self._stage == 0:
            self._stage = 1 if _hello(data) else 3
        elif self._stage == 2:
            self._stage = 3
            self._net.clock.spend(1000 * self._net.tls_ms)

    def received(self, data):
        if self._stage == 0:
            self._stage = 2 if _hello(data) else 3
        elif self._stage == 1:
            self._stage = 2


def _hello(data):
    return len(data) > 0 and data[0] == 0x16  # TLS record type "handshake"


def _numeric(host):
    parts = host.split(".")
    if len(parts) == 4:
        for part in parts:
            if not part.isdigit():
                return False
        return True
    return ":" in host
