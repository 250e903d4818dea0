# Types of lost_time.py; names and parameters by `make stubs`.
from typing import Any

def place(journal: Any, boot: int, offset: int) -> Any: ...
