# Connections of chargers: who is let in, under which version, and how a test has it otherwise.
# MIT license; part of microevse
"""`Admission`: the part of `Csms` that a Wire tells of its upgrade and its end."""

import base64
from urllib.parse import unquote, urlsplit

from websockets.frames import Opcode

from . import script
from .frames import VERSIONS


class Admission:
    """Has `passwords`, `registration`, `refusals`, `connections` from Csms."""

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
        name = response.headers.get("Sec-WebSocket-Protocol")
        wire.version = VERSIONS.get(name, "1.6")
        if self._versions.get(wire.id) not in (None, wire.version):
            # The central system of another version does not know the charger yet.
            self.registration.pop(wire.id, None)
        self._versions[wire.id] = wire.version
        wire.opened_at = self.clock()
        if self.registration.get(wire.id) == "Accepted":
            wire.accepted_at = wire.opened_at
        self.ledger.connected(wire.id, wire, wire.version)
        wire.answer_upgrade(response)
        self._note("--", "open", wire.id, request.path, "", wire)
        if isinstance(admission, script.CloseAfterAccept):
            wire.close(admission.code, admission.reason)
        elif self.on_open:
            self.on_open(wire)

    def wire_control(self, wire, frame):
        if frame.opcode is Opcode.CLOSE:
            note = f"charger says {wire.close_code} {wire.close_reason}"
            self._note("in", "control", "close", note, "", wire)
        else:
            self._note("in", "control", frame.opcode.name.lower(), len(frame.data), "", wire)

    def wire_closed(self, wire):
        self._unanswered.pop(wire, None)
        wire.closed_at = self.clock()
        self._note("--", "close", wire.id or "", wire.error or wire.close_code, "", wire)
        for unique_id in [u for u, p in self._pending.items() if p[2] is wire]:
            future = self._pending.pop(unique_id)[1]
            if not future.done():
                future.set_exception(ConnectionError("the connection ended before the answer"))
                future.exception()  # it may not be awaited at all

    def tls_failed(self, wire, reason):
        self._refused(wire, f"TLS: {reason}")

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
