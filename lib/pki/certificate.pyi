# Types of certificate.py; names and parameters by `make stubs`.
from typing import Any

DIGITAL_SIGNATURE: int
KEY_CERT_SIGN: int
EC: bytes
P256: bytes
ECDSA_SHA256: bytes

class Certificate:
    der: Any
    ca: bool
    path_length: Any
    key_usage: Any
    extended_usage: Any
    dns: tuple[Any, ...]
    addresses: tuple[Any, ...]
    subject_key_id: int | None
    authority_key_id: int | None
    def __init__(self, der: Any) -> None: ...

def parse(der: Any) -> Any: ...
async def read(der: Any, pause: Any) -> Any: ...
def point(data: bytes) -> Any: ...
