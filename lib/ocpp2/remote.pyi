# Types of remote.py; names and parameters by `make stubs`.
from typing import Any

ACCEPTED: dict[Any, Any]
REJECTED: dict[Any, Any]

async def request_start(point: Any, payload: Any) -> Any: ...
async def request_stop(point: Any, payload: Any) -> Any: ...
