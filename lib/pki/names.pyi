# Types of names.py; names and parameters by `make stubs`.
from typing import Any

COMMON_NAME: bytes
ORGANIZATION: bytes
TEXT_MAX: int

def read(name: str, wanted: Any) -> Any: ...
def address(host: str) -> int | None: ...
def is_host(certificate: Any, host: str) -> bool: ...
