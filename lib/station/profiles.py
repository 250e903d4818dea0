# Charging profiles: which there are, how they stack, and the limits that they set.
# MIT license; part of microevse
"""The set of profiles of a station, in RAM and on flash.

Of the profiles of one purpose, the one with the highest stack level that has a limit at a moment
holds (OCPP 1.6 section 3.13). These limits become the claim "profile" and the cap
"profile_max" of each connector's `Limits`, and changes at the next boundary. Currents in uA:
fine enough for a limit in W to come back as the same W.

While the time is not known (after a power cut, with no network) the smallest of all limits that
may apply is applied: a stopped clock removes no limit.

DEFAULT, MAX and their like are kept in the journal. TX is not: a session never outlives a restart.
"""

from evse_base import const, log
from store import kinds

from .limits import MIN_MA, amps, set_limits
from .profile import (
    AMPS, AWAY, DEFAULT, DELAY, GENERATION, KIND, LIVE, MAX, MAX_PROFILES, PRIORITY, TX, Profile,
    careful, sooner,
)  # fmt: skip

_MIN_UA = 1000 * MIN_MA
# Energy managers send a new limit every few seconds, but flash is only erased while no EV charges.
# So a profile that follows sooner than this applies at once and is written to flash a little
# later.
_STORE_EVERY_S = const(60)


