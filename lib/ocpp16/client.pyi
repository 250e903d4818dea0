# Types of client.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

LOOK_AGAIN_S: int

class Ocpp16:
    call: Callable[..., Any]
    boot: int
    status: Any
    firmware: Any
    transactions: Any
    handlers: Any
    def __init__(
        self,
        call: Callable[..., Any],
        station: Any,
        settings: Any,
        journal: Any,
        clock: Any,
        identity: Any,
        reachable: Any = ...,
        profiles: Any = ...,
        passing: bool = ...,
    ) -> None: ...
    def attach_firmware(self, firmware: Any) -> None: ...
    @property
    def accepted(self) -> Any: ...
    async def serve(self) -> None: ...
    def now(self) -> int: ...
