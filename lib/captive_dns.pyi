# Types of captive_dns.py; names and parameters by `make stubs`.
from typing import Any

PORT: int
MAX_QUERY: int

def answer(query: Any, address: int) -> Any: ...
async def serve(address: int, port: int = ..., socket: Any = ...) -> None: ...
