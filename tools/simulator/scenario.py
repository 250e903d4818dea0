# Plays a scenario: cars, outages, power cuts and faults at their times, then the judgement.
# MIT license; part of microevse
"""Time stands still at each entry until its change has been applied, so a day is the same at any
speed. A car arrives and is plugged in. It asks for energy ASK_S later; its driver shows the card
CARD_S after that. At the end the driver shows the card again, the car lets go, the plug is
pulled."""

import asyncio
import contextlib
import heapq
import itertools

from twin.host import TwinError

ASK_S = 2
CARD_S = 3
STOP_S = 30  # a session has so long to end after the card
PULL_S = 60  # a plug has so long to be unlocked
LOOK_S = 1
SESSION = ("Charging", "SuspendedEV", "SuspendedEVSE")


class Visit:
    """The result of one car: Wh, and whether it arrived and left."""

    def __init__(self, entry):
        self.entry = entry
        self.before = 0.0  # Wh that had been delivered when it came
        self.wh = None
        self.arrived = self.left = False

    def verdict(self):
        """(word, True if the scenario wants it so)."""
        wants = self.entry.fields.get("charges", True)
        if not self.left:
            return ("did not leave" if self.arrived else "did not arrive"), False
        charged = self.wh > 0
        word = "charged" if charged else "not charged"
        return (word if charged == wants else word + ", against the scenario"), charged == wants


