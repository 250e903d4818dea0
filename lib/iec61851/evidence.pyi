# Types of evidence.py; names and parameters by `make stubs`.
from typing import Any

LOST_MS: int
UNSTEADY_MS: int

class Evidence:
    bad: Any
    doubt: int
    cause: str | None
    def __init__(self) -> None: ...
    def closed(self, good: Any, cause: str, dt: Any, seen_ms: int) -> bool | None: ...
    def open(self, cause: str, seen_ms: int) -> Any: ...
