# Types of __init__.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

MICROPYTHON: Any
IN_PLACE: Any
QUICK: Any
crc32: Any
urandom: Any
sleep_ms: int
ticks_add: Any
ticks_diff: Any
ticks_ms: Callable[..., Any]
ticks_us: int
const: Any

def print_exception(exc: Any) -> None: ...
def exception_text(exc: Any) -> str: ...

Flag: Any

def use_clock(now_us: int) -> None: ...
def random_below(n: int) -> Any: ...
def forget(name: str) -> None: ...
def release(name: str) -> None: ...
async def before_import() -> None: ...
async def ended(task: Any) -> None: ...
