# Types of evse.py; names and parameters by `make stubs`.
from .closings import Closings
from .plateau import Plateau
from .sender import Waker
from collections.abc import Callable
from typing import Any

STABLE_MS: int
STABLE_WINDOWS: int
RECLOSE_MS: int
RELEASE_MS: int
F_MS: int
GAP_MS: int

class Evse:
    held: Callable[[], bool] | None
    state: int
    since_ms: int
    closed: bool
    pwm: bool
    plugged: bool
    away: bool
    fault: str | None
    disputed: bool
    front_end: Any
    closings: Closings
    offered_ma: int
    plug_count: int
    unplug_count: int
    close_count: int
    worst_gap_ms: int
    changed: Any
    waker: Waker
    def __init__(
        self,
        pilot: Any,
        contactor: Any,
        ventilated: bool = ...,
        lock_ok: Callable[[], bool] | None = ...,
        rcd_ok: Callable[[], bool] | None = ...,
        diode_check: bool = ...,
    ) -> None: ...
    def permit(self, ma: int, protect: bool = ...) -> None: ...
    def forbid(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    @property
    def paused(self) -> bool: ...
    def out_of_service(self, on: bool) -> None: ...
    def stay_open(self, ms: int) -> bool: ...
    def trip(self, fault: str) -> None: ...
    def clear(self, fault: str) -> bool: ...
    def may_clear(self, fault: str) -> bool: ...
    @property
    def faults(self) -> list[str]: ...
    def reset_closings(self) -> bool: ...
    def restore_closings(self, counts: Any) -> None: ...
    @property
    def in_doubt(self) -> Any: ...
    @property
    def quiet(self) -> bool: ...
    def window(self, now_ms: int, plateau: Plateau, gap_ms: int) -> None: ...
