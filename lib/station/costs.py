# What each session costs: its tariff and its tally.
# MIT license; part of microevse
"""The tariff of a session is the one that came for its card, or the default (`station.tariffs`).
`station.tariff` counts. Tariff and tally outlive a restart: they are on flash when the session
begins, and the tally every KEPT_S. A session that a power cut has ended is counted on from there
to its end. Only an adapter whose protocol has tariffs loads this module.

Records (`store.kinds.TARIFF`): [id of a tariff, [connector, ...], tariff]; of a session
[its number, [connector, "default" or "driver", token, [id of each of its tariffs, ...]], tally,
s from UTC to local time] and, see `_key`, [key, its last tariff].
"""

import asyncio

from evse_base import const, log, traceless
from store import kinds

from . import tariff
from .authorization import same_token
from .session import stamp, state_of
from .tariffs import CHANGES, Tariffs, forget

_MOST_CARDS = const(4)  # cards with a tariff of their own that have not begun a session yet
KEPT_S = const(300)
_LOOK_S = const(1)
_SHOWN_S = const(10)  # the page has a new cost so often
_TIDY_S = const(600)

# Of a session's record.
CONNECTOR = const(0)
KIND = const(1)
TOKEN = const(2)
IDS = const(3)


class Running:
    """A session with a tariff: `about` (see CONNECTOR) and its tally."""

    def __init__(self, about, rates, tally, uptime):
        self.about, self.rates, self.tally = about, rates, tally
        self.kept_s = self.told_s = self.shown_s = uptime
        self.refused = False


