# Types of connection.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

LOOK_S: int
GATE_LOOK_S: int
GRACE_S: int

class Connection:
    on_up: Callable[..., Any]
    on_down: Callable[..., Any]
    on_protocol: Callable[..., Any] | None
    protocols: Any
    resolver: Any
    on_failure: Callable[..., Any] | None
    connected: bool
    gated: bool
    protocol: str | None
    state: str
    since: Any
    last_error: str
    last_status: Any
    attempts: int
    def __init__(
        self,
        config: Any,
        open_stream: Callable[..., Any] = ...,
        on_up: Callable[..., Any] | None = ...,
        on_down: Callable[..., Any] | None = ...,
        rand: Callable[..., Any] = ...,
        clock: Any = ...,
        allowed: Callable[..., Any] | None = ...,
        resolve: Callable[..., Any] = ...,
        protocols: Any = ...,
    ) -> None: ...
    def attach(self, rpc: Any) -> None: ...
    @property
    def busy(self) -> Any: ...
    def quiet_s(self) -> int | None: ...
    async def send(self, message: Any) -> None: ...
    async def restart(self, reason: str) -> None: ...
    async def goodbye(self) -> None: ...
    def lost(self, reason: str) -> None: ...
    def retry(self) -> None: ...
    async def run(self) -> None: ...
