# Types of s0.py; names and parameters by `make stubs`.
from collections.abc import Callable, Sequence
from typing import Any

class Pulses:
    last_ms: int | None
    refused: int
    def __init__(
        self, pin: Any, both_edges: Any, min_ms: int = ..., ticks_ms: Callable[[], int] = ...
    ) -> None: ...

class Meter:
    current_ma: Sequence[int]
    voltage_mv: Sequence[int]
    energy_mwh: int | None
    power_w: int | None
    lost: int
    def __init__(
        self,
        counter: Any,
        imp_per_kwh: Any,
        max_w: int,
        total_mwh: int = ...,
        modulus: Any = ...,
        ticks_ms: Callable[[], int] = ...,
    ) -> None: ...
    def age_ms(self, now: int) -> int: ...
    async def poll(self) -> None: ...
