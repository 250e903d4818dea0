# The central system picks a sub-protocol, and that decides which adapter is there.
# MIT license; part of microevse
"""The real station, Connection, Rpc and adapter of 1.6, and a second adapter (double_protocol).
The central system is a few lines behind an in-memory stream.
"""

import asyncio
import gc
import json
import sys

from helpers import run
from ocppj import central, frames, handshake
from ocppj.connection import Connection
from ocppj.messages import message_ids
from ocppj.rpc import Rpc
from station_parts import NOON, Charger

BOTH = ("test1.0", "ocpp1.6")


class Config:
    url = "ws://10.0.0.1/ocpp"
    charge_point_id = "CP"
    password = None
    ca_der = ()
    client_certificate = staticmethod(lambda: None)
    ping_interval = 0
    connect_timeout = 5
    message_timeout = 5


class Line:
    """Reader and writer of one connection; the central system answers at once."""

    def __init__(self, csms):
        self.csms = csms
        self._out = b""  # to the charger
        self._in = b""  # from it, not yet a whole frame
        self._more = asyncio.Event()
        self._up = False
        self.ended = False

    async def read(self, size):
        while not self._out and not self.ended:
            self._more.clear()
            await self._more.wait()
        data, self._out = self._out[:size], self._out[size:]
        return data

    def _feed(self, data):
        self._out += data
        self._more.set()

    def lose(self):
        """The connection is gone."""
        self.ended = True
        self._more.set()

    def say(self, message):
        text = json.dumps(message).encode()
        assert len(text) < 65536
        size = bytes([len(text)]) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2, "big")
        self._feed(b"\x81" + size + text)

    def write(self, data):
        if not self._up:
            self._up = True
            return self._feed(self.csms.upgrade(bytes(data)))
        self._in += bytes(data)
        while len(self._in) >= 2:
            size, at = self._in[1] & 0x7F, 2
            if size == 126:
                size, at = int.from_bytes(self._in[2:4], "big"), 4
            if len(self._in) < at + 4 + size:
                return
            key, body = self._in[at : at + 4], self._in[at + 4 : at + 4 + size]
            kind, self._in = self._in[0], self._in[at + 4 + size :]
            if kind & 15 == 1:
                self.csms.hears(self, json.loads(frames.mask(body, key)))

    async def drain(self):
        await asyncio.sleep(0)

    def close(self):
        pass

    async def wait_closed(self):
        pass


class Csms:
    """Picks `wanted` from what is offered, and answers every CALL."""

    def __init__(self):
        self.wanted = "ocpp1.6"
        self.offers = []
        self.lines = []
        self.calls = []  # (action, payload) of the charger
        self.answers = []  # other messages of the charger
        self.status = "Accepted"

    async def open_stream(self, host, port, context, name):
        self.lines.append(Line(self))
        return self.lines[-1], self.lines[-1]

    def upgrade(self, request):
        offer = request.split(b"Sec-WebSocket-Protocol: ")[1].split(b"\r\n")[0].decode()
        self.offers.append(offer)
        key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        head = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += b"Sec-WebSocket-Accept: " + handshake.accept_key(key)
        if self.wanted:
            head += b"\r\nSec-WebSocket-Protocol: " + self.wanted.encode()
        return head + b"\r\n\r\n"

    def hears(self, line, message):
        if message[0] != 2:
            self.answers.append(message)
            return
        _, call_id, action, payload = message
        self.calls.append((action, payload))
        line.say([3, call_id, self._answer(action)])

    def _answer(self, action):
        if action == "BootNotification":
            return {"status": self.status, "currentTime": "2027-01-01T12:00:00Z", "interval": 300}
        if action == "StartTransaction":
            return {"transactionId": 4711, "idTagInfo": {"status": "Accepted"}}
        if action == "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        return {"currentTime": "2027-01-01T12:00:00Z"} if action == "Heartbeat" else {}

    def actions(self, since=0):
        return [action for action, _ in self.calls[since:]]


