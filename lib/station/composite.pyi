# Types of composite.py; names and parameters by `make stubs`.
from typing import Any

def composite(station: Any, number: int, duration: Any, unit: Any, clock: Any) -> Any: ...
