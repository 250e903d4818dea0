# Types of client.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

ACTIONS: str

class Ocpp16:
    package: str
    schema: Any
    station: Any
    settings: Any
    clock: Any
    profiles: Any
    boot: int
    status: Any
    transactions: Any
    firmware: Any
    passing: bool
    refusals: int
    tell_ms: int
    starved_ms: int
    def __init__(
        self,
        call: Callable[..., Any],
        station: Any,
        settings: Any,
        clock: Any,
        identity: Any,
        link: Any = ...,
        profiles: Any = ...,
        passing: bool = ...,
    ) -> None: ...
    def call(self, action: str, payload: Any) -> Any: ...
    @property
    def registered(self) -> Any: ...
    def transaction_id(self, session: Any) -> int: ...
    async def ask(self, token: str, kind: str | None) -> Any: ...
    def get(self, action: str) -> Any: ...
    def attach(self, wake: Any) -> None: ...
    def detach(self) -> None: ...
    def parts(self) -> Any: ...
    def due_in_ms(self) -> int | None: ...
    async def step(self) -> None: ...
