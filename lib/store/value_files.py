# Values by name in files, for a board without a region for secrets.
# MIT license; part of microevse
"""A file for each value, with the methods of vault.Vault that certificates need. A file system may
erase a block at any write: only while a stall does no harm.

One value changes in one step: its file is renamed when it is complete. Of several that change
together, a power cut may leave the first ones changed and the others not; they change in the order
in which they are given.
"""

import os

# A factory reset removes files with these ends (firmware/upkeep/factory_reset.py).
_BEGIN = "kept-"
_END = ".crt"
_NEW = "kept.key"


class Busy(Exception):
    """Nothing may be written now."""


def is_file(path):
    """True if there is such a file. It never raises."""
    try:
        os.stat(path)
        return True
    except OSError:
        return False


class ValueFiles:
    """may_stall(): True while a write does no harm."""

    def __init__(self, may_stall):
        self._may_stall = may_stall

    def names(self):
        """Names of the values."""
        found = [name for name in os.listdir() if name.startswith(_BEGIN) and name.endswith(_END)]
        return [name[len(_BEGIN) : -len(_END)] for name in sorted(found)]

    def get(self, name):
        """The value, None if there is none."""
        try:
            with open(_BEGIN + name + _END, "rb") as file:
                return file.read()
        except OSError:
            return None

    def replace(self, changes):
        """Make all `changes` {name: bytes, or None to remove it}. Busy: nothing has changed.
        OSError: not all has."""
        if not self._may_stall():
            raise Busy("no certificate is written while a car charges")
        for name in changes:
            path = _BEGIN + name + _END
            value = changes[name]
            if value is None:
                if is_file(path):
                    os.remove(path)
                continue
            with open(_NEW, "wb") as file:
                file.write(value)
            os.rename(_NEW, path)
