# Monitors: values of the station that a central system wants to be told of.
# MIT license; part of microevse
"""A monitor watches one value of a connector, or of the station (connector 0), and tells when it
goes beyond a bound, changes, or a time has passed. A central system sets them; they outlive a
restart. Only an adapter whose protocol knows monitors loads this module.

A monitor is a list: the fields of its record (`store.kinds.MONITOR`), and behind them its state.
"""

import asyncio

from evse_base import const, log, traceless
from store import kinds

# Fields of a record.
ID = const(0)
CONNECTOR = const(1)
WHAT = const(2)  # see `reading`; what stands behind a dot is the adapter's
KIND = const(3)  # "above", "below", "change": of base units; "every", "clock": of seconds
VALUE = const(4)
SEVERITY = const(5)
SESSION = const(6)  # only during a session
# Missing where the protocol had no streams, or None: the values are told one by one. Else the
# adapter's words for how they are told together.
STREAM = const(7)
_FIELDS = const(8)
# State: the value that counts as told, whether the bound is exceeded, and the uptime in ms before
# which it tells nothing; of "every" and "clock" the number of the interval that was told last.
_LAST = const(8)
_BEYOND = const(9)
_NOT_BEFORE = const(10)

_KINDS = const("|above|below|change|every|clock|")
_VALUES = const("|power|energy|temperature|current|voltage|availability|")

MOST = const(20)
FIRST_ID = const(100)  # smaller ones are for monitors that the firmware has by itself
_LOOK_S = 1
# A value that goes to and fro about a bound must not fill the line.
_HOLD_MS = const(5000)


def reading(station, what, number):
    """The present value of a connector; 0: of the first one. None while it is not known.

    "power" W, "energy" Wh, "temperature" tenths of a degree; "current" mA, "voltage" mV: a list,
    one for each phase; "availability": a word.
    """
    what = what.split(".")[0]
    if what == "availability":
        return availability(station, number)
    connector = station.connectors[max(0, number - 1)]
    meter = connector.metering.meter
    if what == "temperature":
        return connector.facts.temp_dc
    if what == "energy":
        return connector.metering.energy_wh
    if meter is None:
        return None
    if what == "power":
        return None if meter.power_w is None else int(meter.power_w)
    values = meter.current_ma if what == "current" else meter.voltage_mv
    return [int(value) for value in values or () if value is not None] or None


def availability(station, number):
    """ "available", "occupied", "reserved", "unavailable" or "faulted"; number 0: of the station,
    which is what the best of its connectors is."""
    if number:
        connector = station.connectors[number - 1]
        word = connector.status
        if word == "preparing" and not connector.evse.plugged and connector.session is None:
            return "available"
        if word in ("available", "reserved", "unavailable", "faulted"):
            return word
        return "occupied"
    if not station.operative:
        return "unavailable"
    words = [availability(station, connector.id) for connector in station.connectors]
    for word in ("available", "occupied", "reserved", "unavailable"):
        if word in words:
            return word
    return "faulted"


