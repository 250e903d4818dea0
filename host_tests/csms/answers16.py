# The sane answers of a central system of OCPP 1.6, bookkeeping included.
# MIT license; part of microevse
"""`usual(csms, wire, action, payload)`; `csms` keeps the tokens, the ledger and the clock."""

from . import checks, script
from .frames import stamp

_EMPTY_ANSWERS = (
    "MeterValues",
    "StatusNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "SecurityEventNotification",
    "SignedFirmwareStatusNotification",
)
_STATUSES = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")


def usual(csms, wire, action, payload):
    """The answer's payload, or a script.Error."""
    if action == "BootNotification":
        now = stamp(csms.clock())
        return {"status": "Accepted", "currentTime": now, "interval": csms.interval}
    if action == "Heartbeat":
        return {"currentTime": stamp(csms.clock())}
    if action == "Authorize":
        return {"idTagInfo": id_tag_info(csms, payload.get("idTag"))}
    if action == "StartTransaction":
        entry = csms.ledger.started(wire.id, payload)
        return {
            "transactionId": entry.number,
            "idTagInfo": id_tag_info(csms, payload.get("idTag")),
        }
    if action == "StopTransaction":
        csms.ledger.stopped(wire.id, payload)
        if payload.get("idTag"):
            return {"idTagInfo": id_tag_info(csms, payload["idTag"])}
        return {}
    if action == "MeterValues":
        csms.ledger.metered(wire.id, payload)
        return {}
    if action == "DataTransfer":
        return {"status": "UnknownVendorId"}
    if action == "SignCertificate":
        return {"status": "Rejected"}  # it has no authority: a test gives it one
    if action in _EMPTY_ANSWERS:
        return {}
    return script.Error("NotImplemented", f"{action} is not known here")


def entry_of(csms, tag):
    """The fields that the table of tokens has for this text (case-insensitive), or None. An entry
    whose expiryDate has come is Expired."""
    for known, fields in csms.id_tags.items():
        if str(tag).upper() == known.upper():
            fields = {"status": "Accepted", **fields}
            expiry = fields.get("expiryDate")
            if expiry and checks.unix(expiry) <= csms.clock():
                fields["status"] = "Expired"
            return fields
    return None


def id_tag_info(csms, tag):
    """idTagInfo of a tag. A status that 1.6 does not know is told as Invalid."""
    fields = entry_of(csms, tag)
    if fields is None:
        return {"status": "Invalid"}
    info = {k: fields[k] for k in ("status", "expiryDate", "parentIdTag") if k in fields}
    if info["status"] not in _STATUSES:
        info["status"] = "Invalid"
    if "cacheExpiryDateTime" in fields:
        info.setdefault("expiryDate", fields["cacheExpiryDateTime"])
    if "groupIdToken" in fields:
        group = fields["groupIdToken"]
        info.setdefault("parentIdTag", group["idToken"] if isinstance(group, dict) else group)
    return info
