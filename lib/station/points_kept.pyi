# Types of points_kept.py; names and parameters by `make stubs`.
from typing import Any

def load(points: Any, station: Any, cause: str) -> None: ...
