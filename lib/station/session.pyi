# Types of session.py; names and parameters by `make stubs`.
from typing import Any

def stamp(station: Any, uptime: Any = ..., wall: Any = ...) -> Any: ...
def trigger_of(reason: str) -> Any: ...

class Waiting:
    token: Any
    kind: int
    group: Any
    deadline_ms: int
    profile: Any
    remote_start: Any
    trigger: str
    def __init__(
        self,
        token: Any,
        group: Any,
        deadline_ms: int,
        kind: int = ...,
        profile: Any = ...,
        remote_start: Any = ...,
        plugged: bool = ...,
    ) -> None: ...

class Session:
    id: Any
    connector: Any
    token: Any
    kind: int
    parent: Any
    uuid: Any
    remote_start: Any
    meter_start_wh: int
    meter_wh: int
    started: Any
    seq: int
    stopping: Any
    stop_recorded: Any
    stop_token: Any
    stop_kind: Any
    asking: bool
    deauthorized: bool
    refused: int
    change_ms: int
    def __init__(
        self,
        number: int,
        connector: Any,
        token: Any,
        parent: Any,
        meter_start_wh: int,
        started: Any,
        kind: int = ...,
        remote_start: Any = ...,
    ) -> None: ...
    @property
    def energy_wh(self) -> int: ...
    def advance(self, meter_wh: int) -> None: ...
    def may_end(self, token: Any, parent: Any = ..., kind: int = ...) -> bool: ...
    def start(self, reservation: Any, trigger: Any, values: Any = ...) -> Any: ...
    def stop(self, now: int, samples: Any) -> Any: ...
    def change(self, connector: Any, now_ms: int, station: Any) -> Any: ...
    def recorded(self, now_ms: int) -> None: ...

def state_of(connector: Any) -> Any: ...
