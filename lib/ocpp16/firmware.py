# FirmwareManagement: diagnostics out, firmware in, and both told step by step.
# MIT license; part of microevse
"""GetDiagnostics and UpdateFirmware (OCPP 1.6 sections 5.8 and 6.19; statuses 4.3 and 4.5).

One job at a time, and only while every contactor is open: what they need stalls the
interpreter (name resolution, TLS, flash). A job that has to wait says so in the log. What
has been told last survives a reboot, and so does an update that is still to come.
"""

import asyncio

import iso8601
import log
from ocppj.rpc import CallError
from port import const, release
from store import kinds
from store.journal import JournalFull

DIAGNOSTICS = "DiagnosticsStatusNotification"
FIRMWARE = "FirmwareStatusNotification"

# Keys of the FIRMWARE records in the journal; update.py has more of them.
_TOLD = const(1)
_LOOK_S = const(1)
_LONG_LOOK_S = const(30)
_MAX_QUEUED = const(12)
# What the requests leave to us (OCPP 1.6 section 5.8: "left to Charge Point to decide").
_RETRIES = const(2)
_RETRY_S = const(60)
_MAX_RETRIES = const(20)

_RUNNING = ("Uploading", "Downloading", "Downloaded", "Installing")
# How a job can end; a word of another version is not told.
_OVER = ("Uploaded", "UploadFailed", "DownloadFailed", "InstallationFailed", "Installed")


def _key(action):
    return _TOLD if action == DIAGNOSTICS else _TOLD + 1


class Job:
    """Something to fetch or send, and how often it may fail."""

    def __init__(self, location, retries=None, interval=None):
        self.location = location
        self.tries = 1 + min(max(0, _RETRIES if retries is None else retries), _MAX_RETRIES)
        self.interval = max(0, _RETRY_S if interval is None else interval)
        self.next_ms = 0  # uptime before which it is not tried again
        self.deferred = False  # told that it has to wait

    def failed(self, now_ms):
        """One try less; True if that was the last one."""
        self.tries -= 1
        self.next_ms = now_ms + 1000 * self.interval
        return self.tries <= 0