class Player:
    """Plays one Day on one charger."""

    def __init__(self, charger, day):
        self.id = charger.id
        self._twin = charger.twin
        self._day = day
        self._start = charger.twin.now
        self._due = []
        self._order = itertools.count()
        self.visits = []
        self.counts = {}
        self.problems = []
        self.over = False
        self.queued = None
        self.last = None  # the status at the end
        for entry in day.entries:
            if entry.meant_for(charger.number):
                self._at(entry.at, getattr(self, "_" + entry.kind), entry)

    def _at(self, when, fn, *args):
        heapq.heappush(self._due, (when, next(self._order), fn, args))

    @property
    def now(self):
        """Seconds since the scenario began."""
        return self._twin.now - self._start

    async def play(self):
        """Play to the end of the day."""
        while self._due and self._due[0][0] <= self._day.length_s:
            when, _, fn, args = heapq.heappop(self._due)
            await self._until(when)
            await fn(*args)
        await self._until(self._day.length_s)
        self.last = await self._twin.command({"do": "status"})
        with contextlib.suppress(TwinError):
            self.queued = (await self._twin.flash())["queued"]
        self.over = True

    async def _until(self, when):
        if when > self.now:
            await self._twin.advance(when - self.now)

    async def _do(self, entry, do, **fields):
        """Apply a command; False, with a problem noted, if it was refused."""
        answer = await self._twin.command({"do": do, **fields})
        if not answer["ok"]:
            self._problem(entry, f"{do}: {answer['error']}")
        return answer["ok"]

    def _problem(self, entry, text):
        self.problems.append((self.now, entry.name, text))

    # -- entries other than cars -------------------------------------------------------------

    def _count(self, kind):
        self.counts[kind] = self.counts.get(kind, 0) + 1

    async def _outage(self, entry):
        self._count("network outages")
        await self._do(entry, "network", up=False)
        self._at(entry.until, self._do_again, entry, "network", {"up": True})

    async def _power_cut(self, entry):
        self._count("power cuts")
        await self._do(entry, "power_cut", seconds=entry.until - entry.at)

    async def _fault(self, entry):
        self._count("faults")
        fields = {k: v for k, v in entry.fields.items() if k != "charger"}
        await self._do(entry, "fault", on=True, **fields)
        if entry.until is not None:
            self._at(entry.until, self._do_again, entry, "fault", {**fields, "on": False})

    async def _command(self, entry):
        self._count("commands")
        await self._do(entry, **{k: v for k, v in entry.fields.items() if k != "charger"})

    async def _do_again(self, entry, do, fields):
        await self._do(entry, do, **fields)

    # -- a car -------------------------------------------------------------------------------

    async def _car(self, entry):
        visit = Visit(entry)
        self.visits.append(visit)
        fields = entry.fields
        n = fields.get("connector", 1)
        await self._do(entry, "ev", quirk=fields.get("quirk", "normal"), connector=n)
        await self._do(entry, "draw", amps=fields.get("amps"), connector=n)
        plug = {key: fields[key] for key in ("phases", "cable") if key in fields}
        before = await self._twin.command({"do": "status", "connector": n})
        visit.arrived = await self._do(entry, "plug", connector=n, **plug)
        visit.before = before.get("wh", 0)
        self._at(entry.at + ASK_S, self._do_again, entry, "request", {"connector": n})
        if "tag" in fields:
            when = entry.at + ASK_S + CARD_S
            self._at(when, self._do_again, entry, "tap", {"tag": fields["tag"]})
        self._at(entry.until, self._goes, visit, n)

    async def _goes(self, visit, n):
        """The driver is back: the card, if a session runs that it began."""
        entry = visit.entry
        state = await self._twin.command({"do": "status", "connector": n})
        if "tag" in entry.fields and state.get("connector_status") in SESSION:
            await self._do(entry, "tap", tag=entry.fields["tag"])
            self._at(self.now + LOOK_S, self._stops, visit, n, self.now + STOP_S)
        else:
            await self._lets_go(visit, n)

    async def _stops(self, visit, n, until):
        state = await self._twin.command({"do": "status", "connector": n})
        if state.get("connector_status") in SESSION and self.now < until:
            self._at(self.now + LOOK_S, self._stops, visit, n, until)
            return
        if state.get("connector_status") in SESSION:
            self._problem(visit.entry, f"the card did not end the session within {STOP_S} s")
        await self._lets_go(visit, n)

    async def _lets_go(self, visit, n):
        await self._do(visit.entry, "release", connector=n)
        self._at(self.now + LOOK_S, self._pulls, visit, n, self.now + PULL_S)

    async def _pulls(self, visit, n, until):
        answer = await self._twin.command({"do": "unplug", "connector": n})
        if not answer["ok"]:
            if self.now < until:
                self._at(self.now + LOOK_S, self._pulls, visit, n, until)
            else:
                self._problem(visit.entry, f"unplug: {answer['error']}")
            return
        state = await self._twin.command({"do": "status", "connector": n})
        visit.wh = state["wh"] - visit.before
        visit.left = True

    # -- the end -----------------------------------------------------------------------------

    @property
    def good(self):
        """True if every entry happened, and each car charged that should."""
        return self.over and not self.problems and all(v.verdict()[1] for v in self.visits)

    def summary(self):
        """Lines for people."""
        hours = self._day.length_s / 3600
        lines = [
            f"{self.id}: {self._day.file}, {hours:.2f} h" + ("" if self.over else ", ended early")
        ]
        for visit in self.visits:
            entry, (word, _) = visit.entry, visit.verdict()
            wh = "-" if visit.wh is None else f"{visit.wh / 1000:.3f} kWh"
            n = entry.fields.get("connector", 1)
            lines.append(
                f"  {entry.name:8} {clock(entry.at)} to {clock(entry.until)}  connector {n}  "
                f"{wh:>11}  {word}"
            )
        total = sum(visit.wh or 0 for visit in self.visits) / 1000
        told = [f"cars: {len(self.visits)}", f"energy: {total:.3f} kWh"]
        told += [f"{kind}: {self.counts[kind]}" for kind in sorted(self.counts)]
        lines.append("  " + ", ".join(told))
        if self.queued:
            lines.append(f"  {self.queued} events are not yet delivered to the central system")
        if self.last and not self.last.get("ocpp"):
            lines.append("  at the end it is not connected, or not accepted")
        lines += [f"  {clock(at)} {entry}: {text}" for at, entry, text in self.problems]
        lines.append(
            "  as the scenario wants it" if self.good else "  NOT as the scenario wants it"
        )
        return lines


def clock(seconds):
    """H:MM:SS"""
    whole = round(seconds)
    return "%2d:%02d:%02d" % (whole // 3600, whole // 60 % 60, whole % 60)


async def play(fleet, day):
    """Play the day on all chargers, print the summaries; returns the exit status: 0 if all went as
    the scenario wants it, else 1."""
    players = [Player(charger, day) for charger in fleet.chargers]
    told = asyncio.ensure_future(fleet.announce())
    try:
        await asyncio.gather(*(player.play() for player in players))
        await told
    except asyncio.CancelledError:
        pass  # a signal has ended it: report what there is
    finally:
        told.cancel()
    for player in players:
        print("\n".join(player.summary()), flush=True)
    return 0 if all(player.good for player in players) else 1
