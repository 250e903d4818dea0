# Types of vault_tidy.py; names and parameters by `make stubs`.
from typing import Any

def tidy(vault: Any, may_stall: bool, press: Any) -> Any: ...
