# Types of upload.py; names and parameters by `make stubs`.
from typing import Any

class Job:
    location: str
    tries: Any
    interval: Any
    next_ms: int
    deferred: bool
    def __init__(self, location: str, retries: Any = ..., interval: Any = ...) -> None: ...
    def failed(self, now_ms: int) -> bool: ...

class Upload:
    name: str
    def __init__(self, jobs: Any, settings: Any, clock: Any, job: Any) -> None: ...
    def due(self) -> Any: ...
    async def work(self) -> None: ...
