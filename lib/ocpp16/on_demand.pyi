# Types of on_demand.py; names and parameters by `make stubs`.
from typing import Any

ACTIONS: tuple[Any, ...]

class Passing:
    def __init__(self, parts: Any) -> None: ...
    def update(self, handlers: Any) -> None: ...

def handlers(parts: Any, passing: bool) -> Any: ...
