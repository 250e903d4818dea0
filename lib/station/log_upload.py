# A log is sent where the central system wants it, under a number of its own.
# MIT license; part of microevse
"""Two logs can be sent: the security log, and the diagnostics that station.jobs sends, too. One at
a time: who asks for another one gives up the one before. One task sends them all: a flood of
requests changes its target, and takes no memory. With or without the jobs that fetch programs,
because the security log belongs to the core of every charger.

Loaded while a log is asked for.
"""

import asyncio

from evse_base import const, log, release, traceless

from . import log_name, security_log

SECURITY = "security"
DIAGNOSTICS = "diagnostics"
# The requests leave these to the station.
_RETRIES = const(2)
_RETRY_S = const(60)
_MAX_RETRIES = const(20)
_LOOK_S = const(1)


def request(
    settings, clock, what, number, location, retries=None, interval=None, span=(None, None)
):
    """The Upload that begins with its `begin`, and whether it takes the place of another one.

    what: SECURITY or DIAGNOSTICS. number: of the request, told with every word. retries: after the
    first try; interval: s between tries. span: Unix times of the oldest and the latest event that
    are wanted, or None; diagnostics are always whole.
    """
    before = security_log.upload
    upload = Upload(settings, clock, what, number, location, span)
    upload.tries = 1 + min(max(0, _RETRIES if retries is None else retries), _MAX_RETRIES)
    upload.interval = max(0, _RETRY_S if interval is None else interval)
    upload.sends = before is not None and before.sends
    security_log.upload = upload
    return upload, before is not None and not before.over


async def _send():
    """Send the log that was asked for last, until there is none that may begin."""
    upload = security_log.upload
    try:
        while upload is not None and upload.begun and not upload.over:
            await upload.run()
            upload = security_log.upload
    finally:
        if security_log.upload is not None:
            security_log.upload.sends = False  # its `begin` starts a task


class Upload:
    """`name`: of the file. `news`: words that have not been told, oldest first: uploading,
    uploaded, upload_failed. `over`: nothing comes any more. `begun`: its answer is on its way.
    `sends`: the task runs, for this one or still for the one before."""

    def __init__(self, settings, clock, what, number, location, span):
        self._clock = clock
        self._what = what
        self._location = location
        self._span = span
        self.number = number
        self.news = []
        self.over = self.begun = self.sends = False
        self.name = log_name.file_name(settings, clock, what)

    async def begin(self):
        """Start. Only when the answer is on its way: it comes before the first news."""
        self.begun = True
        if security_log.upload is self and not self.sends:
            asyncio.create_task(traceless(_send()))
            self.sends = True

    def _say(self, word):
        log.info("file", "%s log: %s", self._what, word)
        self.over = word != "uploading"
        self.news.append(word)
        if security_log.on_news:
            security_log.on_news()

    def told(self, word):
        """The first of `news` was told, or cannot be."""
        if word in self.news:
            self.news.remove(word)
        if self.over and not self.news and security_log.upload is self:
            security_log.upload = None
            release("station.log_upload")

    def _given_up(self, slow=False):
        return security_log.upload is not self

    async def run(self):
        """Try until the log is sent, another one is asked for, or there are no tries left."""
        services = security_log.services
        waits = begun = False
        while not self._given_up():
            if not services.allowed():
                # Imports, name resolution and TLS stall the interpreter.
                if not waits:
                    log.info("file", "%s log: waits until no car is charging", self._what)
                waits = True
                await asyncio.sleep(_LOOK_S)
                continue
            if not begun:
                begun = True
                self._say("uploading")
            try:
                source, size = self._source()
                await services.send(self._location, source, size, self.name, self._given_up)
                if not self._given_up():
                    self._say("uploaded")
                return
            except Exception as exc:  # whatever fails: its end is told
                if self._given_up():
                    return
                log.warn("file", "%s log not sent: %s", self._what, log.redact(exc))
            self.tries -= 1
            if self.tries <= 0:
                if not self._given_up():
                    self._say("upload_failed")
                return
            for _ in range(self.interval):
                if self._given_up():
                    return
                await asyncio.sleep(1)

    def _source(self):
        """(source, size): source() yields the bytes, the same ones each time. ValueError if there
        is no log to be had."""
        if self._what == DIAGNOSTICS:
            return security_log.services.report()
        from . import security_book

        release("station.security_book")
        last = security_book.last_number()
        if last is None:
            raise ValueError("the security log cannot be read now")
        oldest, latest = self._span
        lines, clock = security_book.lines, self._clock

        def source():
            for line in lines(clock, oldest, latest, last):
                yield line.encode() + b"\n"

        size = 0
        for piece in source():
            size += len(piece)
        return source, size
