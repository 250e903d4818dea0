# Types of profile_outage.py; names and parameters by `make stubs`.
from typing import Any

class Outage:
    out: tuple[Any, ...]
    def __init__(self, profiles: Any, station: Any) -> None: ...
    def watch(self, now: int) -> None: ...
