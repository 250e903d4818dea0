# Types of __init__.py; names and parameters by `make stubs`.
from typing import Any

join: Any
parse: Any
STALL_S: int
RESUMES: int
LIMIT: int

async def fetch(
    url: str,
    sink: Any,
    tls: Any = ...,
    limit: int = ...,
    gate: Any = ...,
    stop: Any = ...,
    stall_s: int = ...,
    resumes: Any = ...,
) -> Any: ...
async def send(
    url: str,
    source: Any,
    size: int | None = ...,
    name: str = ...,
    tls: Any = ...,
    gate: Any = ...,
    stop: Any = ...,
    stall_s: int = ...,
) -> None: ...
