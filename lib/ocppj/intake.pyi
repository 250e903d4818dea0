# Types of intake.py; names and parameters by `make stubs`.
from typing import Any

READ: int
HEAD: int

class TooLarge:
    head: bytes
    size: int
    def __init__(self, head: bytes, size: int) -> None: ...

class Intake:
    last_rx: Any
    def __init__(self, reader: Any, max_size: int, skip_size: int, pending: Any) -> None: ...
