# Types of duty.py; names and parameters by `make stubs`.
from typing import Any

MIN_MA: int
MAX_MA: int
FULL: int
STEADY: int
FAULT: int

def duty_u16(ma: int) -> int: ...
def ma_offered(duty: Any) -> Any: ...
