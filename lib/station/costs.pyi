# Types of costs.py; names and parameters by `make stubs`.
from typing import Any

KEPT_S: int
CONNECTOR: int
KIND: int
TOKEN: int
IDS: int

class Running:
    about: Any
    rates: Any
    tally: Any
    kept_s: int
    told_s: int
    shown_s: int
    refused: bool
    def __init__(self, about: Any, rates: Any, tally: Any, uptime: Any) -> None: ...

class Costs:
    defaults: Any
    problem: bool
    loaded: Any
    def __init__(
        self, station: Any, journal: Any, settings: Any, clock: Any, shown: Any
    ) -> None: ...
    def close(self) -> None: ...
    def card(self, token: Any, kind: int, rates: Any) -> None: ...
    def in_use(self) -> Any: ...
    def rates_of(self, session: Any) -> Any: ...
    def first_id(self, session: Any) -> int: ...
    def change(self, session: Any, rates: Any) -> Any: ...
    def bill(self, stop: Any) -> Any: ...

def offset_s(settings: Any) -> int: ...
