# SetDisplayMessage, GetDisplayMessages, ClearDisplayMessage.
# MIT license; part of microevse
"""Messages for the driver (2.0.1 part 2, block O). The station keeps them, and its page shows them
as plain text."""

import asyncio

from evse_base import const, iso8601, log
from ocppj.messages import CallError, Disconnected

from . import names

# MessagePriorityEnumType in the order of station.notices, and MessageStateEnumType.
_PRIORITIES = ("AlwaysFront", "InFront", "NormalCycle")
_STATES = const("""
Charging charging
Faulted faulted
Idle idle
Suspended suspended
Unavailable unavailable
""")
_FORMATS = ("ASCII", "UTF8")
_MOST_ID = 0x7FFFFFFF
# Messages of up to 512 characters in one NotifyDisplayMessages.
_EACH = 2


def _rejected(reason, status="Rejected"):
    return {"status": status, "statusInfo": {"reasonCode": reason}}


async def set_display_message(point, payload):
    """SetDisplayMessage (O01, O02, O06)."""
    message = payload["message"]
    content, number = message["message"], message["id"]
    if content["format"] not in _FORMATS:
        return {"status": "NotSupportedMessageFormat"}
    if message["priority"] not in _PRIORITIES:
        return {"status": "NotSupportedPriority"}
    state = message.get("state")
    word = names.of(_STATES, state) if state else None
    if state and not word:
        return {"status": "NotSupportedState"}
    display = message.get("display")
    if display and (display["name"] != "Display" or display.get("evse")):
        return _rejected("UnsupportedParam")
    if message.get("messageExtra") or not -_MOST_ID <= number <= _MOST_ID:
        return _rejected("UnsupportedParam")
    session = None
    if "transactionId" in message:
        session = point.transactions.session_of(message["transactionId"])
        if session is None:
            return {"status": "UnknownTransaction"}
    times = []
    for name in ("startDateTime", "endDateTime"):
        times.append(iso8601.parse(message[name]) if name in message else None)
    start, end = times
    if end is not None and end <= max(start or 0, point.clock.now() or 0):
        return _rejected("InvalidValue")
    priority = _PRIORITIES.index(message["priority"])
    record = [number, priority, word, start, end, session, content["content"]]
    record += [content["format"], content.get("language")]
    answer = (await point.notices()).put(record)
    if answer == "kept":
        return {"status": "Accepted"}
    return _rejected("TooLargeElement" if answer == "large" else "OutOfStorage")


async def clear_display_message(point, payload):
    """ClearDisplayMessage (O05)."""
    kept = point.station.notices
    found = kept is not None and kept.remove(payload["id"])
    return {"status": "Accepted" if found else "Unknown"}


async def get_display_messages(point, payload):
    """GetDisplayMessages (O03, O04): those that meet all that is asked for."""
    kept = point.station.notices
    ids, state = payload.get("id"), payload.get("state")
    chosen = []
    for item in kept.all() if kept is not None else ():
        # Fields of station.notices: id, priority, state.
        if ids and item[0] not in ids:
            continue
        if payload.get("priority") not in (None, _PRIORITIES[item[1]]):
            continue
        if state and names.of(_STATES, state) != item[2]:
            continue
        chosen.append(item[0])
    if not chosen:
        return {"status": "Unknown"}

    async def after():
        await _report(point, kept, payload["requestId"], chosen)

    return {"status": "Accepted"}, after


async def _report(point, kept, request, chosen):
    while chosen:
        part, chosen = chosen[:_EACH], chosen[_EACH:]
        found = [_described(point, kept.record(number)) for number in part]
        message = {"requestId": request, "messageInfo": [one for one in found if one]}
        if chosen:
            message["tbc"] = True
        if not message["messageInfo"]:
            del message["messageInfo"]  # it was cleared meanwhile
        try:
            await point.call("NotifyDisplayMessages", message)
        except (asyncio.TimeoutError, CallError, Disconnected) as exc:
            log.warn("ocpp", "messages of request %d not delivered: %r", request, exc)
            return


def _described(point, record):
    """MessageInfoType of a record; None for one that is gone."""
    if record is None:
        return None
    number, priority, word, start, end, session, text, form, language = record[:9]
    out = {"id": number, "priority": _PRIORITIES[priority]}
    out["message"] = {"format": form, "content": text}
    if language:
        out["message"]["language"] = language
    if word:
        at = _STATES.find(" %s\n" % word)
        out["state"] = _STATES[_STATES.rfind("\n", 0, at) + 1 : at]
    if start is not None:
        out["startDateTime"] = iso8601.format(start)
    if end is not None:
        out["endDateTime"] = iso8601.format(end)
    transaction = None if session is None else point.transaction_id(session)
    if transaction:
        out["transactionId"] = transaction
    return out