class Bench:
    """quick: code is frozen, so that importing does not stall."""

    def __init__(self, protocols=BOTH, quick=False):
        central.QUICK = quick
        self.charger = charger = Charger()
        charger.authorizer.remote = None
        self.csms = Csms()
        self.free = True  # no contactor is closed
        self.made = []
        self.connection = Connection(
            Config(),
            open_stream=self.csms.open_stream,
            rand=lambda n: n - 1,
            allowed=lambda ms=0: self.free,
            resolve=lambda host, port: "10.0.0.1",
        )
        # The shortest waits, so that a test lasts milliseconds.
        self.connection._backoff._first_ms = self.connection._backoff._step_ms = 20
        self.rpc = Rpc(self.connection.send, {}, None, message_ids(1), 5, charger.clock)
        self.central = central.Central(
            self.connection, self.rpc, protocols, self._make, lambda: self.free
        )

    def _make(self, protocol):
        self.made.append(protocol)
        c = self.charger
        if protocol == "test1.0":
            from double_protocol import Double

            return Double(self.rpc.call, c.station, c.settings)
        from ocpp16.client import Ocpp16

        return Ocpp16(
            self.rpc.call, c.station, c.settings, c.clock, {"chargePointVendor": "v"},
            passing=central.QUICK,
        )  # fmt: skip

    async def __aenter__(self):
        self.before = self.attached()
        self.modules = dict(sys.modules)
        central.forget("ocpp16")
        central.forget("double_protocol")
        self.task = asyncio.create_task(self.connection.run())
        return self

    async def __aexit__(self, *exc):
        self.task.cancel()
        try:
            await self.task
        except asyncio.CancelledError:
            pass
        for name in self.modules:  # other tests have their own
            sys.modules[name] = self.modules[name]

    def attached(self):
        """How many listeners the station and its settings have, and who is asked about tokens."""
        c = self.charger
        return len(c.station.listeners), len(c.settings.listeners), c.authorizer.remote

    async def up(self, protocol, times=1):
        """Until the adapter is attached and registered, over connection number `times`."""
        self.csms.wanted = protocol
        await until(lambda: len(self.csms.lines) == times and self.central.accepted)
        await settle()

    async def lose(self):
        self.csms.lines[-1].lose()
        await until(lambda: not self.connection.connected)
        self.connection._backoff.reset()

    async def say(self, message):
        """A message of the central system; what it gets back."""
        del self.csms.answers[:]
        self.csms.lines[-1].say(message)
        await until(lambda: self.csms.answers)
        return self.csms.answers


