# Types of on_demand.py; names and parameters by `make stubs`.
from collections.abc import Iterator
from typing import Any

ACTIONS: tuple[Any, ...]

def rows() -> Iterator[Any]: ...

class Handlers:
    def __init__(self, point: Any, passing: bool) -> None: ...
    def get(self, action: str) -> Any: ...
