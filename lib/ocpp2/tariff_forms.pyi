# Types of tariff_forms.py; names and parameters by `make stubs`.
from typing import Any

MOST: int

class NotHere(Exception):
    def answer(self) -> Any: ...

def read(point: Any, given: Any, timed: bool = ...) -> Any: ...
