# Transactions that begin before a session, or end behind it.
# MIT license; part of microevse
"""A protocol may tell a transaction that is longer than its session, or shorter: from the cable or
the token on (TxStartPoint), or until the cable goes or the car pauses (TxStopPoint). This module
keeps such transactions; only an adapter that has them loads it, as `Station.stop_points`, and only
for points that the session itself does not have. It permits nothing: what closes the contactor is
a session, and that begins as without it.

An event outside the session is a CHANGE with an eighth field (see store.kinds): a protocol without
such transactions passes over it, and has START and STOP as ever. Session and transaction have one
number and one uuid. An open transaction without a session is on flash, in a record of its own
(store.kinds), and is ended after a power cut.
"""

import asyncio

from evse_base import const, log, release, traceless
from store import kinds

from . import faults
from .early import Early
from .session import stamp, trigger_of

# What an event is.
_STARTED = const(0)
_UPDATED = const(1)
_ENDED = const(2)

# Bits of what was told.
_TOKEN = const(1)
_PLACE = const(2)
_BEGIN = const(4)

# Why a session ends without its transaction, if the cable alone ends that.
_AUTHORITY = const(("local", "remote", "master_pass", "deauthorized"))


class Points:
    """The transactions of `station` that have no session now. cause: "power_loss" or "soft_reset",
    what has cut those of an earlier start."""

    def __init__(self, station, cause):
        self._station = station
        self._journal = station.journal
        self.open = {}  # connector: Early
        self._shut = {}  # connector: the count of unplugging in which its transaction has ended
        self._cause = cause
        self._ready = False
        station.listeners.append(self._on_event)
        self._task = asyncio.create_task(traceless(self._watch()))

    def close(self):
        """Not used any more. What is open is on flash."""
        self._station.listeners.remove(self._on_event)
        self._ready = False
        self._task.cancel()

    def session(self, number, connector, *about):
        """The session that is about to begin, as Session makes it."""
        chosen = self._station.connector(connector)
        self._look(chosen)
        session = self.open.get(connector)
        if session is None:
            session = Early(self, number, connector, *about)
            if self._station.settings.text("TxStartPoint") != "EnergyTransfer":
                session.begin()
            return session
        if session.stopping:
            raise OSError  # its end is not on flash yet: no session begins
        session.not_started()
        session.token, session.parent, meter_wh, session.started, session.kind = about[:5]
        session.remote_start = about[5]
        session.meter_start_wh = session.meter_wh = meter_wh
        return session

    def outlives(self, session, now):
        """True if the transaction goes on when this session ends: only with EVConnected and
        EnergyTransfer. On flash before the end of the session is."""
        text = self._station.settings.text("TxStopPoint")
        if "Authorized" in text or "PowerPathClosed" in text:
            return False
        connector = self._station.connector(session.connector)
        if session.stopping not in _AUTHORITY or not connector.evse.plugged:
            return False
        session.bits |= _TOKEN | _PLACE
        session.unplugs = connector.evse.unplug_count
        return self._keep(session, now, 1)

    # -- commands of a central system ------------------------------------------------------

    def find(self, session):
        """The open transaction with this number, None if there is none."""
        for early in self.open.values():
            if session == early.id:
                return early
        return None

    def end(self, session, reason):
        """End the open transaction of this number. False if there is none."""
        early = self.find(session)
        if early is None:
            return False
        connector = self._station.connector(early.connector)
        # First: what is forgotten now does not end it another way.
        done = self._end(connector, early, reason)
        connector.drop_waiting()
        connector.wake()
        return done

    def refused(self, session):
        """The central system does not accept the token of a transaction without a session."""
        early = self.find(session)
        if early and self._station.settings.get("StopTransactionOnInvalidId"):
            self.end(session, "deauthorized")
        elif early:
            early.deauthorized = True

    def told(self, session):
        """The central system was told of the begin of a transaction."""
        early = self.find(session) or self._station.session(session)[1]
        if isinstance(early, Early) and not early.bits & _BEGIN:
            early.bits |= _BEGIN
            if early.connector in self.open:
                self._keep(early, stamp(self._station))

    def triggered(self, connector):
        """Tell the state of an open transaction now. False if there is none."""
        early = self.open.get(connector.id)
        return early is not None and self._tell(connector, early, "trigger", _UPDATED)

    # -- watching --------------------------------------------------------------------------

    async def _watch(self):
        while self._station.recovering:
            await asyncio.sleep(0.1)
        if list(self._journal.state(kinds.TRANSACTION)):
            from . import points_kept

            points_kept.load(self, self._station, self._cause)
            release("station.points_kept")
        self._ready = True
        while True:
            for connector in self._station.connectors:
                self._on_event("changed", connector.id, None)
            await asyncio.sleep(1)

    def _on_event(self, kind, number, data):
        connector = self._station.connector(number)
        if connector is None:
            return
        try:
            if kind == "session_started":
                if isinstance(data, Early):
                    data.counted = False
                    data.bits |= _TOKEN | _PLACE
                if self.open.pop(number, None):
                    self._journal.forget(kinds.TRANSACTION, number)
            elif kind == "session_ended":
                if isinstance(data, Early) and data.goes_on:
                    self._behind(connector, data)
            elif kind == "changed":
                self._look(connector)
        except Exception as exc:
            # The charger goes on; each second it is tried again.
            log.error("station", "transaction of connector %d: %r", number, exc)

    def _look(self, connector):
        """Bring the transaction of a connector without a session in line with the facts."""
        station, early = self._station, self.open.get(connector.id)
        if not self._ready or connector.session is not None or station.resetting:
            return
        evse, waiting = connector.evse, connector.waiting
        if early is None:
            if connector.usable and not station.draining:
                self._maybe_begin(connector, evse, waiting)
            return
        gone = early.bits & _PLACE and (not evse.plugged or evse.unplug_count != early.unplugs)
        if connector.faults.action == faults.END:
            self._end(connector, early, connector.faults.end_reason)
        elif early.stopping and (gone or waiting):
            trigger = "unplugged" if gone else "charging_state"
            self._end(connector, early, early.stopping, trigger)
        elif gone:
            self._end(connector, early, "ev_disconnected")
        elif waiting:
            early.deadline_ms = waiting.deadline_ms
        elif early.bits & _TOKEN and not early.stopping:
            if evse.plugged and station.settings.text("TxStopPoint") == "EVConnected":
                return
            late = not evse.plugged and station.clock.uptime_ms() >= early.deadline_ms
            self._end(connector, early, "timeout" if late else "other")

    def _maybe_begin(self, connector, evse, waiting):
        points = self._station.settings.text("TxStartPoint")
        if evse.plugged:
            # The car of the last session gets no other transaction without a token.
            fresh = connector.unplugged_since_stop
            fresh = fresh and self._shut.get(connector.id) != evse.unplug_count
            if waiting is None and fresh and "EVConnected" in points:
                self._begin(connector, "plugged", None)
        elif waiting and "Authorized" in points:
            local = waiting.kind and waiting.remote_start is None
            self._begin(connector, "authorized" if local else "remote_start", waiting)

    def _begin(self, connector, trigger, waiting):
        station = self._station
        number, meter_wh = station.next_session(), connector.metering.energy_wh or 0
        now = stamp(station)
        early = Early(self, number, connector.id, "", None, meter_wh, now)
        early.begin()
        early.unplugs = connector.evse.unplug_count
        early.bits, token, values = _PLACE, (None, None, None), connector.metering.at_start()
        if waiting:
            early.bits, early.deadline_ms, values = _TOKEN, waiting.deadline_ms, None
            token = waiting.token, waiting.kind or "Central", waiting.remote_start
        # The number is never given again.
        checkpoint = [connector.id, number, meter_wh, now, 0]
        self._journal.keep(kinds.CHECKPOINT, connector.id, checkpoint)
        if not self._keep(early, now):
            return
        if self._tell(connector, early, trigger, _STARTED, None, token, values, now):
            self.open[connector.id] = early
        else:
            self._journal.forget(kinds.TRANSACTION, connector.id)

    def _behind(self, connector, early):
        """Its session has ended, and that was told."""
        early.begin(early.seq + 1)
        self.open[connector.id] = early
        if "EnergyTransfer" in self._station.settings.text("TxStopPoint"):
            self._end(connector, early, early.stopping, "charging_state")
        else:
            self._tell(connector, early, "charging_state", _UPDATED)

    def _end(self, connector, early, reason, trigger=None):
        if early.bits & _PLACE:
            self._shut[connector.id] = early.unplugs
        names = self._station.settings.get("StopTxnSampledData")
        values = connector.metering.values(names) if names else []
        early.advance(connector.metering.energy_wh)
        trigger = trigger or trigger_of(reason)
        if not self._tell(connector, early, trigger, _ENDED, reason, values=values):
            return False
        del self.open[connector.id]
        self._journal.forget(kinds.TRANSACTION, connector.id)
        return True

    # -- records ---------------------------------------------------------------------------

    # fmt: off
    def _tell(self, connector, early, trigger, what, reason=None, token=(None, None, None),
              values=None, now=None):
        # fmt: on
        early.not_started()
        now = now or stamp(self._station)
        there = connector.evse.plugged and trigger != "unplugged"
        state = "connected" if there else "idle"
        if not self.append(early, trigger, state, now, what, reason, token, values):
            return False
        if what != _ENDED:
            self._keep(early, now)
        return True

    def append(self, early, trigger, state, now, what, reason, token, values):
        """Write an event of `early`. False if the journal refuses it."""
        place = int(what == _STARTED and bool(early.bits & _PLACE))
        about = [what, early.uuid, place] + list(token) + [reason, early.meter_wh, values]
        about.append(what == _ENDED and early.bits & _BEGIN)
        record = [early.id, early.connector, trigger, state, now, early.seq, [0, 0], about]
        try:
            self._journal.append(kinds.CHANGE, record)
        except Exception as exc:
            log.error("station", "transaction %d not recorded: %r", early.id, exc)
            return False
        early.seq += 1
        self._station.emit("journal", early.connector, kinds.CHANGE)
        return True

    def _keep(self, early, now, more=0):
        """Put an open transaction on flash. False if there is no room."""
        record = [early.connector, early.id, early.uuid, early.seq + more, now, early.meter_wh]
        record += [early.stopping, early.bits, early.unplugs]
        try:
            self._journal.keep(kinds.TRANSACTION, early.connector, record)
        except Exception as exc:
            # What is on flash is older. After a restart the queue tells what has come behind it.
            log.error("station", "open transaction %d not stored: %r", early.id, exc)
            return False
        return True
