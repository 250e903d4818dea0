# Types of authorize.py; names and parameters by `make stubs`.
from collections.abc import Callable
from typing import Any

def remote(call: Callable[..., Any], may_ask: bool) -> Any: ...
