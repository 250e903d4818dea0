# Types of over_current.py; names and parameters by `make stubs`.
from typing import Any

FOLLOW_MS: int
BLIND_MS: int

class OverCurrent:
    def __init__(self) -> None: ...
    def begin(self) -> None: ...
    def look(self, now: int, offered_ma: int, current_ma: int, read_ms: int) -> Any: ...
