# Types of tls.py; names and parameters by `make stubs`.
from typing import Any

CERTIFICATE: tuple[Any, ...]
PRIVATE_KEY: tuple[Any, ...]

def pem_to_der(text: str, labels: Any = ...) -> Any: ...
def client_context(ca_der: Any, cert_der: Any = ..., key_der: Any = ...) -> Any: ...

UNTRUSTED: str

def explain(exc: Any) -> Any: ...
