# Types of remote.py; names and parameters by `make stubs`.
from typing import Any

ACCEPTED: dict[Any, Any]
REJECTED: dict[Any, Any]
AVAILABILITY: dict[Any, Any]
UNLOCK: dict[Any, Any]

def handlers(
    station: Any, settings: Any, transactions: Any, registered: Any, clock: Any
) -> Any: ...
