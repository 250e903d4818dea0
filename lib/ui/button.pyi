# Types of button.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

class Button:
    chatter: int
    def __init__(
        self,
        pressed: Any,
        flag: Any,
        on_short: Callable[..., Any],
        on_long: Callable[..., Any] | None = ...,
        ticks_ms: Callable[..., Any] = ...,
    ) -> None: ...
    async def run(self) -> None: ...
