# Decides who may charge: list, cache, central system, and the rules for being offline.
# MIT license; part of microevse
"""Authorization of tokens (OCPP 1.6 sections 3.5, 4.1; the same rules hold in 2.x C01-C15).

A token is a text and a kind: "ISO14443", "ISO15693", "Local", "Central", "KeyCode", "MacAddress"
or "NoAuthorization". The source of the token knows its kind. A protocol without kinds (1.6) gives
the kind ANY, which is the same as every kind. docs/tokens.md has the rules. The local list goes
before the cache (section 3.5.3). If the list has the token and does not accept it, the central
system is asked only where LocalAuthListDisablePostAuthorize is false.
"""

from evse_base import log
from evse_base import const
from store import kinds

ANY = ""

# Cache entries kept; each costs about 150 bytes of RAM and 60 of flash.
CACHE_MAX = 40

_LONGEST = const(255)  # characters of a token (2.1, IdTokenType)
_KEPT = const(36)  # characters that are kept as they are


def bad_token(token):
    """The sentence that refuses a text which cannot be a token; None for one that can."""
    if not token or not token.strip():
        return "No card."
    if len(token) > _LONGEST:
        return "Not accepted: a token has at most %d characters." % _LONGEST
    if any([c < " " or c == "\x7f" for c in token]):
        return "Not accepted: a token has no control characters."
    return None


def kept(token):
    """The form in which a token is compared, and kept in cache, list and reservations.

    Up to 36 characters: the token itself. A longer one (2.1 allows 255): a control character,
    which no token has, and 35 hexadecimal digits of the SHA-256 of its upper-case text. Two
    long tokens with the same 140 bits would count as one; by chance that takes 2^70 tokens. A
    hash is for comparing only: the token for the central system is in START and STOP.
    """
    if len(token) <= _KEPT:
        return token
    from binascii import hexlify
    from hashlib import sha256

    return "\x01" + hexlify(sha256(token.upper().encode()).digest()).decode()[: _KEPT - 1]


def same_token(a, b, kind=ANY, other=ANY):
    """True for one token: the same text without regard to case, of kinds that may be the same."""
    if not a or not b or (kind and other and kind != other):
        return False
    return kept(a).upper() == kept(b).upper()


def same_group(a, b):
    """True for the same parent group; no group is never the same as no group."""
    return same_token(a, b)


class Verdict:
    """The decision about a token.

    status: "accepted", "blocked", "expired", "invalid", "concurrent", "no_credit",
    "not_allowed_type", "not_at_this_location", "not_at_this_time", "unknown", or "offline":
    the central system could not be asked. source: "central", "list", "cache" or "offline".
    only: numbers of the connectors that the decision is about, None for all.
    """

    def __init__(self, status, parent, source, only=None):
        self.status = status
        self.parent = parent
        self.source = source
        self.only = only

    @property
    def accepted(self):
        return self.status == "accepted"


