# Types of wipe.py; names and parameters by `make stubs`.
from typing import Any

def wipe(journal: Any, kind: int, unwanted: Any) -> Any: ...