class Monitors:
    """The monitors of `station`. tell(monitor, why, value, over): called for each event; why:
    "alert", "change" or "time"; over: True when a bound is kept again."""

    def __init__(self, station, journal, clock, tell):
        self._station = station
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._task = None
        self._newest = FIRST_ID - 1  # the last id that was given
        self.items = []
        journal.each(kinds.MONITOR, self._load)
        self._run()

    def _load(self, record):
        kind, what = record[KIND], record[WHAT].split(".")[0]
        if "|%s|" % kind not in _KINDS or "|%s|" % what not in _VALUES:
            raise ValueError("kind or value")  # of a later version: it must tell nothing wrong
        if kind in ("every", "clock") and record[VALUE] < 1:
            raise ValueError("interval")
        if len(self.items) < MOST and 0 <= record[CONNECTOR] <= len(self._station.connectors):
            self._add(record)

    def _add(self, record):
        now = self._clock.uptime_ms()
        mark = now // 1000 if record[KIND] == "every" else None
        record = (record + [None])[:_FIELDS]
        self.items.append(record + [None, False, now if mark is None else mark])
        self._newest = max(self._newest, record[ID])

    def find(self, number):
        """A monitor by its id, None if there is none."""
        for item in self.items:
            if item[ID] == number:
                return item
        return None

    def twin(self, record):
        """Another monitor of the same value, kind and severity, None if there is none."""
        for item in self.items:
            if item[ID] != record[ID] and item[1:4] == record[1:4]:
                if item[SEVERITY] == record[SEVERITY]:
                    return item
        return None

    def put(self, record):
        """Set a monitor: the fields of its record, its id None for a new one. Returns the id; None
        if there are too many, or the journal has no room."""
        old = self.find(record[ID])
        if old is None:
            if len(self.items) >= MOST:
                return None
            # Not that of one that was cleared in this run: an event of it may be under way.
            self._newest += 1
            record[ID] = self._newest
        try:
            self._journal.keep(kinds.MONITOR, record[ID], record)
        except Exception as exc:
            log.error("station", "monitor not stored: %r", exc)
            return None
        if old is not None:
            self.items.remove(old)
        self._add(record)
        self._run()
        return record[ID]

    def stream(self, item, words):
        """Its values are told together in another way. False if it could not be stored."""
        try:
            self._journal.keep(kinds.MONITOR, item[ID], item[:STREAM] + [words])
        except Exception as exc:
            log.error("station", "monitor not stored: %r", exc)
            return False
        item[STREAM] = words
        return True

    def remove(self, number):
        """False if there is no monitor with this id."""
        item = self.find(number)
        if item is None:
            return False
        self._journal.forget(kinds.MONITOR, number)
        self.items.remove(item)
        return True

    def clear(self):
        """Remove all."""
        for item in list(self.items):
            self.remove(item[ID])

    def close(self):
        """Watch no more; the monitors stay on flash."""
        self.items = []

    # -- watching --------------------------------------------------------------------------

    def _run(self):
        if self.items and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(traceless(self._watch()))

    async def _watch(self):
        while self.items:
            for item in list(self.items):
                try:
                    self.look(item, self._clock.uptime_ms())
                except Exception as exc:
                    # One value that cannot be read must not end the others.
                    log.error("station", "monitor %d: %r", item[ID], exc)
            await asyncio.sleep(_LOOK_S)

    def look(self, item, now):
        """Look at the value of one monitor at uptime `now` ms, and tell what is to be told."""
        station, number = self._station, item[CONNECTOR]
        if item[SESSION] and not [
            c for c in station.connectors if c.session and number in (0, c.id)
        ]:
            # It begins anew with the next session.
            item[_LAST], item[_BEYOND] = None, False
            item[_NOT_BEFORE] = now // 1000 if item[KIND] == "every" else now
            return
        value = reading(station, item[WHAT], number)
        if item[KIND] in ("every", "clock"):
            self._timed(item, value, now)
        elif value is not None and now >= item[_NOT_BEFORE]:
            self._judge(item, value, now)

    def _judge(self, item, value, now):
        kind, bound = item[KIND], item[VALUE]
        if isinstance(value, list):
            value = min(value) if kind == "below" else max(value)
        if kind == "change":
            last = item[_LAST]
            if last is None:
                item[_LAST] = value
                return
            text = isinstance(value, str)
            if last == value if text else abs(value - last) <= bound:
                return
            item[_LAST] = value
            why, over = "change", False
        else:
            beyond = value > bound if kind == "above" else value < bound
            if beyond == item[_BEYOND]:
                return
            item[_BEYOND] = beyond
            why, over = "alert", not beyond
        item[_NOT_BEFORE] = now + _HOLD_MS
        self._tell(item, why, value, over)

    def _timed(self, item, value, now):
        if item[KIND] == "every":
            # Counted from the second in which it was set.
            since = now // 1000 - item[_NOT_BEFORE]
            passed = since // item[VALUE]
        else:
            wall = self._clock.now()
            if wall is None:
                return
            passed = wall // item[VALUE]
            if item[_LAST] is None or item[_LAST] > passed:  # new, or the clock was set back
                item[_LAST] = passed
        if passed <= (item[_LAST] or 0):
            return
        item[_LAST] = passed
        if value is not None:
            self._tell(item, "time", max(value) if isinstance(value, list) else value, False)
