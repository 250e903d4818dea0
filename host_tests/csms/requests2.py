# What the messages of OCPP 2.x refer to: requests of the central system, parts of a report.
# MIT license; part of microevse
"""`Requests` knows what the central system has asked of each charger, and blames a message that
refers to nothing: a requestId, reservationId or remoteStartId that was never given, a report that
comes before its request is answered, parts of it that do not follow each other, a message that a
charger in the state Pending sends unasked (2.0.1 part 2, B02.FR.02).

A part that is repeated word for word is no fault: its answer may have been lost.
"""

# The message that carries the parts of a report: the requests that may bring it about.
_REPORTS = {
    "NotifyReport": ("GetBaseReport", "GetReport"),
    "NotifyMonitoringReport": ("GetMonitoringReport",),
    "NotifyCustomerInformation": ("CustomerInformation",),
    "ReportChargingProfiles": ("GetChargingProfiles",),
    "NotifyDisplayMessages": ("GetDisplayMessages",),
}
# These have no seqNo, and no fixed order.
_UNNUMBERED = ("ReportChargingProfiles", "NotifyDisplayMessages")
# Other messages that name the request which they belong to.
_REFERRING = {
    "LogStatusNotification": ("GetLog",),
    "FirmwareStatusNotification": ("UpdateFirmware",),
}
# TriggerMessage's words for messages that have another name.
_TRIGGERED = {
    "SignChargingStationCertificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
    "SignV2G20Certificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
}


class _Charger:
    def __init__(self):
        self.ids = {}  # (action, requestId) -> "open", or the status of the answer
        self.reports = {}  # (message, requestId) -> [next seqNo, last payload, closed]
        self.events = [0, None]  # NotifyEvent: next seqNo, last payload
        self.reservations = set()
        self.starts = set()  # remoteStartIds
        self.triggered = set()


class Requests:
    """`asked` and `answered` note our calls, `told` judges what the charger sends."""

    def __init__(self):
        self._chargers = {}
        self._open = {}  # unique id -> (charger, (action, requestId), payload)

    def _of(self, charger):
        return self._chargers.setdefault(charger, _Charger())

    def asked(self, charger, unique_id, action, payload):
        """A CALL goes to the charger."""
        known = self._of(charger)
        if not isinstance(payload, dict):
            return
        if "requestId" in payload:
            key = action, payload["requestId"]
            # A number may be used again: its report begins anew.
            for message in _REPORTS:
                if action in _REPORTS[message]:
                    known.reports.pop((message, payload["requestId"]), None)
            known.ids[key] = "open"
            self._open[unique_id] = charger, key
        if action == "ReserveNow":
            known.reservations.add(payload.get("id"))
        elif action == "RequestStartTransaction":
            known.starts.add(payload.get("remoteStartId"))
        elif action == "TriggerMessage":
            word = payload.get("requestedMessage")
            known.triggered.add(_TRIGGERED.get(word, word))

    def answered(self, unique_id, payload):
        """The charger has answered; payload: None for a CALLERROR."""
        charger, key = self._open.pop(unique_id, (None, None))
        if key:
            answer = payload if isinstance(payload, dict) else {}
            self._of(charger).ids[key] = answer.get("status", "refused")

    def wanted(self, charger, action):
        """True if a charger whose registration is Pending may send this."""
        return action in _REPORTS or action in self._of(charger).triggered

    def unfinished(self):
        """Reports that were begun, or accepted, and have no last part (sentences)."""
        found = []
        for charger, known in self._chargers.items():
            begun = {request for _, request in known.reports}
            for (message, request), (_, _, closed) in known.reports.items():
                if not closed:
                    found.append(f"{charger}: {message} {request} has no last part")
            for (action, request), status in known.ids.items():
                reporting = any(action in actions for actions in _REPORTS.values())
                if reporting and status == "Accepted" and request not in begun:
                    found.append(f"{charger}: {action} {request} was accepted, no report came")
        return found

    def told(self, charger, action, payload):
        """Faults of a message of the charger whose schema is right (sentences)."""
        known = self._of(charger)
        if action == "BootNotification":
            known.events = [0, None]
        if action in _REPORTS:
            return self._part(known, action, payload) + _secrets(action, payload)
        if action == "NotifyEvent":
            return self._events(known, payload)
        if action in _REFERRING:
            return self._referring(known, action, payload)
        wrong = []
        if action == "ReservationStatusUpdate" or "reservationId" in payload:
            if payload.get("reservationId") not in known.reservations:
                wrong.append(f"{action}: no reservation {payload.get('reservationId')} was made")
        if action == "TransactionEvent":
            start = payload["transactionInfo"].get("remoteStartId")
            if start is not None and start not in known.starts:
                wrong.append(f"{action}: nobody gave the remoteStartId {start}")
        return wrong

    def _status(self, known, actions, request):
        found = [known.ids[a, request] for a in actions if (a, request) in known.ids]
        return found[-1] if found else None

    def _part(self, known, action, payload):
        request = payload["requestId"]
        status = self._status(known, _REPORTS[action], request)
        if status is None:
            return [f"{action}: nobody asked with the requestId {request}"]
        if status == "open":
            return [f"{action} {request} before the request was answered"]
        if status != "Accepted":
            return [f"{action} {request}, but the request was answered with {status}"]
        report = known.reports.setdefault((action, request), [0, None, False])
        if payload == report[1] and action not in _UNNUMBERED:
            return []  # a repetition
        wrong = []
        if report[2]:
            wrong.append(f"{action} {request} goes on behind its last part")
        if action not in _UNNUMBERED and payload["seqNo"] != report[0]:
            wrong.append(f"{action} {request}: part {payload['seqNo']} in place of {report[0]}")
        report[0] = payload.get("seqNo", 0) + 1
        report[1] = payload
        report[2] = not payload.get("tbc", False)
        return wrong

    def _events(self, known, payload):
        if payload == known.events[1]:
            return []
        want = known.events[0]
        known.events[1] = payload
        known.events[0] = payload["seqNo"] + 1 if payload.get("tbc") else 0
        if payload["seqNo"] == want:
            return []
        return [f"NotifyEvent: part {payload['seqNo']} in place of {want}"]

    def _referring(self, known, action, payload):
        request = payload.get("requestId")
        if request is None:
            # L01.FR.20 and N01.FR.13: only a triggered Idle belongs to no request.
            if payload.get("status") != "Idle":
                return [f"{action} {payload.get('status')} without a requestId"]
        elif self._status(known, _REFERRING[action], request) is None:
            return [f"{action}: nobody asked with the requestId {request}"]
        return []


def _secrets(action, payload):
    """A variable that can only be written has no value in a report (B08: e.g. a password)."""
    wrong = []
    for row in payload.get("reportData", ()) if action == "NotifyReport" else ():
        for attribute in row.get("variableAttribute", ()):
            if attribute.get("mutability") == "WriteOnly" and attribute.get("value"):
                name = f"{row['component']['name']}.{row['variable']['name']}"
                wrong.append(f"{action}: {name} is WriteOnly and has a value")
    return wrong
