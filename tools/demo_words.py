# What the messages of a charger mean, in a few words, for the story of `make run`.
# MIT license; part of microevse
"""The same for OCPP 1.6 and 2.x: each message is told in one line."""


def of(action, payload):
    """What a message says; an empty text for one of which nothing is told."""
    told = _TOLD.get(action)
    return told(payload) if told else ""


def status(action, payload):
    """The status of connector 1 (EVSE 1) that a message tells, None if it tells none: a status of
    the connector, or under 2.x the charging state of its session."""
    if action == "StatusNotification":
        if payload.get("evseId", payload.get("connectorId")) == 1:
            return payload.get("connectorStatus") or payload.get("status")
    elif action == "TransactionEvent":
        return payload["transactionInfo"].get("chargingState")
    return None


def _boot(payload):
    station = payload.get("chargingStation")
    if station:
        return f"I am a {station['model']} by {station['vendorName']} ({payload['reason']})"
    return f"I am a {payload['chargePointModel']} by {payload['chargePointVendor']}"


def _status(payload):
    if "connectorStatus" in payload:
        return f"connector {payload['evseId']} is {payload['connectorStatus']}"
    text = f"connector {payload['connectorId']} is {payload['status']}"
    code = payload.get("errorCode")
    return text if code == "NoError" else f"{text} ({code})"


def _authorize(payload):
    token = payload.get("idTag") or payload["idToken"]["idToken"]
    return f"may {token} charge?"


def _values(payload):
    found = []
    for value in payload.get("meterValue", ()):
        for sample in value["sampledValue"]:
            unit = sample.get("unit") or sample.get("unitOfMeasure", {}).get("unit", "Wh")
            found.append(f"{sample['value']} {unit}")
    return ", ".join(found)


def _stop(payload):
    text = f"transaction {payload['transactionId']} ends at {payload['meterStop']} Wh"
    return text + (f" ({payload['reason']})" if payload.get("reason") else "")


def _event(payload):
    info = payload["transactionInfo"]
    words = [f"{payload['seqNo']} {payload['eventType']}, {payload['triggerReason']}"]
    if "idToken" in payload:
        words.append(payload["idToken"]["idToken"])
    words += [info[key] for key in ("chargingState", "stoppedReason") if key in info]
    return ", ".join(words) + (": " + _values(payload) if "meterValue" in payload else "")


def _notified(payload):
    return ", ".join(
        f"{row['component']['name']}.{row['variable']['name']} = {row['actualValue']}"
        for row in payload["eventData"]
    )


_TOLD = {
    "SecurityEventNotification": lambda p: p["type"],
    "Heartbeat": lambda p: "what time is it?",
    "BootNotification": _boot,
    "StatusNotification": _status,
    "Authorize": _authorize,
    "StartTransaction": lambda p: f"{p['idTag']} starts at {p['meterStart']} Wh",
    "MeterValues": _values,
    "StopTransaction": _stop,
    "TransactionEvent": _event,
    "NotifyEvent": _notified,
}
