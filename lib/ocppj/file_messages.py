# Requests for files in messages: logs that are sent, programs that are fetched.
# MIT license; part of microevse
"""GetLog, and the fields of an update that the manufacturer has signed (OCPP 1.6 security
whitepaper edition 3; 2.x N01 and L01). The fields have the same names in all versions. Loaded for
one message.
"""

from evse_base import before_import, const, iso8601, release

# Status of the answer to a request for an update, by the station's words. RevokedCertificate is
# never answered: there are no revocation lists.
_UPDATE = const(
    " accepted Accepted canceled AcceptedCanceled rejected Rejected"
    " invalid_certificate InvalidCertificate "
)


def update_status(word):
    """The answer to a request for an update by a word of station.signed_update."""
    at = _UPDATE.index(" %s " % word) + len(word) + 2
    return {"status": _UPDATE[at : _UPDATE.index(" ", at)]}


def time(fields, name):
    """Unix time of a field, None without it."""
    return iso8601.parse(fields[name]) if name in fields else None


def log_wanted(payload):
    """The arguments of station.log_upload.request behind the kind of the log."""
    wanted = payload["log"]
    span = time(wanted, "oldestTimestamp"), time(wanted, "latestTimestamp")
    again = payload.get("retries"), payload.get("retryInterval")
    return (payload["requestId"], wanted["remoteLocation"]) + again + (span,)


async def update_wanted(payload):
    """The arguments of station.signed_update.request behind the first one."""
    wanted = payload["firmware"]
    at, install_at = time(wanted, "retrieveDateTime"), time(wanted, "installDateTime")
    chain = signed = None
    if "signingCertificate" in wanted or "signature" in wanted:
        await before_import()
        from . import pem

        release("ocppj.pem")
        chain = pem.certificates(wanted.get("signingCertificate", ""))
        signed = pem.signature(wanted.get("signature", ""))
    again = payload.get("retries"), payload.get("retryInterval")
    return (payload["requestId"], wanted["location"], at, install_at, chain, signed) + again
