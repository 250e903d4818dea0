# Types of network.py; names and parameters by `make stubs`.
from collections.abc import Iterator
from typing import Any

async def set_network_profile(point: Any, payload: Any) -> Any: ...

class SlotVariable:
    evse: Any
    connector: Any
    setting: Any
    component: Any
    instance: Any
    unit: Any
    part: Any
    name: str
    kind: int
    limits: Any
    access: Any
    def __init__(self, point: Any, number: int, line: str) -> None: ...
    def value(self) -> Any: ...
    def set(self, text: str) -> Any: ...
    def characteristics(self) -> Any: ...
    def names(self) -> Any: ...

def each(point: Any) -> Iterator[Any]: ...
