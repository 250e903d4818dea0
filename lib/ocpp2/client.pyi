# Types of client.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

TEXTS: tuple[Any, ...]

class Ocpp2:
    package: str
    schema: Any
    later: Any
    station: Any
    settings: Any
    clock: Any
    profiles: Any
    fitted: Any
    reason: str
    identity: Any
    boot: int
    status: Any
    transactions: Any
    jobs: Any
    monitors: Any
    live: Any
    costs: Any
    streams: Any
    spent: Any
    passing: bool
    events: Any
    refusals: int
    tell_ms: int
    starved_ms: int
    def __init__(
        self,
        call: Callable[..., Any],
        schema: Any,
        station: Any,
        settings: Any,
        clock: Any,
        identity: Any,
        reason: str,
        later: bool = ...,
        link: Any = ...,
        profiles: Any = ...,
        passing: bool = ...,
        fitted: Any = ...,
    ) -> None: ...
    def call(self, action: str, payload: Any) -> Any: ...
    def points_ask(self) -> Any: ...
    async def notices(self) -> Any: ...
    async def limit(self, session: Any, limits: Any) -> int: ...
    def wake(self) -> None: ...
    @property
    def registered(self) -> Any: ...
    def transaction_id(self, session: Any) -> int: ...
    async def ask(self, token: Any, kind: int) -> Any: ...
    def get(self, action: str) -> Any: ...
    def attach(self, wake: Any) -> None: ...
    def detach(self) -> None: ...
    def close(self) -> None: ...
    def parts(self) -> Any: ...
    def due_in_ms(self) -> int | None: ...
    async def step(self) -> None: ...
