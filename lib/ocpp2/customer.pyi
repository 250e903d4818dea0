# Types of customer.py; names and parameters by `make stubs`.
from typing import Any

async def customer_information(point: Any, payload: Any) -> Any: ...
