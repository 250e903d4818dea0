# An invented sub-protocol, "test1.0": the second adapter of the tests.
# MIT license; part of microevse
"""As small as an adapter can be (see ocppj.central), with actions and error codes of its own."""

from ocppj.schema import Schema

TABLE = (
    b"\n!count Count\n!form Form\n!frame Frame\n!types 23456\n<Greet name!s5;\n>Event \n>Hello \n"
)


class Double:
    """Sends Hello once, then Event for each status of a connector; greets who asks."""

    package = "double_protocol"

    def __init__(self, call, station, settings):
        self._call = call
        self._station = station
        self._settings = settings
        self._events = []
        self._wake = None
        self.registered = False
        self.asked = []
        self.schema = Schema(TABLE)

    def get(self, action):
        return self._greet if action == "Greet" else None

    async def _greet(self, payload):
        return {"text": "hello " + payload["name"]}

    async def _ask(self, token, kind):
        self.asked.append(token)
        return {"status": "blocked", "expiry": None, "parent": None}

    def _on_event(self, kind, connector, data):
        if kind == "status":
            self._events.append([connector, data["status"]])
            self._wake()

    def _on_setting(self, name, value):
        self._events.append([name, value])
        self._wake()

    def attach(self, wake):
        self._wake = wake
        self._events = []
        self._station.authorizer.remote = self._ask
        self._station.listeners.append(self._on_event)
        self._settings.listeners.append(self._on_setting)

    def detach(self):
        self._station.authorizer.remote = None
        self._station.listeners.remove(self._on_event)
        self._settings.listeners.remove(self._on_setting)

    def parts(self):
        return (self,)

    def due_in_ms(self):
        return 0 if self._events or not self.registered else None

    async def step(self):
        if not self.registered:
            await self._call("Hello", {})
            self.registered = True
            return
        await self._call("Event", {"event": self._events[0]})
        self._events.pop(0)
