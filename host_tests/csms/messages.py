# Messages of the charger: each is checked, booked and answered, or mistreated to order.
# MIT license; part of microevse
"""`Messages`: the part of `Csms` that a Wire gives each message."""

import json

from ocpp.messages import MessageType

from . import answers2, answers16, checks, script
from .frames import CALL, CALLERROR, CALLRESULT, CALLRESULTERROR, SEND, CallError

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
# OCPP-J 2.0.1 and 2.1, part 4, section 4.3.
ERROR_CODES_2 = (
    "FormatViolation",
    "GenericError",
    "InternalError",
    "MessageTypeNotSupported",
    "NotImplemented",
    "NotSupported",
    "OccurrenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolError",
    "RpcFrameworkError",
    "SecurityError",
    "TypeConstraintViolation",
)


class Messages:
    """Has the log, the ledger, the replies and the open calls of Csms."""

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
        new = wire.version == "2.1"  # SEND and CALLRESULTERROR (2.1 part 4 section 4.1.2)
        if kind in (CALL, SEND) and len(message) == 4 and not isinstance(message[2], str):
            kind = None
        if kind == CALL and len(message) == 4 and isinstance(message[3], dict):
            self._on_call(wire, message[1], message[2], message[3])
        elif kind == SEND and new and len(message) == 4 and isinstance(message[3], dict):
            self._on_send(wire, message[1], message[2], message[3])
        elif kind == CALLRESULT and len(message) == 3:
            self._on_result(wire, message[1], message[2])
        elif kind == CALLERROR and len(message) == 5:
            self._on_error(wire, *message[1:])
        elif kind == CALLRESULTERROR and new and len(message) == 5:
            self._on_result_error(wire, *message[1:])
        else:
            self._note("in", "invalid", "", message, "", wire)
            self._blame([f"no OCPP message: {text}"])

    def _on_call(self, wire, unique_id, action, payload):
        frame = self._note("in", "call", action, payload, unique_id, wire)
        errors = checks.schema_errors(MessageType.Call, action, payload, wire.version)
        broken = errors[0] if errors else None
        self._blame(errors or self._rule_errors(wire, action, payload))
        self._blame(self._order_errors(wire, unique_id, action))
        if wire in self._unanswered:
            self.overlaps.append((self._unanswered[wire], frame))
        self._unanswered[wire] = frame
        queue = self._replies.get(action)
        reply = queue.pop(0) if queue else self._always.get(action)
        if callable(reply):
            reply = reply(payload)
        if not isinstance(reply, script.Ignore):
            self._answer(wire, unique_id, action, payload, reply, broken)
        self._changed()

    def _on_send(self, wire, unique_id, action, payload):
        """A SEND: checked and booked, never answered."""
        self._note("in", "send", action, payload, unique_id, wire)
        errors = checks.schema_errors(SEND, action, payload, wire.version)
        self._blame(errors or self._rule_errors(wire, action, payload))
        self._blame(self._order_errors(wire, unique_id, action))
        self._changed()

    def _rule_errors(self, wire, action, payload):
        """What is wrong with a message whose schema is right (sentences)."""
        errors = checks.rule_errors(action, payload, self.clock(), wire.version)
        if wire.version != "1.6":
            errors += self.requests.told(wire.id, action, payload)
        return errors

    def _order_errors(self, wire, unique_id, action):
        """What is wrong with a message's id, and with the time at which it comes (sentences)."""
        errors = []
        if len(unique_id) > 36:
            errors.append(f"{action}: id of {len(unique_id)} characters")
        seen = self._ids.setdefault(wire.id, set())
        if unique_id in seen:
            errors.append(f"{action}: the id {unique_id} was used before")
        seen.add(unique_id)
        status = self.registration.get(wire.id)
        if action != "BootNotification":
            if status in (None, "Rejected"):
                errors.append(f"{action} before a BootNotification was accepted")
            elif status == "Pending" and wire.version != "1.6":
                if not self.requests.wanted(wire.id, action):
                    errors.append(f"{action} while the registration is Pending, nobody asked")
        return errors

    def _answer(self, wire, unique_id, action, payload, reply, broken):
        if isinstance(reply, script.Error):
            return self._send_error(wire, unique_id, action, reply)
        if broken and wire.version != "1.6":
            known = checks.known(action, wire.version)
            usual = script.Error("FormatViolation" if known else "NotImplemented", broken[:255])
        else:
            usual = self._usual(wire, action, payload)
        if isinstance(usual, dict):
            result = MessageType.CallResult
            self._blame(checks.schema_errors(result, action, usual, wire.version), "sent ")
        self._blame(self.ledger.problems)
        self.ledger.problems.clear()
        if isinstance(usual, script.Error) and not isinstance(reply, (dict, script.Wrong)):
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
            answer = {} if isinstance(usual, script.Error) else dict(usual)
            wrong = isinstance(reply, script.Wrong)
            answer.update((reply.fields if wrong else reply) or {})
            if wire.version != "1.6" and reply and not wrong:
                result = MessageType.CallResult
                self._blame(checks.schema_errors(result, action, answer, wire.version), "sent ")
            if action == "BootNotification":
                self.registration[wire.id] = answer.get("status")
                if answer.get("status") == "Accepted" and wire.accepted_at is None:
                    wire.accepted_at = self.clock()
            self._send_result(wire, unique_id, action, answer)

    def _usual(self, wire, action, payload):
        """The sane answer, bookkeeping included."""
        answers = answers16 if wire.version == "1.6" else answers2
        return answers.usual(self, wire, action, payload)

    def id_tag_info(self, tag):
        """idTagInfo of a tag, as 1.6 has it."""
        return answers16.id_tag_info(self, tag)

    def id_token_info(self, token):
        """idTokenInfo of an idToken, as 2.x has it."""
        return answers2.id_token_info(self, token)

    def _on_result(self, wire, unique_id, payload):
        action, future, _ = self._pending.pop(unique_id, (None, None, None))
        self._note("in", "result", action or "?", payload, unique_id, wire)
        if action is None:
            self._blame([f"an answer to {unique_id}, which nobody asked"])
        elif isinstance(payload, dict):
            errors = checks.schema_errors(MessageType.CallResult, action, payload, wire.version)
            now = self.clock()
            self._blame(errors or checks.rule_errors(action, payload, now, wire.version))
            if wire.version != "1.6":
                self.requests.answered(unique_id, payload)
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
        self._check_code(wire, code)
        self.requests.answered(unique_id, None)
        if future and not future.done():
            future.set_exception(CallError(code, description, details))
        self._changed()

    def _on_result_error(self, wire, unique_id, code, description, details):
        """A CALLRESULTERROR: our answer to this id was of no use to the charger."""
        ours = [f for f in self.log if f.direction == "out" and f.unique_id == unique_id]
        answers = [f for f in ours if f.type == "result" and f.wire is wire]
        note = {"code": code, "description": description, "details": details}
        action = answers[-1].action if answers else "?"
        frame = self._note("in", "resulterror", action, note, unique_id, wire)
        self.result_errors.append(frame)
        self._check_code(wire, code)
        if not isinstance(details, dict) or not isinstance(description, str):
            self._blame([f"no CALLRESULTERROR: {note}"])
        if not answers:
            self._blame([f"a CALLRESULTERROR for {unique_id}, which was not answered"])
        elif not checks.schema_errors(
            MessageType.CallResult, action, answers[-1].payload, wire.version
        ):
            self._blame([f"a CALLRESULTERROR for a right answer to {action}: {note}"])
        self._changed()

    def _check_code(self, wire, code):
        if code not in (ERROR_CODES if wire.version == "1.6" else ERROR_CODES_2):
            self._blame([f"{code!r} is no error code of OCPP-J {wire.version}"])

    def _send(self, wire, message):
        wire.send_text(json.dumps(message, separators=(",", ":")))

    def _send_result(self, wire, unique_id, action, payload):
        self._answered(wire, unique_id)
        self._note("out", "result", action, payload, unique_id, wire)
        self._send(wire, [CALLRESULT, unique_id, payload])

    def _send_error(self, wire, unique_id, action, error):
        self._answered(wire, unique_id)
        note = {"code": error.code, "description": error.description, "details": error.details}
        self._note("out", "error", action, note, unique_id, wire)
        self._send(wire, [CALLERROR, unique_id, error.code, error.description, error.details])

    def _answered(self, wire, unique_id):
        open_call = self._unanswered.get(wire)
        if open_call and open_call.unique_id == unique_id:
            del self._unanswered[wire]
