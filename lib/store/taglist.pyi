# Types of taglist.py; names and parameters by `make stubs`.
from typing import Any

STATUSES: tuple[Any, ...]
KINDS: tuple[Any, ...]
MAGIC: bytes
HEADER: str
FIRST: int
TOKEN: int

class ForeignContent(Exception): ...

class TagList:
    flash: Any
    may_erase: bool
    half: Any
    capacity: Any
    updating: bool
    generation: int
    base: Any
    form: Any
    token: Any
    parent: Any
    version: int
    count: int
    def __init__(self, flash: Any, may_erase: bool | None = ...) -> None: ...
    def room(self, token: Any, parent: Any) -> Any: ...
    def use(
        self, base: Any, form: Any, token: Any, parent: Any, version: Any, count: int
    ) -> None: ...
    def find(self, token: Any, kind: str = ...) -> Any: ...
    async def replace(self, version: Any, entries: Any) -> None: ...
    async def merge(self, version: Any, changes: Any) -> None: ...

tagwriter: Any
