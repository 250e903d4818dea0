# Types of protection.py; names and parameters by `make stubs`.
from typing import Any

LOOK_S: float
BLIND_LOOKS: int
PROBE_S: float
RCD_TEST_MS: int

class Protection:
    derating: Any
    over_current: Any
    rcd_test_ms: int
    beat: Any
    def __init__(
        self,
        connector: Any,
        clock: Any,
        full_ma: int,
        rcd: Any = ...,
        poles: Any = ...,
        earth_lost: Any = ...,
        temp_dc: int | None = ...,
        derating: Any = ...,
        stopped: Any = ...,
    ) -> None: ...
    async def run(self) -> None: ...
    def look(self, now: int) -> None: ...
    def probe_is_due(self) -> Any: ...
    async def probe(self) -> None: ...
    def test_is_due(self, now: int) -> Any: ...
    async def test_rcd(self, now: int) -> None: ...
