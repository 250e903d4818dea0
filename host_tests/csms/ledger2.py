# The events of one transaction of OCPP 2.x, judged as they come.
# MIT license; part of microevse
"""`Events.take(event)` yields (kind, sentence) for each contradiction. The kinds, which a test may
put into `Ledger.allow`:

    repetition  a seqNo that was told before comes with other contents
    order       Started not first, Ended not last, a second of either, none of the first
    gap         numbers are missing when the transaction ends
    time        a timestamp lies before that of an earlier number
    energy      a reading of the energy is below an earlier one
    offline     `offline` is set although the line was up, or missing although there was none
    token       idToken in an event that authorizes nothing, told again, or missing
    evse        not told in the first event that knows it, or changed
    reason      stoppedReason and triggerReason contradict each other, or are where they may not be
    state       chargingState is missing, or contradicts triggerReason
    meter       the end has no reading; MeterValues in place of an event
    twice       one session under two transactionIds

Numbers 0, 1, 2 ... (2.0.1 part 2, section E; part 6). An event that comes behind a later one is
judged by number, time and energy alone. A repetition under another version of 2.x may have fields
that the other version does not know.
"""

import bisect

from . import checks

# The stamps of a charger are in whole seconds, and it may learn of a lost line later (s).
OFFLINE_MARGIN = 3

# What has begun an end may be followed by what closes the transaction (TxStopPoint EVConnected).
_CLOSING = ("EVCommunicationLost", "EVDeparted", "ChargingStateChanged")
# stoppedReason: the triggerReasons that its Ended may have; others than these are free.
_TRIGGERS = {
    "DeAuthorized": ("Deauthorized", "EnergyLimitReached", *_CLOSING),
    "EmergencyStop": ("AbnormalCondition",),
    "EnergyLimitReached": ("EnergyLimitReached", *_CLOSING),
    "EVDisconnected": ("EVCommunicationLost", "EVDeparted"),
    "GroundFault": ("AbnormalCondition",),
    "ImmediateReset": ("ResetCommand",),
    "Local": ("StopAuthorized", *_CLOSING),
    "LocalOutOfCredit": ("AbnormalCondition", "CostLimitReached", *_CLOSING),
    "MasterPass": ("StopAuthorized", *_CLOSING),
    "OvercurrentFault": ("AbnormalCondition",),
    "PowerLoss": ("AbnormalCondition",),
    "PowerQuality": ("AbnormalCondition",),
    "Reboot": ("ResetCommand", "AbnormalCondition"),
    "Remote": ("RemoteStop", *_CLOSING),
    "SOCLimitReached": ("SoCLimitReached", *_CLOSING),
    "StoppedByEV": ("ChargingStateChanged", "EVCommunicationLost"),
    "TimeLimitReached": ("TimeLimitReached", *_CLOSING),
    "Timeout": ("EVConnectTimeout",),
}
# triggerReason of an Ended: the stoppedReasons that it may have; others than these are free.
_REASONS = {
    "Deauthorized": ("DeAuthorized",),
    "EVConnectTimeout": ("Timeout",),
    "RemoteStop": ("Remote",),
    "ResetCommand": ("ImmediateReset", "Reboot"),
    "StopAuthorized": ("Local", "MasterPass"),
    "UnlockCommand": ("Other",),
}
_CONNECTED = ("EVConnected", "Charging", "SuspendedEV", "SuspendedEVSE")
_AUTHORIZING = ("Authorized", "RemoteStart")
_WITHDRAWING = ("StopAuthorized", "RemoteStop", "Deauthorized")
# What a repetition under another version of 2.x has to have in common.
_CORE = ("eventType", "timestamp", "triggerReason", "seqNo", "offline", "idToken", "evse")


def readings(payload):
    """[(Unix s, Wh)] of the energy that was imported in all, over all phases."""
    found = []
    for value in payload.get("meterValue", ()):
        for sample in value["sampledValue"]:
            measurand = sample.get("measurand", "Energy.Active.Import.Register")
            if measurand != "Energy.Active.Import.Register" or "phase" in sample:
                continue
            unit = sample.get("unitOfMeasure", {})
            factor = 1000 if unit.get("unit", "Wh") == "kWh" else 1
            wh = sample["value"] * factor * 10 ** unit.get("multiplier", 0)
            found.append((_unix(value["timestamp"]), round(wh, 3)))
    return sorted(found, key=lambda item: item[0])


