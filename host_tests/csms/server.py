# An OCPP central system for tests and for `make run`: 1.6-J, 2.0.1 and 2.1.
# MIT license; part of microevse
"""`Csms`: answers sanely by default, misbehaves to order, and checks everything it sees.

Each connection speaks the version of its sub-protocol (`wire.version`). Every payload in both
directions is validated with the official JSON schemas of that version, which PyPI `ocpp` carries,
and with the rules of `checks.py` and `requests2.py`; `ledger.py` judges the sessions of all
versions. Errors are collected in `violations`. The frames of both sides are in `log`. Time is the
value of `clock()` (Unix seconds), so that a test can run it on the virtual clock of the charger.
"""

import asyncio
import time

from ocpp.messages import MessageType

from . import checks
from .admission import Admission
from .frames import CALL, CALLRESULTERROR, SEND, CallError, Frame, Payload, matches, stamp
from .ledger import Ledger
from .lockstep import HOST_PATIENCE, Lockstep
from .looking import Looking
from .messages import ERROR_CODES, Messages
from .requests2 import Requests
from .wire import Wire

__all__ = ["ERROR_CODES", "HOST_PATIENCE", "CallError", "Csms", "Frame", "Payload"]
__all__ += ["matches", "stamp"]


class Csms(Admission, Messages, Looking, Lockstep):
    """The central system. `clock`: Unix seconds; without one the real time is taken.

    `id_tags`: {token: fields of idTagInfo or idTokenInfo}, the same for all versions (answers2.py
    says how they are told); others are Invalid (1.6) or Unknown (2.x). `subprotocols`: of these
    the first that the charger offers is picked. `passwords`: {charge point id:
    password (str or bytes)}, or None to let every charger in. `ssl`: a server-side SSLContext.
    With a `clock` given, delayed answers leave when `run_due()` is called. With `lockstep`,
    messages are handled in `settle()`, when the clock is known to be right.
    """

    def __init__(
        self,
        id_tags=None,
        passwords=None,
        ssl=None,
        clock=None,
        interval=300,
        subprotocols=("ocpp1.6",),
        on_frame=None,
        first_transaction=100001,
        lockstep=False,
    ):
        self.id_tags = {} if id_tags is None else id_tags
        self.passwords = passwords
        self.ssl = ssl
        self.clock = clock or time.time
        self.interval = interval
        self.subprotocols = subprotocols
        self.on_frame = on_frame
        self.lockstep = lockstep
        self.on_open = None  # fn(wire), right after the upgrade was answered
        self.ledger = Ledger(first_transaction)
        self.requests = Requests()  # what 2.x messages may refer to
        self.dynamic = {}  # {profile id: scheduleUpdate} for PullDynamicScheduleUpdate (2.1)
        self.price = None  # per kWh: told as totalCost of an ended session (2.x)
        self.result_errors = []  # Frames: CALLRESULTERRORs of the charger (2.1)
        self.log = []
        self.violations = []
        self.overlaps = []  # (older, newer Frame): a CALL while another waited for its answer
        self.connections = []  # every Wire there ever was
        self.refusals = []  # (charge point id or None, reason)
        self.rx_bytes = 0
        self.registration = {}  # charge point id -> last status told
        self.cursor = 0
        self.host = self.port = None
        self._own_clock = clock is None
        self._server = None
        self._replies = {}
        self._always = {}
        self._admissions = []
        self._admit_always = None
        self._pending = {}
        self._unanswered = {}  # wire -> Frame of the charger's open CALL
        self._versions = {}  # charge point id -> version of its last connection
        self._ids = {}  # charge point id -> set of CALL ids seen
        self._due = []
        self._serial = 0
        self._slack = 0  # bytes that were written to connections which are gone
        self._lost = 0  # how many connections had gone at the last settling
        self._change = asyncio.Event()
        self._ticker = None

    # --- life ------------------------------------------------------------------------------

    async def start(self, host="127.0.0.1", port=0):
        """Listen; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Wire(self, self.ssl, self.subprotocols), host, port
        )
        self.host, self.port = self._server.sockets[0].getsockname()[:2]
        if self._own_clock and self._ticker is None:
            self._ticker = loop.create_task(self._tick())
        return self

    async def stop(self):
        await self.pause(code=1001)
        if self._ticker:
            self._ticker.cancel()
            self._ticker = None
        for pending in self._pending.values():
            pending[1].cancel()
        self._pending.clear()

    async def pause(self, code=None):
        """Stop listening and end all connections, with a close frame if a code is given."""
        if self._server:
            self._server.close()
            self._server = None
        for wire in self.connections:
            if not wire.lost:
                if code:
                    wire.close(code)
                wire.drop()
        await asyncio.sleep(0)

    async def resume(self):
        """Listen again on the same port."""
        await self.start(self.host, self.port)

    async def __aenter__(self):
        return await self.start()

    async def __aexit__(self, *_):
        await self.stop()

    @property
    def url(self):
        return self.url_for(self.host)

    def url_for(self, host):
        return f"{'wss' if self.ssl else 'ws'}://{host}:{self.port}/ocpp"

    @property
    def wire(self):
        """The latest connection that is up, or None."""
        for wire in reversed(self.connections):
            if wire.open:
                return wire
        return None

    @property
    def transactions(self):
        return self.ledger.transactions

    # --- knobs -----------------------------------------------------------------------------

    def reply(self, action, *replies):
        """The next answers to `action`, one each; afterwards the usual ones."""
        self._replies.setdefault(action, []).extend(replies)

    def always(self, action, reply):
        """Every answer to `action` from now on."""
        self._always[action] = reply

    def usual(self, *actions):
        """Back to the usual answers to these actions (all if none is named)."""
        for action in actions or set(self._always) | set(self._replies):
            self._always.pop(action, None)
            self._replies.pop(action, None)

    def admit(self, *admissions):
        """The treatment of the next connections, one each; None is the usual one."""
        self._admissions.extend(admissions)

    def admit_always(self, admission):
        """The treatment of every connection; None for the usual one."""
        self._admit_always = admission

    # --- calls to the charger --------------------------------------------------------------

    def start_call(self, action, payload, check=True, wire=None, unique_id=None):
        """Send a CALL; returns a future of the answer's payload (CallError if it is one)."""
        wire = wire or self.wire
        future = asyncio.get_running_loop().create_future()
        if wire is None:
            future.set_exception(ConnectionError("no charger is connected"))
            return future
        if check:
            self._blame(
                checks.schema_errors(MessageType.Call, action, payload, wire.version), "sent "
            )
        if unique_id is None:
            self._serial += 1
            unique_id = f"csms-{self._serial}"
        self._pending[unique_id] = (action, future, wire)
        if wire.version != "1.6":
            self.requests.asked(wire.id, unique_id, action, payload)
        self._note("out", "call", action, payload, unique_id, wire)
        self._send(wire, [CALL, unique_id, action, payload])
        return future

    async def call(self, action, payload, timeout=30, **kw):
        """Send a CALL and wait (real time) for the answer's payload."""
        return await asyncio.wait_for(self.start_call(action, payload, **kw), timeout)

    def send(self, action, payload, check=True, wire=None):
        """Send a SEND (2.1), which has no answer. Returns its id."""
        wire = wire or self.wire
        if wire is None:
            raise ConnectionError("no charger is connected")
        if check:
            self._blame(checks.schema_errors(SEND, action, payload, wire.version), "sent ")
        self._serial += 1
        unique_id = f"csms-{self._serial}"
        self._note("out", "send", action, payload, unique_id, wire)
        self._send(wire, [SEND, unique_id, action, payload])
        return unique_id

    def send_result_error(self, unique_id, code="InternalError", description="", wire=None):
        """Say that the charger's answer to the call with this id was of no use (2.1)."""
        wire = wire or self.wire
        if wire is None:
            raise ConnectionError("no charger is connected")
        note = {"code": code, "description": description, "details": {}}
        self._note("out", "resulterror", "", note, unique_id, wire)
        self._send(wire, [CALLRESULTERROR, unique_id, code, description, {}])

    def send_raw(self, data, wire=None):
        """Send text as one message, or bytes below the WebSocket layer."""
        wire = wire or self.wire
        if wire is None:
            raise ConnectionError("no charger is connected")
        if isinstance(data, str):
            self._note("out", "invalid", "", data, "", wire)
            wire.send_text(data)
        else:
            self._note("out", "raw", "", f"{len(data)} bytes {data[:24]!r}", "", wire)
            wire.send_bytes(data)
