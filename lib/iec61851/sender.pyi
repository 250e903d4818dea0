# Types of sender.py; names and parameters by `make stubs`.
from typing import Any

STEADY: int
OFFER: int
FAULT: int
WAKE_MS: int
MAX_WAKES: int

class Sender:
    output: Any
    ma: int
    share_pm: int
    left_ms: int
    want_ma: int
    in_service: bool
    protect: bool
    paused: bool
    f_left: int
    pause_left: int
    def __init__(self, pilot: Any, ventilated: Any) -> None: ...
    def passed(self, ms: int, closed: bool) -> None: ...
    def drive(self, seen: Any, plugged: Any, closed: bool, ending: Any) -> Any: ...
    def wants(self, seen: Any) -> Any: ...
    def steady(self) -> bool: ...
    def offer(self, ma: int, hurry: Any) -> Any: ...
    def fault(self) -> bool: ...

class Waker:
    after_ms: int
    wakes: int
    def __init__(self) -> None: ...
    def look(self, dt: Any, plugged: Any, pwm: bool, level: Any) -> bool: ...
