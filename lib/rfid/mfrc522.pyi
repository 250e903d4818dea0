# Types of mfrc522.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

VERSIONS: dict[Any, Any]

def crc_a(data: bytes) -> Any: ...

class Mfrc522:
    kind: str
    version: Any
    collisions: int
    bad_answers: int
    def __init__(
        self, spi: Any, cs: Any, reset: Any = ..., ticks_ms: Callable[..., Any] = ...
    ) -> None: ...
    async def start(self) -> None: ...
    async def look(self) -> Any: ...
