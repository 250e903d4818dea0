# Types of proximity.py; names and parameters by `make stubs`.
from typing import Any

OPEN: int
SHORT: int
INVALID: int

def ohms(mv: int, pullup_ohm: int = ..., vcc_mv: int = ...) -> int: ...
def rating_ma(resistance: Any) -> int: ...
def cable_ma(mv: int, pullup_ohm: int = ..., vcc_mv: int = ...) -> int: ...
