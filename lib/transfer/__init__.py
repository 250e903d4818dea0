# Files from and to servers: HTTP, HTTPS and FTP, in pieces that fit a small heap.
# MIT license; part of microevse
"""`fetch` and `send` choose by the scheme of the URL; nothing is ever held whole.

A sink has `async begin(size or None)` and `async write(chunk)`. A source is a callable that
gives a fresh iterator of bytes each time, so that an upload can start again. A gate is an
async callable that is awaited before each connection: name resolution and TLS handshakes
stall the interpreter.
"""

import asyncio

from evse_base import log

from .stream import Progress, TransferError, watch, words
from .url import join, parse  # noqa: F401 (join: for callers)

# A connection without a byte for this long is given up (and resumed, if it can be).
STALL_S = 60
# How often a download that has made progress is taken up again within one `fetch`.
RESUMES = 5
# Larger than the flash of any board: a server that sends without end is cut off.
LIMIT = 16 * 1024 * 1024


class _Download(Progress):
    """The bytes received so far, over as many connections as it takes."""

    def __init__(self, sink, limit, gate, stop):
        Progress.__init__(self, gate, stop)
        self._sink = sink
        self._limit = limit
        self._begun = False
        self.done = 0
        self.skip = 0  # bytes to come that have been received before
        self.size = None
        self.tag = None  # the server's name (ETag) for this very version of the file, as bytes

    async def begin(self, size):
        """The server said how long it is in all (None: it did not). TransferError if wrong."""
        if self._begun:
            if size is not None and self.size is not None and size != self.size:
                raise TransferError("the file has changed on the server")
            return
        if size is not None and size > self._limit:
            raise TransferError("%d bytes are too many" % size)
        self._begun = True
        self.size = size
        await self._store(self._sink.begin, size)

    async def take(self, chunk):
        """Take the next piece. TransferError if there are too many."""
        if self.skip:
            size = len(chunk)
            chunk = chunk[self.skip :]
            self.skip -= size - len(chunk)
            if not chunk:
                return
        if self.done + len(chunk) > self._limit:
            raise TransferError("more than %d bytes" % self._limit)
        await self._store(self._sink.write, chunk)
        self.done += len(chunk)

    async def _store(self, fn, what):
        # The sink may wait for flash: that does not count as silence of the server.
        self.held = True
        try:
            await fn(what)
        except OSError as exc:
            # A failure of the sink must not look like an error of the network.
            raise TransferError("what came cannot be stored: %s" % words(exc)) from None
        finally:
            self.held = False
            self.touch()


def _module(scheme):
    # Only one of these modules is needed at a time, and rarely.
    if scheme == "ftp":
        from . import ftp as module
    else:
        from . import http as module
    return module


async def fetch(
    url, sink, tls=None, limit=LIMIT, gate=None, stop=None, stall_s=STALL_S, resumes=RESUMES
):
    """Get `url` into `sink`; returns the number of bytes.

    tls: callable giving the client context for https. A connection that is lost or silent
    for `stall_s` s after some bytes came is made again from where it ended. stop: fn(slow)
    -> True once it shall end, asked each second; slow: it is far behind stream.RATE. Raises
    TransferError (the text is fit for a log), ValueError for a bad URL or bad certificates,
    and what the sink raises. The time for it all is bounded: see stream.
    """
    target = parse(url)
    download = _Download(sink, limit, gate, stop)
    while True:
        before = download.done
        try:
            await watch(_module(target.scheme).get(target, download, tls), download, stall_s)
            return download.done
        except (OSError, EOFError, asyncio.TimeoutError) as exc:
            if download.done == before or resumes <= 0:
                raise TransferError(words(exc)) from None
            resumes -= 1
            log.info("file", "%s; going on at byte %d", words(exc), download.done)


async def send(url, source, size=None, name="", tls=None, gate=None, stop=None, stall_s=STALL_S):
    """Put what `source()` yields at `url`; raises as `fetch`.

    size: bytes in all, None if it is not known (HTTP then sends chunks). name: file name told
    to HTTP servers. stop: as for `fetch`.
    """
    target = parse(url)
    progress = Progress(gate, stop)
    try:
        put = _module(target.scheme).put(target, source, size, name, progress, tls)
        await watch(put, progress, stall_s)
    except (OSError, EOFError, asyncio.TimeoutError) as exc:
        raise TransferError(words(exc)) from None
