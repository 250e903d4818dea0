# Types of log_upload.py; names and parameters by `make stubs`.
from typing import Any

SECURITY: str
DIAGNOSTICS: str

def request(
    settings: Any,
    clock: Any,
    what: Any,
    number: int,
    location: str,
    retries: Any = ...,
    interval: Any = ...,
    span: Any = ...,
) -> Any: ...

class Upload:
    number: int
    news: list[Any]
    over: bool
    begun: bool
    sends: bool
    name: str
    def __init__(
        self, settings: Any, clock: Any, what: Any, number: int, location: str, span: Any
    ) -> None: ...
    async def begin(self) -> None: ...
    def told(self, word: Any) -> None: ...
    async def run(self) -> None: ...
