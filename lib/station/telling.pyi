# Types of telling.py; names and parameters by `make stubs`.
from typing import Any

PLUGGED: int
AUTHORIZED: int
OFFERING: int
DRAWING: int
CHARGING_STATE: int
LIMIT: int

class Facts:
    temp_dc: int | None
    charging_state: str
    bits: int
    def __init__(self, connector: Any, station: Any) -> None: ...
    def update(self, now: int) -> Any: ...
    def tell(self) -> None: ...

def why(connector: Any, now: int) -> str: ...
def snapshot(connector: Any, now: int) -> Any: ...