class Authorizer:
    """Decides about tokens.

    remote: async callable(token, kind) -> {"status", "expiry" (Unix s or None), "parent"} or
    None without a central system; set by the protocol adapter. A protocol with kinds adds
    "kind": the one that the answer is about. With "passing" set an accepted token is not
    cached: its expiry could not be read, or it holds only for the connectors in "only". With
    "own" set the verdict is the adapter's, which did not ask, and it is not cached.
    on_learn(token, info, kind): hook.
    tags: store.taglist.TagList, or None where no local list is fitted.
    """

    def __init__(self, settings, journal, clock):
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self.remote = None
        self.on_learn = None
        self.tags = None
        self._cache = {}  # _key -> [token, status, expiry, parent, last use]
        self._uses = 0

        def load(payload):
            self._uses += 1
            kind = payload[4] if len(payload) > 4 else None
            self._cache[_key(payload[0], kind or ANY)] = payload[:4] + [self._uses]

        if journal is not None:
            journal.each(kinds.CACHE, load)

    async def check(self, token, kind=ANY):
        """Verdict about a token; asks the central system where the rules want that."""
        local = self._local(token, kind)
        get = self._settings.get
        if local:
            if local.accepted:
                known = get("LocalPreAuthorize")
            elif local.source == "list":
                known = get("LocalAuthListDisablePostAuthorize")
            else:
                known = get("AuthCacheDisablePostAuthorize")
            if known:
                return local
        info = None
        if self.remote is not None:
            if get("DisableRemoteAuthorization"):
                # Not offline: the rules for unknown tokens offline do not count.
                return local or Verdict("offline", None, "offline")
            try:
                info = await self.remote(token, kind)
            except Exception as exc:
                # After any error the driver still needs an answer.
                log.error("auth", "asking about a token failed: %r", exc)
        if info is not None:
            if not info.get("own"):
                self.learn(token, info, info.get("kind", ANY))
            return Verdict(info["status"], info.get("parent"), "central", info.get("only"))
        return self._offline(token, kind)

    def _offline(self, token, kind):
        # Looked up again: the cache may have been cleared while we were asking.
        local = self._local(token, kind)
        if local and (not local.accepted or self._settings.get("LocalAuthorizeOffline")):
            return local
        if self._settings.get("AllowOfflineTxForUnknownId"):
            return Verdict("accepted", local.parent if local else None, "offline")
        return Verdict("offline", None, "offline")

    @property
    def master(self):
        """The group whose tokens may end every session and start none; "" without one (C16)."""
        return self._settings.get("MasterPassGroupId")

    def is_master(self, group):
        """True for the group of the master pass."""
        return same_group(group, self.master)

    def parent_of(self, token, kind=ANY):
        """Group of a token as far as list and cache know, None otherwise."""
        local = self._local(token, kind)
        return local.parent if local else None

    def _local(self, token, kind):
        """Verdict of the list, or else of the cache; None if neither knows the token."""
        entry = None
        if self.tags is not None and self._settings.get("LocalAuthListEnabled"):
            entry = self.tags.find(kept(token), kind)
        if entry is not None:
            status, expiry, parent = entry
            if status == "accepted" and self._past(expiry):
                status = "expired"
            return Verdict(status, parent, "list")
        entry = self._cached(token, kind)
        return Verdict(entry[1], entry[3], "cache") if entry else None

    def _past(self, expiry):
        # Without a clock it is not known whether the expiry has passed.
        now = self._clock.now()
        return expiry is not None and now is not None and now >= expiry

    def _keys(self, token, kind):
        """Keys of the cache entries about a token: its own kind, then ANY. A token of kind ANY has
        the entries of every kind."""
        if kind:
            own = (_key(token, kind), _key(token, ANY))
            return [key for key in own if key in self._cache]
        text = _key(token, ANY)
        return [key for key in self._cache if key == text or key.startswith(text + "\n")]

    def _cached(self, token, kind):
        """Cache entry with today's status, None if there is none or the cache is off."""
        if not self._settings.get("AuthorizationCacheEnabled"):
            return None
        entry = None
        for key in self._keys(token, kind):
            # Several entries may be about a token of kind ANY: one that refuses the token wins.
            if entry is None or (not kind and entry[1] == "accepted"):
                entry = self._cache[key]
        if entry is None:
            return None
        self._uses += 1
        entry[4] = self._uses
        if entry[1] == "accepted" and self._past(entry[2]):
            return [entry[0], "expired", entry[2], entry[3], entry[4]]
        return entry

    def learn(self, token, info, kind=ANY):
        """Keep an answer of the central system about a token. An answer without a kind holds for
        every kind, and replaces all earlier answers about that text."""
        if self.on_learn is not None:
            self.on_learn(token, info, kind)
        if not token or not self._settings.get("AuthorizationCacheEnabled"):
            return
        status = info["status"]
        if status == "concurrent":
            # This status says that the token is in use elsewhere now. It does not judge the token
            # (7.2).
            return
        own = None if info.get("passing") and status == "accepted" else _key(token, kind)
        for key in self._keys(token, kind):
            if key != own:
                self._drop(key)
        if own is None:
            return
        parent, expiry = info.get("parent"), info.get("expiry")
        life_s, now = self._settings.get("AuthCacheLifeTime"), self._clock.now()
        if expiry is None and life_s and now is not None:
            expiry = now + life_s
        new = [kept(token), status, expiry, parent and kept(parent)]
        old = self._cache.get(own)
        self._uses += 1
        if old is not None and old[1:4] == new[1:]:
            old[4] = self._uses
            return
        if old is None and len(self._cache) >= CACHE_MAX:
            self._drop(min(self._cache, key=lambda k: self._cache[k][4]))
        self._cache[own] = new + [self._uses]
        # A record without a kind has the shape that older versions can read.
        self._keep(own, new + [kind] if kind else new)

    def clear_cache(self):
        """Forget all tokens. False if there is no cache (it is switched off)."""
        if not self._settings.get("AuthorizationCacheEnabled"):
            return False
        self._cache = {}
        if self._journal is not None:
            self._journal.forget(kinds.CACHE)
        return True

    def _drop(self, key):
        del self._cache[key]
        if self._journal is not None:
            self._journal.forget(kinds.CACHE, key)

    def _keep(self, key, payload):
        if self._journal is None:
            return
        try:
            self._journal.keep(kinds.CACHE, key, payload)
        except Exception as exc:
            # The cache is a convenience: RAM still has it until the next restart.
            log.warn("auth", "cache entry not stored: %r", exc)


def _key(token, kind):
    """Key of a token in the cache. No token contains the line feed."""
    text = kept(token).upper()
    return text + "\n" + kind if kind else text
