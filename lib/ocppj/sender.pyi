# Types of sender.py; names and parameters by `make stubs`.
from typing import Any

LOOK_AGAIN_S: int

async def run(parts: Any, work: Any) -> None: ...