class Profiles:
    """All profiles of a station. rand(n): random integer below n; None: no change comes late."""

    def __init__(self, station, settings, journal, clock, rand=None):
        self._station = station
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._rand = rand
        self._all = []  # highest stack level first, then those of one connector
        self._later = []  # not on flash yet
        self._written = {}  # (purpose, level, connector): uptime s of the last attempt
        self._applied = {}  # connector: (session, due uptime ms or None, claim mA, cap mA)
        self._outage = None  # profile_outage.Outage while a profile has a bound on an outage
        self.first = []  # numbers of the sessions that go first

        def load(payload):
            profile = Profile(*(payload[:12] + [None] + payload[12:13]))
            self._add(profile, self._rivals(profile) or (None,))  # as in place of itself

        journal.each(kinds.PROFILE, load)
        # A power cut may have come between writing a new profile and forgetting the old one.
        self._tidy()
        clock.on_set(self._clock_set)
        settings.on_change(self._on_setting)

    def _rivals(self, new):
        """The profiles that a new one replaces: same id, or same purpose, level and connector."""
        return [p for p in self._all if p.id == new.id or p.slot() == new.slot()]

    def _add(self, profile, rivals):
        self._all = [p for p in self._all if p not in rivals] + [profile]
        self._later = [p for p in self._later if p not in rivals]
        # In the place of one that holds, one that has begun comes at once: else none would hold.
        begun = profile.start is not None and profile.start <= (self._clock.now() or profile.start)
        if profile.more(DELAY) and profile.more(KIND) != LIVE and not (begun and rivals):
            profile.late = self._rand(profile.more(DELAY) + 1) if self._rand else 0
        if profile.more(AWAY) is not None and self._outage is None:
            from .profile_outage import Outage  # 1.6 and 2.0.1 have none

            self._outage = Outage(self, self._station)
        # At the same level the connector's own default stands above that of all connectors.
        self._all.sort(key=lambda p: (-p.stack, -p.connector))

    def _store(self, now=True):
        """Write the profiles that wait for flash, if it is time or `now`. A new profile is written
        before the old one is forgotten."""
        uptime = self._clock.uptime()
        for p in list(self._later):
            last = self._written.get(p.slot())
            if not now and last is not None and uptime - last < _STORE_EVERY_S:
                continue
            self._written[p.slot()] = uptime
            try:
                self._journal.keep(kinds.PROFILE, p.id, p.record())
                self._later.remove(p)
            except Exception as exc:
                # The profile is in force all the same: refusing a lower limit would be worse. A
                # session that ends, or a look at a connector, goes on.
                log.warn("profiles", "%d not stored yet: %r", p.id, exc)
        self._tidy()

    def _tidy(self):
        """Forget profiles on flash that no longer apply, unless their successor still waits."""
        if self._later:
            return
        ids = [p.id for p in self._all if p.purpose != TX]
        try:
            stale = [id for id, _ in self._journal.state(kinds.PROFILE) if id not in ids]
            for id in stale:
                self._journal.forget(kinds.PROFILE, id)
        except Exception as exc:
            # A session that begins or ends goes on. The next change of a profile tries again.
            log.warn("profiles", "old ones not forgotten: %r", exc)

    def install(self, profile):
        """Take a profile, in force at once. ValueError says why it cannot be taken."""
        rivals = self._rivals(profile)
        if len(self._all) - len(rivals) >= MAX_PROFILES:
            now = self._clock.now()
            rivals += [p for p in self._all if p.over(now) and p not in rivals]
            if len(self._all) - len(rivals) >= MAX_PROFILES:
                raise ValueError("%d profiles are installed" % len(self._all))
        self._add(profile, rivals)
        above = self._above(profile)
        log.info("profiles", "%d in force, level %d%s", profile.id, profile.stack, above)
        self.keep(profile)

    @property
    def count(self):
        """How many there are."""
        return len(self._all)

    def keep(self, profile):
        """An installed profile was changed in place: in force at once, on flash soon after."""
        if profile.purpose != TX and profile not in self._later:
            self._later.append(profile)
        self._store(False)
        self.changed()

    def installed(self):
        """List of all profiles, of all sessions, too."""
        return list(self._all)

    def clear(self, id=None, connector=None, purpose=None, stack=None):
        """Drop the profile with this id, or all that match the rest; returns how many."""
        gone = []
        for p in self._all:
            if id is not None:
                fits = p.id == id
            else:
                fits = connector in (None, p.connector) and purpose in (None, p.purpose)
                fits = fits and stack in (None, p.stack)
            if fits:
                gone.append(p)
        if gone:
            self._all = [p for p in self._all if p not in gone]
            self._later = [p for p in self._later if p not in gone]
            for p in gone:
                self._journal.forget(kinds.PROFILE, p.id)
            self._store()
            log.info("profiles", "%d cleared", len(gone))
            self.changed()
        return len(gone)

    def _above(self, profile):
        """A note for a person on a profile that allows more than there can be, or ""."""
        asked = max(self.ua(profile, tenths, phases)[0] for tenths, phases in profile.limits())
        places = [c for c in self._station.connectors if profile.connector in (0, c.id)]
        bounds = [c.limits.bound() for c in places]
        if not bounds:
            return ""
        ma, by = min(bounds)
        if profile.purpose == MAX:
            # A MAX profile limits all connectors together.
            ma = sum(bound[0] for bound in bounds)
        if asked // 1000 <= ma:
            return ""
        return ": asks for %s, but %s allows %s" % (amps(asked // 1000), by, amps(ma))

    def session_began(self, session, profile=None):
        """A session has begun; `profile` (TX) came with the command that started it."""
        if profile is not None:
            # The command was accepted: there is no bound on the number of profiles any more.
            profile.connector, profile.session = session.connector, session.id
            self._add(profile, self._rivals(profile))
            self._tidy()
            log.info("profiles", "%d came with the start%s", profile.id, self._above(profile))
        self.changed()

    def session_over(self, session):
        """Drop the TX profiles of a session that is over."""
        self.first = [number for number in self.first if number != session.id]
        self._all = [p for p in self._all if p.purpose != TX or p.session != session.id]
        if self._later:
            self._store()
        self.changed()

    # -- the limits ----------------------------------------------------------------------

    def _of(self, purpose, connector, session):
        """Iterate the profiles of a purpose that concern a connector and its session."""
        for p in self._all:
            if p.purpose != purpose or self._outage and p in self._outage.out:
                continue
            if purpose in (DEFAULT, PRIORITY) and p.connector not in (0, connector):
                continue
            if purpose == TX and (session is None or p.session != session):
                continue
            yield p

    def _best(self, purpose, connector, session, unix, elapsed, planned=False):
        """(profile that holds or None, its limit, phases, left s or None). planned: as if no
        change came late."""
        soonest = None
        for p in self._of(purpose, connector, session):
            tenths, phases, left = p.at(unix, elapsed, 0 if planned else p.late)
            soonest = sooner(soonest, left)
            if tenths is not None:
                return p, tenths, phases, soonest
        return None, 0, 0, soonest

    def _past(self):
        """A Unix time in s that is over for certain, or None."""
        kept = self._journal.get(kinds.TOLD, 0)
        return kept[0] if kept else None

    def ua(self, profile, tenths, phases):
        """(limit in uA of each phase, phases it is for).

        No phase can be switched off here: a power is for all phases of the station, unless
        the profile says how many the car uses.
        """
        fitted = self._settings.get("Phases")
        phases = min(phases or fitted, fitted)
        if profile.unit == AMPS:
            return 100000 * tenths, phases
        return 100000 * tenths // (self._settings.get("NominalVoltage") * phases), phases

    def _cap(self, unix, elapsed):
        if unix is None:
            # A cap protects something: it does not go away because the time is unknown.
            past = self._past()
            bounds = [p for p in self._of(MAX, 0, None) if not p.over(past)]
            caps = [self.ua(p, p.smallest(), 0) for p in bounds]
            return min(caps) + (None,) if caps else (None, 0, None)
        p, tenths, phases, left = self._best(MAX, 0, None, unix, elapsed)
        if p is None:
            return None, 0, left
        cap, cap_phases = self.ua(p, tenths, phases)
        p, tenths, phases, more = self._best(GENERATION, 0, None, unix, elapsed)
        if p is not None:
            cap += self.ua(p, tenths, phases)[0]
        return cap, cap_phases, sooner(left, more)

    def _share(self, cap, session):
        """The part of the station's cap that a session gets: the oldest session first, none below
        6 A."""
        running = [c.session.id for c in self._station.connectors if c.session is not None]
        ahead = sum(1 for number in running if session is None or number < session)
        served = min(len(running) + (session is None), cap // _MIN_UA)
        return cap // served if ahead < served else 0

    def limits_at(self, connector, session, unix, elapsed, share=True, planned=False):
        """(claim, its phases, cap, its phases, left) at a moment; currents in uA or None.

        connector, session: numbers; no session (None): as if one could begin. share: the
        connector's part of the station's cap, not all of it. planned: see `_best`.
        """
        if unix is None:
            p, tenths, phases, left = careful(
                [p for purpose in (TX, DEFAULT) for p in self._of(purpose, connector, session)],
                self._past(),
                elapsed,
                lambda p, tenths, phases: self.ua(p, tenths, phases)[0],
            )
        else:
            p, tenths, phases, left = None, 0, 0, None
            for purpose in (PRIORITY, TX, DEFAULT):
                if p is None and (purpose != PRIORITY or session in self.first):
                    p, tenths, phases, more = self._best(
                        purpose, connector, session, unix, elapsed, planned
                    )
                    left = sooner(left, more)
        claim = None
        cap, cap_phases, cap_left = self._cap(unix, elapsed)
        if share and cap is not None:
            cap = self._share(cap, session)
        if p is not None:
            claim, phases = self.ua(p, tenths, phases)
            least = self.ua(p, p.least, phases)[0]
            if claim < least or (cap is not None and cap < least):
                # Less than the car can use is a pause, like less than 6 A.
                claim = 0
        return claim, phases, cap, cap_phases, sooner(left, cap_left)

    def apply(self, connector, now):
        """Bring a connector's limits up to date at uptime `now` ms; cheap if nothing is due."""
        if self._later:
            self._store(False)
        if self._outage:
            self._outage.watch(now)
        session = connector.session.id if connector.session else None
        done = self._applied.get(connector.id)
        if done and done[0] == session and (done[1] is None or now < done[1]):
            return
        uptime = self._clock.uptime()
        elapsed = uptime - connector.session.started[1] if connector.session else 0
        found = self.limits_at(connector.id, session, self._clock.now(), elapsed)
        claim = found[0] if session is not None else None
        claim, cap = set_limits(connector.limits, claim, found[2], done)
        due = None if found[4] is None else 1000 * (uptime + found[4])
        self._applied[connector.id] = (session, due, claim, cap)

    def changed(self):
        """Something has changed: every connector looks again, now."""
        for number in list(self._applied):
            done = self._applied[number]
            self._applied[number] = (done[0], -1, done[2], done[3])
        for connector in self._station.connectors:
            connector.wake()

    def _clock_set(self, step):
        if step != 0:
            self.changed()

    def _on_setting(self, name, value):
        if name in ("NominalVoltage", "Phases"):
            self.changed()