async def until(condition, seconds=3):
    for _ in range(seconds * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("did not happen")


async def settle():
    for _ in range(60):
        await asyncio.sleep(0)


def loaded(package):
    return [name for name in sys.modules if name == package or name.startswith(package + ".")]


def test_the_pick_of_the_central_system_decides_which_adapter_is_there():
    async def go():
        async with Bench() as b:
            assert not b.made and not loaded("ocpp16") and not loaded("double_protocol")
            await b.up("ocpp1.6")
            assert b.csms.offers == ["test1.0, ocpp1.6"] and b.made == ["ocpp1.6"]
            assert loaded("ocpp16") and not loaded("double_protocol")
            # Registration, then what each connector does; nothing of the other protocol.
            assert b.csms.actions() == ["BootNotification"] + 2 * ["StatusNotification"]
            assert (await b.say([2, "a", "Greet", {"name": "you"}]))[0][2] == "NotImplemented"
            assert (await b.say([2, "b", "Reset", {}]))[0][2] == "OccurenceConstraintViolation"
            assert (await b.say([2, "c", "ClearCache", {}]))[0] == [3, "c", {"status": "Accepted"}]
            assert b.central.state == "accepted" and b.central.protocol == "ocpp1.6"

        async with Bench() as b:
            await b.up("test1.0")
            assert b.made == ["test1.0"] and b.csms.actions() == ["Hello"]
            assert loaded("double_protocol") and not loaded("ocpp16")
            assert (await b.say([2, "a", "Reset", {}]))[0][2] == "NotImplemented"
            assert (await b.say([2, "b", "Greet", {}]))[0][2] == "Count"
            assert (await b.say([2, "c", "Greet", []]))[0][2] == "Form"
            answer = await b.say([2, "d", "Greet", {"name": "you"}])
            assert answer == [[3, "d", {"text": "hello you"}]]
            assert not (await b.charger.authorizer.check("CARD")).accepted
            assert b.central.adapter.asked == ["CARD"]

    run(go())


def test_after_ten_reconnects_an_event_is_told_once_and_registration_not_again():
    async def go():
        async with Bench(("ocpp1.6",)) as b:
            await b.up("ocpp1.6")
            attached = b.attached()
            for times in range(2, 12):
                await b.lose()
                assert b.attached() == b.before and not b.central.accepted
                assert b.central.state != "accepted"
                await b.up("ocpp1.6", times)
                assert b.attached()[:2] == attached[:2], times
            # Made once; 1.6 registers once, and tells the present statuses after each outage.
            assert b.made == ["ocpp1.6"] and b.csms.actions().count("BootNotification") == 1
            assert b.csms.actions().count("StatusNotification") == 2 * 11
            told = len(b.csms.calls)
            b.charger.evse.plug()
            await b.charger.pass_s(1)
            await settle()
            assert b.csms.actions(told) == ["StatusNotification"]
            assert b.csms.calls[-1][1]["status"] == "Preparing"
            # One Authorize, and one StartTransaction, for one card.
            told = len(b.csms.calls)
            await b.charger.station.present_token("CARD")
            await b.charger.pass_s(1)
            await settle()
            actions = b.csms.actions(told)
            assert actions.count("Authorize") == actions.count("StartTransaction") == 1, actions

    run(go())


def test_after_a_switch_nothing_of_the_first_stays_and_back_again():
    async def go():
        async with Bench() as b:
            await b.up("ocpp1.6")
            first = b.central.adapter
            try:
                import weakref

                first = weakref.ref(first)
            except ImportError:
                first = None  # MicroPython without it: CPython looks whether it is gone
            b.csms.wanted = "test1.0"
            await b.lose()
            await b.up("test1.0", 2)
            assert b.made == ["ocpp1.6", "test1.0"]
            assert not loaded("ocpp16") and loaded("double_protocol")
            assert b.attached()[:2] == (b.before[0] + 1, b.before[1] + 1)
            gc.collect()
            assert first is None or first() is None, gc.get_referrers(first())
            # One event, told once, and by the second.
            told = len(b.csms.calls)
            b.charger.evse.plug()
            await b.charger.pass_s(1)
            b.charger.settings.set("HeartbeatInterval", "77")
            await settle()
            assert b.csms.calls[told:] == [
                ("Event", {"event": [1, "preparing"]}),
                ("Event", {"event": ["HeartbeatInterval", 77]}),
            ]
            # And back: another version is another registration.
            b.csms.wanted = "ocpp1.6"
            told = len(b.csms.calls)
            await b.lose()
            await b.up("ocpp1.6", 3)
            assert b.csms.actions(told)[0] == "BootNotification"
            assert loaded("ocpp16") and not loaded("double_protocol")
            assert b.attached()[:2] == (b.before[0] + 1, b.before[1] + 1)
        assert b.attached() == b.before

    run(go())


def test_what_must_survive_a_connection_does():
    async def go():
        async with Bench() as b:
            await b.up("ocpp1.6")
            session = await b.charger.charge("CARD")
            await settle()
            assert b.central.adapter.transaction_id(session.id) == 4711
            due = b.central.adapter.boot.due_in_ms()
            told = len(b.csms.calls)
            await b.lose()
            # Changes without a connection are recorded, and sent when there is one.
            b.charger.station.remote_stop(session.id)
            await b.charger.pass_s(2)
            assert b.central.adapter.transaction_id(session.id) == 4711
            await b.up("ocpp1.6", 2)
            assert b.csms.actions(told)[0] == "StopTransaction"
            assert b.csms.calls[told][1]["transactionId"] == 4711
            assert 0 < due - b.central.adapter.boot.due_in_ms() <= 3000

    run(go())


def test_a_transaction_goes_on_under_its_id_when_the_protocol_is_gone_and_back():
    async def go():
        async with Bench() as b:
            await b.up("ocpp1.6")
            session = await b.charger.charge("CARD")
            await settle()
            b.csms.wanted = "test1.0"
            await b.lose()
            await b.up("test1.0", 2)
            b.csms.wanted = "ocpp1.6"
            await b.lose()
            told = len(b.csms.calls)
            await b.up("ocpp1.6", 3)
            b.charger.station.remote_stop(session.id)
            await b.charger.pass_s(1)
            await settle()
            stops = [p for action, p in b.csms.calls[told:] if action == "StopTransaction"]
            assert [p["transactionId"] for p in stops] == [4711]

    run(go())


def test_a_wrong_or_missing_sub_protocol_is_a_clear_error():
    async def go():
        for wanted, words in (
            (None, "the server chose no sub-protocol: does it speak OCPP here?"),
            ("ocpp9", "the server chose ocpp9 as sub-protocol, offered was test1.0, ocpp1.6"),
            ("OCPP1.6", "the server chose OCPP1.6 as sub-protocol, offered was test1.0, ocpp1.6"),
        ):
            async with Bench() as b:
                b.csms.wanted = wanted
                await until(lambda: b.connection.last_error)  # noqa: B023
                assert b.connection.last_error == words, b.connection.last_error
                assert not b.made and not b.central.accepted and b.attached() == b.before
                assert not loaded("ocpp16") and not b.csms.calls
                # It is told on the page as long as it lasts, and over when it is mended.
                assert b.central.state != "accepted"
                b.csms.wanted = "ocpp1.6"
                await until(lambda: b.central.accepted)  # noqa: B023

    run(go())


def test_while_a_contactor_is_closed_nothing_is_imported():
    async def go():
        async with Bench() as b:
            await b.up("ocpp1.6")
            adapter = b.central.adapter
            b.free = False
            modules = sorted(sys.modules)
            # The adapter that this central system now prefers cannot be loaded: it is not offered.
            b.csms.wanted = "ocpp1.6"
            for times in range(2, 5):
                await b.lose()
                await b.up("ocpp1.6", times)
                assert b.csms.offers[-1] == "ocpp1.6" and b.central.adapter is adapter
            assert sorted(sys.modules) == modules and b.made == ["ocpp1.6"]
            # A central system that picks it all the same is refused.
            b.csms.wanted = "test1.0"
            await b.lose()
            await until(lambda: "chose test1.0" in b.connection.last_error)
            assert sorted(sys.modules) == modules and b.central.adapter is adapter
            b.free = True
            await until(lambda: b.central.accepted)
            assert b.central.protocol == "test1.0" and b.csms.offers[-1] == "test1.0, ocpp1.6"

    run(go())


def test_without_an_adapter_the_connection_waits_until_the_contactor_is_open():
    async def go():
        b = Bench()
        b.free = False
        async with b:
            await until(lambda: b.connection.gated)
            assert not b.csms.lines and not loaded("ocpp16") and not b.made
            central_wait = b.connection.state
            assert "no car is charging" in central_wait
            b.free = True
            await until(lambda: b.central.accepted)

    run(go())


def test_a_contactor_that_closes_during_the_handshake_stops_the_import():
    async def go():
        async with Bench() as b:
            upgrade = b.csms.upgrade

            def closes(request):
                b.free = False
                return upgrade(request)

            b.csms.upgrade = closes
            await until(lambda: b.connection.last_error)
            assert b.connection.last_error == "ocpp1.6 cannot be loaded while a car charges"
            assert not loaded("ocpp16") and not b.made and b.attached() == b.before
            b.csms.upgrade, b.free = upgrade, True
            await until(lambda: b.central.accepted)

    run(go())


def test_the_only_protocol_is_there_from_the_start():
    b = Bench(("ocpp1.6",))
    assert b.made == ["ocpp1.6"] and b.central.adapter and not b.central.accepted
    assert b.attached()[2] is None


def test_where_code_is_frozen_an_adapter_is_loaded_when_it_is_picked_even_while_charging():
    async def go():
        async with Bench(quick=True) as b:
            b.free = False
            await b.up("ocpp1.6")
            assert b.csms.offers == ["test1.0, ocpp1.6"] and not loaded("ocpp16.remote")
            # A request's own code comes for the request and goes with it.
            answer = await b.say([2, "a", "ClearCache", {}])
            assert answer == [[3, "a", {"status": "Accepted"}]]
            assert not loaded("ocpp16.remote") and not loaded("ocpp16.smart_charging")

    run(go())


def test_an_adapter_that_fails_to_attach_leaves_nothing_behind():
    async def go():
        async with Bench(("ocpp1.6",)) as b:
            adapter = b.central.adapter
            everything = adapter.status.everything

            def fails():
                raise MemoryError()

            adapter.status.everything = fails
            await until(lambda: b.connection.last_error)
            assert b.connection.last_error == "not enough memory to connect"
            assert b.attached() == b.before and not b.csms.calls
            adapter.status.everything = everything
            await until(lambda: b.central.accepted)

    run(go())


def test_a_heartbeat_comes_sooner_where_its_interval_was_shortened_without_a_connection():
    async def go():
        async with Bench(("ocpp1.6",)) as b:
            await b.up("ocpp1.6")
            assert 290000 < b.central.adapter.boot.due_in_ms() <= 300000
            await b.lose()
            b.charger.settings.set("HeartbeatInterval", "10")
            await b.up("ocpp1.6", 2)
            assert b.central.adapter.boot.due_in_ms() <= 10000
            told = len(b.csms.calls)
            b.charger.clock.ms += 10000
            b.charger.settings.set("MeterValueSampleInterval", "0")  # any news wakes the sender
            await settle()
            assert b.csms.actions(told) == ["Heartbeat"]
            assert b.charger.clock.now() >= NOON

    run(go())


def test_attaching_again_and_again_takes_no_memory():
    if not hasattr(gc, "mem_alloc"):
        return  # only MicroPython tells

    async def go():
        b = Bench(("ocpp1.6",))
        taken = []
        for _ in range(4):
            for _ in range(50):
                b.central._attach("ocpp1.6")
                b.central._detach("")
            gc.collect()
            taken.append(gc.mem_alloc())
        assert taken[-1] - taken[0] < 256, taken

    run(go())
