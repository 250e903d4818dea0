# A transaction that is longer than its session, or shorter.
# MIT license; part of microevse
"""See points.py, which makes it. While its session runs it is that session."""

from evse_base import const, log

from .authorization import same_token
from .session import Session, state_of

# What an event is; see points.
_STARTED = const(0)
_TOKEN = const(1)
_PLACE = const(2)


class Early(Session):
    """A transaction, and its session while that runs."""

    _seq = -1  # of the next event; the transaction has not begun
    begun = False
    counted = False  # the START that is about to be written has its number already
    goes_on = False  # behind the end of its session
    flowed = suspended = False
    bits = 0  # what was told, see points
    away_ms = unplugs = deadline_ms = 0

    def __init__(self, points, *about):
        self._points = points
        Session.__init__(self, *about)

    @property
    def placed(self):
        """Its cable is in, or was."""
        return bool(self.bits & _PLACE)

    def gone(self, evse):
        """True if the cable of this transaction is not in any more, or was out."""
        return self.placed and (not evse.plugged or evse.unplug_count != self.unplugs)

    def over(self, connector):
        """True if no session may begin in this transaction: its cable is gone, or a token waits
        that is not the one which it was told with."""
        waiting, other = connector.waiting, False
        if waiting and self.bits & _TOKEN:
            other = not same_token(self.token, waiting.token, self.kind, waiting.kind)
        return other or self.gone(connector.evse)

    @property
    def seq(self):
        return self._seq

    @seq.setter
    def seq(self, number):
        if self.begun:
            self._seq = number

    def begin(self, seq=0):
        self.begun, self._seq = True, seq

    def start(self, reservation, trigger, values=None):
        """As of Session. Behind it, unless it is the first event: its number, -1 for one that is
        not told, and bits of what was told before."""
        record = Session.start(self, reservation, trigger, values)
        if self._seq:
            record[10:] = [values, self._seq, self.bits]
        if self.begun:
            self._seq += 1
            self.counted = True
        return record

    def not_started(self):
        """The START was not written."""
        if self.counted:
            self.counted = False
            self._seq -= 1

    def change(self, connector, now_ms, station):
        reason = self._broken(connector, now_ms, station)
        if reason:
            connector.request_stop(reason)
            return None
        if not self.begun and not self.flowed:
            return None
        record = Session.change(self, connector, now_ms, station)
        if record and not self.begun:
            remote = self.remote_start
            record[2] = "charging_state" if remote is None else "remote_start"
            record[5] = 0
            values = connector.metering.at_start()
            about = [self.token, self.kind or "Central", remote, None, self.meter_wh, values, 0]
            record.append([_STARTED, self.uuid, 1] + about)
        return record

    def recorded(self, now_ms):
        if not self.begun:
            self.begin()
        Session.recorded(self, now_ms)

    def _broken(self, connector, now_ms, station):
        """The reason, if a stop point that the session itself does not have is no longer valid."""
        if connector.unplugged:
            self.away_ms = self.away_ms or now_ms
            wait_ms = 1000 * station.settings.get("ConnectionTimeOut")
            return "timeout" if now_ms - self.away_ms >= wait_ms else None
        self.away_ms = 0
        state = state_of(connector)
        if state == "charging":
            self.flowed = True
        elif self.flowed and state[:9] == "suspended" and not connector.evse.paused:
            if "EnergyTransfer" in station.settings.text("TxStopPoint"):
                self.suspended = True
                return "stopped_by_ev" if state == "suspended_ev" else "other"
        return None

    def stop(self, now, samples):
        """As of Session. Behind it 1, if it is not the end of the transaction."""
        record = Session.stop(self, now, samples)
        if self.suspended:
            record[8] = "charging_state"
        try:
            self.goes_on = self.goes_on or self.begun and self._points.outlives(self, now)
        except Exception as exc:
            # It ends with its session: that must not fail.
            log.error("station", "transaction %d: %r", self.id, exc)
        if self.goes_on:
            record.append(1)
        return record
