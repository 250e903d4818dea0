# The charging station: connectors, tokens, commands, events.
# MIT license; part of microevse
"""The part that a protocol adapter, a page and a card reader talk to.

Events go to `listeners` as fn(kind, connector id, data), called at once:
    "status"           {"status", "error", "info"}; connector 0 is the station itself
    "fault"            {"cause", "info", "on"}, one for each cause that comes or goes
    "session_started"  Session
    "session_ended"    Session; .stop_recorded has the reason
    "changed"          bits of `telling`: which facts of the connector have changed; the facts
                       are connector.facts.bits, .facts.charging_state and connector.want_ma
    "sample"           {"session" (0: none), "context", "stamp", "values"}
    "journal"          record kind: there is something new to deliver
    "reservation"      number of one that has ended
"""

import asyncio

from evse_base import log
from evse_base import random_below, release, traceless
from store import kinds

from . import measurands, telling
from .authorization import ANY, same_token
from .connector import Connector
from .delivery import Delivery
from .limits import Limits
from .profiles import Profiles
from .sequence import Sequence
from .tokens import Tokens
from .unreserved import reservations_of

# Time for the answer to a reset command to leave.
REPLY_S = 1
# The longest time that a restart waits for its farewell to be sent.
FAREWELL_S = 0.8


