# Types of customer.py; names and parameters by `make stubs`.
from collections.abc import Iterator
from typing import Any

CLEARED: Any
WAITS: Any
FAILED: Any

def told(station: Any, token: Any, kind: int) -> Iterator[Any]: ...
async def clear(station: Any, token: Any, kind: int) -> Any: ...
