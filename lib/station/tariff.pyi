# Types of tariff.py; names and parameters by `make stubs`.
from typing import Any

ID: int
CURRENCY: int
VALID_FROM: int
FIELDS: int
LEAST: int
MOST: int
TEXT: int
ENERGY: int
CHARGING: int
IDLE: int
FIXED: int
RESERVED: int
FROM_MINUTE: int
TO_MINUTE: int
DAYS: int
FROM_DAY: int
TO_DAY: int
NEVER: int
LEAST_ENERGY: int
LEAST_CURRENT: int
LEAST_POWER: int
LEAST_TIME: int
LEAST_CHARGING: int
LEAST_IDLE: int
UPTIME: int
METER: int
WH: int
CHARGING_S: int
IDLE_S: int
FLOWS: int
MA: int
W: int
SUMS: int
SEALED: int
USED: int
PERIODS: int

def start(
    tariff: Any, uptime: Any, wall: Any, offset: int, meter_wh: int, reserved: Any
) -> Any: ...
def advance(
    tariff: Any, tally: Any, uptime: Any, wall: Any, offset: int, meter_wh: int, seen: Any = ...
) -> bool: ...
def change(old: Any, new: Any, tally: Any, wall: Any, offset: int) -> None: ...
def begin_period(tally: Any, wall: Any, number: int) -> None: ...
def bill(tariff: Any, tally: Any) -> Any: ...
def chosen(tariff: Any, number: int, tally: Any, local: bool) -> Any: ...
