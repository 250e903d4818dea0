# Charging profiles: how they stack, and the limits that they set at the connectors.
# MIT license; part of microevse
"""The set of profiles of a station.

Of the profiles of one purpose, the one with the highest stack level that has a limit at a moment
holds (OCPP 1.6 section 3.13). These limits become the claim "profile" and the cap
"profile_max" of each connector's `Limits`, and changes at the next boundary. Currents in uA:
fine enough for a limit in W to come back as the same W.

While the time is not known (after a power cut, with no network) the smallest of all limits that
may apply is applied: a stopped clock removes no limit.

Which profiles there are, and where they are kept: `profile_set`.
"""

from store import kinds

from .limits import MIN_MA, PRIORITY_PROFILE
from .profile import AMPS, DEFAULT, GENERATION, MAX, PRIORITY, TX, careful, sooner
from .profile_set import ProfileSet

_MIN_UA = 1000 * MIN_MA


class Profiles(ProfileSet):
    """All profiles of a station; they set the limits of its connectors. rand: see ProfileSet."""

    def __init__(self, station, settings, journal, clock, rand=None):
        self._settings = settings
        self._applied = {}  # connector: (session, due uptime ms or None, claim mA, cap mA)
        ProfileSet.__init__(self, station, journal, clock, rand)
        clock.on_set(self._clock_set)
        settings.on_change(self._on_setting)

    # -- the limits ----------------------------------------------------------------------

    def _of(self, purpose, connector, session):
        """Iterate the profiles of a purpose that concern a connector and its session."""
        for p in self._all:
            if p.purpose != purpose or p in self._out:
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
        """A Unix time in s that is over for certain, for use while the time is not known; or
        None."""
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
            caps = [
                self.ua(p, p.smallest(), 0) for p in self._of(MAX, 0, None) if not p.over(past)
            ]
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
        if self._away:
            self.watch(now)
        session = connector.session.id if connector.session else None
        done = self._applied.get(connector.id)
        if done and done[0] == session and (done[1] is None or now < done[1]):
            return
        uptime = self._clock.uptime()
        elapsed = uptime - connector.session.started[1] if connector.session else 0
        found = self.limits_at(connector.id, session, self._clock.now(), elapsed)
        claim = found[0] if session is not None else None
        set_limits(connector.limits, claim, found[2], done)
        due = None if found[4] is None else 1000 * (uptime + found[4])
        self._applied[connector.id] = (session, due, milliamps(claim), milliamps(found[2]))

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


def milliamps(ua):
    """uA as mA, rounded down; None stays None."""
    return None if ua is None else ua // 1000


def set_limits(limits, claim, cap, before=None):
    """The limits of the profiles (uA or None) as claim and cap, unless they are as `before`."""
    claim, cap = milliamps(claim), milliamps(cap)
    if before is None or before[2] != claim:
        if claim is None:
            limits.release("profile")
        else:
            limits.claim("profile", PRIORITY_PROFILE, claim)
    if before is None or before[3] != cap:
        limits.cap("profile_max", cap)
