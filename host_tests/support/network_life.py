# Days in the life of a charger's network, in virtual time.
# MIT license; part of microevse
"""`live(hours, seed, secure)`: WiFi drops, access points that restart or vanish, DHCP that is
silent or gives another address, name servers that fail, servers that restart, and every way in
which the radio goes quiet; now with a car that charges, now without. After each the charger must
be back within its time, and no contactor may have opened for it.

What is told is the time from the return of the network (or of the server) to the new connection;
for what the charger has to find out by itself, from its beginning.
"""

import asyncio
import random
import time

import certs
from bench import Bench
from compiled import directories

# Sleeps end together at multiples of this: what is measured is up to so much too long.
GRID_MS = 1000  # below the 2 s in which watched tasks have to show themselves
HOUR_S = 3600
TELL_H = 6
BACK_S = 60
# Faults that are not reported: silence on the line (3.5 pings of 60 s), then 90 s of it
# everywhere.
FOUND_OUT_S = {"associated but dead": 400, "driver wedged": 300}
# wss:// while a car charges comes back in a soft pause (15 min, once an hour) or when it leaves.
POLICY_S = 2 * HOUR_S
GROWTH = 4096
SETTINGS = {
    "WifiSsid": "home",
    "WifiPassword": "correct horse",
    "Wifi2Ssid": "attic",
    "Wifi2Password": "battery staple",
    "NtpServer": "",
    "MeterValueSampleInterval": "300",
    "MeterPollInterval": "10",
    "WebSocketPingInterval": "60",
}
APS = {
    "attic": {"rssi": -75, "key": "battery staple"},
    "home": {"rssi": -50, "key": "correct horse"},
}


