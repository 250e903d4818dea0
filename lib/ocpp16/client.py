# The OCPP 1.6 charge point: what is sent, and in which order.
# MIT license; part of microevse
"""Adapter between the station and an OCPP 1.6 central system.

One task sends everything that the charge point starts by itself, so the order on the
wire is the order written in `_serve`: registration, transaction events, status, heartbeat.
Only Authorize is sent from elsewhere; the Rpc lets one CALL at a time on the wire.
"""

import asyncio

import log
from ocppj.rpc import CallError

from . import authorize, on_demand
from .boot import Boot
from .status import Status
from .transactions import Transactions

# Longest wait without looking again: a lost wake-up must not stop the queue for ever.
LOOK_AGAIN_S = 30


class Ocpp16:
    """OCPP 1.6 on top of a Station.

    call: async callable(action, payload) -> payload (Rpc.call of the live connection;
        raises Disconnected without one).
    identity: BootNotification fields.
    reachable: plain callable, False when the network is known to be gone: a driver with a
        card is then not kept waiting for an answer that cannot come.
    profiles: names of the feature profiles that are offered.
    passing: True to load the code of requests when they come (see on_demand).
    """

    # fmt: off
    def __init__(self, call, station, settings, journal, clock, identity, reachable=None,
                 profiles=(), passing=False):
        # fmt: on
        self.call = call
        self._clock = clock
        self._work = asyncio.Event()
        self._online = False
        self._reachable = reachable or (lambda: True)
        self._station = station
        self.boot = Boot(call, settings, clock, identity)
        self.status = Status(call, station, settings, clock)
        self.firmware = None
        self.transactions = Transactions(call, station)
        self._delivery = station.delivery
        station.authorizer.remote = authorize.remote(call, self._may_ask)
        station.listeners.append(self._on_station_event)
        settings.on_change(self._on_setting)
        # Every action of the central system that this charge point knows.
        tags = station.authorizer.tags
        reservations = station.reservations if "Reservation" in profiles else None
        self.handlers = on_demand.handlers(
            {
                "remote": (station, settings, self.transactions, self._registered, clock),
                "smart_charging": (station, self.transactions, clock),
                "configuration": (settings,),
                "trigger": (station, self),
                "data_transfer": (),
                "local_list": (tags, settings),
                "reservation": (reservations, self._registered),
            },
            passing,
        )

    def attach_firmware(self, firmware):
        """Fit FirmwareManagement (see firmware.Firmware): its requests and notifications."""
        self.firmware = firmware
        self.handlers.update(firmware.handlers)
        firmware.jobs.on_news = self._work.set

    @property
    def accepted(self):
        """Connected, and the central system has accepted our BootNotification."""
        return self._online and self.boot.accepted

    def _may_ask(self):
        return self.accepted and self._reachable()

    def _registered(self):
        return self.boot.accepted

    async def serve(self):
        """Run on a live connection until it is lost (raises Disconnected) or cancelled."""
        self._online = True
        self._delivery.attach(self.transactions)
        self.status.everything()
        if self.firmware:
            self.firmware.connected()
        try:
            await self._serve()
        finally:
            self._online = False
            self._delivery.detach(self.transactions)

    async def _serve(self):
        while True:
            step = self._next()
            if step is None:
                await self._wait()
                continue
            try:
                await step()
            except asyncio.TimeoutError:
                # The message stays queued; whether the line is dead is the ping's business.
                log.warn("ocpp", "no answer in time")
            except CallError as exc:
                log.warn("ocpp", "refused: %s %s", exc.code, exc.description)

    def _next(self):
        """The most important thing that is due now, None if nothing is."""
        if not self.boot.accepted:
            return self.boot.step if self.boot.due_in_ms() == 0 else None
        for part in (self._delivery, self.status, self.firmware, self.boot):
            if part and part.due_in_ms() == 0:
                return part.step
        return None

    async def _wait(self):
        """Sleep until something is due or a station event arrives."""
        parts = (self.boot,)
        if self.boot.accepted:
            parts = (self.boot, self._delivery, self.status, self.firmware)
        shortest = 1000 * LOOK_AGAIN_S
        for part in parts:
            due = part.due_in_ms() if part else None
            if due is not None and due < shortest:
                shortest = due
        self._work.clear()
        try:
            await asyncio.wait_for(self._work.wait(), shortest / 1000)
        except asyncio.TimeoutError:
            pass

    def now(self):
        """Unix time, None while it is not known."""
        return self._clock.now()

    def _on_station_event(self, kind, connector, data):
        if kind in ("status", "fault"):
            if self._online and self.boot.accepted:
                self.status.changed(connector)
        self._work.set()

    def _on_setting(self, name, value):
        if name == "HeartbeatInterval":
            self.boot.interval_changed()
        self._work.set()
