# Types of model.py; names and parameters by `make stubs`.
from collections.abc import Iterator
from typing import Any

more: Any
MOST: int
MOST_REPORTED: int

class Variable:
    part: str
    component: Any
    name: str
    instance: Any
    evse: Any
    connector: Any
    kind: int
    unit: Any
    limits: Any
    setting: Any
    access: Any
    def __init__(
        self,
        point: Any,
        component: Any,
        name: str,
        instance: Any,
        kind: int,
        unit: Any,
        limits: Any,
        evse: Any = ...,
        connector: Any = ...,
        setting: Any = ...,
        source: str = ...,
    ) -> None: ...
    def value(self) -> Any: ...
    def set(self, text: str) -> Any: ...
    def characteristics(self) -> Any: ...
    def names(self) -> Any: ...

def each(point: Any) -> Iterator[Any]: ...
def find(point: Any, component: Any, variable: Any) -> Any: ...
def spelled(point: Any, component: Any, name: str) -> Any: ...
