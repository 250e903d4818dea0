# Types of measurands.py; names and parameters by `make stubs`.
from typing import Any

ENERGY: int
POWER: int
CURRENT: int
VOLTAGE: int
CURRENT_OFFERED: int
POWER_OFFERED: int
TEMPERATURE: int
PERIODIC: str
CLOCK: str
BEGIN: str
END: str
TRIGGER: str

def describe(code: str) -> Any: ...
def code_of(name: str) -> Any: ...
def names() -> Any: ...
def supported(meter: Any, thermometer: bool = ...) -> Any: ...
def sample(
    wanted: Any,
    meter: Any,
    energy_wh: int,
    offered_ma: int,
    volts: Any,
    phases: Any,
    decidegrees: Any = ...,
) -> Any: ...
