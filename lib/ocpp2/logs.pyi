# Types of logs.py; names and parameters by `make stubs`.
from typing import Any

async def get_log(point: Any, payload: Any) -> Any: ...