class Life(Bench):
    """A bench whose charger knows its central system by name."""

    def __init__(self, seed, secure, **more):
        paths = certs.paths()
        options = {"csms": {"ssl": certs.server_context("server")}} if secure else {}
        if secure:
            options.update(ca=paths.ca)
        self.pauses = 0  # counted as they are told: days of log lines are not kept
        super().__init__(seed=seed, settings=dict(SETTINGS), log=self._line, **options, **more)
        self.secure = secure
        self.rng = random.Random(seed)
        self.times = {}  # kind: [(seconds, with the contactor closed)]
        self.began = 0
        self.lease = 0
        self.charging_now = False
        self.reboots = []
        self.openings = 0  # of a contactor without a reason to open

    async def start_twin(self):
        # The certificate of the tests is for this name; the twin's name server knows the other.
        name = "localhost" if self.secure else "csms.test"
        self._twin_options["csms"] = self.csms.url_for(name)
        await super().start_twin()
        self.twin.listeners.append(self._event)
        return self

    def _line(self, line):
        if "pauses for a moment" in line:
            self.pauses += 1

    def _event(self, event):
        if event["event"] == "contactor" and not event["value"] and self.charging_now:
            self.openings += 1
        if event["event"] == "reboot":
            # With the log lines before it: no reboot was asked for.
            self.reboots.append("\n".join([str(event)] + self.log[-12:]))

    # -- cars --------------------------------------------------------------------------------

    async def arrive(self):
        self.began += 1
        await self.do("draw", amps=self.rng.randrange(6, 17))
        await self.do("plug")
        await self.do("request")
        await self.tap("CARD1")
        await self.contactor(True, within=60)
        self.charging_now = True

    async def depart(self):
        self.charging_now = False
        await self.tap("CARD1")
        await self.contactor(False, within=60)
        await self.do("release")
        await self.until(self._unplug, 60, "the cable can be pulled")
        await self.advance(10)

    # -- what happens: each returns when the way is free again -------------------------------

    async def wifi_drops(self):
        await self.do("network", up=False)
        await self.advance(self.rng.choice((3, 20, 90, 600)))
        await self.do("network", up=True)

    async def access_point_restarts(self):
        await self.do("network", up=False)
        await self.advance(self.rng.randrange(40, 120))
        await self.do("network", up=True, trouble="no_address")
        await self.advance(self.rng.randrange(5, 60))
        await self.do("network", trouble=None)

    async def access_point_vanishes(self):
        """That of the two which the charger is in."""
        joined = self.logged("wifi: joined")[-1]
        await self.do("network", aps={k: v for k, v in APS.items() if k not in joined})

    async def access_point_appears(self):
        """The only one that is left goes; after a while there is the first one again."""
        await self.do("network", aps={})
        await self.advance(self.rng.choice((15, 200)))
        await self.do("network", aps=APS)

    async def dhcp_gives_another_address(self):
        self.lease = self.lease % 200 + 1
        await self.do("network", lease=self.lease)

    async def dhcp_is_silent(self):
        await self.do("network", trouble="no_address")
        await self.advance(self.rng.randrange(10, 400))
        await self.do("network", trouble=None)

    async def server_restarts(self):
        await self.csms.pause(self.rng.choice((None, 1001, 1012)))
        await self.advance(self.rng.choice((2, 30, 300, 1200)))
        await self.csms.resume()

    async def server_restarts_without_dns(self):
        """Names still cannot be resolved when the server is back."""
        await self.do("network", dns_fail=True)
        await self.server_restarts()

    async def uplink_is_gone(self):
        await self.do("network", upstream=False)
        await self.advance(self.rng.choice((20, 150, 900)))
        await self.do("network", upstream=True)

    async def driver_stops_trying(self):
        await self.do("network", trouble="stuck")

    async def associated_but_dead(self):
        await self.do("network", trouble="dead")

    async def driver_wedged(self):
        if self.charging_now:
            await self.depart()  # switching it off and on waits for that anyway
        await self.do("network", trouble="wedged")

    KINDS = (
        wifi_drops, access_point_restarts, access_point_vanishes, access_point_appears,
        dhcp_gives_another_address, dhcp_is_silent, server_restarts, server_restarts_without_dns,
        uplink_is_gone, driver_stops_trying, associated_but_dead, driver_wedged,
    )  # fmt: skip

    FOUND_OUT = tuple(FOUND_OUT_S)

    async def disturb(self, what):
        """Let it happen and wait for the next connection."""
        kind = what.__name__.replace("_", " ")
        before = len(self.csms.connections)
        await what(self)
        closed = self.charging_now
        since = self.now
        limit = FOUND_OUT_S.get(kind, BACK_S)
        if closed and self.secure:
            limit += POLICY_S

        def back():
            return any(wire.open for wire in self.csms.connections[before:])

        step = 0.25
        while not back():
            assert not self.reboots, self.reboots[0]
            assert self.now - since < limit, f"{kind}: not back within {limit} s"
            await self.advance(step)
            step = min(1.2 * step, 1 if limit < POLICY_S else 20)
        self.times.setdefault(kind, []).append((self.now - since, closed and self.secure))
        await self.do("network", dns_fail=False, aps=APS)

    # -- telling -----------------------------------------------------------------------------

    def table(self):
        yield "%-32s %5s %8s %8s" % ("", "count", "median", "worst")
        for closed in (False, True):
            for kind in sorted(self.times):
                found = sorted(s for s, held in self.times[kind] if held is closed)
                if found:
                    name = kind + (", charging" if closed else "")
                    yield "%-32s %5d %6.1f s %6.1f s" % (
                        name, len(found), found[len(found) // 2], found[-1]
                    )  # fmt: skip

    async def heap(self):
        await self.advance(30)
        await self.twin._ask({"do": "_forget"}, 10)
        return (await self.status())["heap_free"]


async def _live(hours, seed, secure, say):
    life = Life(
        seed,
        secure,
        firmware=directories(),
        options={"skip_ms": GRID_MS, "coalesce_ms": GRID_MS},
    )
    async with life as b:
        # A host has no thread to wait for the name server in. With the coalesced sleeps between,
        # stalls of 5 s would add up to more than the watchdog takes; on the chip there are none.
        await b.do("network", aps=APS, dns_ms=500)
        await b.boot()
        heaps = []
        told = 0
        kinds = []
        while b.now < hours * HOUR_S:
            if b.now >= told * TELL_H * HOUR_S:
                heaps.append(await b.heap())
                joins = sum(len(t) for t in b.times.values())
                say(f"{b.now / HOUR_S:5.1f} h: {joins:3} disturbances, {heaps[-1]} bytes free")
                told += 1
            if not kinds:
                kinds = list(b.KINDS)
                b.rng.shuffle(kinds)
            await b.advance(b.rng.randrange(60, 1500))
            if b.rng.random() < 0.4:
                await (b.depart() if b.charging_now else b.arrive())
            await b.disturb(kinds.pop())
        if b.charging_now:
            await b.depart()
        await b.until(lambda: not b.csms.ledger.running(), 600, "all sessions ended")
        heaps.append(await b.heap())
        for line in b.table():
            say(line)
        assert b.openings == b.pauses, f"{b.openings} openings under load, {b.pauses} pauses"
        assert secure or not b.pauses
        assert not b.reboots, b.reboots[0]
        assert len(b.csms.transactions) == b.began
        settled = heaps[min(len(heaps) - 1, 1)]
        assert heaps[-1] >= settled - GROWTH, f"heap: {heaps}"
        say(f"{b.now / HOUR_S:.1f} h, {b.began} sessions, heap free {heaps[0]} ... {heaps[-1]}")
        return b


def live(hours, seed=1, secure=False, say=print):
    """The Life, over. AssertionError if anything took too long, opened, leaked or was lost."""
    began = time.monotonic()
    life = asyncio.run(_live(hours, seed, secure, say))
    scheme = "wss" if secure else "ws"
    say(f"{hours} h over {scheme}:// with seed {seed} took {time.monotonic() - began:.0f} s")
    return life
