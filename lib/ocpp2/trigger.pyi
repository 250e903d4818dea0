# Types of trigger.py; names and parameters by `make stubs`.
from typing import Any

async def trigger_message(point: Any, payload: Any) -> Any: ...
