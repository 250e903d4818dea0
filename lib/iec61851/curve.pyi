# Types of curve.py; names and parameters by `make stubs`.
from typing import Any

FULL: int
REFERENCES_MV: tuple[Any, ...]

def reference_mv(raw: bytes, uv: int) -> int: ...
def points(reference: Any, full_uv: int = ...) -> Any: ...
