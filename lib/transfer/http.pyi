# Types of http.py; names and parameters by `make stubs`.
from typing import Any

REDIRECTS: int
HEADERS: int
INTERIM: int
VALUE: int

async def get(target: Any, download: Any, tls: Any) -> None: ...
async def put(target: Any, source: Any, size: int, name: str, progress: Any, tls: Any) -> None: ...
