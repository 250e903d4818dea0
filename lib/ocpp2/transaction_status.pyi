# Types of transaction_status.py; names and parameters by `make stubs`.
from typing import Any

async def get_transaction_status(point: Any, payload: Any) -> Any: ...
