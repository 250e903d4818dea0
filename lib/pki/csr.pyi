# Types of csr.py; names and parameters by `make stubs`.
from typing import Any

COUNTRY: bytes

def name(common_name: str, organization: str = ..., country: str = ...) -> str: ...
async def request(secret: Any, x: Any, y: Any, subject: Any, pause: Any = ...) -> Any: ...
