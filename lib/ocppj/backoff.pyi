# Types of backoff.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

FIRST_MS: int
CAP_MS: int
ABSENT_CAP_MS: int
BROKEN_CAP_MS: int

class Backoff:
    def __init__(
        self, rand: Callable[..., Any], first_ms: int = ..., cap_ms: int = ...
    ) -> None: ...
    def next_ms(self, cap_ms: int = ..., wanted: Any = ...) -> int: ...
    def reset(self) -> None: ...
