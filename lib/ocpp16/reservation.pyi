# Types of reservation.py; names and parameters by `make stubs`.
from typing import Any

REJECTED: dict[Any, Any]
ANSWERS: dict[Any, Any]

def handlers(reservations: Any, registered: Any) -> Any: ...