def _unix(stamp):
    try:
        return checks.unix(stamp)
    except ValueError:
        return 0.0  # checks.py blames it


class Event:
    """A TransactionEvent; lines: [(wire, version)] of its charger, oldest first."""

    def __init__(self, wire, payload, lines):
        self.payload = payload
        self.wire = wire
        self.lines = list(lines)
        self.version = wire.version
        self.type = payload["eventType"]
        self.trigger = payload["triggerReason"]
        self.seq = payload["seqNo"]
        self.at = _unix(payload["timestamp"])
        self.info = payload["transactionInfo"]
        self.state = self.info.get("chargingState")
        self.evse = payload.get("evse")
        self.evse_id = self.evse["id"] if self.evse else None
        self.token = payload["idToken"]["idToken"] if "idToken" in payload else None
        self.readings = readings(payload)
        # How many connections of 1.6 the charger has had before this event came.
        self.era = sum(version == "1.6" for _, version in self.lines)


class Events:
    """The events of one transaction, by seqNo."""

    def __init__(self):
        self._by_seq = {}
        self._readings = []
        self._role = None  # of the last idToken: "start" or "stop"
        self._evse = None
        self.token = None
        self.charged = False
        self.began_elsewhere = False  # its start was told under 1.6 first

    @property
    def evse_id(self):
        return self._evse["id"] if self._evse else None

    def get(self, seq):
        return self._by_seq.get(seq)

    def __len__(self):
        return len(self._by_seq)

    def __iter__(self):
        """The events in order of seqNo."""
        return iter([self._by_seq[seq] for seq in sorted(self._by_seq)])

    def take(self, event, both):
        """Judge and keep an event; both: the session was told under 1.6 as well."""
        known = self._by_seq.get(event.seq)
        if known:
            yield from self._repeated(known, event)
            return
        last = not self._by_seq or event.seq > max(self._by_seq)
        yield from self._order(event)
        yield from self._neighbours(event)
        self._by_seq[event.seq] = event
        yield from _offline(event)
        yield from _reasons(event)
        yield from _states(event)
        if last:
            yield from self._tokens(event)
            yield from self._evses(event)
        if event.type == "Ended":
            missing = self._missing(event.seq, both)
            if missing:
                yield "gap", f"ends without the numbers {missing}"

    def _repeated(self, known, event):
        old, new = known.payload, event.payload
        keys = set(old) | set(new) if known.version == event.version else _CORE
        other = sorted(key for key in keys if old.get(key) != new.get(key))
        if other:
            yield (
                "repetition",
                f"number {event.seq} repeated with another {', '.join(other)}: {new} after {old}",
            )

    def _order(self, event):
        types = {e.type: e.seq for e in self._by_seq.values()}
        if event.type == "Started":
            if "Started" in types:
                yield "order", f"started twice, by {types['Started']} and {event.seq}"
            elif event.seq != 0:
                yield "order", f"Started has the number {event.seq}"
        elif event.seq == 0:
            yield "order", f"{event.type} has the number 0"
        elif not types:
            yield "order", f"{event.type} of a transaction that was not started"
        if event.type == "Ended":
            if "Ended" in types:
                yield "order", f"ended twice, by {types['Ended']} and {event.seq}"
            elif self._by_seq and event.seq < max(self._by_seq):
                yield "order", f"Ended has the number {event.seq}, below {max(self._by_seq)}"
        elif types.get("Ended", event.seq) < event.seq:
            yield "order", f"number {event.seq} behind Ended, which is {types['Ended']}"

    def _neighbours(self, event):
        before = max((seq for seq in self._by_seq if seq < event.seq), default=None)
        after = min((seq for seq in self._by_seq if seq > event.seq), default=None)
        if before is not None and self._by_seq[before].at > event.at:
            yield "time", f"number {event.seq} lies before number {before}"
        if after is not None and self._by_seq[after].at < event.at:
            yield "time", f"number {event.seq} lies behind number {after}"
        for at, wh in event.readings:
            place = bisect.bisect_right([t for t, _ in self._readings], at)
            earlier, later = self._readings[:place][-1:], self._readings[place:][:1]
            if any(had > wh for _, had in earlier) or any(had < wh for _, had in later):
                near = earlier + later
                yield "energy", f"{wh:g} Wh in number {event.seq} contradicts {near}"
            self._readings.insert(place, (at, wh))

    def _missing(self, end, both):
        missing = []
        seen = sorted(self._by_seq)
        for a, b in zip([-1, *seen], seen):
            # Told under 1.6, or without a message there: see ledger.py.
            elsewhere = a == 0 and self.began_elsewhere
            if a >= 0 and both:
                elsewhere = elsewhere or self._by_seq[a].era != self._by_seq[b].era
            if not elsewhere:
                missing.extend(range(a + 1, b))
        return [seq for seq in missing if 0 <= seq < end]

    def _tokens(self, event):
        where = f"number {event.seq} ({event.type}, {event.trigger})"
        self.charged = self.charged or event.state == "Charging"
        if event.token is not None:
            role = "stop" if event.trigger == "StopAuthorized" else "start"
            if role == "start" and event.type != "Started" and event.trigger not in _AUTHORIZING:
                yield "token", f"{where} has an idToken and authorizes nothing"
            elif role == self._role:
                yield "token", f"{where} tells the idToken again"
            self._role = role
            if role == "start" and self.token is None:
                self.token = event.token
        elif event.trigger in _AUTHORIZING:
            yield "token", f"{where} has no idToken"
        if event.trigger in _WITHDRAWING:
            self._role = "stop"
        if event.type == "Ended" and self.charged and self.token is None:
            yield "token", "energy was given and no idToken told"

    def _evses(self, event):
        if event.evse is not None:
            if self._evse is None:
                self._evse = dict(event.evse)
            for key, value in event.evse.items():
                if self._evse.setdefault(key, value) != value:
                    yield "evse", f"number {event.seq} has the evse {event.evse}, not {self._evse}"
        elif self._evse is None:
            if event.state in _CONNECTED or event.trigger == "CablePluggedIn":
                yield "evse", f"number {event.seq} knows the evse and does not tell it"


