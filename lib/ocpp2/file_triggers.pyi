# Types of file_triggers.py; names and parameters by `make stubs`.
from typing import Any

def message(point: Any, wanted: Any) -> Any: ...
