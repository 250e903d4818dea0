# Profiles that may not outlive the connection to the central system for long.
# MIT license; part of microevse
"""Only 2.1 has such profiles (maxOfflineDuration). Loaded for the first one, to stay: a look at it
must not wait for an import while a car charges."""

from evse_base import log

from .profile import AWAY, LASTING


class Outage:
    """How long there has been no central system, and the profiles that have no limit for that."""

    def __init__(self, profiles, station):
        self._profiles = profiles
        self._station = station
        self._gone_ms = None  # uptime since when there is none, None: there is one
        self.out = []  # those that have no limit because there is none for too long

    def watch(self, now):
        """At uptime `now` ms: a profile that may not outlive the central system for long has no
        limit until there is one again; a LASTING one is dropped."""
        profiles = self._profiles
        if self._station.delivery.renderer is not None:
            if self._gone_ms is not None:
                self._gone_ms, out, self.out = None, self.out, []
                if out:
                    profiles.changed()
            return
        if self._gone_ms is None:
            self._gone_ms = now
        gone_s = (now - self._gone_ms) // 1000
        bound = [p for p in profiles.installed() if p.more(AWAY) is not None]
        out = [p for p in bound if gone_s >= p.more(AWAY)]
        if out == self.out:
            return
        self.out = out
        for p in out:
            log.warn("profiles", "%d: no central system for %d s", p.id, gone_s)
            try:
                if p.more(LASTING):
                    profiles.clear(p.id)
            except Exception as exc:
                # A look at a connector goes on; after a restart it is dropped anew.
                log.warn("profiles", "%d not forgotten: %r", p.id, exc)
        installed = profiles.installed()
        self.out = [p for p in out if p in installed]
        profiles.changed()
