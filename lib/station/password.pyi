# Types of password.py; names and parameters by `make stubs`.
from typing import Any

def key(settings: Any, text: str, limits: Any) -> Any: ...
