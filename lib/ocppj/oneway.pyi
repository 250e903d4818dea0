# Types of oneway.py; names and parameters by `make stubs`.
from typing import Any

async def send(rpc: Any, action: str, payload: Any) -> None: ...
