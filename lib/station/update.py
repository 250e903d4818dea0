# A new program: waiting for its date, downloading, installing, and the restart after that.
# MIT license; part of microevse
"""The steps of one firmware update.

The request is a journal record until it has failed or the new program is about to start. Then the
record "installing" takes its place, and a later start reports the result: the next start if
another program runs, else the start that is confirmed after a healthy run.

A signed update (signed_update.py) is installed only if the manufacturer's signature is that of the
file, which is hashed as it comes. Before the installer makes it the newest, it compares what lies
on the flash with the header, and the header with that of the file.
"""

import asyncio

from evse_base import log
from evse_base import const, release
from store import kinds
from store.journal import JournalFull

from . import update_request
from .jobs import FIRMWARE
from .update_sink import Sink
from .upload import Job

_INSTALLING = const(3)  # key of a FIRMWARE record in the journal

# How long a reboot waits until the central system has been told the reason.
_TELL_S = const(10)


class Update:
    """jobs: the Jobs that owns this update, and drops it once there is nothing left to do."""

    def __init__(self, jobs, journal, clock):
        self._jobs = jobs
        self._journal = journal
        self._clock = clock
        self._job = None
        self._at = 0  # Unix time before which it must not be fetched
        self._name = None  # the name that stands for a long location in the records
        # [_INSTALLING, ...]: the running version is on trial; no result is reported yet.
        self._begun = None
        self._clear()

    def _clear(self):
        self._fetched = None  # installer that has a complete download
        # Its number, None: without; the time to install it, None: at once. Of a signed one:
        # whether its certificate was found good; the SHA-256 of what was fetched; whether that is
        # signed; whether the installer is lent to others until it is time.
        self.number = self._install_at = self._sha256 = None
        self._signed = self._believed = self._proved = self._lent = False

    # -- the request ---------------------------------------------------------------------

    def request(self, location, at, retries, interval, signed=None):
        """Take a new update request. It replaces an update that has not been installed yet.

        signed: (number, time to install, signature, chain, whether that was found good, whether
        it is said that it waits for a car) of one with a number; signature None: nobody has signed
        it. Raises JournalFull, OSError; ValueError if it comes too soon.
        """
        record = update_request.keep(
            self._journal, location, at, retries, interval, signed, self._jobs
        )
        if self._fetched:
            self._fetched.abort()
        if self._begun is None:
            self._jobs.now[FIRMWARE] = "idle"  # what was told of another one is not of this one
        self._take(location, record)
        if signed:
            self._believed = signed[4]
            now = self._clock.now()
            waits = signed[5] and not self._jobs.services.allowed()
            if waits or now is not None and now < at:
                self._say("download_scheduled")

    def _take(self, location, record):
        self._job = Job(location, record[3], record[4])
        self._name = record[1]
        self._at = record[2]
        self._clear()
        self._signed = update_request.is_signed(record)
        more = record[7 : update_request.NUMBERED]
        if len(more) == 2:
            self.number, self._install_at = more

    def restore(self):
        """After a boot: the result of an installation, or a request that is still open."""
        journal = self._journal
        self._begun = update_request.readable(journal.get(kinds.FIRMWARE, _INSTALLING), 3)
        if self._begun is not None:
            done = self._outcome()
            if done is None:
                # The version is on trial: it may be taken back.
                self._jobs.now[FIRMWARE] = "installing"
            else:
                self._tell(done)
        request = update_request.readable(journal.get(kinds.FIRMWARE, update_request.REQUEST), 5)
        if request is not None and (self._begun is None or request[1:3] != self._begun[1:3]):
            self._take(update_request.location(journal, request), request)

    def _outcome(self):
        """True: the installed version runs for good; None: on trial; False: it does not run."""
        installer = self._jobs.services.installer()
        if installer is None:
            return False
        begun = self._begun
        return installer.installed(begun[3] if len(begun) > 3 else None)

    def _tell(self, done):
        """Report the end of the installation."""
        journal, begun = self._journal, self._begun
        # In this order a power cut in between makes the report twice, but never loses it.
        word = "installed" if done else "installation_failed"
        self._jobs.say(FIRMWARE, word, begun[4] if len(begun) > 4 else None)
        request = journal.get(kinds.FIRMWARE, update_request.REQUEST)
        if request is not None and request[1:3] == begun[1:3]:
            update_request.forget(self._journal)
        journal.forget(kinds.FIRMWARE, _INSTALLING)
        self._begun = None

    @property
    def pending(self):
        """True while an update waits that a new request would take the place of."""
        return self._job is not None

    def told_number(self):
        """The number of the update of which a word was said last; None: it has none."""
        if self._begun is not None and self._jobs.now[FIRMWARE] == "installing":
            return self._begun[4] if len(self._begun) > 4 else None
        return self.number

    def _say(self, word):
        self._jobs.say(FIRMWARE, word, self.number)

    def waiting(self):
        """True while there is something to be done, now or later."""
        return self._job is not None or self._begun is not None

    def due(self):
        """True if the next step may be taken now."""
        if self._begun is not None:
            # No new update before the trial of this one has ended.
            return self._outcome() is not None
        if self._job is None:
            return False
        now = self._clock.now()
        if self._fetched is not None:
            if self._signed and not self._proved:
                waited = self._clock.uptime_ms() >= self._job.next_ms
                return waited and now is not None and self._jobs.services.allowed()
            if self._install_at is not None and (now or 0) < self._install_at:
                return False
            return self._jobs.services.vacant()
        if now is None or now < self._at:
            return False
        return self._jobs.may_begin(self._job, "firmware update")

    # -- the work ------------------------------------------------------------------------

    async def work(self):
        """The next step: one try of the download, or the installation."""
        if self._begun is not None:
            done = self._outcome()
            if done is not None:
                self._tell(done)
        elif self._fetched is None:
            await self._download()
        elif self._signed and not self._proved:
            # Without a digest only the chain would be judged.
            if self._sha256 is not None and not await self._refused(self._sha256):
                self._proved = True
                self._say("signature_verified")
                self._wait()
        else:
            await self._install()

    async def _download(self):
        job = self._job
        services = self._jobs.services
        installer = services.installer()
        if installer is None:
            # The download does not begin, as this board cannot install it. The status is
            # installation_failed and not download_failed, because another location or another try
            # would not help.
            log.warn("file", "update refused: no installer")
            self._end("installation_failed")
            return
        signed = self._signed
        if signed and not self._believed:
            # It came while a car was charging, or a restart has come since.
            if await self._refused():
                return
            self._believed = True
        if self._jobs.now[FIRMWARE] != "downloading":
            self._say("downloading")
        try:
            sink = Sink(installer, services.allowed, signed)
            size = await services.fetch(
                job.location, sink,
                lambda slow: job is not self._job or (slow and self._jobs.upload_due()),
            )  # fmt: skip
        except services.errors as exc:
            log.warn("file", "firmware not fetched: %s", log.redact(exc))
            self._tidy(installer)
            if job is self._job and job.failed(self._clock.uptime_ms()):
                self._end("download_failed")
            return
        if job is not self._job:
            self._tidy(installer)
            return  # a newer request has taken its place
        log.info("file", "fetched, %d bytes", size)
        self._fetched = installer
        self._sha256 = sink.sha256.digest() if signed else None
        self._proved = self._lent = False
        self._say("downloaded")
        if not signed:
            self._wait()
            if not services.vacant():
                log.info("file", "waits for a session")

    async def _refused(self, digest=None):
        """True if the manufacturer has not signed (signed_update.judge), or another request has
        come. What there is no memory to find out is tried as often as a download is."""
        from . import signed_update

        job = self._job
        try:
            good = await signed_update.judge(self._jobs, self._journal, digest)
        finally:
            release("station.signed_update")
        if not good and job is self._job:
            if good is not None or job.failed(self._clock.uptime_ms()):
                if self._fetched:
                    self._fetched.abort()
                self._end("install_verification_failed" if good is None else "invalid_signature")
        return not good or job is not self._job

    def _wait(self):
        """Say that it is installed later, if so; until then the installer is lent to others."""
        now = self._clock.now()
        if self._install_at is not None and (now or 0) < self._install_at:
            self._lent = self._fetched.yields = True
            self._say("install_scheduled")

    def _tidy(self, installer):
        # Removing a file may erase flash. A file left now is removed when the next download
        # begins.
        if self._jobs.services.allowed():
            installer.abort()

    async def _install(self):
        installer = self._fetched
        if self._lent and not installer.yields:
            log.info("file", "fetched again: another came")
            self._fetched = None
            return
        self._say("installing")
        # Before the installer changes anything: the next start needs this record for its report.
        begun = [_INSTALLING, self._name, self._at, installer.what()]
        if self.number is not None:
            begun.append(self.number)
        try:
            self._journal.keep(kinds.FIRMWARE, _INSTALLING, begun)
            reboot = installer.finish()
        except (ValueError, OSError, JournalFull) as exc:
            log.warn("file", "not installed: %s", exc)
            installer.abort()
            wrong = self._signed and isinstance(exc, ValueError)
            self._end("install_verification_failed" if wrong else "installation_failed")
            return
        if not reboot:
            self._end("installed")
            return
        if self.number is not None:
            self._say("install_rebooting")
        for _ in range(10 * _TELL_S):
            if not self._jobs.news:
                break
            await asyncio.sleep(0.1)
        # A car may have come since the last look: its session ends first. None begins after this
        # look, as a reset is under way then.
        services = self._jobs.services
        while not services.vacant():
            await asyncio.sleep(1)
        # This program does nothing more: the next start closes the request.
        self._job = self._fetched = None
        await services.reboot()

    def _end(self, status):
        # First store the status, which outlives a reboot; then forget the request.
        self._say(status)
        self._job = self._fetched = None
        update_request.forget(self._journal)
        self._journal.forget(kinds.FIRMWARE, _INSTALLING)
