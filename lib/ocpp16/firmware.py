# FirmwareManagement: the station's jobs in the words of 1.6.
# MIT license; part of microevse
"""GetDiagnostics and UpdateFirmware (OCPP 1.6 sections 5.8 and 6.19; statuses 4.3 and 4.5), and
the statuses of signed updates (security whitepaper edition 3; signed_firmware.py has the request).
"""

from evse_base import iso8601
from evse_base import log
from ocppj.registration import camel
from ocppj.rpc import CallError
from evse_base import const
from station.jobs import FIRMWARE, LOG, running

_DIAGNOSTICS = const("DiagnosticsStatusNotification")
_SIGNED = const("SignedFirmwareStatusNotification")
# DiagnosticsStatus and FirmwareStatus (sections 7.24 and 7.25). The station's words are the same
# in small letters; 1.6 has no status for its other words.
_WORDS = const(
    " Uploading Uploaded UploadFailed Downloading Downloaded DownloadFailed Installing Installed"
    " InstallationFailed "
)


def _status(word):
    """Status of 1.6 for a neutral word, None if it has none."""
    text = camel(word)
    return text if " %s " % text in _WORDS else None


class Firmware:
    """`jobs` (station.jobs.Jobs) for the central system that `call` reaches."""

    def __init__(self, call, jobs):
        self._call = call
        self.jobs = jobs
        self.handlers = {
            "GetDiagnostics": self._get_diagnostics,
            "UpdateFirmware": self._update_firmware,
        }

    # -- requests ------------------------------------------------------------------------

    async def _get_diagnostics(self, payload):
        # startTime and stopTime may be ignored, as the whole log is sent: it is short.
        name = self.jobs.request_log(
            payload["location"], payload.get("retries"), payload.get("retryInterval")
        )
        return {"fileName": name}, self.jobs.wake

    async def _update_firmware(self, payload):
        at = iso8601.parse(payload["retrieveDate"])
        retries, interval = payload.get("retries"), payload.get("retryInterval")
        why = self.jobs.services.only_signed()
        if why:
            raise CallError("SecurityError", why)
        await self.jobs.prepare()
        why = self.jobs.request_update(payload["location"], at, retries, interval)
        if why:
            raise CallError("InternalError", why)
        return {}, self.jobs.wake

    # -- notifications -------------------------------------------------------------------

    def connected(self):
        """A new connection: only the latest status of each job is worth sending."""
        self.jobs.latest_only()

    def due_in_ms(self):
        """0 when there is a notification to send, None without one."""
        return 0 if self.jobs.news else None

    async def step(self):
        """Send the oldest notification; a CALLERROR drops it."""
        entry = self.jobs.news[0]
        what, word = entry[:2]
        if len(entry) > 2:
            action = _SIGNED
            payload = {"status": camel(word), "requestId": entry[2]}
        else:
            action = _DIAGNOSTICS if what == LOG else "FirmwareStatusNotification"
            payload = {"status": _status(word)}
        if payload["status"]:
            try:
                await self._call(action, payload)
            except CallError as exc:
                log.warn("ocpp", "%s refused: %s", action, exc.code)
        self.jobs.told(entry)

    async def trigger(self, action):
        """TriggerMessage: send the present status; Idle when no job runs (section 7.25)."""
        what = LOG if action == _DIAGNOSTICS else FIRMWARE
        word = self.jobs.now[what]
        status = "Idle"
        if running(word):
            # What a signed update says beside the words of all: its file is there.
            status = _status(word) or ("Downloaded" if word != "download_scheduled" else status)
        await self._call(action, {"status": status})
