# The protection with sensors that a test turns.
# MIT license; part of microevse
"""`charging`: a charger that charges, with a Protection over sensors of the test. `metered`: looks
while the meter reads a list of currents."""

from helpers import run
from station.protection import Protection
from station.temperature import Derating
from station_parts import Charger, FakeRcd


class FakePoles:
    """One mirror contact over all poles."""

    single = True

    def __init__(self):
        self.closed = False

    def wrong(self, closed):
        return 0 if self.closed == closed else 1

    def any_closed(self):
        return self.closed


class Fitted:
    """A charger whose protection has sensors the test can turn."""

    def __init__(self, **more):
        self.contacts = FakePoles()
        self.no_earth = False
        self.temp = 250
        self.charger = Charger(**more)
        self.connector = self.charger.connector
        self.protection = Protection(
            self.connector,
            self.charger.clock,
            16000,
            FakeRcd(),
            self.contacts,
            lambda: self.no_earth,
            lambda: self.temp,
            Derating(),
        )

    def looks(self, n=3, every_ms=500):
        for _ in range(n):
            self.charger.clock.ms += every_ms
            self.protection.look(self.charger.clock.ms)
        return self.connector.fault


def charging(**more):
    bench = Fitted(**more)
    bench.contacts.closed = True
    run(bench.charger.charge())
    bench.looks(6)
    assert bench.connector.fault is None
    return bench


class LinkedPoles(FakePoles):
    """Three mirror contacts; the second pole is what `wrong` names."""

    single = False

    def wrong(self, closed):
        return 0 if self.closed == closed else 2


def metered(bench, currents, n=1, every_ms=1000):
    """The meter tells `currents` n times; the fault after that."""
    for _ in range(n):
        bench.charger.meter.current_ma = currents
        bench.charger.clock.ms += every_ms
        run(bench.connector.metering.refresh())
        bench.protection.look(bench.charger.clock.ms)
    return bench.connector.fault
