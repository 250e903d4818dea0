# Takes in an update, checks that it is whole and ours, and keeps it for the next start.
# MIT license; part of microevse
"""What an update looks like, and where it waits.

A bundle is the line `microevse-bundle 1`, a line with its version, its content, and the
SHA-256 of all that. The checksum finds damage; it does not prove where a bundle is from.

An installer has begin(size), write(bytes), finish() -> True if a reboot is needed,
installed() -> True if what was finished is what runs now, and abort().
"""

import hashlib
import os

import log
from version import VERSION

MAGIC = b"microevse-bundle 1\n"
_HASH = 32
_HEAD = len(MAGIC) + 33  # the version line has at most 32 characters
_NEW = "update.new"
_KEPT = "update.bin"
# The file system needs some room to live.
_SPARE = 16384


_fitted = None


def fitted():
    """The installer of this board, always the same one; None if it has none."""
    global _fitted
    if _fitted is None:
        _fitted = Staging()
    return _fitted


def _remove(name):
    try:
        os.remove(name)
    except OSError:
        pass  # it was not there


def _version(head):
    """The version in the first bytes of a bundle. ValueError if it is none of ours."""
    if not head.startswith(MAGIC):
        raise ValueError("not a microevse bundle")
    version, end, _ = head[len(MAGIC) :].partition(b"\n")
    if not end or not version:
        raise ValueError("the bundle has no version")
    return version.decode()


class Staging:
    """Keeps a checked bundle as update.bin, for the start code to take over."""

    def __init__(self):
        self._file = None
        self._clear(None)

    def _clear(self, size):
        self._size = size
        self._count = 0
        self._head = b""
        self._tail = b""  # the last bytes: they may be the checksum
        self._hash = hashlib.sha256()

    def begin(self, size):
        """A file of `size` bytes (None: not known) will come. ValueError: no room for it."""
        self.abort()
        self._clear(size)
        _remove(_KEPT)
        stat = os.statvfs(".")
        free = stat[0] * stat[3] - _SPARE
        if size is not None and size > free:
            raise ValueError("%d bytes do not fit into %d" % (size, max(free, 0)))
        self._file = open(_NEW, "wb")

    def write(self, chunk):
        """The next bytes. OSError if they cannot be stored."""
        self._count += len(chunk)
        if len(self._head) < _HEAD:
            self._head += bytes(chunk[: _HEAD - len(self._head)])
        data = self._tail + bytes(chunk)
        self._tail = data[-_HASH:]
        data = data[:-_HASH]
        self._hash.update(data)
        # What is not ours is read to its end, so that the whole story is told in order, but
        # it does not wear the flash.
        if MAGIC.startswith(self._head[: len(MAGIC)]):
            self._file.write(data)

    def finish(self):
        """Check and keep it; True: a reboot is needed. ValueError: it is not good."""
        if self._size is not None and self._count != self._size:
            raise ValueError("%d bytes of %d" % (self._count, self._size))
        version = _version(self._head)
        if self._hash.digest() != self._tail:
            raise ValueError("the bundle's checksum is wrong")
        self._file.write(self._tail)
        self._file.close()
        self._file = None
        os.rename(_NEW, _KEPT)
        log.info("update", "version %s is ready", version)
        return True

    def installed(self):
        """After the reboot: True if the version that was kept is the one that runs."""
        try:
            with open(_KEPT, "rb") as file:
                version = _version(file.read(_HEAD))
        except (OSError, ValueError):
            return False
        _remove(_KEPT)
        if version != VERSION:
            log.warn("update", "version %s runs, not %s", VERSION, version)
        return version == VERSION

    def abort(self):
        """Forget what has come so far."""
        if self._file:
            self._file.close()
            self._file = None
        _remove(_NEW)
