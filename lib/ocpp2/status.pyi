# Types of status.py; names and parameters by `make stubs`.
from typing import Any

FIELDS: tuple[Any, ...]

def word(connector: Any) -> Any: ...
def render(station: Any, clock: Any, number: int) -> Any: ...
