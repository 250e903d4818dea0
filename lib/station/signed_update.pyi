# Types of signed_update.py; names and parameters by `make stubs`.
from typing import Any

SIGNATURE_MAX: int
LATEST_S: int

class Refused(ValueError): ...
class BadCertificate(Refused): ...

def packed(location: str, signature: Any, chain: Any) -> Any: ...
def unpacked(data: bytes) -> Any: ...
async def request(
    jobs: Any,
    number: int,
    location: str,
    at: int,
    install_at: Any,
    chain: Any,
    signature: Any,
    retries: Any,
    interval: Any,
    tells: bool = ...,
) -> Any: ...
async def judge(jobs: Any, journal: Any, digest: Any = ...) -> bool: ...
