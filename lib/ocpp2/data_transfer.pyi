# Types of data_transfer.py; names and parameters by `make stubs`.
from typing import Any

async def data_transfer(point: Any, payload: Any) -> Any: ...
