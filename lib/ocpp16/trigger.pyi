# Types of trigger.py; names and parameters by `make stubs`.
from typing import Any

ACCEPTED: dict[Any, Any]
REJECTED: dict[Any, Any]

async def trigger_message(point: Any, payload: Any) -> Any: ...
