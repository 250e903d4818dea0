# Types of netaddress.py; names and parameters by `make stubs`.
from typing import Any

def parse(text: str) -> Any: ...
