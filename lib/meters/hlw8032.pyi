# Types of hlw8032.py; names and parameters by `make stubs`.
from collections.abc import Callable, Sequence
from typing import Any

BAUD: int
SIZE: int

def find(buf: bytes) -> Any: ...

class Meter:
    energy_mwh: int | None
    power_w: int | None
    current_ma: Sequence[int]
    voltage_mv: Sequence[int]
    refused: int
    def __init__(
        self,
        uart: Any,
        max_w: int,
        r_high: int = ...,
        r_low: int = ...,
        shunt_uohm: int = ...,
        total_mwh: int = ...,
        ticks_ms: Callable[[], int] = ...,
    ) -> None: ...
    def age_ms(self, now: int) -> int: ...
    async def poll(self) -> None: ...