class Firmware:
    """Both jobs, and the notifications about them in order.

    services: what the charger has for this:
        allowed() True while no contactor is closed; vacant() True while there is no session
        report() -> (source, size) of the diagnostics, source() yielding bytes
        async fetch(location, sink, stop), async send(location, source, size, name, stop);
            stop(slow) is True once a newer request has taken the place of this one; slow:
            this one does not get on
        installer() -> object with begin(size), write(bytes), finish() -> True if a reboot
            is needed, what() -> text that names it, installed(what) -> True if that runs
            for good, None while it is on trial, False if not; or None
        async reboot(); errors: exceptions by which fetch and send fail
    """

    def __init__(self, call, settings, journal, clock, services):
        self._call = call
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self.services = services
        self._queue = []  # [action, status], oldest first
        self._now = {DIAGNOSTICS: "Idle", FIRMWARE: "Idle"}
        self._work = asyncio.Event()
        self._upload = None  # (Job, file name)
        self.on_news = None  # fn(), called when there is something to send
        self.update = None  # an Update, while there is something to be done
        self.handlers = {
            "GetDiagnostics": self._get_diagnostics,
            "UpdateFirmware": self._update_firmware,
        }
        self._restore()

    # -- requests ------------------------------------------------------------------------

    async def _get_diagnostics(self, payload):
        # startTime and stopTime are taken note of by leaving nothing out: the log is short.
        location = payload["location"]
        name = self._file_name()
        job = Job(location, payload.get("retries"), payload.get("retryInterval"))
        self._upload = (job, name)
        return {"fileName": name}, self._look

    async def _update_firmware(self, payload):
        location = payload["location"]
        try:
            at = iso8601.parse(payload["retrieveDate"])
            retries, interval = payload.get("retries"), payload.get("retryInterval")
            self._load().request(location, at, retries, interval)
        except (JournalFull, OSError) as exc:
            raise CallError("InternalError", "no room to remember it: %r" % exc)
        finally:
            self._give_up()
        return {}, self._look

    async def _look(self):
        # Only when the answer is on its way: it comes before the first notification.
        self._work.set()

    def _file_name(self):
        name = "".join(c if c.isalpha() or c.isdigit() else "-" for c in self._charger_name())
        now = self._clock.now()
        if now is None:
            when = "boot%s-%d" % (self._clock.boot, self._clock.uptime())
        else:
            when = iso8601.format(now).replace(":", "").replace("-", "")
        return "%s-%s.txt" % (name, when)

    def _charger_name(self):
        text = self._settings.text("ChargePointId") or "charger"
        # Letters of other alphabets are fine in an id and trouble in a file name.
        return "".join(c if c < "\x7f" else "-" for c in text)

    # -- jobs ----------------------------------------------------------------------------

    def _load(self):
        # Here, not at the top: an update comes once in a year.
        if self.update is None:
            from .update import Update

            self.update = Update(self, self._journal, self._clock)
        return self.update

    def _give_up(self):
        if self.update and not self.update.waiting():
            self.update = None
            release("ocpp16.update")

    async def run(self):
        """Do what was asked for, one thing after the other, for ever."""
        while True:
            wait = _LONG_LOOK_S
            if self._upload or self.update:
                wait = _LOOK_S
                await self.work()
            self._work.clear()
            try:
                await asyncio.wait_for(self._work.wait(), wait)
            except asyncio.TimeoutError:
                pass

    async def work(self):
        """The next step of what is due, if anything is."""
        if self.upload_due():
            await self._send_diagnostics()
        elif self._update_due():
            await self.update.work()
            self._give_up()

    def _update_due(self):
        return self.update and self.update.due()

    def upload_due(self):
        """True if a report is asked for and may be sent now."""
        return self._upload and self.may_begin(self._upload[0], "diagnostics")

    def may_begin(self, job, what):
        """True if it is time for `job` and a stall does no harm."""
        if self._clock.uptime_ms() < job.next_ms:
            return False
        if self.services.allowed():
            job.deferred = False
            return True
        if not job.deferred:
            job.deferred = True
            log.info("file", "%s: waits until no car is charging", what)
        return False

    async def _send_diagnostics(self):
        job, name = self._upload
        if self._now[DIAGNOSTICS] != "Uploading":
            self.say(DIAGNOSTICS, "Uploading")
        try:
            source, size = self.services.report()
            await self.services.send(
                job.location, source, size, name,
                lambda slow: self._upload[0] is not job or (slow and self._update_due()),
            )  # fmt: skip
            status = "Uploaded"
            log.info("file", "diagnostics sent, %d bytes", size)
        except self.services.errors as exc:
            log.warn("file", "diagnostics not sent: %s", log.redact(exc))
            if self._upload[0] is not job:
                return  # another one is wanted by now, and its statuses will be told
            last = job.failed(self._clock.uptime_ms())
            status = "UploadFailed" if last else None
        if status:
            self.say(DIAGNOSTICS, status)
            if self._upload[0] is job:
                self._upload = None

    def status(self, action):
        """The word last told for `action`, "Idle" once nothing is going on."""
        return self._now[action]

    def resume(self, action, status):
        """After a reboot: `status` was told before it, and still is the truth."""
        self._now[action] = status

    # -- notifications -------------------------------------------------------------------

    def say(self, action, status):
        """Queue a notification and remember it over a reboot."""
        self._now[action] = status
        self._queue.append([action, status])
        if len(self._queue) > _MAX_QUEUED:
            del self._queue[0]
        try:
            self._journal.keep(kinds.FIRMWARE, _key(action), [_key(action), status])
        except (JournalFull, OSError) as exc:
            log.warn("file", "%s %s is not remembered: %r", action, status, exc)
        log.info("file", "%s", status)
        if self.on_news:
            self.on_news()

    def _restore(self):
        """What a reboot has left: something to tell, or something that it has cut."""
        for key, payload in list(self._journal.state(kinds.FIRMWARE)):
            if key == _key(DIAGNOSTICS) and payload[1] in _RUNNING:
                self.say(DIAGNOSTICS, "UploadFailed")
            elif key in (_key(DIAGNOSTICS), _key(FIRMWARE)) and payload[1] in _OVER:
                self.say(DIAGNOSTICS if key == _TOLD else FIRMWARE, payload[1])
        self._load().restore()
        self._give_up()

    def connected(self):
        """After an outage only the latest word on each is worth telling."""
        latest = {}
        for action, status in self._queue:
            latest[action] = status
        self._queue = [[action, latest[action]] for action in sorted(latest)]

    def due_in_ms(self):
        return 0 if self._queue else None

    async def step(self):
        """Send the oldest notification; a CALLERROR drops it."""
        entry = self._queue[0]
        action, status = entry
        try:
            await self._call(action, {"status": status})
        except CallError as exc:
            log.warn("ocpp", "%s refused: %s", action, exc.code)
        if entry in self._queue:
            self._queue.remove(entry)
        if status not in _RUNNING and self._now[action] == status:
            # Told, and nothing is going on any more.
            self._now[action] = "Idle"
            self._journal.forget(kinds.FIRMWARE, _key(action))

    @property
    def silent(self):
        """Everything has been told."""
        return not self._queue

    async def trigger(self, action):
        """TriggerMessage: how it stands; Idle when nothing runs (section 7.25)."""
        status = self._now[action]
        await self._call(action, {"status": status if status in _RUNNING else "Idle"})
