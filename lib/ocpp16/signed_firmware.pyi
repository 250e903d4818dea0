# Types of signed_firmware.py; names and parameters by `make stubs`.
from typing import Any

async def signed_update_firmware(point: Any, payload: Any) -> Any: ...
