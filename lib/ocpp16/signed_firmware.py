# SignedUpdateFirmware: an update that the manufacturer has signed.
# MIT license; part of microevse
"""The message of the security whitepaper (edition 3) into a call to the station; the words about
it are told by firmware.py."""

from binascii import a2b_base64

from evse_base import before_import, const, iso8601, log, release
from ocppj.messages import CallError

# By the station's words. RevokedCertificate is never answered: there are no revocation lists.
_ANSWERS = const(
    " accepted Accepted canceled AcceptedCanceled rejected Rejected"
    " invalid_certificate InvalidCertificate "
)


def _signature(text):
    """The bytes of the signature; b"" if it is not base64."""
    text = "".join(text.split())
    try:
        return b"" if len(text) % 4 else a2b_base64(text)
    except ValueError:
        return b""


def _chain(text):
    """The certificates as DER; [] if they are not PEM."""
    from ocppj import tls

    release("ocppj.tls")
    try:
        return tls.pem_to_der(text)
    except ValueError as exc:
        log.warn("ocpp", "signing certificate: %s", exc)
        return []


async def signed_update_firmware(point, payload):
    """Handler of SignedUpdateFirmware."""
    if point.firmware is None:
        raise CallError("NotSupported", "no firmware management")
    jobs = point.firmware.jobs
    wanted = payload["firmware"]
    at = iso8601.parse(wanted["retrieveDateTime"])
    install_at = None
    if "installDateTime" in wanted:
        install_at = iso8601.parse(wanted["installDateTime"])
    await before_import()
    chain = _chain(wanted["signingCertificate"])
    await jobs.prepare()
    await before_import()
    from station import signed_update

    release("station.signed_update")
    word = await signed_update.request(
        jobs, payload["requestId"], wanted["location"], at, install_at, chain,
        _signature(wanted["signature"]), payload.get("retries"), payload.get("retryInterval"),
    )  # fmt: skip
    at = _ANSWERS.index(" %s " % word) + len(word) + 2
    return {"status": _ANSWERS[at : _ANSWERS.index(" ", at)]}, jobs.wake
