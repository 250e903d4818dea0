# Notices: what a central system wants a driver to read.
# MIT license; part of microevse
"""Messages with a time, a state and a priority; the cost of a session; the text that came with a
card. A page shows them as one line of plain text. Only an adapter whose protocol has messages
loads this module.

Messages are on flash (`store.kinds.MESSAGE`), and in memory without their text: ten texts would be
5 KB of heap.
"""

from evse_base import const, log
from store import kinds

# Fields of a record; in memory there are those before the text.
ID = const(0)
PRIORITY = const(1)  # ALWAYS, FRONT or NORMAL
STATE = const(2)  # of the connector: "charging", "suspended", "faulted", "unavailable", "idle"
START = const(3)  # Unix time from which it is shown, None: at once
END = const(4)  # Unix time at which it is forgotten, None: never
SESSION = const(5)  # number of the session with which it is forgotten, None: of no session
TEXT = const(6)
FORMAT = const(7)  # the adapter's word
LANGUAGE = const(8)  # or None

ALWAYS = 0  # before all others; only one
FRONT = 1  # before NORMAL
NORMAL = 2

MOST = const(10)
LONGEST = const(512)
# Of several messages each is shown for so long.
_EACH_S = const(8)
# A text that came with a card is shown for so long before a session begins.
_CARD_MS = const(60000)


class Notices:
    """The notices of `station`."""

    def __init__(self, station, journal, settings, clock):
        self._station = station
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self.items = []
        self._cost = None  # (session, text) of a session that runs
        self._final = ""  # the text of the last session's cost
        self._card = None  # (session or None, uptime in ms until which it is shown, text)
        self._last = None, ""  # id and text of the message that was shown last
        journal.each(kinds.MESSAGE, self._load)
        station.listeners.append(self._on_event)

    def close(self):
        """Not used any more; the messages stay on flash."""
        self._station.listeners.remove(self._on_event)

    def _load(self, record):
        if not ALWAYS <= record[PRIORITY] <= NORMAL:
            raise ValueError("priority %d" % record[PRIORITY])  # of a later version
        self.items.append(record[:TEXT])

    def _on_event(self, kind, number, data):
        if kind == "session_started":
            self._final = ""

    # -- messages --------------------------------------------------------------------------

    def put(self, record):
        """Keep a message, in place of the one with its id: "kept", "full" (too many of them, or no
        room on flash) or "large"."""
        self._tidy()
        if len(record[TEXT]) > LONGEST:
            return "large"
        old = self.find(record[ID])
        if old is None and len(self.items) >= MOST:
            return "full"
        try:
            self._journal.keep(kinds.MESSAGE, record[ID], record)
        except ValueError:
            return "large"
        except Exception as exc:
            log.error("station", "message not stored: %r", exc)
            return "full"
        if old is not None:
            self.items.remove(old)
        self._last = None, ""
        if record[PRIORITY] == ALWAYS:
            for item in list(self.items):
                if item[PRIORITY] == ALWAYS:
                    self.remove(item[ID])
        self.items.append(record[:TEXT])
        return "kept"

    def find(self, number):
        """The fields of a message before its text, None if there is none of this id."""
        for item in self.items:
            if item[ID] == number:
                return item
        return None

    def remove(self, number):
        """Forget a message; False if there is none of this id."""
        self._tidy()
        item = self.find(number)
        if item is None:
            return False
        self._journal.forget(kinds.MESSAGE, number)
        self.items.remove(item)
        return True

    def all(self):
        """The messages there are now, without their texts."""
        self._tidy()
        return self.items

    def record(self, number):
        """All fields of a message, None if there is none."""
        return self._journal.get(kinds.MESSAGE, number)

    def _tidy(self):
        """Forget the messages whose time or session is over."""
        now = self._clock.now()
        for item in list(self.items):
            over = item[END] is not None and now is not None and now >= item[END]
            session = item[SESSION]
            if over or session is not None and self._station.session(session)[0] is None:
                self.items.remove(item)
                try:
                    self._journal.forget(kinds.MESSAGE, item[ID])
                except Exception as exc:
                    log.warn("station", "message %s stays on flash: %r", item[ID], exc)

    # -- cost and card ---------------------------------------------------------------------

    def cost(self, session, amount, currency=None):
        """The cost of a session so far; session None: of the one that has ended last, in all. It
        is too late for that once another one has begun. currency: None for that of the setting."""
        if session is None and [c for c in self._station.connectors if c.session]:
            return
        text = "%.2f %s" % (amount, currency or self._settings.text("Currency"))
        if session is None:
            self._final = text
        else:
            self._cost = session, text

    def card(self, session, text):
        """A text for the driver whose card was shown; session: the one that it belongs to, None
        before it has begun."""
        self._card = session, self._clock.uptime_ms() + _CARD_MS, text

    # -- the line --------------------------------------------------------------------------

    def line(self, number=1):
        """What the driver at a connector reads now; "" for nothing."""
        self._tidy()
        connector = self._station.connector(number)
        session = connector.session
        parts = [self._message(connector), self._of_card(session)]
        if session is not None:
            if self._cost and self._cost[0] == session.id:
                parts.append("Cost so far: %s" % self._cost[1])
        elif self._final:
            parts.append("Total cost: %s" % self._final)
        elif not connector.unplugged_since_stop:
            parts.append(self._settings.text("TotalCostFallbackMessage"))
        return " | ".join([part for part in parts if part])

    def _of_card(self, session):
        if self._card:
            own, until_ms, text = self._card
            if own is None:
                if self._clock.uptime_ms() < until_ms:
                    return text
            elif session is not None and own == session.id:
                return text
        return "" if session is None else self._settings.text("TariffFallbackMessage")

    def _message(self, connector):
        now, session = self._clock.now(), connector.session
        best = []
        for item in self.items:
            if item[STATE] is not None and item[STATE] not in states(connector):
                continue
            if item[START] is not None and (now is None or now < item[START]):
                continue
            if item[SESSION] is not None and (session is None or session.id != item[SESSION]):
                continue
            if best and item[PRIORITY] < best[0][PRIORITY]:
                best = []
            if not best or item[PRIORITY] == best[0][PRIORITY]:
                best.append(item)
        if not best:
            return ""
        chosen = best[self._clock.uptime() // _EACH_S % len(best)][ID]
        if self._last[0] != chosen:
            record = self.record(chosen)
            self._last = chosen, record[TEXT] if record else ""
        return self._last[1]


def states(connector):
    """The states of messages in which a connector is."""
    word = connector.status
    if word in ("suspended_ev", "suspended_evse"):
        return "charging", "suspended"
    return (word if word in ("charging", "faulted", "unavailable") else "idle",)
