# An OCPP 1.6-J central system for tests and for `make run`.
# MIT license; part of microevse
"""`Csms`: answers sanely by default, misbehaves to order, and checks everything it sees.

Every payload in both directions is validated with the official JSON schemas that PyPI `ocpp`
carries, and with the rules of `checks.py`; errors are collected in `violations`. The frames of
both sides are in `log`. Time is the value of `clock()` (Unix seconds), so that a test can run it
on the virtual clock of the charger.
"""

import asyncio
import base64
import heapq
import json
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import unquote, urlsplit

from ocpp.messages import MessageType
from websockets.frames import Opcode

from . import checks, script
from .ledger import Ledger
from .wire import Wire

# Calls that a charger may make before its BootNotification was accepted.
# Real seconds to wait for bytes that are certainly on their way.
HOST_PATIENCE = 5
_UNREGISTERED = ("BootNotification",)
_EMPTY_ANSWERS = (
    "MeterValues",
    "StatusNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SecurityEventNotification",
    "SignedFirmwareStatusNotification",
)


class CallError(Exception):
    """The charger answered with a CALLERROR."""

    def __init__(self, code, description="", details=None):
        super().__init__(f"{code}: {description} {details or ''}".strip())
        self.code = code
        self.description = description
        self.details = details


class Payload(dict):
    """A payload that knows when (`t`) it came and under which id (`unique_id`)."""

    t = None
    unique_id = None
    index = None

    def __bool__(self):
        return True  # an empty payload is a message all the same


@dataclass
class Frame:
    """One line of the log; direction "in" is from the charger."""

    t: float
    direction: str  # "in", "out" or "--" for things that happen to a connection
    type: str  # call, result, error, invalid, open, close, refused, control
    action: str = ""
    payload: object = None
    unique_id: str = ""
    wire: object = field(default=None, repr=False)

    def __str__(self):
        arrow = {"in": "<-", "out": "->"}.get(self.direction, "--")
        text = json.dumps(self.payload, separators=(",", ":"), default=str)
        if len(text) > 400:
            text = text[:400] + "..."
        return f"{self.t:13.3f} {arrow} {self.type:7} {self.action} {text} [{self.unique_id}]"


