# Types of data_transfer.py; names and parameters by `make stubs`.
from typing import Any

def handlers() -> Any: ...
