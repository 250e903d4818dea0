# Sending the log: its file name, its tries, and its status.
# MIT license; part of microevse
"""Loaded while a log is to be sent; `Job` is shared with update.py."""

from evse_base import log
from evse_base import const

from . import log_name
from .jobs import LOG

# The requests leave this to the station (OCPP 1.6 section 5.8: "left to Charge Point to decide").
_RETRIES = const(2)
_RETRY_S = const(60)
_MAX_RETRIES = const(20)


class Job:
    """Something to fetch or send, and how often it may fail."""

    def __init__(self, location, retries=None, interval=None):
        self.location = location
        self.tries = 1 + min(max(0, _RETRIES if retries is None else retries), _MAX_RETRIES)
        self.interval = max(0, _RETRY_S if interval is None else interval)
        self.next_ms = 0  # uptime before which it is not tried again
        self.deferred = False  # the log says that it has to wait

    def failed(self, now_ms):
        """One try less; True if that was the last one."""
        self.tries -= 1
        self.next_ms = now_ms + 1000 * self.interval
        return self.tries <= 0


class Upload:
    """One log that is to be sent. jobs: the Jobs that owns this upload; `name`: of the file."""

    def __init__(self, jobs, settings, clock, job):
        self._jobs = jobs
        self._clock = clock
        self._job = job
        self.name = log_name.file_name(settings, clock)

    def due(self):
        """True if it may be sent now."""
        return self._jobs.may_begin(self._job, "log")

    async def work(self):
        """Try once to send the log."""
        jobs, job = self._jobs, self._job
        if jobs.now[LOG] != "uploading":
            jobs.say(LOG, "uploading")
        try:
            source, size = jobs.services.report()
            await jobs.services.send(
                job.location, source, size, self.name,
                lambda slow: jobs.upload is not self or (slow and jobs.update_due()),
            )  # fmt: skip
            word = "uploaded"
            log.info("file", "log sent, %d bytes", size)
        except jobs.services.errors as exc:
            if jobs.upload is not self:
                return  # a newer request has taken its place, and reports its own status
            log.warn("file", "log not sent: %s", log.redact(exc))
            word = "upload_failed" if job.failed(self._clock.uptime_ms()) else None
        if word:
            jobs.say(LOG, word)
            if jobs.upload is self:
                jobs.upload = None
