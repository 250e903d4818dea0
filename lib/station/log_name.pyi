# Types of log_name.py; names and parameters by `make stubs`.
from typing import Any

def file_name(settings: Any, clock: Any, what: Any = ...) -> str: ...
