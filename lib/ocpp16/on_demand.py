# Requests that come now and then: their code is loaded for one, and given up after it.
# MIT license; part of microevse
"""For a chip that executes code where it lies in flash: loading a module takes milliseconds
there, and what it would keep is heap. Elsewhere the modules are loaded at the start, because
reading them from files would stall the interpreter while a car charges."""

import sys

from port import forget

# What is loaded for which action; each module has `handlers(...) -> {action: handler}`.
ACTIONS = (
    ("remote", "RemoteStartTransaction RemoteStopTransaction UnlockConnector Reset "
               "ChangeAvailability ClearCache"),
    ("smart_charging", "SetChargingProfile ClearChargingProfile GetCompositeSchedule"),
    ("configuration", "GetConfiguration ChangeConfiguration"),
    ("trigger", "TriggerMessage"),
    ("data_transfer", "DataTransfer"),
    ("local_list", "GetLocalListVersion SendLocalList"),
    ("reservation", "ReserveNow CancelReservation"),
)  # fmt: skip


def _load(name):
    full = "ocpp16." + name
    __import__(full)
    return sys.modules[full]


def _forget():
    """All of them: one may have imported another. What still runs keeps the code it has."""
    for name, _ in ACTIONS:
        forget("ocpp16." + name)
    forget("station.composite")  # theirs alone


class Passing:
    """Of a table {action: handler} what Rpc needs: each handler is made for its request."""

    def __init__(self, parts):
        self._parts = parts
        self._more = {}

    def update(self, handlers):
        """Add handlers that are always there."""
        self._more.update(handlers)

    def __contains__(self, action):
        return action in self._more or _module_of(action) is not None

    def __getitem__(self, action):
        return self._more.get(action) or self._passing(action)

    def _passing(self, action):
        name = _module_of(action)
        if name is None:
            raise KeyError(action)

        async def handle(payload):
            handler = _load(name).handlers(*self._parts[name])[action]
            _forget()
            return await handler(payload)

        return handle


def _module_of(action):
    for name, actions in ACTIONS:
        if action in actions.split():
            return name
    return None


def handlers(parts, passing):
    """{action: handler} of all. parts: {module: arguments of its `handlers`}; passing: True
    to load each for its request only."""
    if passing:
        return Passing(parts)
    table = {}
    for name, _ in ACTIONS:
        table.update(_load(name).handlers(*parts[name]))
    return table
