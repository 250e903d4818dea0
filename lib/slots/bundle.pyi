# Types of bundle.py; names and parameters by `make stubs`.
from typing import Any

MAGIC: bytes
FORMAT: bytes
FORMATS: tuple[Any, ...]

class Header:
    digest: Any
    version: Any
    board: Any
    format: Any
    base: Any
    block: int
    length: Any
    sha256: Any
    key: Any
    signed: Any
    signature: Any
    def __init__(self, fields: Any, signed: Any, signature: Any, digest: Any) -> None: ...

def foreign(data: bytes) -> bool: ...
def parse(data: bytes) -> Any: ...
def text(
    version: Any,
    board: Any,
    format: Any,
    block: int,
    length: Any,
    sha256: Any,
    key: Any = ...,
    base: int = ...,
) -> str: ...
def header(signed: Any, signature: Any = ...) -> Any: ...
def order(version: Any) -> Any: ...
def admit(
    head: bytes,
    board: Any,
    room: Any,
    keys: Any,
    oldest: Any = ...,
    format: Any = ...,
    base: Any = ...,
) -> None: ...
