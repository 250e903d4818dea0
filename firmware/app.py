# The wiring: board + settings -> objects -> tasks. Reads like a parts list.
# MIT license; part of microevse
"""Builds the charger from its board profile and starts its tasks.

`charger` is what the console and the page look at; no other module uses it.
"""

import asyncio
import gc

import blackbox
import links
import log
import memory
from clock import Clock
from config import CsmsConfig, layer_values, provisioning
from features import Features
from front import Front
from hal import board as board_file
from hal import system
from hal.adc import PilotAdc
from ocpp16 import schemas
from ocpp16.client import Ocpp16
from ocppj.connection import Connection
from ocppj.rpc import Rpc, message_ids
from ocppj.schema import Schema
from port import IN_PLACE, forget, release
from setup import Setup
from station.authorization import Authorizer
from station.settings import Settings
from station.station import Station
from supervisor import Supervisor
from transfers import Transfers
from version import VERSION
from web.door import Door

charger = None

# The station's tasks look around every second; this much later something hangs.
STATION_LIMIT_MS = 10000
LOOP_LIMIT_MS = 5000
# So long the answer to whoever changed a setting of the connection has to leave by it.
REPLY_S = 1
# A start that lived so long is none of a row of crashes.
HEALTHY_S = 120


class Charger:
    """All parts of one charger. `board`: dict of the profile; `provision`: config.json."""

    def __init__(self, board, provision):
        self._board = board  # until all is made
        self.clock = Clock()
        log.use_clock(self.clock)
        self.supervisor = Supervisor(self.clock)

        # Memory that survives: who we are, what has been decided, what has been charged.
        count = len(board["connectors"])
        self.journal, self.memory_problem = memory.open_journal(self.clock, count)
        self.clock.on_set(self._clock_set)
        self.settings = Settings(self.journal)
        self.settings.provide("NumberOfConnectors", str(count))
        # What the board can do, until an installer says what the house has.
        self.settings.factory({"Phases": str(max(c["phases"] for c in board["connectors"]))})
        layer_values(self.settings.factory, provision.get("settings", {}))
        layer_values(self.settings.overlay, provision.get("start", {}))
        self.features = Features(self.settings, board.get("features", "all"))

        # The electrical side: nothing here knows of networks or sessions.
        import electrical
        from parts import Parts

        self.adc = PilotAdc(board)
        self.locks = [electrical.lock(c) for c in board["connectors"]]
        self.rcds = [electrical.rcd(c) for c in board["connectors"]]
        self.stop = electrical.stop(board)
        self.mirrors = [electrical.poles(c) for c in board["connectors"]]
        self.contactors = []
        self.evses = [electrical.evse(self, i) for i in range(count)]
        self.guarded = electrical.guarded(board)
        self.tick = electrical.tick(self)
        parts = Parts(board, self.journal, self.clock)
        self.meters = [parts.meter(c) for c in board["connectors"]]

        # What a charging station is.
        self.authorizer = Authorizer(self.settings, self.journal, self.clock)
        self.authorizer.tags = self.features.tags(self._may_stall)
        self.station = Station(
            self.settings, self.journal, self.clock, self.authorizer, self._reset
        )
        for i, profile in enumerate(board["connectors"]):
            self.station.add(
                self.evses[i],
                self.meters[i],
                self.locks[i],
                self.rcds[i],
                profile,
                self._cable(i, profile),
            )
        if parts.volatile():
            self.station.listeners.append(parts.on_event)
        self.protections = electrical.protections(self)

        # The central system.
        self.config = CsmsConfig(self.settings)
        self.connection = Connection(
            self.config, on_up=self._online, clock=self.clock, allowed=self._may_stall,
            resolve=links.lookup(),
        )  # fmt: skip
        identity = {
            "chargePointVendor": self.settings.text("ChargePointVendor"),
            "chargePointModel": self.settings.text("ChargePointModel"),
            "chargePointSerialNumber": system.unique_id(),
            "firmwareVersion": VERSION,
        }
        self.rpc = Rpc(
            self.connection.send,
            {},
            Schema(schemas.TABLE),
            message_ids(self.clock.boot),
            lambda: self.settings.get("MessageTimeout"),
            self.clock,
        )
        self.link = links.link(self)
        self.ocpp = Ocpp16(
            self.rpc.call,
            self.station,
            self.settings,
            self.journal,
            self.clock,
            identity,
            lambda: self.link.connected,
            self.features.profiles,
            IN_PLACE,
        )
        # With or without the profile: the page takes updates, and one on trial is watched.
        self.transfers = Transfers(self, self._may_stall)
        self.firmware = None
        if "FirmwareManagement" in self.features.profiles:
            from ocpp16.firmware import Firmware

            # Diagnostics and updates, as the central system asks for them.
            args = self.settings, self.journal, self.clock, self.transfers
            self.firmware = Firmware(self.rpc.call, *args)
            self.ocpp.attach_firmware(self.firmware)
        self.rpc.handlers = self.ocpp.handlers
        self.connection.attach(self.rpc)
        self.connection.on_failure = self.config.key.failed
        self.station.farewell = self.connection.goodbye
        self.soft_pause = links.soft_pause(self)
        self.timekeeper = links.timekeeper(self)
        self.front = Front(
            board, self.station, parts, self.link, self.settings, lambda: self.ocpp.accepted
        )
        self.setup = self.front.setup = Setup(self)
        self.settings.on_change(self._on_setting)
        self._board = self.page = None
        for name in ("parts", "hal.uart"):
            forget(name)

    @property
    def board(self):
        """The profile; read again once all is made, for the few who ask then."""
        return self._board or board_file.load()

    def _cable(self, i, profile):
        return (lambda: self.adc.cable_ma(i)) if "pp" in profile else None

    # -- decisions that need several parts -----------------------------------------------

    def _may_stall(self):
        """True while a stall of the interpreter is harmless: every contactor is open, or a
        guard opens them without us."""
        return self.guarded or self.tick.relaxed and not [e for e in self.evses if e.closed]

    async def _online(self, protocol):
        await self.ocpp.serve()

    def on_network(self, up):
        """The network has come or gone."""
        if up:
            self.connection.retry()
        elif self._may_stall() or not self.config.secure():
            # A TLS connection is kept while a car charges: it could not be made again before
            # the contactor opens, and it may survive a short loss.
            self.connection.lost("network lost")

    def _clock_set(self, step):
        # Certificates are checked by the chip's own clock.
        if step != 0:
            system.set_rtc(self.clock.now())

    def _on_setting(self, name, value):
        if name == "WakeUpDelay":
            for evse in self.evses:
                evse.waker.after_ms = 1000 * value
        if name in self.config.NAMES:
            asyncio.create_task(self._reconnect("%s changed" % name))

    async def _reconnect(self, why):
        await asyncio.sleep(REPLY_S)
        # A TLS connection could not be made again before the contactor opens.
        while self.connection.connected and self.config.secure() and not self._may_stall():
            await asyncio.sleep(1)
        await self.connection.restart(why)

    def _reset(self, kind):
        self.tick.open_all("ResetRequested")
        why = "HardReset" if kind == "hard" else "SoftReset"
        system.mark(self.transfers.reset_reason or why)
        system.reset()

    # -- tasks ---------------------------------------------------------------------------

    def start(self):
        """Start everything. The tick comes first: from then on the pilot is watched."""
        self.station.recover(system.last_reset(), self.stop is not None)
        self.tick.start()
        supervisor = self.supervisor
        for connector in self.station.connectors:
            if self.memory_problem:
                # What cannot be recorded cannot be billed: nothing is charged.
                connector.report_fault("StorageFailed", self.memory_problem)
            supervisor.start("connector %d" % connector.id, connector.run, critical=True)
            supervisor.start("meter %d" % connector.id, connector.metering.run)
        import electrical

        electrical.start_protections(self)
        release("electrical")
        supervisor.watch("loop", LOOP_LIMIT_MS)
        supervisor.start("loop", self._beat, critical=True)
        supervisor.start("journal", self._keep_ready)
        if len(self.station.connectors) > 1:
            from station.sharing import Sharing

            supervisor.start("sharing", Sharing(self.station, self.settings, self.clock).run)
        supervisor.start("set-up", self.setup.run)  # and, when that is done, the network
        supervisor.start("soft pause", self.soft_pause.run)
        supervisor.start("time", self.timekeeper.run)
        supervisor.start("ocpp", self._connect)
        if self.firmware:
            supervisor.start("firmware", self.firmware.run)
        self.front.start(supervisor)
        supervisor.start("web", self._serve_page)
        trial = self.transfers.trial()
        if trial:
            supervisor.start("trial", trial)

    async def _connect(self):
        await self.timekeeper.before_tls()
        await self.connection.run()

    async def _beat(self):
        """Proof for the watchdogs that asyncio runs and every connector is looked after; proof
        for asyncio that the tick runs; and what is done every second anyway."""
        healthy = False
        while True:
            if self.tick.stopped():
                self.tick.give_up("TickFailed")
            blackbox.keep_up()
            if self.station.oldest_beat_ms() < STATION_LIMIT_MS:
                self.supervisor.beat("loop")
                if self.ocpp.accepted:
                    self.config.key.works()
                if not healthy and self.clock.uptime() >= HEALTHY_S:
                    healthy = True
                    system.healthy()
            await asyncio.sleep(1)

    async def _keep_ready(self):
        await memory.keep_ready(self.journal, self._may_stall, self.features.tidy)

    async def _serve_page(self):
        while self.setup.open:
            await asyncio.sleep(1)
        self.page = Door(self)
        await self.page.run()

    # -- for the console -----------------------------------------------------------------

    def heap_free(self):
        return gc.mem_free() if hasattr(gc, "mem_free") else 0

    def status16(self, number):
        """What a service person asks first: status and transaction in 1.6 terms."""
        from ocpp16.names import CONNECTOR_STATUS

        connector = self.station.connectors[number - 1]
        session = connector.session
        return {
            "connector_status": CONNECTOR_STATUS[connector.status],
            "transaction": self.ocpp.transactions.transaction_id(session.id) if session else None,
            "ocpp": self.ocpp.accepted,
            "heap_free": self.heap_free(),
        }


def build():
    """Make the charger from the files beside the firmware; the tick is not started yet."""
    global charger
    charger = Charger(board_file.load(), provisioning())
    return charger


async def run():
    """Build, start, and stay until the task is cancelled."""
    log.info("app", "microevse %s, last reset: %s", VERSION, system.last_reset())
    if blackbox.previous():
        log.warn("app", "it ended with: %s", blackbox.reason(blackbox.previous()))
    build().start()
    log.info("app", "%s, boot %d", charger.board["name"], charger.clock.boot)
    while True:
        await asyncio.sleep(3600)


def stop():
    """Open every contactor and let none close: the console takes over, or a reset follows."""
    if charger:
        charger.tick.open_all("ConsoleStop")
        charger.tick.rest()
