# A new program: waiting for its date, downloading, installing, and the restart after that.
# MIT license; part of microevse
"""The steps of one firmware update.

The request is a journal record until it has failed or the new program is about to start. Then the
record "installing" takes its place, and a later start reports the result: the next start if
another program runs, else the start that is confirmed after a healthy run.
"""

import asyncio

from evse_base import log
from evse_base import const, crc32
from store import kinds
from store.journal import JournalFull

from .jobs import FIRMWARE
from .upload import Job

# Keys of the FIRMWARE records in the journal.
_REQUEST = const(0)
_INSTALLING = const(3)
# A location may be longer than a record of the journal (1024 bytes; the schema sets no limit). It
# is then kept in pieces under these keys. The pieces of the next request have the other keys, so
# that a power cut between two of them leaves the old request whole.
_PIECE = const(600)
_PIECES = const((100, 200))

# How long a reboot waits until the central system has been told the reason.
_TELL_S = const(10)


def _readable(record, fields):
    """A request as it is on flash; None if this version cannot read it."""
    if record is None or len(record) < fields or not isinstance(record[1], str):
        return None
    for number in record[2:5] if fields == 5 else record[2:3]:
        if number is not None and not isinstance(number, int):
            return None
    return record if record[2] is not None else None


class _Sink:
    """Hands a download to the installer, piece by piece, whenever flash may be written."""

    def __init__(self, installer, allowed):
        self.installer = installer
        self.allowed = allowed

    async def begin(self, size):
        while not self.allowed():
            await asyncio.sleep(1)
        self.installer.begin(size)

    async def write(self, chunk):
        # An erase stalls everything for 80 ms: not while a car is charging, and none may begin to
        # between the question and the erase. So the installer asks for itself, too.
        while not (self.allowed() and self.installer.write(chunk, self.allowed)):
            await asyncio.sleep(1)


