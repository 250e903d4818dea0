# Types of tokens.py; names and parameters by `make stubs`.
from typing import Any

SAME_CARD_MS: int

class Tokens:
    def __init__(self, station: Any, clock: Any) -> None: ...
    async def present(self, token: Any, kind: int, connector: Any) -> Any: ...
    def remote_start(
        self, token: Any, connector: Any, profile: Any, kind: int, start_id: int, group: Any
    ) -> Any: ...
