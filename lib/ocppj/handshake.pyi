# Types of handshake.py; names and parameters by `make stubs`.
from typing import Any

HEADER_LIMIT: int
LINE_LIMIT: int

class HandshakeError(Exception):
    status: Any
    text: str
    def __init__(self, status: Any, text: str) -> None: ...

def accept_key(key: Any) -> Any: ...
def basic_auth(user: str, password: str) -> Any: ...
def request(
    url: str, charge_point_id: int, key: Any, protocols: Any, password: str | None = ...
) -> Any: ...
def check_response(header: Any, key: Any, protocols: Any) -> Any: ...
async def upgrade(
    reader: Any,
    writer: Any,
    url: str,
    charge_point_id: int,
    protocols: Any,
    password: str | None = ...,
    limit_s: int | None = ...,
) -> Any: ...
