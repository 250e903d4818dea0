# Types of profile_reports.py; names and parameters by `make stubs`.
from typing import Any

async def get_charging_profiles(point: Any, payload: Any) -> Any: ...
