# Types of redaction.py; names and parameters by `make stubs`.
from typing import Any

def redact(text: str) -> Any: ...
