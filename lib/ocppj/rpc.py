# OCPP-J framing: CALL, CALLRESULT, CALLERROR, one of our CALLs in flight.
# MIT license; part of microevse
"""Remote procedure calls of OCPP-J (1.6 section 4; 2.0.1 and 2.1 part 4) over any text transport.

Our side: one CALL at a time; it ends with its own answer, its time-out or the loss of the
connection. Their side: CALLs are checked, then handled one after the other by a task of their own,
so a handler may itself wait for the CSMS; every error becomes a CALLERROR.
"""

import asyncio
import json

from evse_base import const, crc32, log, print_exception, traceless, within

from . import messages
from .messages import CALL, CallError, Disconnected

_CALLRESULTERROR = const(5)  # of 2.1: a CALLRESULT cannot be used
# Of 2.1, never answered. Only a station has one to send (oneway.py). A command that came as a
# SEND would be carried out while nobody is told what became of it.
_SEND = const(6)
# CALLs of the CSMS that may wait. The specification allows one; real ones come in a burst.
QUEUE_LIMIT = 8
# A handler that takes longer is cut off, or no later command would ever be served.
HANDLER_LIMIT_S = 120
# Parsed JSON takes up to 50 bytes a container on the chip: this bounds the heap before parsing.
_CONTAINER_LIMIT = const(1024)


