# SendLocalList and GetLocalListVersion.
# MIT license; part of microevse
"""The local authorization list (OCPP 1.6 sections 3.5, 5.10, 5.15).

A list is taken only while every contactor is open: writing it erases flash, and an erase
stalls the chip for 80 ms. With a contactor closed the answer is Failed, which tells the
central system the truth at once: its list is not in force. Keeping the list until the
contactor opens would mean Accepted for something that may not happen for hours, and the
message in RAM all that time.
"""

from evse_base import log
from ocppj.rpc import CallError

from .transactions import token_info

FAILED = {"status": "Failed"}
NOT_FITTED = -1  # section 5.10: no local list here


def _list(point):
    """The station's list; None where none is fitted, or it is switched off."""
    return point.station.authorizer.tags if point.settings.get("LocalAuthListEnabled") else None


def _version(tags):
    """Its version, 0 for an empty list (section 5.10)."""
    return tags.version if tags.count else 0


async def get_local_list_version(point, payload):
    tags = _list(point)
    return {"listVersion": NOT_FITTED if tags is None else _version(tags)}


async def send_local_list(point, payload):
    tags = _list(point)
    if tags is None:
        return {"status": "NotSupported"}
    version = payload["listVersion"]
    full = payload["updateType"] == "Full"
    if not full and version <= _version(tags):
        return {"status": "VersionMismatch"}
    try:
        items = payload.pop("localAuthorizationList", ())
        most = point.settings.get("SendLocalListMaxLength")
        if len(items) > most:
            raise ValueError("more than %d in one message" % most)
        if version < 1 and items:
            raise ValueError("version %d" % version)
        if full:
            await tags.replace(max(0, version), _entries(items, True))
        else:
            await tags.merge(version, _entries(items, False))
    except (ValueError, OSError) as exc:
        log.warn("ocpp", "local list not taken: %s", exc)
        return FAILED
    log.info("ocpp", "local list: version %d, %d tokens", tags.version, tags.count)
    return {"status": "Accepted"}


def _entries(items, full):
    """AuthorizationData as the list takes it: (token, info), of every kind."""
    for item in items:
        info = item.get("idTagInfo")
        if info is None and full:
            # Only a differential update takes tokens out (section 7.3).
            raise ValueError("a token without idTagInfo")
        info = token_info(info) if info else None
        if info and info.get("passing"):
            # A text that only looks like a date: such a token would never expire.
            raise CallError("PropertyConstraintViolation", "expiryDate of a token")
        yield item["idTag"], info
