# Types of resolver.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

TTL_MS: int
RETRY_MS: int
MOST: int

class UnknownHost(Exception):
    status: int

class Resolver:
    allowed: Callable[..., Any]
    def __init__(self, lookup: Any, allowed: Callable[..., Any] = ...) -> None: ...
    def known(self, host: str) -> bool: ...
    async def address(self, host: str, port: int, fresh: bool = ...) -> int: ...
