# Types of recovery.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

restart: Any
REASONS: dict[Any, Any]
PLAUSIBLE_WH: int
METER_TRIES: int

def restore(station: Any, journal: Any, cause: str = ..., stop: bool = ...) -> Any: ...
async def end_cut(
    station: Any, cut: Any, reason: str, journal: Any, clock: Any, rand: Callable[..., Any]
) -> None: ...
