# Types of security_events.py; names and parameters by `make stubs`.
from typing import Any

TYPES: str

async def tell(point: Any) -> None: ...
