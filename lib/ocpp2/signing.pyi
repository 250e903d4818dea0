# Types of signing.py; names and parameters by `make stubs`.
from typing import Any

async def begin(point: Any) -> Any: ...
