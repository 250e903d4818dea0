# Types of events.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

MOST: int
AVAILABILITY_SEVERITY: int
FAULTS: str

def of_fault(cause: str) -> Any: ...
def place_of(place: Any, number: int) -> Any: ...

class Events:
    def __init__(
        self,
        call: Callable[..., Any],
        station: Any,
        settings: Any,
        clock: Any,
        later: Any,
        online: Any,
    ) -> None: ...
    def close(self) -> None: ...
    def on_event(self, kind: int, number: int, data: bytes) -> None: ...
    def add(
        self, severity: Any, trigger: Any, place: Any, number: int, value: Any, **fields: Any
    ) -> None: ...
    def due_in_ms(self) -> int | None: ...
    async def step(self) -> None: ...
