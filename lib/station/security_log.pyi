# Types of security_log.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

waiting: list[Any]
device: Any
services: Any
untold: int
upload: Any
sign_at: int
sign_tries: Any
on_news: Callable[..., Any] | None
untidy: bool

def note(kind: int, info: str = ...) -> None: ...
def clock_set(step: Any) -> None: ...
def due_in_ms(point: Any) -> int | None: ...
def due() -> Any: ...

seclog: Any
log_upload: Any
security_book: Any
