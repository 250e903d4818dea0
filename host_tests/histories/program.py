# The firmware's parts list without its network, as firmware/app.py has it.
# MIT license; part of microevse
"""`Program` puts firmware/hal, firmware/wiring/electrical.py, lib/iec61851 and lib/station
together. It follows app.Charger step by step: what is changed there has to be changed here."""

import asyncio
import contextlib
import sys
import types

from evse_base import log
import rig as rigs
from evse_base.clock import Clock
from station.authorization import Authorizer
from station.settings import Settings
from station.station import Station
from store import norlog
from store.journal import Journal
from supervisor import Supervisor

hal, SEAM, machine = rigs.hal, rigs.SEAM, rigs.twin_machine

log.use_sink(lambda line: None)

LOOP_LIMIT_MS = 5000
STATION_LIMIT_MS = 10000


class Nvs:
    """esp32.NVS in memory; what was set is kept over resets."""

    kept = {}

    def __init__(self, space):
        self._space = space

    def set_blob(self, key, value):
        self.kept[self._space, key] = bytes(value)

    def get_blob(self, key, buf):
        value = self.kept.get((self._space, key))
        if value is None:
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
        buf[: len(value)] = value
        return len(value)

    def commit(self):
        pass


_esp32 = types.ModuleType("esp32")
_esp32.NVS = Nvs


@contextlib.contextmanager
def hal_names():
    """`import hal` finds the modules that stand over the twin."""
    names = {"hal": hal, "machine": machine, "burst": SEAM, "esp32": _esp32}
    names.update(("hal." + name, getattr(hal, name)) for name in rigs.HAL)
    kept = {name: sys.modules.get(name) for name in names}
    sys.modules.update(names)
    path = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = path
        for name, module in kept.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


with hal_names():
    from wiring import electrical


class Program:
    """`self.board`, `self.flash`, `self.meter_parts`: what it runs on; see Charger."""

    def _build(self):
        """As the constructor of app.Charger."""
        board = self.board
        count = len(board["connectors"])
        self.clock = Clock()
        self.clock.boot = self._boots
        self.clock.set(1798804800)
        self.supervisor = Supervisor(self.clock)
        self.journal = Journal(norlog.NorLog(self.flash), self.clock)
        self.journal.prepare()
        self.settings = Settings(self.journal)
        self.settings.overlay({"FreeMode": "true", "ResumeRandomDelay": "0"})
        self.adc = hal.adc.PilotAdc(board)
        self.locks = [electrical.lock(c) for c in board["connectors"]]
        self.rcds = [electrical.rcd(c) for c in board["connectors"]]
        self.stop = electrical.stop(board)
        self.mirrors = [electrical.poles(c) for c in board["connectors"]]
        self.contactors = []
        self.evses = [electrical.evse(self, i) for i in range(count)]
        self.tick = self._tick()
        self.authorizer = Authorizer(self.settings, self.journal, self.clock)
        self.station = Station(
            self.settings, self.journal, self.clock, self.authorizer, self._reset_asked
        )
        for i, profile in enumerate(board["connectors"]):
            self.station.add(
                self.evses[i], self.meter_parts[i], self.locks[i], self.rcds[i], profile,
                self._cable(i) if "pp" in profile else None,
            )  # fmt: skip
        self.protections = electrical.protections(self)

    def _tick(self):
        return electrical.tick(self)

    def _cable(self, i):
        return lambda: self.adc.cable_ma(i)

    def _reset_asked(self, kind):
        self.tick.open_all("ResetRequested")
        hal.system.mark("HardRestart" if kind == "hard" else "SoftRestart")
        with hal_names():
            hal.system.reset()

    async def _start_tasks(self):
        """As app.Charger.start(), without the network."""
        with hal_names():
            self.station.recover(hal.system.last_reset(), self.stop is not None)
            self.tick.start()
            supervisor = self.supervisor
            for connector in self.station.connectors:
                supervisor.start(
                    "connector %d" % connector.id, connector.sequence.run, critical=True
                )
                supervisor.start("meter %d" % connector.id, connector.metering.run)
            electrical.start_protections(self)
            supervisor.watch("loop", LOOP_LIMIT_MS)
            supervisor.start("loop", self._beat, critical=True)

    async def _beat(self):
        """As app.Charger._beat()."""
        while True:
            if self.tick.stopped():
                self.tick.give_up("TickFailed")
            if self.station.oldest_beat_ms() < STATION_LIMIT_MS:
                self.supervisor.beat("loop")
            await asyncio.sleep(1)
