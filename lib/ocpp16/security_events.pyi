# Types of security_events.py; names and parameters by `make stubs`.
from typing import Any

UNKNOWN: tuple[Any, ...]

def event_type(kind: int) -> Any: ...
async def tell(point: Any) -> None: ...
