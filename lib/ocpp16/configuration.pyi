# Types of configuration.py; names and parameters by `make stubs`.
from collections.abc import Iterator
from typing import Any

ANSWERS: dict[Any, Any]

def handlers(settings: Any) -> Iterator[Any]: ...
