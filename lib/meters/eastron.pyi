# Types of eastron.py; names and parameters by `make stubs`.
from collections.abc import Callable, Sequence
from typing import Any

MODELS: dict[Any, Any]

def scaled(data: bytes, offset: int, scale: Any) -> Any: ...

class Meter:
    energy_mwh: int | None
    power_w: int | None
    current_ma: Sequence[int]
    voltage_mv: Sequence[int]
    frequency_mhz: Any
    def __init__(
        self,
        master: Any,
        model: str,
        address: int = ...,
        register: str = ...,
        max_power_w: int | None = ...,
        ticks_ms: Callable[[], int] = ...,
    ) -> None: ...
    def age_ms(self, now: int) -> int: ...
    async def poll(self) -> None: ...

def make(model: str, master: Any, address: int = ..., **options: Any) -> Any: ...
