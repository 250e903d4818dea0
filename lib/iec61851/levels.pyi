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
WEAK_MV: int
AGED: int

def level(mv: int) -> Any: ...
def classify(high_mv: int, low_mv: int, n_high: Any, n_low: Any, pwm: bool, last: Any) -> Any: ...

class Streak:
    windows: int
    ms: int
    def __init__(self) -> None: ...
    def more(self, ms: int) -> None: ...
    def over(self) -> None: ...
    def lasts(self, windows: Any, ms: int) -> Any: ...

class FrontEnd:
    low_mv: int | None
    def __init__(self) -> None: ...
    def seen(self, low_mv: int) -> None: ...
    def tested(self, low_mv: int) -> None: ...
    @property
    def weak(self) -> bool: ...

class Observer:
    level: Any
    run: Any
    diode_good: bool
    cause: str | None
    front_end: Any
    def __init__(self, diode_check: Any) -> None: ...
    def look(
        self, plateau: Any, seen_ms: int, pwm: bool, share_pm: int, alone: bool = ...
    ) -> None: ...
    @property
    def sure(self) -> bool: ...
