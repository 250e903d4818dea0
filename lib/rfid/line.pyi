# Types of line.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

class LineReader:
    kind: str
    dropped: int
    def __init__(self, uart: Any, ticks_ms: Callable[..., Any] = ...) -> None: ...
    async def next_tag(self) -> Any: ...
