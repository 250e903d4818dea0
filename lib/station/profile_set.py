# The charging profiles that are installed, in RAM and on flash.
# MIT license; part of microevse
"""The set of profiles of a station; what they mean is in `profiles`.

DEFAULT, MAX and their like are kept in the journal. TX is not: a session never outlives a restart.
"""

from evse_base import const, log
from store import kinds

from .limits import amps
from .profile import AWAY, DELAY, LASTING, MAX, MAX_PROFILES, TX, Profile

# Energy managers send a new limit every few seconds, but flash is only erased while no EV charges.
# So a profile that follows sooner than this applies at once and is written to flash a little
# later.
_STORE_EVERY_S = const(60)


class ProfileSet:
    """All profiles of a station. rand(n): random integer below n; None: no change comes late.

    `Profiles` adds `ua`, and `changed`, which is called after each change.
    """

    def __init__(self, station, journal, clock, rand=None):
        self._station = station
        self._journal = journal
        self._clock = clock
        self._rand = rand
        self._all = []  # highest stack level first, then those of one connector
        self._later = []  # not on flash yet
        self._written = {}  # (purpose, level, connector): uptime s of the last attempt
        self._away = False  # a profile has a bound on the time without a central system
        self._gone_ms = None  # uptime since when there is no central system, None: there is one
        self.first = []  # numbers of the sessions that go first
        self._out = ()  # those that have no limit because there is none for too long

        def load(payload):
            profile = Profile(*(payload[:12] + [None] + payload[12:13]))
            self._add(profile, self._rivals(profile))

        journal.each(kinds.PROFILE, load)
        # A power cut may have come between writing a new profile and forgetting the old one.
        self._tidy()

    # -- in and out ----------------------------------------------------------------------

    def _rivals(self, new):
        """The profiles that a new one replaces: same id, or same purpose, level and connector."""
        return [p for p in self._all if p.id == new.id or p.slot() == new.slot()]

    def _add(self, profile, rivals):
        self._all = [p for p in self._all if p not in rivals]
        self._later = [p for p in self._later if p not in rivals]
        self._all.append(profile)
        if profile.more(DELAY) and self._rand:
            profile.late = self._rand(profile.more(DELAY) + 1)
        if profile.more(AWAY) is not None:
            self._away = True
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
        log.info(
            "profiles", "%d in force, level %d%s", profile.id, profile.stack, self._above(profile)
        )
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
        """Drop the profile with this id, or all that match the other arguments. Returns how
        many."""
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
        bounds = [
            c.limits.bound() for c in self._station.connectors if profile.connector in (0, c.id)
        ]
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
            # The command to start was accepted: the bound on the number of profiles no longer
            # applies.
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

    # -- without a central system --------------------------------------------------------

    def watch(self, now):
        """At uptime `now` ms: a profile that may not outlive the central system for long has no
        limit until there is one again; a LASTING one is dropped."""
        if self._station.delivery.renderer is not None:
            if self._gone_ms is not None:
                self._gone_ms, out, self._out = None, self._out, ()
                if out:
                    self.changed()
            return
        if self._gone_ms is None:
            self._gone_ms = now
        gone_s = (now - self._gone_ms) // 1000
        out = [p for p in self._all if p.more(AWAY) is not None and gone_s >= p.more(AWAY)]
        if len(out) == len(self._out):
            return
        self._out = out
        for p in out:
            log.warn("profiles", "%d: no central system for %d s", p.id, gone_s)
            if p.more(LASTING):
                self.clear(p.id)
        self._out = [p for p in out if p in self._all]
        self.changed()
