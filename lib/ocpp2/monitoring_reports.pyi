# Types of monitoring_reports.py; names and parameters by `make stubs`.
from typing import Any

async def get_monitoring_report(point: Any, payload: Any) -> Any: ...
