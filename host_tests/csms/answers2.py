# The sane answers of a central system of OCPP 2.0.1 and 2.1, bookkeeping included.
# MIT license; part of microevse
"""`usual(csms, wire, action, payload)`; `csms` keeps the tokens, the ledger and the clock.

The table of tokens is that of 1.6: an entry may have `status` (the ten of 2.x), `expiryDate`
(1.6; told as cacheExpiryDateTime), `parentIdTag` (1.6; told as groupIdToken of the type Central),
all fields of idTokenInfo, and `type`: then a token of another type is Invalid.
"""

from . import script
from .answers16 import entry_of
from .frames import stamp

_EMPTY_ANSWERS = {
    "2.0.1": (
        "ClearedChargingLimit",
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "StatusNotification",
    ),
    "2.1": (
        "ClosePeriodicEventStream",
        "NotifyPriorityCharging",
        "NotifyWebPaymentStarted",
    ),
}


def usual(csms, wire, action, payload):
    """The answer's payload, or a script.Error."""
    if action == "BootNotification":
        now = stamp(csms.clock())
        return {"status": "Accepted", "currentTime": now, "interval": csms.interval}
    if action == "Heartbeat":
        return {"currentTime": stamp(csms.clock())}
    if action == "Authorize":
        return {"idTokenInfo": id_token_info(csms, payload.get("idToken"))}
    if action == "TransactionEvent":
        return _transaction_event(csms, wire, payload)
    if action == "MeterValues":
        csms.ledger.metered2(wire.id, payload)
        return {}
    if action == "DataTransfer":
        return {"status": "UnknownVendorId"}
    if action == "SignCertificate":
        return {"status": "Rejected"}  # it has no authority: a test gives it one
    if action == "GetCertificateStatus":
        return {"status": "Failed"}
    if action in _EMPTY_ANSWERS["2.0.1"]:
        return {}
    if wire.version == "2.1":
        if action == "PullDynamicScheduleUpdate":
            update = csms.dynamic.get(payload.get("chargingProfileId"))
            if update is None:
                return {"status": "Rejected"}
            return {"status": "Accepted", "scheduleUpdate": update}
        if action == "OpenPeriodicEventStream":
            return {"status": "Accepted"}
        if action in _EMPTY_ANSWERS["2.1"]:
            return {}
    return script.Error("NotImplemented", f"{action} is not known here")


def _transaction_event(csms, wire, payload):
    entry = csms.ledger.event(wire, payload)
    answer = {}
    if "idToken" in payload:
        answer["idTokenInfo"] = id_token_info(csms, payload["idToken"])
    if csms.price is not None and payload.get("eventType") == "Ended" and entry.wh is not None:
        answer["totalCost"] = round(entry.wh / 1000 * csms.price, 2)
    return answer


def id_token_info(csms, token):
    """idTokenInfo of an idToken (a dict); idTokens are case-insensitive."""
    if not isinstance(token, dict):
        return {"status": "Invalid"}
    fields = entry_of(csms, token.get("idToken"))
    if fields is None:
        # C02: a start without authorization is told with an empty token.
        free = token.get("type") == "NoAuthorization"
        return {"status": "Accepted" if free else "Unknown"}
    info = {k: v for k, v in fields.items() if k not in ("expiryDate", "parentIdTag", "type")}
    if "type" in fields and fields["type"] != token.get("type"):
        info["status"] = "Invalid"
    if "expiryDate" in fields:
        info.setdefault("cacheExpiryDateTime", fields["expiryDate"])
    group = fields.get("groupIdToken", fields.get("parentIdTag"))
    if group is not None:
        info["groupIdToken"] = group if isinstance(group, dict) else {"idToken": group}
        info["groupIdToken"] = {"type": "Central", **info["groupIdToken"]}
    return info
