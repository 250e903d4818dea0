# How much current may be offered, and why.
# MIT license; part of microevse
"""Claims and caps.

A claim says how much a source wants: priority, limit, perhaps an end. Caps (cable, board,
setting, temperature, mains guard) always hold. The limit is the claim of the highest priority
under the smallest cap. Below 6 A nothing can be offered by the control pilot (IEC 61851-1
annex A), so it is 0 then: paused, never 0 < I < 6 A.
"""

from iec61851.duty import MAX_MA, MIN_MA
from evse_base import const

# Priorities in use, highest first; a profile may also be an operator's pause.
PRIORITY_PROFILE = const(1050)
PRIORITY_WEB = const(1000)
PRIORITY_SOLAR = const(50)

# Sources and their names for people. One text: as a dict it would take ten times the heap.
_SOURCES = const("""
board|the board
cable|the cable
setting|the setting MaxCurrent
site|the supply that the connectors share
temperature|the temperature
guard|the mains guard
web|the page
profile|a charging profile
profile_max|the station's charging profile
""")

# Caps whose lowering cannot wait.
_PROTECTIVE = const(("board", "cable", "site", "temperature", "guard"))


def _words_for(source):
    at = _SOURCES.find("\n%s|" % source)
    return _SOURCES[at + len(source) + 2 :].partition("\n")[0] if at >= 0 else source


def amps(ma):
    """Milliamperes for people: "16 A", "13.5 A"."""
    return "%d A" % (ma // 1000) if ma % 1000 < 100 else "%d.%d A" % (ma // 1000, ma % 1000 // 100)


class Limits:
    """The limit of one connector. Currents in mA, times in uptime ms."""

    def __init__(self):
        self._caps = {}
        self._claims = {}  # source -> (priority, ma, until or None)
        self.on_change = None  # called without arguments after a claim or cap changed

    def claim(self, source, priority, ma, until=None):
        """`source` wants `ma` (0 pauses), until uptime `until` ms or until released."""
        if not isinstance(ma, int) or ma < 0:
            raise ValueError("claim of %s: %r mA" % (source, ma))
        self._claims[source] = (priority, ma, until)
        self._changed()

    def release(self, source):
        """End the claim of `source`. True if it had one."""
        found = self._claims.pop(source, None) is not None
        if found:
            self._changed()
        return found

    def cap(self, name, ma):
        """Never more than `ma` because of `name`; None removes the cap."""
        if ma is None:
            self._caps.pop(name, None)
        elif not isinstance(ma, int) or ma < 0:
            raise ValueError("cap %s: %r mA" % (name, ma))
        else:
            self._caps[name] = ma
        self._changed()

    def _changed(self):
        if self.on_change is not None:
            self.on_change()

    def copy(self):
        """A copy with the same claims and caps, for calculations that change them."""
        other = Limits()
        other._caps.update(self._caps)
        other._claims.update(self._claims)
        return other

    def claims(self):
        """Iterate (source, priority, ma, until) of all claims."""
        for source in self._claims:
            priority, ma, until = self._claims[source]
            yield source, priority, ma, until

    def expire(self, now):
        """Remove the claims whose end has come by uptime `now` ms."""
        for source in list(self._claims):
            until = self._claims[source][2]
            if until is not None and now >= until:
                del self._claims[source]

    def _holds(self, now):
        """(smallest cap in mA, its name, (priority, mA, source) of the best claim or None)."""
        cap, cap_name = MAX_MA, "what the pilot can say"
        for name in sorted(self._caps):
            if self._caps[name] < cap:
                cap, cap_name = self._caps[name], name
        best = None
        for source in sorted(self._claims):
            priority, ma, until = self._claims[source]
            if until is not None and now >= until:
                continue
            # Of two claims with the same priority the smaller one wins: that is the careful side.
            if best is None or (priority, -ma) > (best[0], -best[1]):
                best = (priority, ma, source)
        return cap, cap_name, best

    def binding(self, now):
        """(mA, source or name) of the claim or cap that makes the limit at uptime `now` ms, as it
        was said: it may be below 6 A."""
        cap, cap_name, best = self._holds(now)
        return (best[1], best[2]) if best is not None and best[1] < cap else (cap, cap_name)

    def value(self, now):
        """The limit at uptime `now` ms: (mA, 0 or at least 6000; sentence saying why; True if
        the limit protects a part, so that a smaller one must be offered at once)."""
        cap, cap_name, best = self._holds(now)
        protective = cap_name in _PROTECTIVE
        if best is not None and best[1] < cap:
            protective = False
            ma, by = best[1], _words_for(best[2])
        else:
            ma, by = cap, _words_for(cap_name)
        if ma == 0:
            return 0, "Paused by %s." % by, protective
        if ma < MIN_MA:
            why = "Paused: %s allows only %s, a car needs 6 A." % (by, amps(ma))
            return 0, why, protective
        why = "Limited to %s by %s%s." % (amps(ma), by, self._refused(ma, cap, best))
        return ma, why, protective

    def _refused(self, ma, cap, best):
        """The end of a sentence that names a source asking for more than the cap, or ""."""
        if ma < cap:
            return ""
        asked, who = (best[1], best[2]) if best is not None else (0, None)
        if asked <= ma:
            asked, who = self._caps.get("profile_max", 0), "profile_max"
        return "; %s asks for %s" % (_words_for(who), amps(asked)) if asked > ma else ""

    def bound(self):
        """(mA, words) of the smallest cap that is not a charging profile's."""
        ma, by = MAX_MA, "the pilot"
        for name in sorted(self._caps):
            if name != "profile_max" and self._caps[name] < ma:
                ma, by = self._caps[name], _words_for(name)
        return ma, by


def set_limits(limits, claim, cap, before=None):
    """The limits of the profiles (uA or None) as claim and cap, unless they are as `before`; both
    in mA, rounded down."""
    claim = None if claim is None else claim // 1000
    cap = None if cap is None else cap // 1000
    if before is None or before[2] != claim:
        if claim is None:
            limits.release("profile")
        else:
            limits.claim("profile", PRIORITY_PROFILE, claim)
    if before is None or before[3] != cap:
        limits.cap("profile_max", cap)
    return claim, cap
