# Types of smart_charging.py; names and parameters by `make stubs`.
from typing import Any

ACCEPTED: dict[Any, Any]
REJECTED: dict[Any, Any]
PURPOSE: dict[Any, Any]
UNIT: dict[Any, Any]
EVERY: dict[Any, Any]
CLOCK_ERROR_S: int

def tenths(value: Any) -> Any: ...
def make_profile(data: bytes, connector: Any, now: int, session: Any = ...) -> Any: ...
def start_profile(payload: Any, now: int) -> Any: ...
def handlers(station: Any, transactions: Any, clock: Any) -> Any: ...
