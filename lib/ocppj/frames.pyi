# Types of frames.py; names and parameters by `make stubs`.
from typing import Any

CONTROL_LIMIT: int
CONTINUATION: int
TEXT: int
BINARY: int
CLOSE: int
PING: int
PONG: int
NORMAL: int
GOING_AWAY: int
PROTOCOL_ERROR: int
NO_CODE: int
ABNORMAL: int
INVALID_DATA: int
TOO_BIG: int

class Closed(Exception):
    code: str
    reason: str
    def __init__(self, code: str, reason: str = ...) -> None: ...

def header_fault(head: bytes, in_message: Any) -> Any: ...
def client_header(first: Any, size: int, key: Any) -> Any: ...
def mask(data: bytes, key: Any) -> Any: ...
def decode_utf8(data: bytes) -> Any: ...
def encode_utf8(text: str) -> Any: ...
def valid_close_code(code: str) -> Any: ...