class Station:
    """system_reset(kind): restarts the controller, kind as for `reset`; does not return on a
    board. rand(n): random integer below n.
    """

    def __init__(self, settings, journal, clock, authorizer, system_reset=None, rand=random_below):
        self.settings = settings
        self.authorizer = authorizer
        self.connectors = []
        self.listeners = []
        self.operative = True
        self.recovering = False  # sessions that a restart has cut are not all ended yet
        self.resetting = None  # kind of the reset that is under way
        self.draining = False  # a reset waits for the end of the last session
        # True: the protocol has them, TxStopPoint counts. Or a points.Points, while it needs one.
        self.stop_points = False
        self.system_reset = system_reset
        self.farewell = None  # async fn(): tells the central system that the station goes away
        self.journal = journal
        self.clock = clock
        self._rand = rand
        self._last_session = 0
        self.profiles = Profiles(self, settings, journal, clock, rand)
        self.reservations = reservations_of(self, journal, clock)
        self.delivery = Delivery(settings, journal, clock)
        self._tokens = Tokens(self, clock)
        self._tasks = []
        authorizer.on_learn = self._learned
        settings.on_change(self._on_setting)

    def add(self, evse, meter, lock, rcd, profile, cable=None):
        """Make the next connector (1, 2, ...) of its parts; None for one that is not fitted.

        profile: its part of the board file; "max_a" and "phases" are used. cable: callable,
        rating in mA of the cable in the socket, not above 0 if it cannot be told.
        """
        number = len(self.connectors) + 1
        limits = Limits()
        limits.cap("board", 1000 * profile["max_a"])
        limits.cap("setting", 1000 * self.settings.get("MaxCurrent"))
        # fmt: off
        connector = Connector(number, evse, meter, lock, limits, self.settings, self.journal,
                              self.clock, self.authorizer, self, cable)
        # fmt: on
        connector.sequence = Sequence(connector, rcd, self.journal, self.clock, self)
        self.connectors.append(connector)
        if lock is None or not lock.fitted:
            # A fixed cable is never unlocked (errata 4.0): the setting says so, read only.
            self.settings.provide("UnlockConnectorOnEVSideDisconnect", "false")
        self.settings.offer_measurands(measurands.supported(meter))
        return connector

    def unplug_ends(self):
        """True if a session ends when the cable is pulled at the car."""
        if self.settings.get("StopTransactionOnEVSideDisconnect"):
            return True
        return self.stop_points and self.settings.text("TxStopPoint") != "Authorized"

    def next_session(self):
        """A session number that was never used before."""
        self._last_session += 1
        return self._last_session

    def seen_session(self, number):
        """Mark a session number as used."""
        self._last_session = max(self._last_session, number)

    def connector(self, number):
        """Connector by number, None if there is none."""
        if isinstance(number, int) and 1 <= number <= len(self.connectors):
            return self.connectors[number - 1]
        return None

    def session(self, number):
        """(connector, session) of a running session, (None, None) if there is none."""
        for connector in self.connectors:
            if connector.session is not None and connector.session.id == number:
                return connector, connector.session
        return None, None

    # -- events --------------------------------------------------------------------------

    def emit(self, kind, connector, data):
        """Tell all listeners. A listener that fails is logged; the station goes on."""
        if self.resetting == "done":
            return
        if self.resetting == "hard" and kind in ("status", "fault"):
            # The contactor is tripped open on purpose: no fault to report.
            return
        for fn in self.listeners:
            try:
                fn(kind, connector, data)
            except Exception as exc:
                log.error("station", "listener of %s: %r", kind, exc)

    def _on_setting(self, name, value):
        if name == "MaxCurrent":
            for connector in self.connectors:
                connector.limits.cap("setting", 1000 * value)

    def _learned(self, token, info, kind):
        for connector in self.connectors:
            session = connector.session
            if session is not None and same_token(session.token, token, session.kind, kind):
                session.parent = info.get("parent") or session.parent

    # -- the station as a whole (connector 0) --------------------------------------------

    fault = None
    info = None
    notices = None  # station.notices.Notices, where there is something for a driver to read

    @property
    def status(self):
        return "available" if self.operative else "unavailable"

    def snapshot(self, connector=1):
        """Everything a page shows of one connector."""
        return telling.snapshot(self.connectors[connector - 1], self.clock.uptime_ms())

    def meter_values(self, connector):
        """Present values of the sampled measurands: [[code, phase, value], ...]."""
        connector = self.connector(connector)
        if connector is None:
            return []
        names = self.settings.get("MeterValuesSampledData") or measurands.names()[:1]
        return connector.metering.values(names)

    # -- tokens --------------------------------------------------------------------------

    async def present_token(self, token, kind=ANY, connector=None):
        """A token of this kind was shown (at `connector`, if known): a sentence for the driver."""
        return await self._tokens.present(token, kind, connector)

    # -- commands ------------------------------------------------------------------------

    async def remote_start(
        self, token, connector=None, profile=None, kind=ANY, start_id=None, group=None
    ):
        """Start for a token, at a connector or the best free one: see Tokens.remote_start."""
        return self._tokens.remote_start(token, connector, profile, kind, start_id, group)

    def remote_stop(self, session):
        """End a session by number. False if it is not running."""
        connector, _ = self.session(session)
        return connector.request_stop("remote") if connector is not None else False

    def deauthorized(self, session, grace=False):
        """The central system does not accept the token of a running session. grace: where that
        ends it, it ends once MaxEnergyOnInvalidId is used up (2.x E05.FR.09), else at once."""
        connector, running = self.session(session)
        if connector is None:
            return
        running.deauthorized = True
        if self.settings.get("StopTransactionOnInvalidId"):
            if not grace or connector.spent(running):
                connector.request_stop("deauthorized")
        connector.wake()

    def set_availability(self, connector, operative):
        """Take into or out of service; 0 is all. "accepted", "scheduled" or "rejected"."""
        if connector != 0 and self.connector(connector) is None:
            return "rejected"
        numbers = [connector] if connector else range(len(self.connectors) + 1)
        try:
            for number in numbers:
                self.journal.keep(kinds.AVAILABILITY, number, [number, operative])
        except Exception as exc:
            log.error("station", "availability not stored: %r", exc)
            return "rejected"
        scheduled = False
        for number in numbers:
            self.restore_availability(number, operative)
            chosen = self.connector(number)
            if chosen is not None and chosen.session is not None and not operative:
                scheduled = True
        return "scheduled" if scheduled else "accepted"

    def restore_availability(self, number, operative):
        """Apply a stored availability; 0 is the station itself."""
        if number:
            connector = self.connector(number)
            if connector is not None:
                connector.set_operative(operative)
        elif self.operative != operative:
            self.operative = operative
            self.emit("status", 0, {"status": self.status, "error": None, "info": None})

    def reset_faults(self):
        """An authorised person (page, console; never a central system) resets the faults that wait
        for a person. False if no fault does, or a cause is still there."""
        return any([connector.sequence.reset_faults() for connector in self.connectors])

    async def unlock(self, connector):
        """ "unlocked", "failed" or "not_supported" (no lock, or no such connector)."""
        chosen = self.connector(connector)
        return await chosen.sequence.unlock() if chosen is not None else "not_supported"

    async def reset(self, kind):
        """End all sessions and restart, soon. kind: "soft", "hard", or "idle" for a restart that
        has waited until the station was idle."""
        if self.resetting is None:
            self.resetting = kind
            for connector in self.connectors:
                # Now: a start under way would become a session, which is ended without energy.
                connector.drop_waiting()
            self.spawn(self._reset(kind))

    def reset_when_idle(self):
        """Restart as soon as no session and no accepted token is left; no other is accepted."""
        if not self.draining:
            self.draining = True
            for connector in self.connectors:
                connector.wake()
            self.spawn(self._drain())

    async def _drain(self):
        while any([c.session or c.waiting for c in self.connectors]) or (
            getattr(self.stop_points, "open", None)  # transactions that are not sessions
        ):
            await asyncio.sleep(REPLY_S)
        await self.reset("idle")

    async def _reset(self, kind):
        try:
            await asyncio.sleep(REPLY_S)
            from . import restart

            await restart.end_all(self, kind, self.clock)
            self.resetting = "done"
            log.info("station", "%s reset", kind)
            await self.leave()
        finally:
            if self.system_reset is not None:
                self.system_reset(kind)

    async def leave(self):
        """Say farewell before a restart: with the contactors open, in FAREWELL_S at most."""
        if self.farewell is None:
            return
        try:
            await asyncio.wait_for(self.farewell(), FAREWELL_S)
        except Exception as exc:
            # The farewell is a courtesy: the restart comes all the same.
            log.info("station", "farewell: %r", exc)

    # -- life ----------------------------------------------------------------------------

    def recover(self, cause="PowerUp", stop=False):
        """Once at boot, after all connectors were added: restore the state in the journal.
        stop: the station has an emergency stop.

        Sessions that were cut are ended by a task of its own, once the meter has been read;
        until then nothing new begins (`recovering`). Needs a running event loop.
        """
        from . import recovery

        cut = recovery.restore(self, self.journal, cause, stop)
        if cut:
            self.recovering = True
            self.spawn(self._end_cut(cut, recovery.REASONS.get(cause, "reboot")))
        release("station.recovery")

    async def _end_cut(self, cut, reason):
        from . import recovery

        try:
            await recovery.end_cut(self, cut, reason, self.journal, self.clock, self._rand)
            release("station.recovery")
        finally:
            self.recovering = False
            for connector in self.connectors:
                connector.wake()

    def spawn(self, coro):
        """Run a task of its own. The list keeps the garbage collector from taking it."""
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.create_task(traceless(coro)))

    def oldest_beat_ms(self):
        """How long ago the most overdue connector task had its last round, ms (watchdog)."""
        return self.clock.uptime_ms() - min(c.sequence.beat_ms for c in self.connectors)
