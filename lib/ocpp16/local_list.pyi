# Types of local_list.py; names and parameters by `make stubs`.
from typing import Any

MAX_ENTRIES: int
FAILED: dict[Any, Any]
NOT_FITTED: int

def handlers(tags: Any, settings: Any) -> Any: ...
