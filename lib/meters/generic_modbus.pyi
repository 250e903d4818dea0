# Types of generic_modbus.py; names and parameters by `make stubs`.
from collections.abc import Callable, Sequence
from typing import Any

def fraction(unit: Any, quantity: Any) -> Any: ...

class Meter:
    energy_mwh: int | None
    power_w: int | None
    current_ma: Sequence[int]
    voltage_mv: Sequence[int]
    frequency_mhz: Any
    def __init__(
        self,
        master: Any,
        address: int,
        registers: Any,
        max_w: int,
        wraps: bool = ...,
        ticks_ms: Callable[[], int] = ...,
    ) -> None: ...
    def age_ms(self, now: int) -> int: ...
    async def poll(self) -> None: ...
