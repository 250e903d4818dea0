# Types of hashdata.py; names and parameters by `make stubs`.
from typing import Any

ALGORITHM: str

def of(certificate: Any, issuer: Any = ...) -> Any: ...
def same(mine: Any, asked: Any) -> bool: ...