def _offline(event):
    """It was offline, or it was online: each can be wrong. A charger that is connected and not yet
    registered may call itself either."""
    offline = event.payload.get("offline", False)
    if offline:
        since = event.wire.accepted_at
        if since is not None and since + OFFLINE_MARGIN < event.at:
            yield "offline", f"number {event.seq} is offline, the line has been up before it"
        return
    for wire, _ in event.lines:
        end = event.at if wire.closed_at is None else wire.closed_at + OFFLINE_MARGIN
        if wire.opened_at is not None and wire.opened_at - OFFLINE_MARGIN <= event.at <= end:
            return
    yield "offline", f"number {event.seq} is not offline, there was no line at that time"


def _reasons(event):
    reason = event.info.get("stoppedReason")
    if event.type != "Ended":
        if reason is not None:
            yield "reason", f"number {event.seq} ({event.type}) has the stoppedReason {reason}"
        return
    reason = reason or "Local"  # it may be left out for this one alone
    if event.trigger not in _TRIGGERS.get(reason, (event.trigger,)):
        yield "reason", f"stoppedReason {reason} by the triggerReason {event.trigger}"
    elif reason not in _REASONS.get(event.trigger, (reason,)):
        yield "reason", f"triggerReason {event.trigger} with the stoppedReason {reason}"


def _states(event):
    where = f"number {event.seq} ({event.type}, {event.trigger})"
    needed = event.trigger in ("ChargingStateChanged", "CablePluggedIn")
    # Without a cable there is no state to tell.
    begins = event.type == "Started" and event.trigger not in (*_AUTHORIZING, "EVDetected")
    if event.state is None and (needed or begins):
        yield "state", f"{where} has no chargingState"
    if event.trigger == "CablePluggedIn" and event.state == "Idle":
        yield "state", f"{where} has the chargingState Idle"
    if event.trigger in ("EVCommunicationLost", "EVDeparted") and event.state in _CONNECTED:
        yield "state", f"{where} has the chargingState {event.state}"
