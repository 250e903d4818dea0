# Types of norlog.py; names and parameters by `make stubs`.
from store.records import Records
from typing import Any

CHECKED: Any
DONE: Any
FLAGS: Any
RECORD: Any
RELEASE: Any
Cursor: Any
Records: Any
check: Any
is_dead: bool
is_done: bool
is_held: bool
record_size: int
DATA: Any
STREAMS: Any
ForeignContent: Any
NoSpace: Any
format: Any

class NorLog(Records):
    next_seq: int
    torn: int
    lost: int
    block: int
    off: Any
    def __init__(self, flash: Any) -> None: ...
    def mount(self, visit: Any = ...) -> None: ...
    def append(self, stream: Any, kind: int, key: Any, payload: Any, held: bool = ...) -> Any: ...
    def mark(self, block: int, off: Any, what: Any) -> None: ...
    def needed(self, block: int, keep: Any) -> Any: ...
    def retire(self, stream: Any, keep: Any) -> None: ...
    def merge(self, stream: Any, run: Any, keep: Any, worn: bool = ...) -> bool: ...
    def free(self, stream: Any) -> Any: ...
