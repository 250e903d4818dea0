# Types of kinds.py; names and parameters by `make stubs`.
START: int
SAMPLE: int
STOP: int
CHANGE: int
LAST_EVENT: int
BOOT: int
TIME: int
TXID: int
SETTING: int
AVAILABILITY: int
CACHE: int
CHECKPOINT: int
RESERVATION: int
PROFILE: int
MONITOR: int
MESSAGE: int
TARIFF: int
FIRMWARE: int
SCHEMA: int
CURRENT_SCHEMA: int
HELD: int
TRANSACTION: int
TOLD: int
SHAPES: str

def is_event(kind: int) -> bool: ...