def stamp(unix):
    """Unix seconds as 1.6 wants them, with milliseconds (chargers must parse those)."""
    return datetime.fromtimestamp(unix, timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z"


def matches(payload, fields):
    """True if the payload has these fields; a callable is asked about the value."""
    for key, want in fields.items():
        have = payload.get(key)
        if not (want(have) if callable(want) else have == want):
            return False
    return True


class Csms:
    """The central system. `clock`: Unix seconds; without one the real time is taken.

    `id_tags`: {idTag: idTagInfo fields}; others are Invalid. `passwords`: {charge point id:
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
            self._blame(checks.schema_errors(MessageType.Call, action, payload), "sent ")
        if unique_id is None:
            self._serial += 1
            unique_id = f"csms-{self._serial}"
        self._pending[unique_id] = (action, future, wire)
        self._note("out", "call", action, payload, unique_id, wire)
        wire.send_text(json.dumps([2, unique_id, action, payload], separators=(",", ":")))
        return future

    async def call(self, action, payload, timeout=30, **kw):
        """Send a CALL and wait (real time) for the answer's payload."""
        return await asyncio.wait_for(self.start_call(action, payload, **kw), timeout)

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

    # --- looking ---------------------------------------------------------------------------

    def find(self, action, fields=None, start=0):
        """First CALL of the charger from log index `start` on that fits, as Payload, or None."""
        for index in range(start, len(self.log)):
            frame = self.log[index]
            if frame.direction == "in" and frame.type == "call" and frame.action == action:
                if matches(frame.payload, fields or {}):
                    found = Payload(frame.payload)
                    found.t, found.unique_id, found.index = frame.t, frame.unique_id, index
                    return found
        return None

    def calls(self, action=None, start=0, **fields):
        """All CALLs of the charger from log index `start` on that fit."""
        found = []
        index = start
        while index < len(self.log):
            frame = self.log[index]
            if frame.direction == "in" and frame.type == "call":
                if action in (None, frame.action) and matches(frame.payload, fields):
                    item = Payload(frame.payload)
                    item.t, item.unique_id, item.index = frame.t, frame.unique_id, index
                    found.append(item)
            index += 1
        return found

    async def expect(self, action, timeout=10, **fields):
        """Wait (real time) for a CALL that fits; consumes the log up to and including it."""
        end = asyncio.get_running_loop().time() + timeout
        while True:
            found = self.find(action, fields, self.cursor)
            if found:
                self.cursor = found.index + 1
                return found
            left = end - asyncio.get_running_loop().time()
            self._change.clear()
            try:
                await asyncio.wait_for(self._change.wait(), left)
            except asyncio.TimeoutError:
                raise AssertionError(
                    f"no {action} {fields or ''} within {timeout} s\n{self.story()}"
                ) from None

    def story(self, last=60):
        """The log as text."""
        lines = [str(frame) for frame in self.log[-last:]]
        return "\n".join(lines) if lines else "(the CSMS saw no frame)"

    # --- lockstep --------------------------------------------------------------------------

    def count(self, size):
        self.rx_bytes += size

    async def settle(self, tx_bytes=None, patience=0.05):
        """Return once everything the charger wrote has been handled and our answers are out.

        `tx_bytes` is how many bytes the charger has written to us in all. Bytes that can never
        come (written to a dead connection) cost `patience` real seconds once. Without a count:
        once nothing has come for a moment.
        """
        loop = asyncio.get_running_loop()
        lost = sum(wire.lost for wire in self.connections)
        if tx_bytes is not None and lost == self._lost:
            # No connection has gone: every byte will come, however slow this host is.
            patience = HOST_PATIENCE
        self._lost = lost
        end = loop.time() + patience
        quiet = 0
        while True:
            seen = self.rx_bytes
            await asyncio.sleep(0)
            alive = [wire for wire in self.connections if not wire.lost]
            late = loop.time() > end
            if tx_bytes is not None:
                complete = self.rx_bytes + self._slack >= tx_bytes
            else:
                quiet = quiet + 1 if seen == self.rx_bytes else 0
                complete = quiet > 20
            if complete or late:
                for wire in alive:
                    wire.handle()
            if late and tx_bytes is not None:
                self._slack = tx_bytes - self.rx_bytes
            if late or complete and not any(wire.unsent for wire in alive):
                return

    def later(self, seconds, action):
        """Run `action()` in `seconds` of our clock."""
        self._serial += 1
        heapq.heappush(self._due, (self.clock() + seconds, self._serial, action))

    def next_due(self):
        """When the next delayed answer is due (Unix s), or None."""
        return self._due[0][0] if self._due else None

    def run_due(self):
        """Send the answers whose time has come."""
        while self._due and self._due[0][0] <= self.clock() + 1e-6:
            heapq.heappop(self._due)[2]()

    async def _tick(self):
        while True:
            self.run_due()
            await asyncio.sleep(0.01)

    # --- what a Wire tells -----------------------------------------------------------------

    def wire_opened(self, wire):
        self.connections.append(wire)
        wire.admission = self._admissions.pop(0) if self._admissions else self._admit_always
        if isinstance(wire.admission, script.Reset):
            self._refused(wire, "TCP reset")
            wire.drop()
        elif isinstance(wire.admission, script.Hang):
            self._refused(wire, "hangs")
            wire.silent = True

    def wire_request(self, wire, request):
        path = urlsplit(request.path).path
        base, _, last = path.rpartition("/")
        wire.id = unquote(last)
        admission = wire.admission
        if isinstance(admission, script.Refuse):
            return self._refuse(wire, admission.status, "told to")
        if base != "/ocpp" or not wire.id:
            return self._refuse(wire, 404, f"path {path}")
        if self.passwords is not None and not self._password_ok(wire, request):
            return self._refuse(wire, 401, "wrong or missing password")
        response = wire.accept(request)
        if response.status_code != 101:
            self._refused(wire, f"{response.status_code} {response.body!r}")
            return wire.answer_upgrade(response)
        if isinstance(admission, script.NoSubprotocol):
            del response.headers["Sec-WebSocket-Protocol"]
        elif isinstance(admission, script.Subprotocol):
            del response.headers["Sec-WebSocket-Protocol"]
            response.headers["Sec-WebSocket-Protocol"] = admission.name
        elif isinstance(admission, script.BadAccept):
            del response.headers["Sec-WebSocket-Accept"]
            response.headers["Sec-WebSocket-Accept"] = base64.b64encode(b"x" * 20).decode()
        wire.answer_upgrade(response)
        self._note("--", "open", wire.id, request.path, "", wire)
        if isinstance(admission, script.CloseAfterAccept):
            wire.close(admission.code, admission.reason)
        elif self.on_open:
            self.on_open(wire)

    def wire_message(self, wire, data, binary):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = None
        try:
            message = json.loads(text) if text is not None and not binary else None
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, list) or len(message) < 3 or not isinstance(message[1], str):
            self._note("in", "invalid", "", text or repr(data[:100]), "", wire)
            self._blame([f"no OCPP message: {text or data[:100]!r}"])
            return
        kind = message[0]
        if kind == 2 and len(message) == 4 and isinstance(message[3], dict):
            self._on_call(wire, message[1], message[2], message[3])
        elif kind == 3 and len(message) == 3:
            self._on_result(wire, message[1], message[2])
        elif kind == 4 and len(message) == 5:
            self._on_error(wire, *message[1:])
        else:
            self._note("in", "invalid", "", message, "", wire)
            self._blame([f"no OCPP message: {text}"])

    def wire_control(self, wire, frame):
        if frame.opcode is Opcode.CLOSE:
            note = f"charger says {wire.close_code} {wire.close_reason}"
            self._note("in", "control", "close", note, "", wire)
        else:
            self._note("in", "control", frame.opcode.name.lower(), len(frame.data), "", wire)

    def wire_closed(self, wire):
        self._unanswered.pop(wire, None)
        self._note("--", "close", wire.id or "", wire.error or wire.close_code, "", wire)
        for unique_id in [u for u, p in self._pending.items() if p[2] is wire]:
            future = self._pending.pop(unique_id)[1]
            if not future.done():
                future.set_exception(ConnectionError("the connection ended before the answer"))
                future.exception()  # it may not be awaited at all

    def tls_failed(self, wire, reason):
        self._refused(wire, f"TLS: {reason}")

    # --- messages of the charger -----------------------------------------------------------

    def _on_call(self, wire, unique_id, action, payload):
        frame = self._note("in", "call", action, payload, unique_id, wire)
        errors = checks.schema_errors(MessageType.Call, action, payload)
        if not errors:
            errors = checks.rule_errors(action, payload, self.clock())
        if len(unique_id) > 36:
            errors.append(f"{action}: id of {len(unique_id)} characters")
        seen = self._ids.setdefault(wire.id, set())
        if unique_id in seen:
            errors.append(f"{action}: the id {unique_id} was used before")
        seen.add(unique_id)
        if action not in _UNREGISTERED and self.registration.get(wire.id) in (None, "Rejected"):
            errors.append(f"{action} before a BootNotification was accepted")
        self._blame(errors)
        if wire in self._unanswered:
            self.overlaps.append((self._unanswered[wire], frame))
        self._unanswered[wire] = frame
        queue = self._replies.get(action)
        reply = queue.pop(0) if queue else self._always.get(action)
        if callable(reply):
            reply = reply(payload)
        if not isinstance(reply, script.Ignore):
            self._answer(wire, unique_id, action, payload, reply)
        self._changed()

    def _answer(self, wire, unique_id, action, payload, reply):
        if isinstance(reply, script.Error):
            return self._send_error(wire, unique_id, action, reply)
        usual = self._usual(wire, action, payload)
        self._blame(self.ledger.problems)
        self.ledger.problems.clear()
        if isinstance(usual, script.Error) and not isinstance(reply, dict):
            return self._send_error(wire, unique_id, action, usual)
        self._finish(wire, unique_id, action, usual, reply)

    def _finish(self, wire, unique_id, action, usual, reply):
        if isinstance(reply, script.Delay):
            self.later(
                reply.seconds, lambda: self._finish(wire, unique_id, action, usual, reply.then)
            )
        elif isinstance(reply, script.Before):
            for text in reply.texts:
                self.send_raw(text, wire)
            self._finish(wire, unique_id, action, usual, reply.then)
        elif isinstance(reply, script.Error):
            self._send_error(wire, unique_id, action, reply)
        elif isinstance(reply, script.Garbage):
            self.send_raw(reply.text, wire)
        elif isinstance(reply, script.WrongId):
            self._send_result(wire, reply.unique_id, action, usual)
        elif isinstance(reply, script.Close):
            wire.close(reply.code, reply.reason)
        elif isinstance(reply, script.Cut):
            wire.drop()
        elif not isinstance(reply, script.Drop):
            answer = dict(usual)
            answer.update(reply or {})
            if action == "BootNotification":
                self.registration[wire.id] = answer.get("status")
            self._send_result(wire, unique_id, action, answer)

    def _usual(self, wire, action, payload):
        """The sane answer, bookkeeping included."""
        if action == "BootNotification":
            now = stamp(self.clock())
            return {"status": "Accepted", "currentTime": now, "interval": self.interval}
        if action == "Heartbeat":
            return {"currentTime": stamp(self.clock())}
        if action == "Authorize":
            return {"idTagInfo": self.id_tag_info(payload.get("idTag"))}
        if action == "StartTransaction":
            entry = self.ledger.started(wire.id, payload)
            return {
                "transactionId": entry.id,
                "idTagInfo": self.id_tag_info(payload.get("idTag")),
            }
        if action == "StopTransaction":
            self.ledger.stopped(wire.id, payload)
            if payload.get("idTag"):
                return {"idTagInfo": self.id_tag_info(payload["idTag"])}
            return {}
        if action == "MeterValues":
            self.ledger.metered(wire.id, payload)
            return {}
        if action == "DataTransfer":
            return {"status": "UnknownVendorId"}
        if action == "SignCertificate":
            return {"status": "Rejected"}  # it has no authority: a test gives it one
        if action in _EMPTY_ANSWERS:
            return {}
        return script.Error("NotImplemented", f"{action} is not known here")

    def id_tag_info(self, tag):
        """idTagInfo of a tag; idTags are case-insensitive (CiString20)."""
        for known, info in self.id_tags.items():
            if str(tag).upper() == known.upper():
                info = {"status": "Accepted", **info}
                expiry = info.get("expiryDate")
                if expiry and checks.unix(expiry) <= self.clock():
                    info["status"] = "Expired"
                return info
        return {"status": "Invalid"}

    def _on_result(self, wire, unique_id, payload):
        action, future, _ = self._pending.pop(unique_id, (None, None, None))
        self._note("in", "result", action or "?", payload, unique_id, wire)
        if action is None:
            self._blame([f"an answer to {unique_id}, which nobody asked"])
        elif isinstance(payload, dict):
            errors = checks.schema_errors(MessageType.CallResult, action, payload)
            self._blame(errors or checks.rule_errors(action, payload, self.clock()))
        else:
            self._blame([f"{action}.conf is {payload!r}"])
        if future and not future.done():
            future.set_result(payload)
        self._changed()

    def _on_error(self, wire, unique_id, code, description, details):
        action, future, _ = self._pending.pop(unique_id, (None, None, None))
        note = {"code": code, "description": description, "details": details}
        self._note("in", "error", action or "?", note, unique_id, wire)
        if not isinstance(details, dict) or not isinstance(description, str):
            self._blame([f"no CALLERROR: {note}"])
        elif len(description) > 255:
            self._blame([f"errorDescription of {len(description)} characters"])
        if code not in ERROR_CODES:
            self._blame([f"{code!r} is no error code of OCPP-J 1.6"])
        if future and not future.done():
            future.set_exception(CallError(code, description, details))
        self._changed()

    # --- inside ----------------------------------------------------------------------------

    def _send_result(self, wire, unique_id, action, payload):
        self._answered(wire, unique_id)
        self._note("out", "result", action, payload, unique_id, wire)
        wire.send_text(json.dumps([3, unique_id, payload], separators=(",", ":")))

    def _send_error(self, wire, unique_id, action, error):
        self._answered(wire, unique_id)
        note = {"code": error.code, "description": error.description, "details": error.details}
        self._note("out", "error", action, note, unique_id, wire)
        message = [4, unique_id, error.code, error.description, error.details]
        wire.send_text(json.dumps(message, separators=(",", ":")))

    def _answered(self, wire, unique_id):
        open_call = self._unanswered.get(wire)
        if open_call and open_call.unique_id == unique_id:
            del self._unanswered[wire]

    def _password_ok(self, wire, request):
        """HTTP Basic: the user is the identity, the password may hold any byte."""
        header = request.headers.get("Authorization", "")
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(text, validate=True).partition(b":")
        except ValueError:
            return False
        want = self.passwords.get(wire.id)
        if isinstance(want, str):
            want = want.encode()
        return want is not None and user == wire.id.encode() and password == want

    def _refuse(self, wire, status, reason):
        self._refused(wire, f"{status} {reason}")
        headers = [("WWW-Authenticate", 'Basic realm="csms"')] if status == 401 else []
        wire.answer_upgrade(wire.respond(status, "no\n", headers))

    def _refused(self, wire, reason):
        self.refusals.append((wire.id, reason))
        self._note("--", "refused", wire.id or "", reason, "", wire)

    def _note(self, direction, type, action, payload, unique_id, wire):
        frame = Frame(self.clock(), direction, type, action, payload, unique_id, wire)
        self.log.append(frame)
        if self.on_frame:
            self.on_frame(frame)
        self._changed()
        return frame

    def _blame(self, errors, prefix=""):
        for error in errors:
            self.violations.append(f"{prefix}{error}")
            self._note("--", "WRONG", "", prefix + error, "", None)

    def _changed(self):
        self._change.set()


# OCPP-J 1.6 4.2.3, with the spelling it really has, and FormationViolation.
ERROR_CODES = (
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
)
