# Types of local_list.py; names and parameters by `make stubs`.
from typing import Any

NONE: int

async def get_local_list_version(point: Any, payload: Any) -> Any: ...
async def send_local_list(point: Any, payload: Any) -> Any: ...
