# Types of websocket.py; names and parameters by `make stubs`.
from .intake import Intake
from collections.abc import Callable
from typing import Any

MAX_SIZE: int
CHUNK: int
CLOSE_TIMEOUT_S: int
FLUSH_TIMEOUT_S: int

class WebSocket(Intake):
    on_broken: Callable[..., Any] | None
    def __init__(
        self,
        reader: Any,
        writer: Any,
        max_size: int = ...,
        pending: bytes = ...,
        skip_size: int = ...,
    ) -> None: ...
    def silent_ms(self) -> int: ...
    async def recv(self) -> Any: ...
    async def send(self, message: Any) -> None: ...
    async def ping(self) -> None: ...
    async def close(self, code: str = ..., reason: str = ...) -> None: ...
    def abort(self, reason: str = ...) -> None: ...