class Costs:
    """The costs of the sessions of `station`. shown: async fn(session, thousandths, currency,
    text): what a page shows; session: None for the one that has ended; text: "" for none."""

    def __init__(self, station, journal, settings, clock, shown):
        self._station, self._journal = station, journal
        self._settings, self._clock, self._shown = settings, clock, shown
        self.defaults = Tariffs(journal, clock)
        self._running = {}
        self._cards = []  # (token, kind, tariff or None), newest last
        self.problem = False  # the tariff that came last could not be followed
        self._tidy_s, self._task, self._open = 0, None, True
        numbers = []

        def load(record):
            if not isinstance(record[0], str) and record[0] > 0:
                numbers.append(record[0])

        journal.each(kinds.TARIFF, load)
        for number in [n for n in numbers if station.session(n)[0] is not None]:
            self._take_up(number)
        self.loaded = bool(self.defaults.items or numbers)
        station.listeners.append(self._on_event)
        if self.loaded:
            self._run()

    def close(self):
        """Not used any more; everything stays on flash."""
        self._open = False
        self._station.listeners.remove(self._on_event)
        for number in self._running:
            self._keep(number)
        self._running = {}

    def _now(self):
        """(uptime in s, Unix time or None, s from UTC to local time)."""
        return self._clock.uptime(), self._clock.now(), offset_s(self._settings)

    # -- sessions --------------------------------------------------------------------------

    def card(self, token, kind, rates):
        """The tariff that came for a token; None: none shall count for it."""
        self._cards = [
            card for card in self._cards if not same_token(card[0], token, card[1], kind)
        ]
        self._cards = self._cards[1 - _MOST_CARDS :] + [(token, kind, rates)]

    def in_use(self):
        """[(id, connector, "default" or "driver", token)] of the sessions that run."""
        abouts = [run.about for run in self._running.values()]
        return [(about[IDS][-1], about[CONNECTOR], about[KIND], about[TOKEN]) for about in abouts]

    def rates_of(self, session):
        """The tariff of a session that runs, None if it has none."""
        run = self._running.get(session)
        return run and run.rates

    def amount(self, session):
        """Thousandths that a session that runs has cost so far, None if it has no tariff."""
        run = self._running.get(session)
        return run and _amount(run)

    def first_id(self, session):
        """Id of the tariff that a session has begun with, None for none."""
        run = self._running.get(session)
        record = run and (0, run.about) or self._journal.get(kinds.TARIFF, session)
        return record and record[1][IDS][0]

    def change(self, session, rates):
        """Another tariff counts for a session from now on, or its first one: "kept", "none" (it
        does not run), "large" or "full"."""
        connector, running = self._station.session(session)
        if connector is None:
            return "none"
        if not self.defaults.fits(rates):
            return "large"
        uptime, wall, offset = self._now()
        old = self._running.get(session)
        if old:
            self._look(session, old, connector, running)
            ids = old.about[IDS]
            tally = [list(part) if isinstance(part, list) else part for part in old.tally]
            tariff.change(old.rates, rates, tally, wall, offset)
        else:
            # It has cost nothing so far: nothing is calculated afterwards.
            tally = tariff.start(rates, uptime, wall, offset, running.meter_wh, False)
            tally[tariff.SUMS][tariff.FIXED] = 0
            tally[tariff.PERIODS] = []
            ids = [None]
        if len(ids) >= CHANGES:
            return "full"
        tariff.begin_period(tally, wall, len(ids))
        about = [connector.id, "driver", running.token, ids + [rates[tariff.ID]]]
        run = self._running[session] = Running(about, rates, tally, uptime)
        if not self._keep(session, True):
            del self._running[session]
            if old:
                self._running[session] = old
            return "full"
        if old:
            self._journal.forget(kinds.TARIFF, _key(session, old.about))
        self._record("tariff_changed", run, connector, running)
        self._show(session, run, rates[tariff.TEXT])
        self._run()
        return "kept"

    def bill(self, stop):
        """The bill (see `_bill`) and the periods of a session whose STOP record is `stop`, None
        without a tariff. It depends on records alone: a repetition has the same bill."""
        record = self._journal.get(kinds.TARIFF, stop[0])
        rates = record and self._journal.get(kinds.TARIFF, _key(stop[0], record[1]))
        if not rates:
            return None
        about, tally = record[1:3]
        uptime, wall = stop[5][1], self._journal.wall(stop[5])
        # The offset to local time is that of the record: a setting may have changed since.
        tariff.advance(rates[1], tally, uptime, wall, record[3], stop[2])
        return _bill(about, rates[1], tally), about[IDS], tally[tariff.PERIODS]

    def _on_event(self, kind, number, data):
        if kind == "session_started":
            try:
                self._begin(data)
            except Exception as exc:
                # The session goes on; the central system has its energy and times.
                log.error("station", "session %d has no cost: %r", data.id, exc)
        elif kind == "session_ended" and data.id in self._running:
            self._keep(data.id)
            run = self._running.pop(data.id)
            tariff.advance(run.rates, run.tally, *self._now(), data.meter_wh)
            self._show(None, run)

    def _begin(self, session):
        kind, mine = "default", None
        for card in self._cards:
            if same_token(card[0], session.token, card[1], session.kind):
                mine = card
        if not self._settings.get("CostEnabled"):
            return
        if mine:
            self._cards.remove(mine)
            kind, rates = "driver", mine[2]
        else:
            rates = self.defaults.rates(session.connector)
        if rates is None:
            return  # the central system calculates
        begun = self._journal.start_of(session.id)
        uptime, wall, offset = self._now()
        reserved = begun is not None and begun[2][4] is not None
        meter_wh = session.meter_start_wh
        tally = tariff.start(rates, session.started[1], wall, offset, meter_wh, reserved)
        about = [session.connector, kind, session.token, [rates[tariff.ID]]]
        self._running[session.id] = run = Running(about, rates, tally, uptime)
        self._keep(session.id, True)
        self._show(session.id, run, rates[tariff.TEXT])
        self._run()

    def _take_up(self, number):
        """Go on with a session that runs: the adapter was another one meanwhile."""
        record = self._journal.get(kinds.TARIFF, number)
        rates = record and self._journal.get(kinds.TARIFF, _key(number, record[1]))
        if rates:
            self._running[number] = Running(record[1], rates[1], record[2], self._clock.uptime())

    def _keep(self, number, whole=False):
        """Put the tally on flash, whole: and the tariff, before it. False if there is no room."""
        run = self._running[number]
        run.kept_s = self._clock.uptime()
        try:
            if whole:
                key = _key(number, run.about)
                self._journal.keep(kinds.TARIFF, key, [key, run.rates])
            record = [number, run.about, run.tally, offset_s(self._settings)]
            try:
                self._journal.keep(kinds.TARIFF, number, record)
            except ValueError:
                # Too large for a record: billed without its periods.
                run.tally[tariff.PERIODS] = None
                self._journal.keep(kinds.TARIFF, number, record)
            return True
        except Exception as exc:
            if not run.refused:
                log.error("station", "tally of session %d not stored: %r", number, exc)
            run.refused = True
            return False

    # -- watching --------------------------------------------------------------------------

    def _run(self):
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(traceless(self._watch()))

    async def _watch(self):
        while self._open:
            for number in list(self._running):
                connector, session = self._station.session(number)
                if connector is None:
                    continue  # its end is about to be told
                try:
                    self._look(number, self._running[number], connector, session)
                except Exception as exc:
                    log.error("station", "cost of session %d: %r", number, exc)
            if self._clock.uptime() >= self._tidy_s:
                self._tidy_s = self._clock.uptime() + _TIDY_S
                try:
                    self.defaults.tidy()
                    await forget(self._station, self._journal)
                except Exception as exc:
                    log.error("station", "old tariffs not forgotten: %r", exc)
            await asyncio.sleep(_LOOK_S)

    def _look(self, number, run, connector, session):
        uptime, wall, offset = self._now()
        meter = connector.metering.meter
        seen = [int(state_of(connector) == "charging"), -1, -1]
        if meter is not None and meter.current_ma:
            seen[1] = sum([int(ma) for ma in meter.current_ma if ma is not None])
        if meter is not None and meter.power_w is not None:
            seen[2] = int(meter.power_w)
        tariff.advance(run.rates, run.tally, uptime, wall, offset, session.meter_wh, seen)
        if uptime - run.kept_s >= KEPT_S:
            self._keep(number)
        if uptime - run.shown_s >= _SHOWN_S:
            run.shown_s = uptime
            self._show(number, run)
        if session.stopping or not self._station.delivery.renderer:
            return  # without a central system it waits: else it would fill the flash in a day
        if uptime - run.told_s >= self._settings.get("CostInterval"):
            run.told_s = uptime
            if self._settings.get("RunningCostEnabled"):
                self._record("running_cost", run, connector, session)

    def _record(self, trigger, run, connector, session):
        """A CHANGE record with the cost so far."""
        facts = [connector.offered_ma, 0, _bill(run.about, run.rates, run.tally)]
        record = [session.id, session.connector, trigger, state_of(connector)]
        record += [stamp(self._station), session.seq, facts]
        try:
            self._journal.append(kinds.CHANGE, record)
        except Exception as exc:
            if not run.refused:
                log.error("station", "cost so far not recorded: %r", exc)
            run.refused = True
            return
        run.refused = False
        session.seq += 1
        self._station.emit("journal", session.connector, kinds.CHANGE)

    def _show(self, number, run, text=""):
        shown = self._shown(number, _amount(run), run.rates[tariff.CURRENCY], text)
        asyncio.create_task(traceless(shown))


def _amount(run):
    net, gross = tariff.bill(run.rates, run.tally)[2:]
    return net if gross is None else gross


def _key(number, about):
    """Key of the record with the last tariff of a session. Each tariff has another one: a change
    is done once the session's record names it."""
    return -(CHANGES * number + len(about[IDS]) - 1)


def offset_s(settings):
    """Seconds from UTC to local time."""
    text = settings.text("TimeOffset")
    return int(text[0] + "60") * (60 * int(text[1:3]) + int(text[4:6]))


def _bill(about, rates, tally):
    """[id of the tariff, currency, kind, Wh, s charging, s idle, fields, without, with taxes]; see
    `tariff.bill`."""
    kind, fields, net, gross = tariff.bill(rates, tally)
    used = tally[tariff.WH : tariff.FLOWS]
    return [about[IDS][-1], rates[tariff.CURRENCY], kind] + used + [fields, net, gross]
