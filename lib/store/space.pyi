# Types of space.py; names and parameters by `make stubs`.
from typing import Any

class Space:
    journal: Any
    log: Any
    connectors: Any
    def __init__(self, journal: Any, connectors: Any) -> None: ...
    def admits(self, kind: int, length: Any) -> bool: ...
    def prepare(self, erases: Any = ...) -> Any: ...
