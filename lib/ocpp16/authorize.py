# Authorize: asking the central system about an idTag.
# MIT license; part of microevse
"""Authorize.req (OCPP 1.6 section 4.1)."""

import asyncio

import log
from ocppj.rpc import CallError, Disconnected

from .transactions import token_info


def remote(call, may_ask):
    """The station's way to ask: async callable(token) -> token info, or None if offline.

    may_ask: callable, False while the central system has not accepted us.
    """

    async def ask(token):
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
        # An answer without a status is no leave to charge.
        refused = {"status": "invalid", "expiry": None, "parent": None}
        return token_info(answer.get("idTagInfo")) or refused

    return ask
