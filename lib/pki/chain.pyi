# Types of chain.py; names and parameters by `make stubs`.
from typing import Any

CHAIN_MAX: int
PURPOSES: dict[Any, Any]

class ChainError(ValueError):
    reason: str
    def __init__(self, reason: str, text: str) -> None: ...

async def check(
    chain: Any, roots: Any, now: int, purpose: Any, pause: Any = ..., name: str | None = ...
) -> Any: ...
async def check_root(der: Any, now: int, purpose: Any, pause: Any = ...) -> Any: ...
