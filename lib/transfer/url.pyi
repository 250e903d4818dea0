# Types of url.py; names and parameters by `make stubs`.
from typing import Any

class Target:
    scheme: Any
    user: str
    password: str
    host: str
    port: int
    path: str
    def __init__(
        self, scheme: Any, user: str, password: str, host: str, port: int, path: str
    ) -> None: ...
    @property
    def secure(self) -> bool: ...
    @property
    def authority(self) -> Any: ...

def parse(text: str) -> Any: ...
def join(location: str, name: str) -> Any: ...
def resolve(base: Any, text: str) -> Any: ...
