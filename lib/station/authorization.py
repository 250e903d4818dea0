# Who may charge: list, cache, the word of the central system, and the rules for being offline.
# MIT license; part of microevse
"""Authorization of tokens (OCPP 1.6 sections 3.5, 4.1; the same rules hold in 2.x C01-C15).

A token is text as the reader gave it; two tokens are the same without regard to case.
What the local list says goes before what the cache says (section 3.5.3), and a list entry
that is not accepted is the last word: nobody is asked.
"""

import log
from store import kinds
from store.journal import JournalFull

# Cache entries kept; each costs about 150 bytes of RAM and 60 of flash.
CACHE_MAX = 40

STATUSES = ("accepted", "blocked", "expired", "invalid", "concurrent")


def same_token(a, b):
    """True for two spellings of one token."""
    return bool(a) and bool(b) and a.upper() == b.upper()


def same_group(a, b):
    """True for the same parent group; no group is never the same as no group."""
    return same_token(a, b)


class Verdict:
    """status: one of STATUSES, or "offline" (nobody could be asked); source: who said so."""

    def __init__(self, status, parent, source):
        self.status = status
        self.parent = parent
        self.source = source

    @property
    def accepted(self):
        return self.status == "accepted"


class Authorizer:
    """Decides about tokens.

    remote: async callable(token) -> {"status", "expiry" (Unix s or None), "parent"} or None
    when there is nobody to ask; set by the protocol adapter. With "passing" set an accepted
    token is not cached: its expiry could not be read. on_learn(token, info): hook.
    tags: store.taglist.TagList, or None where no local list is fitted.
    """

    def __init__(self, settings, journal, clock):
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self.remote = None
        self.on_learn = None
        self.tags = None
        self._cache = {}  # upper-case token -> [token, status, expiry, parent, last use]
        self._uses = 0
        if journal is not None:
            for _, payload in journal.state(kinds.CACHE):
                self._uses += 1
                self._cache[payload[0].upper()] = payload[:4] + [self._uses]

    async def check(self, token):
        """Verdict about a token; asks the central system where the rules want that."""
        local = self._local(token)
        if local:
            if local.source == "list" and not local.accepted:
                return local
            if local.accepted and self._settings.get("LocalPreAuthorize"):
                return local
        info = None
        if self.remote is not None:
            try:
                info = await self.remote(token)
            except Exception as exc:
                # Whatever broke on the way to the central system, the driver stands here now.
                log.error("auth", "asking about a token failed: %r", exc)
        if info is not None:
            self.learn(token, info)
            return Verdict(info["status"], info.get("parent"), "central")
        return self._offline(token)

    def _offline(self, token):
        # Looked up again: the cache may have been cleared while we were asking.
        local = self._local(token)
        if local and (not local.accepted or self._settings.get("LocalAuthorizeOffline")):
            return local
        if self._settings.get("AllowOfflineTxForUnknownId"):
            return Verdict("accepted", local.parent if local else None, "offline")
        return Verdict("offline", None, "offline")

    def parent_of(self, token):
        """Group of a token as far as list and cache know, None otherwise."""
        local = self._local(token)
        return local.parent if local else None

    def _local(self, token):
        """Verdict of the list, or else of the cache; None if neither knows the token."""
        entry = None
        if self.tags is not None and self._settings.get("LocalAuthListEnabled"):
            entry = self.tags.find(token)
        if entry is not None:
            status, expiry, parent = entry
            if status == "accepted" and self._past(expiry):
                status = "expired"
            return Verdict(status, parent, "list")
        entry = self._cached(token)
        return Verdict(entry[1], entry[3], "cache") if entry else None

    def _past(self, expiry):
        # Without a clock nobody can say that the expiry has passed.
        now = self._clock.now()
        return expiry is not None and now is not None and now >= expiry

    def _cached(self, token):
        """Cache entry with today's status, None if there is none or the cache is off."""
        if not self._settings.get("AuthorizationCacheEnabled"):
            return None
        entry = self._cache.get(token.upper())
        if entry is None:
            return None
        self._uses += 1
        entry[4] = self._uses
        if entry[1] == "accepted" and self._past(entry[2]):
            return [entry[0], "expired", entry[2], entry[3], entry[4]]
        return entry

    def learn(self, token, info):
        """The central system has said something about a token."""
        if self.on_learn is not None:
            self.on_learn(token, info)
        if not token or not self._settings.get("AuthorizationCacheEnabled"):
            return
        status = info["status"]
        if status == "concurrent":
            # Says that the token is in use elsewhere now, nothing about the token (7.2).
            return
        key = token.upper()
        if info.get("passing") and status == "accepted":
            if self._cache.pop(key, None) is not None and self._journal is not None:
                self._journal.forget(kinds.CACHE, key)
            return
        new = [token, status, info.get("expiry"), info.get("parent")]
        old = self._cache.get(key)
        self._uses += 1
        if old is not None and old[1:4] == new[1:]:
            old[4] = self._uses
            return
        if old is None and len(self._cache) >= CACHE_MAX:
            oldest = min(self._cache, key=lambda k: self._cache[k][4])
            del self._cache[oldest]
            if self._journal is not None:
                self._journal.forget(kinds.CACHE, oldest)
        self._cache[key] = new + [self._uses]
        self._keep(key, new)

    def clear_cache(self):
        """Forget all tokens. False if there is no cache (it is switched off)."""
        if not self._settings.get("AuthorizationCacheEnabled"):
            return False
        self._cache = {}
        if self._journal is not None:
            self._journal.forget(kinds.CACHE)
        return True

    def _keep(self, key, payload):
        if self._journal is None:
            return
        try:
            self._journal.keep(kinds.CACHE, key, payload)
        except (JournalFull, OSError) as exc:
            # The cache is a convenience: RAM still has it until the next restart.
            log.warn("auth", "cache entry not stored: %r", exc)
