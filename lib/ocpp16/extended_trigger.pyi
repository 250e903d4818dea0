# Types of extended_trigger.py; names and parameters by `make stubs`.
from typing import Any

async def extended_trigger_message(point: Any, payload: Any) -> Any: ...
