# The CSMS's book of transactions: recognises repetitions, notices contradictions.
# MIT license; part of microevse
"""Transactions as a central system should keep them, under every version of OCPP.

A charger that never got an answer sends the same event again. Under 1.6 the same connector, idTag,
meterStart and timestamp are the same transaction, and a repeated StopTransaction must equal the
first one, or a driver is billed two ways. Under 2.x the transactionId is the charger's own, and
`ledger2.py` judges the events by their seqNo.

A session may be told under both, because a charger that changes its central system tells the START
again under the other protocol before it goes on (lib/station/delivery.py). The rule: a
StartTransaction and a TransactionEvent Started of one charger are one session if they name the
same second, the same connector (where both name one) and the same meter reading (within 1 Wh,
where both have one). It is one entry of the book, under the id that came first, so that it is
billed once. Its end may be told under both, too, and must then have the same energy, time and
reason. The events that 1.6 has acknowledged, or has no message for, leave gaps in the numbers of
2.x: a gap is none if a connection of 1.6 lies in it, or if the session began under 1.6 and the gap
follows Started.
"""

from . import checks, ledger2
from .transaction import Transaction

# Reasons of 2.x, each with those of 1.6 that a session may have in its place; a reason that is not
# here is Other (reference: the enumerations ReasonEnumType and Reason).
SAME_REASON = {
    "DeAuthorized": ("DeAuthorized",),
    "EmergencyStop": ("EmergencyStop",),
    "EVDisconnected": ("EVDisconnected",),
    "Local": ("Local",),
    "MasterPass": ("Local",),
    "Other": ("Other", "UnlockCommand"),
    "PowerLoss": ("PowerLoss",),
    "Reboot": ("Reboot", "HardReset", "SoftReset"),
    "Remote": ("Remote",),
    "ImmediateReset": ("HardReset", "SoftReset", "Reboot"),
}
_WH = 1  # how far two readings of one moment may lie apart: rounding


def moment(stamp):
    """Unix seconds of a stamp, None if it is none (checks.py blames it)."""
    try:
        return checks.unix(stamp)
    except (ValueError, AttributeError):
        return None


def _near(one, other, by):
    return one is None or other is None or abs(one - other) <= by


