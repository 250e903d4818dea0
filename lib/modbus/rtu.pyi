# Types of rtu.py; names and parameters by `make stubs`.
from typing import Any

READ_HOLDING: int
READ_INPUT: int

class ModbusError(Exception): ...
class NoAnswer(ModbusError): ...
class BadFrame(ModbusError): ...
class WrongAnswer(ModbusError): ...

class Refused(ModbusError):
    code: str
    def __init__(self, address: int, code: str) -> None: ...

def crc16(data: bytes, start: int = ..., end: Any = ...) -> Any: ...

class Master:
    requests: int
    failures: int
    def __init__(
        self,
        uart: Any,
        dir_pin: Any = ...,
        baud: int = ...,
        answer_ms: int = ...,
        retries: int = ...,
    ) -> None: ...
    async def read(self, address: int, function: Any, register: int, count: int) -> Any: ...
