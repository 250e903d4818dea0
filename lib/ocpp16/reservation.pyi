# Types of reservation.py; names and parameters by `make stubs`.
from typing import Any

REJECTED: dict[Any, Any]
ANSWERS: dict[Any, Any]

async def reserve_now(point: Any, payload: Any) -> Any: ...
async def cancel_reservation(point: Any, payload: Any) -> Any: ...
