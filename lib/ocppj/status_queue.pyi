# Types of status_queue.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

MAX_QUEUED: int

class StatusQueue:
    current: Any
    def __init__(
        self,
        call: Callable[..., Any],
        settings: Any,
        clock: Any,
        numbers: Any,
        render: Any,
        fields: Any,
    ) -> None: ...
    def changed(self, connector: Any) -> None: ...
    def everything(self, again: bool = ...) -> None: ...
    def due_in_ms(self) -> int | None: ...
    async def step(self) -> None: ...
    async def trigger(self, connector: Any) -> None: ...
