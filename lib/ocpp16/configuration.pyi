# Types of configuration.py; names and parameters by `make stubs`.
from typing import Any

ANSWERS: dict[Any, Any]

async def get_configuration(point: Any, payload: Any) -> Any: ...
async def change_configuration(point: Any, payload: Any) -> Any: ...
