# Types of central.py; names and parameters by `make stubs`.
from typing import Any

LOOK_AGAIN_S: int

class Central:
    connection: Any
    rpc: Any
    adapter: Any
    protocol: str | None
    def __init__(
        self, connection: Any, rpc: Any, protocols: Any, make: Any, may_stall: bool
    ) -> None: ...
    @property
    def accepted(self) -> Any: ...
    @property
    def state(self) -> Any: ...
    async def stand_aside(self, reason: str) -> None: ...
    def come_back(self) -> None: ...

async def send_parts(parts: Any, work: Any) -> None: ...