class Rpc:
    """One side of an OCPP-J connection; lives on over reconnects.

    send: async callable(text or iterator of text pieces), raises if it cannot be sent.
    handlers: {action: async fn(payload) -> payload | (payload, after)}, or an object with `get`.
        `after` is an async callable, run once the answer is on its way. The payload may also be
        an iterator of JSON text, for answers too large to build. Handlers may raise CallError.
    schema: a `schema.Schema`. It and `handlers` are replaced for another version, while offline.
    next_id: callable -> str, unique over reboots.
    timeout_s: seconds, or a callable that returns them (a setting may change).
    clock: has `uptime_ms()`, milliseconds that never go back.
    """

    def __init__(self, send, handlers, schema, next_id, timeout_s, clock):
        self._send = send
        self.handlers = handlers
        self.schema = schema
        self._next_id = next_id
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._up = False
        self._era = 0  # counts connections: an answer belongs to the one its CALL came on
        self._slot = None  # [id, action, Event, result, exception] of our CALL in flight
        # Their CALLs as [id, action, payload, crc, ready answer or None]; the first is in work.
        self._queue = []
        self._wake = asyncio.Event()
        self._worker = None
        self._memo = messages.Memo()
        self.on_timeout = None  # plain function, called for every CALL of ours that timed out
        self.on_event = None  # plain fn(kind, text) of what matters for security
        self.unknown_ids = self.malformed = self.repeated = self.timeouts = 0

    @property
    def in_flight(self):
        """True while a CALL of ours awaits its answer."""
        return self._slot is not None

    def connected(self):
        """The transport is up: CALLs may be made. Needs a running loop."""
        self._up = True
        self._era += 1
        self._memo.clear()
        self._queue = []
        self._wake = asyncio.Event()
        self._worker = asyncio.create_task(self._serve(self._era))

    def disconnected(self):
        """The transport is gone: ends the CALL in flight, forgets unanswered ones of theirs.

        A handler that is running runs to its end; its answer is dropped.
        """
        self._up = False
        self._era += 1
        self._queue = []
        self._memo.clear()
        self._wake.set()  # lets the worker see that its connection is gone
        slot = self._slot
        if slot is not None:
            slot[4] = Disconnected("connection lost")
            slot[2].set()

    # ---- our CALLs

    async def call(self, action, payload):
        """Send a CALL (payload: dict, or iterator of JSON text); return the checked answer.

        Raises CallError, asyncio.TimeoutError or Disconnected. A time-out does not mean that
        the CSMS has not received it.
        """
        era = self._era
        if not self._up:
            raise Disconnected("not connected")
        async with self._lock:
            if era != self._era:
                raise Disconnected("connection lost")
            slot = self._slot = [self._next_id(), action, asyncio.Event(), None, None]
            timeout = self._timeout_s() if callable(self._timeout_s) else self._timeout_s
            try:
                text = messages.call_text(slot[0], action, payload)
                # The wait is on an Event, never on the stream: nothing is lost by ending it.
                await asyncio.wait_for(self._exchange(text, slot, era), timeout)
            except asyncio.TimeoutError:
                self.timeouts += 1
                log.warn("ocpp", "%s: no answer within %s s", action, timeout)
                if self.on_timeout:
                    self.on_timeout()
                raise
            finally:
                self._slot = None
            if slot[4] is not None:
                raise slot[4]
            return slot[3]

    async def _exchange(self, text, slot, era):
        try:
            await self._send(text)
        except MemoryError:
            raise  # raised before the first byte left: the connection is whole
        except Exception as exc:
            slot[4] = slot[4] or Disconnected(str(exc))
            return
        # The connection may have gone while sending waited for room.
        if era == self._era:
            await slot[2].wait()

    # ---- incoming

    async def on_text(self, text):
        """Take one message. Never raises for bad input, never waits for a handler."""
        try:
            if text.count("[") + text.count("{") > _CONTAINER_LIMIT:
                raise ValueError("too many lists and objects")
            message = json.loads(messages.join_surrogates(text))
            if not isinstance(message, list) or not message:
                raise ValueError("not a list")
            crc = crc32(text.encode())
        except (ValueError, RuntimeError, MemoryError) as exc:
            # RuntimeError: too deep. The id may be readable at the front.
            self._bad(messages.call_id_of(text), "message cannot be read as JSON", exc)
            return
        kind = message[0]
        call_id = message[1] if len(message) > 1 else None
        if not isinstance(call_id, str) or len(call_id) > messages.ID_LIMIT:
            call_id = None
        if not self.schema.has_type(kind):
            # OCPP-J 1.6 section 4.1.3: to be ignored. 2.x has an error for it, but these two types
            # get no answer in any version.
            code = self.schema.code("!type")
            if not code or kind == _CALLRESULTERROR or kind == _SEND:
                call_id = None
            self._bad(call_id, "unknown message type", code=code)
        elif kind == CALL:
            self._on_call(call_id, message, crc)
        elif kind == _SEND:
            self._bad(None, "no SEND is for a station")
        else:
            self._on_answer(kind, message)

    def too_large(self, head, size):
        """A message of `size` bytes was not kept; `head` is its beginning."""
        call_id = messages.call_id_of(head)
        self._bad(call_id, "message of %d bytes is too large" % size, code="GenericError")

    def _bad(self, call_id, text, exc=None, code=None):
        self.malformed += 1
        log.warn("ocpp", "%s%s", text, " (%s)" % exc if exc else "")
        if self.on_event:
            self.on_event("bad_message", text)
        if call_id is not None:
            self._refuse(call_id, code or self.schema.code("!frame"), text)

    def _refuse(self, call_id, code, text, kind=messages.CALLERROR):
        log.warn("ocpp", "refused: %s %s", code, text)
        if call_id is not None:
            text = messages.error_text(call_id, CallError(code, text), kind)
            self._enqueue(call_id, "", None, 0, text)

    def _enqueue(self, call_id, action, payload, crc, answer):
        # Ready answers take the same way: the reader never waits for room to write, and the
        # order of the answers is the order of the CALLs. Beyond the limit they are dropped.
        if not self._up or len(self._queue) >= 2 * QUEUE_LIMIT:
            return
        self._queue.append([call_id, action, payload, crc, answer])
        self._wake.set()

    def _repetition(self, call_id, action, crc):
        """True if this CALL was here before; it is then answered again or still in work."""
        for call in self._queue:
            if call[0] == call_id and call[3] == crc:
                return True  # the answer to the first CALL serves both
        answer = self._memo.find(call_id, crc, self._clock.uptime_ms())
        if answer is not None:
            self._enqueue(call_id, action, None, 0, answer)
        return answer is not None

    def _on_call(self, call_id, message, crc):
        if call_id is None:
            self._bad(None, "CALL without a usable id")
            return
        if len(message) != 4 or not isinstance(message[2], str):
            self._bad(call_id, "CALL needs type, id, action and payload")
            return
        action = message[2]
        if self._repetition(call_id, action, crc):
            self.repeated += 1
        elif not self.schema.knows(action):
            self._refuse(call_id, "NotImplemented", "unknown action")
        elif self.handlers.get(action) is None:
            self._refuse(call_id, "NotSupported", "%s is not supported" % action)
        elif len(self._queue) >= QUEUE_LIMIT:
            self._refuse(call_id, "GenericError", "too many calls at once")
        else:
            self._enqueue(call_id, action, message[3], crc, None)

    def _on_answer(self, kind, message):
        slot = self._slot
        if slot is None or len(message) < 2 or message[1] != slot[0] or slot[2].is_set():
            if kind == _CALLRESULTERROR:  # with the id of our CALL it ends that, as a CALLERROR
                self._bad(None, "an answer of ours was refused", messages.error_of(message))
            else:
                self.unknown_ids += 1
                log.info("ocpp", "answer to no CALL of ours ignored")
            return
        action = slot[1]
        if kind != messages.CALLRESULT:
            slot[4] = messages.error_of(message)
            log.warn("ocpp", "%s refused: %s", action, slot[4])
        else:
            try:
                if len(message) != 3:
                    raise CallError(self.schema.code("!frame"), "CALLRESULT has three elements")
                self.schema.check_result(action, message[2])
                slot[3] = message[2]
            except CallError as exc:
                # The error is ours, not theirs; for the caller it is the same: no usable answer.
                log.warn("ocpp", "answer to %s is not valid: %s", action, exc)
                slot[4] = CallError(self.schema.code("!form"), str(exc))
                if self.schema.has_type(_CALLRESULTERROR):
                    self._refuse(slot[0], exc.code, exc.description, _CALLRESULTERROR)
        slot[2].set()

    # ---- their CALLs

    async def _serve(self, era):
        """Handle queued CALLs in order until the connection of `era` is gone."""
        while era == self._era:
            if not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            queue, call = self._queue, self._queue[0]
            try:
                ready = call[4]
                await (self._handle(call, era) if ready is None else self._reply(ready, era))
            except Exception as exc:
                # Only a defect in this module gets here; the next CALL must still be served.
                print_exception(exc)
                log.error("ocpp", "%s: %s", call[1], type(exc).__name__)
            if queue and queue[0] is call:
                queue.pop(0)

    async def _handle(self, call, era):
        call_id, action, payload, crc, _ = call
        after = None
        try:
            self.schema.check_call(action, payload)
            reply = await within(self.handlers.get(action)(payload), HANDLER_LIMIT_S)
            payload = call[2] = None  # the answer may need its memory
            if isinstance(reply, tuple):
                reply, after = reply
            if reply is None or isinstance(reply, dict):
                text = messages.dumps(reply or {})
                text = "[%d,%s,%s]" % (messages.CALLRESULT, json.dumps(call_id), text)
            else:
                text = messages.result_pieces(call_id, reply)
        except CallError as exc:
            log.warn("ocpp", "%s: %s", action, exc)
            text = messages.error_text(call_id, exc)
        except asyncio.TimeoutError:
            log.error("ocpp", "%s: handler took more than %d s", action, HANDLER_LIMIT_S)
            text = messages.error_text(call_id, CallError("InternalError", "not done in time"))
        except Exception as exc:
            # The text of the exception may hold anything: it stays in our own log.
            print_exception(exc)
            log.error("ocpp", "%s: handler failed: %s", action, type(exc).__name__)
            text = messages.error_text(call_id, CallError("InternalError", "handler failed"))
        if era == self._era and isinstance(text, str):
            self._memo.add(call_id, crc, self._clock.uptime_ms(), text)
        await self._reply(text, era)
        if after is not None:
            # A task of its own: it may well CALL the CSMS (TriggerMessage) and take long.
            asyncio.create_task(traceless(_run_after(action, after)))

    async def _reply(self, text, era):
        """Send an answer, unless the connection that its CALL came on is gone."""
        if era != self._era or not self._up:
            return
        try:
            await self._send(text)
        except Exception as exc:
            # The reader of the connection meets the same failure and ends it.
            log.info("ocpp", "answer not sent: %s", exc)


async def _run_after(action, after):
    try:
        await after()
    except Exception as exc:
        print_exception(exc)
        log.error("ocpp", "after %s: %s", action, type(exc).__name__)
