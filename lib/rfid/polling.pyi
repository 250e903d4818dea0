# Types of polling.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

LOOK_S: float
AGAIN_S: float
GONE_LOOKS: int
RETRY_S: int

class ReaderError(Exception): ...

class Polled:
    kind: int
    failed: Any
    restarts: int
    worst_ms: int
    def __init__(
        self,
        chip: Any,
        report: Callable[..., Any] | None = ...,
        ticks_ms: Callable[..., Any] = ...,
    ) -> None: ...
    async def next_tag(self) -> Any: ...
    async def step(self) -> Any: ...
