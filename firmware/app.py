# The wiring: board + settings -> objects -> tasks. Reads like a parts list.
# MIT license; part of microevse
"""Builds the charger from its board profile and starts its tasks.

`charger` is for the console; no module of the firmware uses it.
"""

import asyncio

import blackbox
from evse_base import log
from evse_base.clock import Clock
from commissioning.setup import Setup
from config import layer_values, provisioning
from hal import board as board_file
from hal import memory, system
from hal.adc import PilotAdc
from ocppj.central import Central
from ocppj.messages import message_ids
from ocppj.rpc import Rpc
from evse_base import forget, release
from station import security_log
from station.authorization import Authorizer
from station.settings import Settings
from station.soft_pause import SoftPause
from station.station import Station
from supervisor import Supervisor
from upkeep.transfers import Transfers
from version import VERSION
from web.door import Door
from wiring.features import Features
from wiring.journal import keep_ready, open_journal
from wiring.user_interface import UserInterface

charger = None

# The station's tasks look around every second; this much later something hangs.
STATION_LIMIT_MS = 10000
LOOP_LIMIT_MS = 5000
# The answer to a changed setting of the connection has this long to leave by that connection.
REPLY_S = 1
# After this time a start counts as good: it ends a row of crashes.
HEALTHY_S = 120


