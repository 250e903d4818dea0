# Authorize: asking the central system about an idTag.
# MIT license; part of microevse
"""Authorize.req (OCPP 1.6 section 4.1). Of a token only its text is said: 1.6 knows no kinds,
so its answer holds for a token of every kind."""

import asyncio

from evse_base import log
from ocppj.rpc import CallError, Disconnected

from .names import ID_TAG
from .transactions import token_info


def remote(call, may_ask):
    """The station's way to ask: async callable(token, kind) -> token info, None if offline.

    may_ask: callable, False while the central system has not accepted us.
    """

    async def ask(token, kind):
        # An answer without a status is no leave to charge.
        refused = {"status": "invalid", "expiry": None, "parent": None}
        if len(token) > ID_TAG:
            # What cannot be said to the central system cannot be billed by it.
            return refused
        if not may_ask():
            return None
        try:
            answer = await call("Authorize", {"idTag": token})
        except (asyncio.TimeoutError, Disconnected):
            # No answer is "offline" for the rules of LocalAuthorizeOffline (section 3.5).
            return None
        except CallError as exc:
            log.warn("ocpp", "Authorize refused: %s", exc.code)
            answer = {}
        return token_info(answer.get("idTagInfo")) or refused

    return ask
