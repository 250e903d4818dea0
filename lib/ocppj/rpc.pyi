# Types of rpc.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

QUEUE_LIMIT: int
HANDLER_LIMIT_S: int

class Rpc:
    handlers: Any
    schema: Any
    on_timeout: Callable[..., Any] | None
    on_event: Callable[..., Any] | None
    unknown_ids: int
    malformed: int
    repeated: int
    timeouts: int
    def __init__(
        self,
        send: Callable[..., Any],
        handlers: Any,
        schema: Any,
        next_id: Callable[..., Any],
        timeout_s: int,
        clock: Any,
    ) -> None: ...
    @property
    def in_flight(self) -> bool: ...
    def connected(self) -> None: ...
    def disconnected(self) -> None: ...
    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]: ...
    async def on_text(self, text: str) -> None: ...
    def too_large(self, head: bytes, size: int) -> None: ...
