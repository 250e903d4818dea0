# SendLocalList and GetLocalListVersion.
# MIT license; part of microevse
"""The local authorization list (OCPP 1.6 sections 3.5, 5.10, 5.15).

A list is taken only while every contactor is open: writing it erases flash, and an erase
stalls the chip for 80 ms. With a contactor closed the answer is Failed, which tells the
central system the truth at once: its list is not in force. Keeping the list until the
contactor opens would mean Accepted for something that may not happen for hours, and the
message in RAM all that time.
"""

import log
from ocppj.rpc import CallError
from store.taglist import ListError, packed

from .transactions import token_info

FAILED = {"status": "Failed"}
NOT_FITTED = -1  # section 5.10: no local list here


def _list(point):
    """The station's list; None where none is fitted, or it is switched off."""
    return point.station.authorizer.tags if point.settings.get("LocalAuthListEnabled") else None


async def get_local_list_version(point, payload):
    tags = _list(point)
    return {"listVersion": NOT_FITTED if tags is None else tags.version}


async def send_local_list(point, payload):
    tags = _list(point)
    if tags is None:
        return {"status": "NotSupported"}
    version = payload["listVersion"]
    full = payload["updateType"] == "Full"
    if not full and version <= tags.version:
        return {"status": "VersionMismatch"}
    try:
        most = point.settings.get("SendLocalListMaxLength")
        entries = _entries(payload.pop("localAuthorizationList", ()), full, most)
        if version < 1 and entries:
            raise ListError("version %d" % version)
        if full:
            await tags.replace(max(0, version), entries)
        else:
            await tags.merge(version, entries)
    except (ListError, OSError) as exc:
        log.warn("ocpp", "local list not taken: %s", exc)
        return FAILED
    log.info("ocpp", "local list: version %d, %d tokens", tags.version, tags.count)
    return {"status": "Accepted"}


def _entries(items, full, most):
    """AuthorizationData as entries of the list. ListError if one is not allowed."""
    if len(items) > most:
        raise ListError("more than %d in one message" % most)
    out = []
    for item in items:
        info = item.get("idTagInfo")
        if info is None and full:
            # Only a differential update takes tokens out (section 7.3).
            raise ListError("a token without idTagInfo")
        try:
            out.append(packed(item["idTag"], token_info(info) if info else None))
        except ValueError as exc:
            # A date that only looks like one.
            raise CallError("PropertyConstraintViolation", str(exc))
    return out
