# SendLocalList and GetLocalListVersion.
# MIT license; part of microevse
"""The local authorization list (D01, D02).

A list is taken only while every contactor is open: writing it erases flash, and an erase stalls
the chip for 80 ms. With a contactor closed the answer is Failed, which tells the central system
the truth at once: its list is not in force.
"""

from evse_base import log
from ocppj.messages import CallError
from station.authorization import kept

from .names import ACCEPTED, KINDS, refused
from .transactions import token_info

NONE = 0  # D02.FR.03: no list, or it is switched off


async def get_local_list_version(point, payload):
    """GetLocalListVersion."""
    tags = point.station.authorizer.tags
    off = tags is None or not point.settings.get("LocalAuthListEnabled")
    return {"versionNumber": NONE if off else tags.version}


async def send_local_list(point, payload):
    """SendLocalList."""
    tags = point.station.authorizer.tags
    if tags is None:
        raise CallError("NotSupported", "no local list here")
    if not point.settings.get("LocalAuthListEnabled"):
        return refused("NotEnabled", "Failed")
    version = payload["versionNumber"]
    full = payload["updateType"] == "Full"
    if not full and version <= tags.version:
        return {"status": "VersionMismatch"}
    items = payload.pop("localAuthorizationList", ())
    if len(items) > point.settings.get("SendLocalListMaxLength"):
        return refused("TooManyElements", "Failed")
    try:
        if version < 1:
            raise ValueError("version %d" % version)  # D01.FR.18
        if full:
            await tags.replace(version, _entries(point, items, True))
        else:
            await tags.merge(version, _entries(point, items, False))
    except (ValueError, OSError) as exc:
        log.warn("ocpp", "local list not taken: %s", exc)
        return {"status": "Failed"}
    log.info("ocpp", "local list: version %d, %d tokens", tags.version, tags.count)
    return ACCEPTED


def _entries(point, items, full):
    """AuthorizationData as the list takes it: (token, info, kind). A token of a kind that no part
    of this station can read is left out: nobody can ever show it here."""
    for item in items:
        token, info = item["idToken"], item.get("idTokenInfo")
        if " %s " % token["type"] not in " %s " % KINDS:
            continue
        if info is None and full:
            # Only a differential update takes tokens out (D01.FR.16).
            raise ValueError("a token without idTokenInfo")
        info = token_info(info) if info else None
        if info and info.get("passing"):
            only = info.get("only")
            if not only:
                # A text that only looks like a date: such a token would never expire.
                raise CallError("PropertyConstraintViolation", "cacheExpiryDateTime of a token")
            if [c for c in point.station.connectors if c.id not in only]:
                # It would be accepted at the other EVSEs, too.
                raise ValueError("a token of some EVSEs only")
        if info and info["parent"]:
            info["parent"] = kept(info["parent"])
        yield kept(token["idToken"]), info, token["type"]
