# Types of session_limits.py; names and parameters by `make stubs`.
from typing import Any

ENERGY: int
TIME: int
COST: int

class SessionLimits:
    cost: Any
    ends: Any
    def __init__(self, station: Any, journal: Any, clock: Any) -> None: ...
    def put(self, number: int, values: Any, driver: bool = ...) -> bool: ...
    def spent(self, number: int, thousandths: Any) -> None: ...
