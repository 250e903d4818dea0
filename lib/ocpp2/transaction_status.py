# GetTransactionStatus: does a transaction run, and is something of it still to be told?
# MIT license; part of microevse
"""E14. The journal knows what is not delivered."""

import asyncio

from station.delivery import SAMPLE, START

from .names import uuid_text

# Events that are read before other tasks have their turn: reading one takes about 1 ms.
_AT_ONCE = 8


async def get_transaction_status(point, payload):
    """GetTransactionStatus. Without a transactionId it is about the events of all of them."""
    wanted = payload.get("transactionId")
    number = None
    if wanted is not None:
        number = point.transactions.session_of(wanted)
    answer = {"messagesInQueue": await _waits(point, wanted, number)}
    if wanted is not None:
        answer["ongoingIndicator"] = number is not None
    return answer


async def _waits(point, wanted, number):
    """True if an event of this transaction is queued. number: of its session, None: not known."""
    journal, known = point.station.journal, point.station.delivery.known
    if wanted is not None and number is None:
        # Its start was answered, its end was not.
        for session in known:
            if uuid_text(known[session][2], session) == wanted:
                number = session
    if point.station.delivery.later and (wanted is None or number is not None):
        return True  # passed over for now: rarely of another transaction
    event, read = journal.pending(), 0
    while event is not None:
        seq, kind, payload = event
        if wanted is None:
            if kind != SAMPLE or payload[0]:
                return True
        elif payload[0] == number:
            return True
        elif kind == START and number is None:
            uuid = payload[6] if len(payload) > 6 else None
            if uuid_text(uuid, payload[0]) == wanted:
                return True
        elif number is None and len(payload) > 7 and payload[7] and isinstance(payload[7], list):
            if uuid_text(payload[7][1], payload[0]) == wanted:
                return True  # an event of station.points has the uuid itself
        read += 1
        if read % _AT_ONCE == 0:
            await asyncio.sleep(0)
        event = journal.pending(seq)
    return False
