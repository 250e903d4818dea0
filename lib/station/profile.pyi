# Types of profile.py; names and parameters by `make stubs`.
from collections.abc import Iterator
from typing import Any

MAX: Any
DEFAULT: Any
TX: Any
GENERATION: Any
PRIORITY: Any
AMPS: Any
WATTS: Any
DAILY: Any
WEEKLY: Any
KIND: int
SCHEDULE: int
DELAY: int
AWAY: int
LASTING: int
EVERY: int
UPDATED: int
ABSOLUTE: Any
RELATIVE: Any
RECURRING: Any
LIVE: Any
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
    extra: Any
    late: int
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
        extra: Any = ...,
    ) -> None: ...
    def record(self) -> Any: ...
    def more(self, place: Any) -> Any: ...
    def slot(self) -> Any: ...
    def limits(self) -> Iterator[Any]: ...
    def smallest(self) -> Any: ...
    def timed(self) -> bool: ...
    def spans(self) -> Iterator[Any]: ...
    def at(self, unix: Any, elapsed: Any, late: int = ...) -> int: ...
    def over(self, unix: Any) -> bool: ...

def careful(profiles: Any, past: Any, elapsed: Any, ua: Any) -> Any: ...
