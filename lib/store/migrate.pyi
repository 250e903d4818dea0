# Types of migrate.py; names and parameters by `make stubs`.
from typing import Any

STEPS: dict[Any, Any]

def schema(journal: Any) -> Any: ...
def forward(journal: Any, steps: Any = ..., wanted: Any = ...) -> None: ...