class Ledger:
    """`transactions`: {id: Transaction}; `problems`: sentences, which the Csms takes away.

    `allow`: kinds of problems of 2.x that a test takes on itself (words of ledger2.py).
    """

    def __init__(self, first_id=100001):
        self._next = first_id
        self._by_start = {}
        self._by_number = {}
        self._by_uuid = {}
        self._moments = {}  # (charger, second) -> transactions that began then
        self._lines = {}  # charger -> its connections, oldest first
        self.transactions = {}
        self.problems = []
        self.allow = set()

    # -- what both have ----------------------------------------------------------------------

    def connected(self, charger, wire, version):
        """A charger has connected, and speaks this version from now on."""
        self._lines.setdefault(charger, []).append((wire, version))

    def find(self, id):
        """The transaction with this id, under whichever version; None without one."""
        return self._by_number.get(id) or self._by_uuid.get(id)

    def running(self):
        return [t for t in self.transactions.values() if t.stop is None]

    def _blame(self, kind, text):
        if kind not in self.allow:
            self.problems.append(text)

    def _new(self, id, charger, payload):
        entry = Transaction(id, charger, dict(payload))
        self.transactions[id] = entry
        return entry

    def _same(self, charger, began, connector, meter):
        """Transactions of the charger that began at this moment, by the rule above."""
        found = self._moments.get((charger, None if began is None else int(began)), ())
        return [
            t
            for t in found
            if _near(t.connector, connector, 0) and _near(t.meter_start, meter, _WH)
        ]

    def _place(self, entry):
        if entry.began is not None:
            self._moments.setdefault((entry.charger, int(entry.began)), []).append(entry)

    def _ended(self, entry, payload, ended, meter, reason):
        """Take an end that was not told before under its protocol."""
        if entry.stop is None:
            entry.stop = dict(payload)
            entry.ended, entry.meter_stop, entry.reason = ended, meter, reason
            if entry.wh is not None and entry.wh < 0:
                self.problems.append(f"transaction {entry.id} ends with {entry.wh} Wh")
            return
        entry.retold += 1
        entry.stops -= 1
        # `new` is the reason of 2.x, `old` that of 1.6.
        old, new = (entry.reason, reason) if "eventType" in payload else (reason, entry.reason)
        if not (
            _near(ended, entry.ended, 1)
            and _near(meter, entry.meter_stop, _WH)
            and old in SAME_REASON.get(new, ("Other",))
        ):
            self.problems.append(
                f"transaction {entry.id} ends another way under the other protocol:"
                f" {payload} after {entry.stop}"
            )

    # -- OCPP 1.6 ----------------------------------------------------------------------------

    def started(self, charger, payload):
        """Book a StartTransaction; returns its Transaction, an old one if it is a repetition."""
        token, connector = payload.get("idTag"), payload.get("connectorId")
        meter = payload.get("meterStart")
        key = charger, connector, token, meter, payload.get("timestamp")
        known = self._by_start.get(key)
        if known:
            known.starts += 1
            return known
        began = moment(payload.get("timestamp"))
        same = [t for t in self._same(charger, began, connector, meter) if t.number is None]
        if same:
            entry = same[0]
            entry.retold += 1
            self._compare_tokens(entry, token)
        else:
            entry = self._new(self._next, charger, payload)
            entry.starts = 1
            entry.connector, entry.token = connector, token
            entry.meter_start, entry.began = meter, began
            self._place(entry)
        entry.number = self._next
        self._next += 1
        self._by_start[key] = self._by_number[entry.number] = entry
        return entry

    def _compare_tokens(self, entry, token):
        # A start without authorization has an empty token under 2.x and a fixed one under 1.6.
        if token and entry.token and str(token).upper() != str(entry.token).upper():
            self.problems.append(
                f"transaction {entry.id} of {entry.token} is told again as of {token}"
            )

    def stopped(self, charger, payload):
        """Book a StopTransaction; returns its Transaction or None if the id is unknown."""
        entry = self._by_number.get(payload.get("transactionId"))
        if entry is None:
            # A charger sends -1 if it was never told an id (1.6 errata 3.18).
            if payload.get("transactionId") != -1:
                self.problems.append(
                    f"StopTransaction for {payload.get('transactionId')}, which was never given"
                )
            return None
        entry.stops += 1
        if entry.stop16 is None:
            entry.stop16 = dict(payload)
            ended, reason = moment(payload.get("timestamp")), payload.get("reason", "Local")
            self._ended(entry, payload, ended, payload.get("meterStop"), reason)
        elif entry.stop16 != payload:
            self.problems.append(
                f"StopTransaction of {entry.id} repeated with other contents:"
                f" {payload} after {entry.stop16}"
            )
        return entry

    def metered(self, charger, payload):
        """Book MeterValues that belong to a transaction."""
        if payload.get("transactionId") is None:
            return
        entry = self._by_number.get(payload["transactionId"])
        if entry is None:
            if payload["transactionId"] != -1:
                self.problems.append(
                    f"MeterValues for {payload['transactionId']}, which was never given"
                )
            return
        for value in payload.get("meterValue", ()):
            entry.sample(value)

    # -- OCPP 2.x ----------------------------------------------------------------------------

    def event(self, wire, payload):
        """Book a TransactionEvent whose schema is right; returns its Transaction."""
        charger = wire.id
        uuid = payload["transactionInfo"]["transactionId"]
        told = ledger2.Event(wire, payload, self._lines.get(charger, ()))
        entry = self._by_uuid.get(uuid)
        if entry is None:
            entry = self._begin(charger, uuid, told)
        elif entry.charger != charger:
            self._blame("twice", f"transaction {uuid}: it is one of {entry.charger}")
        repeated = entry.events.get(told.seq) is not None
        for kind, text in entry.events.take(told, entry.number is not None):
            self._blame(kind, f"transaction {uuid}: {text}")
        if told.type == "Started":
            entry.starts += 1
        elif told.type == "Ended":
            entry.stops += 1
        if repeated:
            return entry
        if entry.connector is None:
            entry.connector = entry.events.evse_id
        if entry.token is None:
            entry.token = entry.events.token
        if entry.meter_start is None and told.readings:
            entry.meter_start = told.readings[0][1]
        if told.type == "Updated" and told.trigger in ("MeterValuePeriodic", "MeterValueClock"):
            for value in payload.get("meterValue", ()):
                entry.sample(value)
        if told.type == "Ended" and (entry.stop is None or "eventType" not in entry.stop):
            meter = told.readings[-1][1] if told.readings else None
            if meter is None:
                self._blame("meter", f"transaction {uuid}: its end has no reading of the energy")
            reason = payload["transactionInfo"].get("stoppedReason", "Local")
            self._ended(entry, payload, told.at, meter, reason)
        return entry

    def _begin(self, charger, uuid, told):
        """The Transaction of an id that was not told before."""
        meter = told.readings[0][1] if told.readings else None
        same = []
        if told.type == "Started":
            same = self._same(charger, told.at, told.evse_id, meter)
        for entry in same:
            if entry.uuid is not None:
                self._blame("twice", f"transaction {uuid}: {entry.uuid} is the same session")
        same = [entry for entry in same if entry.uuid is None]
        if same:
            entry = same[0]
            entry.retold += 1
            entry.starts -= 1  # `event` counts it
            entry.events.began_elsewhere = True
            self._compare_tokens(entry, told.token)
        else:
            entry = self._new(uuid, charger, told.payload)
            entry.connector, entry.began, entry.meter_start = told.evse_id, told.at, meter
            if told.type == "Started":
                self._place(entry)
        entry.uuid = uuid
        self._by_uuid[uuid] = entry
        return entry

    def metered2(self, charger, payload):
        """Judge a MeterValues of 2.x: what is sampled in a session belongs into its events."""
        for entry in self.running():
            if (entry.charger, entry.connector) != (charger, payload.get("evseId")):
                continue
            for value in payload.get("meterValue", ()):
                contexts = {s.get("context", "Sample.Periodic") for s in value["sampledValue"]}
                at = moment(value["timestamp"])
                if entry.uuid and at and entry.began and at > entry.began + 1:
                    if contexts & {"Sample.Periodic", "Sample.Clock"}:
                        text = f"MeterValues at {value['timestamp']}, while it runs"
                        self._blame("meter", f"transaction {entry.uuid}: {text}")
