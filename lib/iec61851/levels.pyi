# Types of levels.py; names and parameters by `make stubs`.
from typing import Any

UNKNOWN: int
A: int
B: int
C: int
D: int
E: int
F: int
LETTERS: str
E_MV: int
HYSTERESIS_MV: int
DIODE_MV: int
MIN_LOW: int

def level(mv: int) -> Any: ...
def classify(high_mv: int, low_mv: int, n_high: Any, n_low: Any, pwm: bool, last: Any) -> Any: ...
