# Types of security_news.py; names and parameters by `make stubs`.
from typing import Any

async def tell(teller: Any, messages: Any, own: str = ..., kept: str = ...) -> None: ...
