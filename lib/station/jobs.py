# Jobs that move files: send the log, fetch a new program, and report each step.
# MIT license; part of microevse
"""One job at a time, and only while every contactor is open: its imports and files stall the
interpreter (name resolution, TLS, flash). The log says when a job has to wait. The last status of
each job survives a restart. So does an update that has not begun.

The station has its own words for a status; a protocol translates those that it has. Of LOG:
uploading, uploaded, upload_failed. Of FIRMWARE: downloading, downloaded, download_failed,
installing, installed, installation_failed; and of a signed update, whose number goes with each of
its words: download_scheduled, signature_verified, invalid_signature, install_scheduled,
install_rebooting, install_verification_failed. "idle" once the job is over.
"""

import asyncio

from evse_base import log
from evse_base import before_import, const, release
from store import kinds

# Also the keys of their last statuses in the journal; update.py has more keys.
LOG = 1
FIRMWARE = 2

_LOOK_S = const(1)
_LONG_LOOK_S = const(30)
_MAX_QUEUED = const(12)
RUNNING = const(
    "uploading downloading downloaded installing download_scheduled signature_verified"
    " install_scheduled install_rebooting"
)
# Statuses that end a job. A stored status that is not in this list is not reported.
_OVER = const(
    "uploaded upload_failed download_failed installation_failed installed invalid_signature"
    " install_verification_failed"
)


def running(word):
    """True if a job of which this was said last goes on."""
    return word in RUNNING.split(" ")


class Jobs:
    """Both jobs, and the news about them in order.

    services: the functions of the charger for this:
        allowed(ms=0) True while no contactor is closed, and none closes for `ms`; vacant() True
            while there is no session
        report() -> (source, size) of the log, source() yielding bytes
        async fetch(location, sink, stop), async send(location, source, size, name, stop);
            stop(slow) is True once a newer request has taken the place of this one; slow:
            True if this one makes no progress
        installer() -> object with begin(size), write(bytes, allowed), finish() -> True if a reboot
            is needed, what() -> text that names the program, installed(what) -> True if that
            program runs for good, None while it is on trial, False if not; or None
        manufacturer_roots() -> DER of the roots whose holders may sign an update; only_signed() ->
            why other updates are not taken, "" if they are
        async reboot(); errors: exceptions by which fetch and send fail
    """

    def __init__(self, settings, journal, clock, services):
        self._settings = settings
        self._journal = journal
        self.clock = clock
        self.services = services
        # [LOG or FIRMWARE, word], of a signed update also its number; oldest first: not told yet.
        self.news = []
        self.now = {LOG: "idle", FIRMWARE: "idle"}  # the word last said
        self._work = asyncio.Event()
        self.upload = None  # an Upload, while a log is to be sent
        self.on_news = None  # fn(), called when there is something to tell
        self.update = None  # an Update, while there is something to be done
        self._restore()

    # -- requests ------------------------------------------------------------------------

    def request_log(self, location, retries=None, interval=None):
        """The log is to be sent to `location`; returns the name of the file. See `wake`."""
        # Here, not at the top: it is rarely wanted.
        from .upload import Job, Upload

        job = Job(location, retries, interval)
        self.upload = Upload(self, self._settings, self.clock, job)
        return self.upload.name

    def request_update(self, location, at, retries=None, interval=None, signed=None):
        """A new program is to be fetched, not before Unix time `at`. See `wake`. None, or why it
        cannot be remembered. signed: see Update.request."""
        try:
            self._load().request(location, at, retries, interval, signed)
        except Exception as exc:
            return "it cannot be remembered: %r" % exc
        finally:
            self._give_up()
        return None

    async def wake(self):
        """Begin the job that was asked for. Only when the answer is on its way: it comes before
        the first news."""
        self._work.set()

    # -- work ----------------------------------------------------------------------------

    async def prepare(self):
        """Load what a request for an update needs, one module after the other."""
        await before_import()
        from . import upload  # noqa: F401

        await before_import()
        from . import update_request  # noqa: F401

        await before_import()
        from . import update_sink  # noqa: F401

        await before_import()
        from . import update  # noqa: F401

    def _load(self):
        # Here, not at the top: an update comes once in a year.
        if self.update is None:
            from .update import Update

            self.update = Update(self, self._journal, self.clock)
        return self.update

    def _give_up(self):
        if self.update and not self.update.waiting():
            self.update = None
            release("station.update")
            release("station.update_request")
            release("station.update_sink")
        if not self.upload and not self.update:
            release("station.upload")
            release("station.log_name")

    async def run(self):
        """Do the jobs that were asked for, one after the other, for ever."""
        while True:
            wait = _LONG_LOOK_S
            if self.upload or self.update:
                wait = _LOOK_S
                await self.work()
            self._work.clear()
            try:
                await asyncio.wait_for(self._work.wait(), wait)
            except asyncio.TimeoutError:
                pass

    async def work(self):
        """Do the next step of the job that is due, if one is."""
        if self.upload_due():
            await self.upload.work()
        elif self.update_due():
            await self.update.work()
        else:
            return
        self._give_up()

    def update_due(self):
        """True if the update may take its next step now."""
        return self.update and self.update.due()

    def upload_due(self):
        """True if the log is asked for and may be sent now."""
        return self.upload and self.upload.due()

    def may_begin(self, job, what):
        """True if it is time for `job` and a stall does no harm."""
        if self.clock.uptime_ms() < job.next_ms:
            return False
        if self.services.allowed():
            job.deferred = False
            return True
        if not job.deferred:
            job.deferred = True
            log.info("file", "%s: waits until no car is charging", what)
        return False

    # -- news ----------------------------------------------------------------------------

    def say(self, what, word, number=None):
        """Queue a word and remember it over a restart. number: of a signed update."""
        self.now[what] = word
        entry = [what, word] if number is None else [what, word, number]
        self.news.append(entry)
        if len(self.news) > _MAX_QUEUED:
            del self.news[0]
        try:
            self._journal.keep(kinds.FIRMWARE, what, entry)
        except Exception as exc:
            log.warn("file", "%s is not remembered: %r", word, exc)
        log.info("file", "%s", word)
        if self.on_news:
            self.on_news()

    def _restore(self):
        """Take up a job that a restart has cut, and a word that it has left untold."""
        for key, payload in list(self._journal.state(kinds.FIRMWARE)):
            word = ""
            for letter in payload[1] if isinstance(payload[1], str) else "":
                # Version 0.1.0 wrote them in capitals: UploadFailed.
                word += "_" + letter.lower() if word and "A" <= letter <= "Z" else letter.lower()
            if key == LOG and running(word):
                self.say(LOG, "upload_failed")
            elif key in (LOG, FIRMWARE) and word in _OVER.split(" "):
                self.say(key, word, *payload[2:3])
        self._load().restore()
        self._give_up()

    def latest_only(self):
        """After an outage only the latest word on each is worth telling."""
        latest = {}
        for entry in self.news:
            latest[entry[0]] = entry
        self.news = [latest[what] for what in sorted(latest)]

    def told(self, entry):
        """This one of `news` was told, or cannot be."""
        if entry in self.news:
            self.news.remove(entry)
        what, word = entry[:2]
        if not running(word) and self.now[what] == word:
            # Nothing is going on any more.
            self.now[what] = "idle"
            self._journal.forget(kinds.FIRMWARE, what)