class Charger:
    """All parts of one charger. `board`: dict of the profile; `provision`: config.json."""

    tick = None  # until it runs no contactor can close

    def __init__(self, board, provision):
        self.clock = clock = Clock()
        log.use_clock(clock)
        self.supervisor = supervisor = Supervisor(clock)
        may_stall = self.may_stall  # one bound method for all

        # Memory that outlasts a reset: identity, settings, records of sessions.
        profiles = board["connectors"]
        self.journal, self.journal_problem = open_journal(clock, len(profiles))
        clock.on_set(self._clock_set)
        self.settings = settings = Settings(self.journal, self._vault)
        settings.provide("NumberOfConnectors", str(len(profiles)))
        # The phases of the board, until an installer sets those of the house.
        settings.factory({"Phases": str(max(c["phases"] for c in profiles))})
        layer_values(settings.factory, provision.get("settings", {}))
        layer_values(settings.overlay, provision.get("start", {}))
        self.features = Features(settings, board.get("features", "all"))

        # The electrical side: nothing here knows of networks or sessions.
        from wiring import electrical, network, vault
        from wiring.instruments import Instruments

        vault.secure(settings)
        ulp = electrical.ulp(board)
        adc = PilotAdc(board, ulp)
        contactors = [electrical.contactor(c, ulp) for c in profiles]
        locks = [electrical.lock(c) for c in profiles]
        rcds = [electrical.rcd(c) for c in profiles]
        mirrors = [electrical.poles(c) for c in profiles]
        self.stop = electrical.stop(board)
        wake_up_ms = 1000 * settings.get("WakeUpDelay")
        self.evses = evses = electrical.evses(
            board, adc, contactors, rcds, locks, mirrors, self.stop, wake_up_ms, ulp
        )
        self.guarded = electrical.guarded(board)
        self.tick = electrical.tick(
            board, adc, evses, contactors, supervisor.alive, self.guarded, ulp
        )
        instruments = Instruments(board, self.journal, clock)

        # The charging station, without any protocol.
        authorizer = Authorizer(settings, self.journal, clock)
        authorizer.tags = self.features.tags(may_stall)
        self.station = station = Station(settings, self.journal, clock, authorizer, self._reset)
        for i, profile in enumerate(profiles):
            cable = (lambda socket=i: adc.cable_ma(socket)) if "pp" in profile else None
            station.add(evses[i], instruments.meter(profile), locks[i], rcds[i], profile, cable)
        if ulp:
            electrical.ulp_watch(supervisor, ulp, profiles[0], station.connectors[0], adc)
        if instruments.volatile():
            station.listeners.append(instruments.on_event)
        self.protections = electrical.protections(
            board, station.connectors, clock, settings, adc, rcds, mirrors, self.stop
        )

        # The central system.
        self.config = network.access(settings, may_stall, self.features.protocols)
        self.connection = connection = network.connection(self.config, clock, may_stall)
        self.rpc = rpc = Rpc(
            connection.send, {}, None, message_ids(clock.boot),
            lambda: self.settings.get("MessageTimeout"), clock,
        )  # fmt: skip
        self.link = link = network.link(
            board, settings, self.on_network, connection.quiet_s, may_stall, self._reset_if_idle
        )
        # With or without the profile: the page takes updates, and one on trial is watched.
        self.transfers = Transfers(station, self.config, may_stall, self._report)
        security_log.services = self.transfers
        self.jobs = None
        if "FirmwareManagement" in self.features.profiles:
            from station.jobs import Jobs

            self.jobs = Jobs(settings, self.journal, clock, self.transfers)
        self.central = central = Central(
            connection, rpc, self.features.protocols, self._adapter, may_stall
        )
        self.transfers.line = central
        network.watch(self.config, connection, link, central)
        rpc.on_event = security_log.note
        station.farewell = connection.goodbye
        self.soft_pause = SoftPause(settings, clock, evses, connection, link)
        self.timekeeper = network.timekeeper(
            settings, clock, link, may_stall, self.config.secure, connection, self.journal
        )
        self.config.access.on_date = self.timekeeper.doubt
        self.user_interface = UserInterface(board, station, instruments, link, settings, central)
        self.page = page = Door(self.view, settings, clock, link, lacks=True)
        self.setup = self.user_interface.setup = Setup(
            board, page, link, supervisor, may_stall, station, central
        )
        self.setup.panel = self.user_interface.panel
        settings.on_change(self._on_setting)
        forget("wiring.instruments")
        forget("wiring.vault")
        forget("hal.uart")

    # -- decisions that need several parts -----------------------------------------------

    def may_stall(self, ms=0):
        """True while a stall of the interpreter is harmless: a guard acts without it, or every
        contactor is open. And none closes for `ms` from now on (Evse.stay_open)."""
        return self.guarded or self.tick.relaxed and all(e.stay_open(ms) for e in self.evses)

    def _vault(self):
        """The region for secrets (store.vault.Vault), made for a use; None without one."""
        from wiring import vault

        return vault.opened(lambda: not self.tick or self.may_stall(1000))

    def _adapter(self, protocol):
        """The adapter of a sub-protocol that the central system has picked."""
        from wiring import adapters

        try:
            return adapters.MAKERS[protocol](
                self.rpc, self.station, self.settings, self.clock, self.link,
                self.features.profiles, self.jobs,
            )  # fmt: skip
        finally:
            forget("wiring.adapters")
            release("wiring")

    def view(self):
        """The page's window on this charger, made for a visitor: code and profile are large."""
        from web.view import View

        board, transfers = board_file.load(), self.transfers
        return View(board, self.station, self.tick, self.central, self.config, transfers)

    def _report(self):
        """(source, size) of the diagnostics."""
        from upkeep import report

        try:
            board, central = board_file.load(), self.central
            return report.make(board, self.station, self.tick, central, self.supervisor)
        finally:
            forget("upkeep.report")  # an installer may be at work

    def on_network(self, up):
        """The network has come or gone."""
        if up:
            self.connection.retry()
        elif self.may_stall() or not self.config.secure():
            # A TLS connection is kept while a car charges: it could not be made again before
            # the contactor opens, and it may survive a short loss.
            self.connection.lost("network lost")

    def _clock_set(self, step):
        if step != 0:  # certificates are checked by the chip's own clock
            system.set_rtc(self.clock.now())
            security_log.clock_set(step)

    def _on_setting(self, name, value):
        if name == "WakeUpDelay":
            for evse in self.evses:
                evse.waker.after_ms = 1000 * value
        if name in self.config.NAMES + ("WebPassword", "SetupKey", "UpdateNewerOnly", "NtpServer"):
            security_log.note("security_changed", name)  # its value may be a secret
        if name in self.config.NAMES:
            asyncio.create_task(self._reconnect("%s changed" % name))

    async def _reconnect(self, why):
        await asyncio.sleep(REPLY_S)
        # A TLS connection could not be made again before the contactor opens.
        while self.connection.connected and self.config.secure() and not self.may_stall():
            await asyncio.sleep(1)
        await self.connection.restart(why)

    def _reset_if_idle(self):
        """Reset unless there is a session: for a link that does not come back."""
        if self.may_stall() and not [c for c in self.station.connectors if c.session]:
            log.error("net", "the network does not come back: reset")
            self._reset("soft")

    def _reset(self, kind):
        self.tick.open_all("ResetRequested")
        why = {"hard": "HardRestart", "idle": "ScheduledRestart"}.get(kind, "SoftRestart")
        system.mark(self.transfers.reset_reason or why)
        system.reset()

    # -- tasks ---------------------------------------------------------------------------

    def start(self):
        """Start everything. The tick comes first: from then on the pilot is watched."""
        self.station.recover(system.last_reset(), self.stop is not None)
        self.tick.start()
        supervisor = self.supervisor
        for connector in self.station.connectors:
            if self.journal_problem:
                # A session that cannot be recorded cannot be billed: none may begin.
                connector.report_fault("StorageFailed", self.journal_problem)
            supervisor.start("connector %d" % connector.id, connector.sequence.run, critical=True)
            supervisor.start("meter %d" % connector.id, connector.metering.run)
        from wiring import electrical

        electrical.start_protections(supervisor, self.protections)
        supervisor.watch("loop", LOOP_LIMIT_MS)
        supervisor.start("loop", self._beat, critical=True)
        tidy = self.features.tidy
        supervisor.start(
            "journal", lambda: keep_ready(self.journal, self.clock, self.may_stall, tidy)
        )
        if len(self.station.connectors) > 1:
            from station.sharing import Sharing

            supervisor.start("sharing", Sharing(self.station, self.settings, self.clock).run)
        supervisor.start("set-up", self.setup.run)  # and, when that is done, the network
        supervisor.start("soft pause", self.soft_pause.run)
        supervisor.start("time", self.timekeeper.run)
        supervisor.start("ocpp", self._connect)
        if self.jobs:
            supervisor.start("firmware", self.jobs.run)
        self.user_interface.start(supervisor)
        supervisor.start("web", self._serve_page)
        self.transfers.start_trial(self.tick, supervisor, self.central, self.link)
        for package in ("wiring", "commissioning", "upkeep"):
            release(package)  # objects in use stay, without an entry in sys.modules

    async def _connect(self):
        await self.timekeeper.before_tls()
        await self.connection.run()

    async def _beat(self):
        """Tell the watchdogs that asyncio runs and every connector is served; open everything if
        the tick has stopped; do the other work of every second."""
        healthy = False
        while True:
            if self.tick.stopped():
                self.tick.give_up("TickFailed")
            blackbox.keep_up()
            if self.station.oldest_beat_ms() < STATION_LIMIT_MS:
                self.supervisor.beat("loop")
                if not healthy and self.clock.uptime() >= HEALTHY_S:
                    healthy = True
                    system.healthy()
                if self.config.access.look(self.central.accepted):
                    asyncio.create_task(self._reconnect("not accepted in time"))
            await asyncio.sleep(1)

    async def _serve_page(self):
        while self.setup.open:
            await asyncio.sleep(1)
        await self.page.run()


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
    memory.settle()
    log.info("app", "%s, boot %d", board_file.load()["name"], charger.clock.boot)
    while True:
        await asyncio.sleep(3600)


def stop():
    """Open every contactor and let none close: the console takes over, or a reset follows."""
    if charger:
        charger.tick.open_all("ConsoleStop")
        charger.tick.rest()
