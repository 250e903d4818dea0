# Types of restart.py; names and parameters by `make stubs`.
from typing import Any

async def end_all(station: Any, kind: int, clock: Any) -> None: ...
