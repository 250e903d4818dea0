# The adapter of OCPP 2.0.1 and 2.1: the station on one side, a central system on the other.
# MIT license; part of microevse
"""An adapter as `ocppj.central` describes it. Its parts send in this order: registration,
transaction events, status, limits from elsewhere, live profiles, news of updates, ends of
reservations, security events and news of logs (these are this object's), heartbeat, other events.
"""

import asyncio

from evse_base import before_import, const, log, release
from ocppj import on_demand
from ocppj.messages import CallError, Disconnected
from ocppj.registration import Registration
from ocppj.status_queue import StatusQueue
from station import security_log

from . import names, status
from .actions import ACTIONS
from .charging_limits import ChargingLimits
from .events import Events
from .transactions import Transactions, token_info

# Settings that a page shows where a central system has told nothing.
TEXTS = const(("TariffFallbackMessage", "TotalCostFallbackMessage"))
_POINTS = const(("TxStartPoint", "TxStopPoint"))
# Fields of an answer that are for the driver, or change what a session may use.
_NEWS = const(("totalCost", "transactionLimit", "updatedPersonalMessage"))


class Ocpp2:
    """OCPP 2.x on top of a Station.

    call: async callable(action, payload) -> payload (Rpc.call; raises Disconnected without a
        connection).
    schema: a schema.Schema of the version. later: True for 2.1, False for 2.0.1.
    identity: fields of chargingStation in a BootNotification. reason: why the charger has
        started (BootReasonEnumType).
    link: its `connected` is False when the network is known to be gone: a driver with a card
        is then not kept waiting for an answer that cannot come. None: not known.
    profiles: names of the feature profiles that are offered.
    passing: True to load the code of requests when they come (see ocppj.on_demand).
    fitted: those parts of the board that the station does not know of: "temp", "estop", "pe" and
        "reader", "ethernet" for that network, and the numbers of the connectors that have an RCD.

    The attributes without underscore are what the handlers of requests work with. To be set
    before `attach`: `jobs`, a station.jobs.Jobs, where files are moved; `rpc`, for `streams`.
    """

    package = "ocpp2"

    # fmt: off
    def __init__(self, call, schema, station, settings, clock, identity, reason, later=False,
                 link=None, profiles=(), passing=False, fitted=()):
        # fmt: on
        self._call = call
        self._wake = None
        call = self.call
        self.schema = schema
        self.later = later
        self.station = station
        station.stop_points = True
        self.settings = settings
        self.clock = clock
        self.profiles = profiles
        self.fitted = fitted
        self.reason = reason  # of the next BootNotification
        self.identity = identity
        self.boot = Registration(call, settings, clock, self._boot_notification)
        self.status = StatusQueue(
            call, settings, clock,
            lambda: range(1, len(station.connectors) + 1),
            lambda number: status.render(station, clock, number),
            status.FIELDS,
        )  # fmt: skip
        # Not through `call`: delivery lets this part send only while it is attached.
        self.transactions = Transactions(self._call, station, later)
        self.transactions.on_answer = self._on_answer
        self.jobs = self.monitors = None  # monitors: station.monitors.Monitors while there are any
        # Of 2.1 only: LiveProfiles; station.costs.Costs and streams.Streams while there are some.
        self.live = self.costs = self.streams = None
        self.spent = None  # (session, thousandths of its cost), as the central system told last
        limits = ChargingLimits(call, station, settings, clock)
        self._parts = [station.delivery, self.status, limits]
        if later:
            from .live_profiles import LiveProfiles

            self.live = LiveProfiles(call, self.transactions, station, clock)
            self._parts.append(self.live)
        self.passing = passing
        if not passing:
            from station import composite, profile_outage  # noqa: F401 (handlers need them)

            on_demand.load_all(self.package, ACTIONS)
        self._link = link
        self._lost_ms = None  # uptime when the last connection ended
        # Last: these listen to the station, and an adapter that is never made must not be kept.
        self.events = Events(call, station, settings, clock, later, self._online)
        self._parts += [self, self.boot, self.events]
        try:
            self._optional("start")
        except Exception:
            self.close()
            raise

    def _boot_notification(self):
        return {"reason": self.reason, "chargingStation": self.identity}

    def call(self, action, payload):
        """The answer to a message, as the `call` of the constructor. A handler that ends after its
        connection must not send on the next one: that may speak another protocol."""
        if self._wake is None:
            raise Disconnected("detached")
        return self._call(action, payload)

    def _optional(self, function, *args):
        from . import optional

        try:
            getattr(optional, function)(self, *args)
        finally:
            release("ocpp2.optional")

    def points_ask(self):
        """True if there have to be transactions that are not sessions, and are none yet."""
        begin, end = [self.settings.text(name) for name in _POINTS]
        # A session begins with its power path; it ends with that, or with its cable and its card.
        plain = "PowerPathClosed" in end or "," in end
        plain = plain and begin == "PowerPathClosed" and "EnergyTransfer" not in end
        return not plain and self.station.stop_points is True

    async def _points(self):
        """TxStartPoint or TxStopPoint may be another now."""
        await before_import()
        if self.points_ask():
            from . import points

            points.start(self)

    async def notices(self):
        """The notices of the station; loaded now if nothing was to be shown before."""
        if self.station.notices is None:
            await before_import()
            if self.station.notices is None:
                self._optional("load_notices", True)
        return self.station.notices

    async def _on_answer(self, answer, session=None):
        """An answer to Authorize or TransactionEvent: keep what the driver is to read. session:
        number of the one that runs, None without one."""
        info = answer.get("idTokenInfo")
        if not (isinstance(info, dict) and "personalMessage" in info):
            if not [name for name in _NEWS if name in answer]:
                return
        try:
            await (await on_demand.code(self, "cost")).answered(self, session, answer)
        except Exception as exc:
            # What a page shows is a courtesy: the answer counts all the same.
            log.warn("ocpp", "cost or text not shown: %r", exc)

    async def limit(self, session, limits):
        """A driver limits a session (TransactionLimitType); False if it cannot be limited so."""
        code = await on_demand.code(self, "limits")
        return self.later and await code.put(self, session, limits, True)

    def wake(self):
        """There may be something new to send."""
        if self._wake:
            self._wake()

    def _online(self):
        return self._wake is not None and self.boot.accepted

    @property
    def registered(self):
        """The central system has accepted our BootNotification."""
        return self.boot.accepted

    def transaction_id(self, session):
        """transactionId of a session, None while there is none."""
        return self.transactions.transaction_id(session)

    async def ask(self, token, kind):
        """Authorize (C01): the verdict of the central system about a token, see
        `transactions.token_info`; None while it cannot be asked."""
        if kind == "NoAuthorization":
            # Free for everybody: the central system is not asked (C02.FR.01).
            return {"status": "accepted", "expiry": None, "parent": None, "own": True}
        # An answer without a status does not permit charging.
        refused = {"status": "invalid", "expiry": None, "parent": None}
        sent = names.id_token(token, kind, self.later)
        if sent["idToken"] != token:
            # The central system cannot bill a token that this version cannot carry.
            refused["own"] = True
            return refused
        # Only while attached, hence connected.
        if not self.boot.accepted or self._link is not None and not self._link.connected:
            return None
        try:
            answer = await self.call("Authorize", {"idToken": sent})
        except (asyncio.TimeoutError, Disconnected):
            return None  # no answer is "offline" (C15)
        except CallError as exc:
            log.warn("ocpp", "Authorize refused: %s", exc.code)
            answer = {}
        await self._on_answer(answer)
        info = token_info(answer.get("idTokenInfo"))
        if info:
            info["kind"] = sent["type"]
            if self.later and "tariff" in answer and info["status"] == "accepted":
                tariffs = await on_demand.code(self, "tariffs")
                info = await tariffs.of_card(self, token, kind, answer["tariff"], info)
        return info or refused

    # -- for ocppj.central ---------------------------------------------------------------

    def get(self, action):
        """The handler of an action, as rpc.Rpc wants it; None if it has none. Nothing is answered
        before the central system has said Accepted or Pending (B02, B03)."""
        handler = on_demand.handler(self, action, self.package, ACTIONS)
        return handler if self.boot.status in ("Accepted", "Pending") or not handler else _refuse

    def attach(self, wake):
        """A connection begins: listen to the station, answer it, and tell what holds now."""
        self._wake = wake
        security_log.on_news = wake
        self.refusals = self.tell_ms = self.starved_ms = 0  # see station.security_news
        self.station.authorizer.remote = self.ask
        self.station.listeners.append(self._on_station_event)
        self.settings.listeners.append(self._on_setting)
        self.boot.connected()
        self.station.delivery.attach(self.transactions)
        self.status.everything(self._was_long())
        if self.jobs:
            self.jobs.on_news = wake
            self.jobs.latest_only()
        self.station.reservations.spoken_to(True)
        if self.points_ask():
            asyncio.create_task(self._points())

    def detach(self):
        """The connection has ended: the station goes on without this adapter."""
        self.station.authorizer.remote = security_log.on_news = None
        if self.jobs:
            self.jobs.on_news = None
        self.station.delivery.detach(self.transactions)
        for listeners, fn in (
            (self.station.listeners, self._on_station_event),
            (self.settings.listeners, self._on_setting),
        ):
            if fn in listeners:
                listeners.remove(fn)
        self._wake = None
        self._lost_ms = self.clock.uptime_ms()

    def _was_long(self):
        """True if the central system was away for longer than OfflineThreshold, or it has never
        been there: it is told every status (B04.FR.01, FR.02)."""
        threshold_ms = 1000 * self.settings.get("OfflineThreshold")
        if self._lost_ms is None or not threshold_ms:
            return True
        return self.clock.uptime_ms() - self._lost_ms > threshold_ms

    def close(self):
        """This adapter is not used again."""
        self.events.close()
        self._optional("close")

    def parts(self):
        """The parts that may send now, most important first; before registration only `boot`."""
        if not self.boot.accepted:
            return (self.boot,)
        if self.clock.now() is None:
            # Every message of 2.x but these has a time: it waits until one is known.
            return (self.boot,)
        return self._parts

    def due_in_ms(self):
        """Milliseconds until something of an update, a reservation or the security log may be
        told; None: there is nothing."""
        due = security_log.due_in_ms(self)
        if self.jobs and self.jobs.news or self.station.reservations.untold:
            return max(0, self.starved_ms - self.clock.uptime_ms())
        return due

    async def step(self):
        """Tell it, or ask for a certificate; raises what Rpc.call raises."""
        if self.jobs and self.jobs.news:
            await on_demand.once(self, "firmware", "tell")
        elif self.station.reservations.untold:
            await on_demand.once(self, "reservation", "tell")
        elif self.signs:
            await on_demand.once(self, "signing", "begin")
        else:
            await on_demand.once(self, "security_events", "tell")

    def _on_station_event(self, kind, connector, data):
        # "changed": a cable occupies a connector that waits for it with an accepted token.
        if kind in ("status", "changed") and connector:
            if self.boot.accepted and self.clock.now() is not None:
                self.status.changed(connector)
        self._wake()

    def _on_setting(self, name, value):
        if name == "HeartbeatInterval":
            self.boot.interval_changed()
        elif name in _POINTS:
            asyncio.create_task(self._points())
        elif name in TEXTS and value and self.station.notices is None:
            asyncio.create_task(self.notices())
        elif name == "SecurityProfile":
            self.boot.register_again()
        self._wake()


async def _refuse(payload):
    raise CallError("SecurityError", "not accepted yet")
