# What the station keeps of a customer: a token that it knows.
# MIT license; part of microevse
"""A customer is known here by a token alone: no name and no certificate of a customer is kept.
Loaded for one request.

Where a token may be: the authorization cache, the local list, reservations, sessions that run, and
records of sessions that the central system has not confirmed. The last three are needed for what
the central system has asked for itself, so they are reported where they can be, and never cleared:
they go when their session or reservation is over.
"""

from evse_base import const, iso8601, log

from .authorization import ANY, kept, same_token

_ERASE_MS = const(1000)  # so long no contactor may close: as store.tagwriter
CLEARED, WAITS, FAILED = "cleared", "waits", "failed"


def told(station, token, kind):
    """Yields a line of text for each thing that is kept of a token."""
    authorizer = station.authorizer
    for key in authorizer._keys(token, kind):
        _, status, expiry, parent, _ = authorizer._cache[key]
        yield "authorization cache: " + _judged(status, expiry, parent)
    entry = _listed(authorizer, token, kind)
    if entry:
        yield "local list: " + _judged(*entry)
    for kept_for in station.reservations._all:
        if same_token(token, kept_for.token, kind, kept_for.kind):
            until = iso8601.format(kept_for.expiry)
            yield "reservation %d, connector %d, until %s" % (
                kept_for.id, kept_for.connector, until
            )  # fmt: skip
    for connector in station.connectors:
        session = connector.session
        if session is not None and same_token(token, session.token, kind, session.kind):
            yield "session at connector %d, running" % connector.id


async def clear(station, token, kind):
    """Forget a token: in the cache, and in the local list, whose version stays. CLEARED; WAITS:
    not while a car charges, as the list is on flash; FAILED: the flash fails. What is not CLEARED
    has changed nothing."""
    authorizer = station.authorizer
    if _listed(authorizer, token, kind):
        tags = authorizer.tags
        if not tags.may_erase(_ERASE_MS):
            return WAITS
        try:
            # Under its own kind, and as a token of every kind.
            gone = [(kept(token), None, of) for of in (kind, ANY)]
            await tags.merge(tags.version, gone)
        except (OSError, ValueError) as exc:
            log.warn("auth", "a token stays in the list: %s", exc)
            return FAILED
    for key in authorizer._keys(token, kind):
        authorizer._drop(key)
    return CLEARED


def _listed(authorizer, token, kind):
    """(status, expiry, parent) in the local list, None without: also while it is not used."""
    return authorizer.tags.find(kept(token), kind) if authorizer.tags is not None else None


def _judged(status, expiry, parent):
    text = status
    if parent:
        text += ", group " + (parent if parent >= " " else "with a long name")
    if expiry is not None:
        text += ", until " + iso8601.format(expiry)
    return text
