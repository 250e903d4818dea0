# CostUpdated, and what the answers of a central system tell of cost and tariff.
# MIT license; part of microevse
"""Cost and tariff texts (2.0.1 part 2, block I). The central system calculates; the station keeps
what it says, and its page shows it as plain text."""

_FORMATS = ("ASCII", "UTF8")
# Amounts beyond this are no cost of charging.
_MOST = 1000000000


async def cost_updated(point, payload):
    """CostUpdated (I02). The protocol has no word for a transaction that is not known."""
    session = point.transactions.session_of(payload["transactionId"])
    if session is not None and _is_amount(payload["totalCost"]):
        (await point.notices()).cost(session, payload["totalCost"])
    return {}


async def answered(point, session, answer):
    """An answer to Authorize or TransactionEvent has totalCost or a text for the driver. session:
    its number, None for one that has ended, or of which there is none yet."""
    info = answer.get("idTokenInfo")
    text = info.get("personalMessage") if isinstance(info, dict) else None
    text = answer.get("updatedPersonalMessage") or text
    if isinstance(text, dict) and text.get("format") in _FORMATS:
        text = text.get("content")
        if isinstance(text, str):
            (await point.notices()).card(session, text[:512])
    if _is_amount(answer.get("totalCost")):
        (await point.notices()).cost(session, answer["totalCost"])


def _is_amount(value):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and -_MOST <= value <= _MOST