class Update:
    """jobs: the Jobs that owns this update, and drops it once there is nothing left to do."""

    def __init__(self, jobs, journal, clock):
        self._jobs = jobs
        self._journal = journal
        self._clock = clock
        self._job = None
        self._at = 0  # Unix time before which it must not be fetched
        self._name = None  # the name that stands for a long location in the records
        self._fetched = None  # installer that has a complete download
        # [_INSTALLING, ...]: the running version is on trial; no result is reported yet.
        self._begun = None

    # -- the request ---------------------------------------------------------------------

    def request(self, location, at, retries, interval):
        """Take a new update request. It replaces an update that has not been installed yet.

        Raises JournalFull, OSError.
        """
        name, pieces = self._keep_location(location)
        self._journal.keep(
            kinds.FIRMWARE, _REQUEST, [_REQUEST, name, at, retries, interval] + pieces
        )
        self._drop_pieces(pieces[:1])
        self._take(location, name, at, retries, interval)

    def _take(self, location, name, at, retries, interval):
        self._job = Job(location, retries, interval)
        self._name = name
        self._at = at
        self._fetched = None

    def _keep_location(self, location):
        """(location, []), or (a name for it, [first key, number of pieces]) of a long one."""
        data = location.encode()
        if len(data) <= _PIECE:
            return location, []
        old = self._journal.get(kinds.FIRMWARE, _REQUEST)
        first = _PIECES[1] if old is not None and old[5:6] == [_PIECES[0]] else _PIECES[0]
        count = 0
        for at in range(0, len(data), _PIECE):
            key = first + count
            self._journal.keep(kinds.FIRMWARE, key, [key, data[at : at + _PIECE]])
            count += 1
        return "%d bytes, %08x" % (len(data), crc32(data)), [first, count]

    def _location(self, request):
        """The whole location of a request, "" if a piece of it is lost."""
        if len(request) < 7 or not isinstance(request[5], int):
            return request[1]
        if request[5] not in _PIECES or not isinstance(request[6], int):
            return ""
        data = b""
        for key in range(request[5], request[5] + min(request[6], 99)):
            piece = self._journal.get(kinds.FIRMWARE, key)
            if piece and isinstance(piece[1], bytes):
                data += piece[1]
        whole = "%d bytes, %08x" % (len(data), crc32(data)) == request[1]
        try:
            return data.decode() if whole else ""
        except ValueError:
            return ""

    def _drop_pieces(self, kept=()):
        """Forget the pieces of locations that no request needs; `kept`: [first key]."""
        for key in [key for key, _ in self._journal.state(kinds.FIRMWARE)]:
            if isinstance(key, int) and key >= _PIECES[0] and key // 100 * 100 not in kept:
                self._journal.forget(kinds.FIRMWARE, key)

    def _forget_request(self):
        self._journal.forget(kinds.FIRMWARE, _REQUEST)
        self._drop_pieces()

    def restore(self):
        """After a boot: the result of an installation, or a request that is still open."""
        journal = self._journal
        self._begun = _readable(journal.get(kinds.FIRMWARE, _INSTALLING), 3)
        if self._begun is not None:
            done = self._outcome()
            if done is None:
                # The version is on trial: it may be taken back.
                self._jobs.now[FIRMWARE] = "installing"
            else:
                self._tell(done)
        request = _readable(journal.get(kinds.FIRMWARE, _REQUEST), 5)
        if request is not None and (self._begun is None or request[1:3] != self._begun[1:3]):
            self._take(self._location(request), request[1], request[2], request[3], request[4])

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
        self._jobs.say(FIRMWARE, "installed" if done else "installation_failed")
        request = journal.get(kinds.FIRMWARE, _REQUEST)
        if request is not None and request[1:3] == begun[1:3]:
            self._forget_request()
        journal.forget(kinds.FIRMWARE, _INSTALLING)
        self._begun = None

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
        if self._fetched is not None:
            return self._jobs.services.vacant()
        now = self._clock.now()
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
        elif self._fetched is not None:
            await self._install()
        else:
            await self._download()

    async def _download(self):
        job = self._job
        services = self._jobs.services
        installer = services.installer()
        if installer is None:
            # The download does not begin, as this board cannot install it. The status is
            # installation_failed and not download_failed, because another location or another try
            # would not help.
            log.warn("file", "firmware update refused: this board has no installer")
            self._end("installation_failed")
            return
        if self._jobs.now[FIRMWARE] != "downloading":
            self._jobs.say(FIRMWARE, "downloading")
        try:
            sink = _Sink(installer, services.allowed)
            size = await services.fetch(
                job.location, sink,
                lambda slow: job is not self._job or (slow and self._jobs.upload_due()),
            )  # fmt: skip
        except services.errors as exc:
            log.warn("file", "firmware not downloaded: %s", log.redact(exc))
            self._tidy(installer)
            if job is self._job and job.failed(self._clock.uptime_ms()):
                self._end("download_failed")
            return
        if job is not self._job:
            self._tidy(installer)
            return  # a newer request has taken its place
        log.info("file", "firmware downloaded, %d bytes", size)
        self._fetched = installer
        self._jobs.say(FIRMWARE, "downloaded")
        if not services.vacant():
            log.info("file", "installation waits until no car is connected to a session")

    def _tidy(self, installer):
        # Removing a file may erase flash. A file left now is removed when the next download
        # begins.
        if self._jobs.services.allowed():
            installer.abort()

    async def _install(self):
        installer = self._fetched
        self._jobs.say(FIRMWARE, "installing")
        # Before the installer changes anything: the next start needs this record for its report.
        begun = [_INSTALLING, self._name, self._at, installer.what()]
        try:
            self._journal.keep(kinds.FIRMWARE, _INSTALLING, begun)
            reboot = installer.finish()
        except (ValueError, OSError, JournalFull) as exc:
            log.warn("file", "firmware not installed: %s", exc)
            installer.abort()
            self._end("installation_failed")
            return
        if not reboot:
            self._end("installed")
            return
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
        self._jobs.say(FIRMWARE, status)
        self._job = self._fetched = None
        self._forget_request()
        self._journal.forget(kinds.FIRMWARE, _INSTALLING)
