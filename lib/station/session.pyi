# Types of session.py; names and parameters by `make stubs`.
from typing import Any

REASONS: tuple[Any, ...]

def stamp(clock: Any) -> Any: ...

class Session:
    id: Any
    connector: Any
    token: Any
    parent: Any
    meter_start_wh: int
    meter_wh: int
    started: Any
    ending: Any
    ended: Any
    stop_token: Any
    deauthorized: bool
    def __init__(
        self,
        number: int,
        connector: Any,
        token: Any,
        parent: Any,
        meter_start_wh: int,
        started: Any,
    ) -> None: ...
    @property
    def energy_wh(self) -> int: ...
    def advance(self, meter_wh: int) -> None: ...
    def may_end(self, token: Any, parent: Any = ...) -> bool: ...
