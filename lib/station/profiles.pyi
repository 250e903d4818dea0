# Types of profiles.py; names and parameters by `make stubs`.
from .profile_set import ProfileSet
from collections.abc import Callable
from typing import Any

class Profiles(ProfileSet):
    def __init__(
        self,
        station: Any,
        settings: Any,
        journal: Any,
        clock: Any,
        rand: Callable[..., Any] | None = ...,
    ) -> None: ...
    def ua(self, profile: Any, tenths: Any, phases: Any) -> Any: ...
    def limits_at(
        self,
        connector: Any,
        session: Any,
        unix: Any,
        elapsed: Any,
        share: bool = ...,
        planned: bool = ...,
    ) -> Any: ...
    def apply(self, connector: Any, now: int) -> None: ...
    def changed(self) -> None: ...

def milliamps(ua: Any) -> Any: ...
def set_limits(limits: Any, claim: Any, cap: Any, before: Any = ...) -> None: ...
