# CostUpdated, and what the answers of a central system tell of cost and tariff.
# MIT license; part of microevse
"""Cost and tariff texts (2.0.1 part 2, block I). The central system calculates; the station keeps
what it says, and its page shows it as plain text."""

from ocppj import on_demand

_FORMATS = ("ASCII", "UTF8")
# Amounts beyond this are no cost of charging.
_MOST = 1000000000


async def cost_updated(point, payload):
    """CostUpdated (I02). The protocol has no word for a transaction that is not known."""
    session = point.transactions.session_of(payload["transactionId"])
    if session is not None:
        await _cost(point, session, payload["totalCost"])
    return {}


async def answered(point, session, answer):
    """An answer to Authorize or TransactionEvent has totalCost, limits (2.1) or a text for the
    driver. session: its number, None for one that has ended, or of which there is none yet."""
    info = answer.get("idTokenInfo")
    text = info.get("personalMessage") if isinstance(info, dict) else None
    text = answer.get("updatedPersonalMessage") or text
    if isinstance(text, dict) and text.get("format") in _FORMATS:
        text = text.get("content")
        if isinstance(text, str):
            (await point.notices()).card(session, text[:512])
    if point.later and session is not None and "transactionLimit" in answer:
        limits = await on_demand.code(point, "limits")
        await limits.put(point, session, answer["transactionLimit"])
    await _cost(point, session, answer.get("totalCost"))


async def _cost(point, session, amount):
    """The central system says what a session costs. What is no amount is nothing."""
    number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
    if not number or not -_MOST <= amount <= _MOST:
        return
    (await point.notices()).cost(session, amount)
    point.spent = session, int(1000 * amount + 0.5)
    limits = getattr(point.station, "session_limits", None)
    if limits:
        limits.spent(*point.spent)
