# Types of profile.py; names and parameters by `make stubs`.
from collections.abc import Iterator
from typing import Any

MAX: Any
DEFAULT: Any
TX: Any
AMPS: Any
WATTS: Any
DAILY: Any
WEEKLY: Any
MAX_PERIODS: int
MAX_PROFILES: int
MAX_TENTHS: int

def pack(periods: Any) -> Any: ...
def sooner(a: Any, b: Any) -> Any: ...

class Profile:
    id: Any
    connector: Any
    purpose: Any
    stack: Any
    unit: Any
    start: Any
    every: Any
    duration: Any
    valid_from: Any
    valid_to: Any
    least: Any
    periods: Any
    session: Any
    def __init__(
        self,
        id: Any,
        connector: Any,
        purpose: Any,
        stack: Any,
        unit: Any,
        start: Any,
        every: Any,
        duration: Any,
        valid_from: Any,
        valid_to: Any,
        least: Any,
        periods: Any,
        session: Any = ...,
    ) -> None: ...
    def record(self) -> Any: ...
    def slot(self) -> Any: ...
    def limits(self) -> Iterator[Any]: ...
    def smallest(self) -> Any: ...
    def timed(self) -> bool: ...
    def at(self, unix: Any, elapsed: Any) -> int: ...
    def over(self, unix: Any) -> bool: ...

def careful(profiles: Any, past: Any, elapsed: Any, ua: Any) -> Any: ...
