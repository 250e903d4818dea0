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

# So many transactions at once, then one more each time: a plug that bounces must not fill the
# flash. After a refusal of the journal none begins for the third.
_BURST = const(60)
_EACH_MS = const(20000)
_REFUSED_MS = const(300000)

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
        self._ready = False  # what was open before is known
        self._free_ms = 0  # uptime from which _BURST transactions may begin at once again
        station.listeners.append(self._on_event)
        self._task = asyncio.create_task(traceless(self._watch()))

    def close(self):
        """Not used any more. What is open is on flash."""
        self._station.listeners.remove(self._on_event)
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
        if session.stopping or session.over(chosen):
            raise OSError  # its end is not on flash yet: no session begins
        session.not_started()
        session.token, session.parent, meter_wh, session.started, session.kind = about[:5]
        session.remote_start = about[5]
        session.meter_start_wh = session.meter_wh = meter_wh
        return session

    def outlives(self, session, now):
        """True if the transaction goes on when this session ends: only with EVConnected and
        EnergyTransfer. On flash before the end of the session is; raises what the journal does."""
        text = self._station.settings.text("TxStopPoint")
        if "Authorized" in text or "PowerPathClosed" in text or not self._ready:
            return False
        connector = self._station.connector(session.connector)
        if session.stopping not in _AUTHORITY or not connector.evse.plugged:
            return False
        session.bits |= _TOKEN | _PLACE
        session.unplugs = connector.evse.unplug_count
        self._keep(session, now, 1)
        return True

    # -- commands of a central system ------------------------------------------------------

    def find(self, session):
        """The open transaction with this number, None if there is none."""
        return {early.id: early for early in self.open.values()}.get(session)

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
        if hasattr(early, "bits") and not early.bits & _BEGIN:
            early.bits |= _BEGIN
            if early.connector in self.open:
                self._keep_if(early, stamp(self._station))

    def triggered(self, connector):
        """Tell the state of an open transaction now. False if there is none."""
        early = self.open.get(connector.id)
        return early is not None and self._tell(connector, early, "trigger", _UPDATED)

    # -- watching --------------------------------------------------------------------------

    async def _watch(self):
        while self._station.recovering:
            await asyncio.sleep(0.1)
        while not self._load():
            await asyncio.sleep(1)
        self._ready = True
        while True:
            for connector in self._station.connectors:
                self._on_event("changed", connector.id, None)
            await asyncio.sleep(1)

    def _load(self):
        """True once what was open before is taken up, or ended: a new one takes its record."""
        try:
            if not list(self._journal.state(kinds.TRANSACTION)):
                return True
            from . import points_kept

            return points_kept.load(self, self._station, self._cause)
        except Exception as exc:
            log.error("station", "open transactions: %r", exc)
            return False
        finally:
            release("station.points_kept")

    def _on_event(self, kind, number, data):
        connector = self._station.connector(number)
        if connector is None:
            return
        try:
            if kind == "session_started":
                if hasattr(data, "bits"):
                    data.counted = False
                    data.bits |= _TOKEN | _PLACE
                if self.open.pop(number, None):
                    self._journal.forget(kinds.TRANSACTION, number)
            elif kind == "session_ended":
                if getattr(data, "goes_on", False):  # maybe of a module before this one
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
        gone, over = early.gone(evse), early.over(connector)
        if connector.faults.action == faults.END:
            self._end(connector, early, connector.faults.end_reason)
        elif early.stopping:
            if gone or waiting or "EnergyTransfer" in station.settings.text("TxStopPoint"):
                trigger = "unplugged" if gone else "charging_state"
                self._end(connector, early, early.stopping, trigger)
        elif gone:
            self._end(connector, early, "ev_disconnected")
        elif waiting and not over:
            early.deadline_ms = waiting.deadline_ms
        elif early.bits & _TOKEN:
            stop = station.settings.text("TxStopPoint")
            if evse.plugged and stop == "EVConnected" and not over:
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
        now_ms, most_ms = station.clock.uptime_ms(), (_BURST - 1) * _EACH_MS
        if self._free_ms - now_ms > most_ms:
            return
        free_ms, self._free_ms = max(self._free_ms, now_ms), now_ms + most_ms + _REFUSED_MS
        number, meter_wh = station.next_session(), connector.metering.energy_wh or 0
        now = stamp(station)
        early = Early(self, number, connector.id, "", None, meter_wh, now)
        early.begin()
        early.unplugs = connector.evse.unplug_count
        early.bits, token, values = _PLACE, (None, None, None), connector.metering.at_start()
        if waiting:
            early.bits, early.deadline_ms, values = _TOKEN, waiting.deadline_ms, None
            early.token, early.kind = waiting.token, waiting.kind
            token = waiting.token, waiting.kind or "Central", waiting.remote_start
        # The number is never given again.
        checkpoint = [connector.id, number, meter_wh, now, 0]
        self._journal.keep(kinds.CHECKPOINT, connector.id, checkpoint)
        self._keep(early, now)
        if self._tell(connector, early, trigger, _STARTED, None, token, values, now):
            self.open[connector.id] = early
            self._free_ms = free_ms + _EACH_MS
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
            self._keep_if(early, now)
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
            if not early.refused & 1 << kinds.CHANGE:  # once: it is tried each second
                log.error("station", "transaction %d not recorded: %r", early.id, exc)
            early.refused |= 1 << kinds.CHANGE
            return False
        early.refused = 0
        early.seq += 1
        self._station.emit("journal", early.connector, kinds.CHANGE)
        return True

    def _keep(self, early, now, more=0):
        record = [early.connector, early.id, early.uuid, early.seq + more, now, early.meter_wh]
        record += [early.stopping, early.bits, early.unplugs]
        if early.bits & _TOKEN and not early.stopping:
            record += [early.token, early.kind]
        self._journal.keep(kinds.TRANSACTION, early.connector, record)

    def _keep_if(self, early, now):
        """Keep what was told; that has been told also where this fails."""
        try:
            self._keep(early, now)
        except Exception as exc:
            log.error("station", "transaction %d not kept: %r", early.id, exc)
