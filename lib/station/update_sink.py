# Hands the file of an update to the installer, and hashes it on the way.
# MIT license; part of microevse
"""Loaded with update.py."""

import asyncio
import hashlib


class Sink:
    """Hands a download on, piece by piece, whenever flash may be written. signed: True if the file
    is that of a signed update; `sha256` is that of the file then."""

    def __init__(self, installer, allowed, signed=False):
        self._installer = installer
        self._allowed = allowed
        self._signed = signed
        self.sha256 = None

    async def begin(self, size):
        while not self._allowed():
            await asyncio.sleep(1)
        if self._signed:
            self._installer.begin(size, vouched=True)
            self.sha256 = hashlib.sha256()
        else:
            self._installer.begin(size)

    async def write(self, chunk):
        # An erase stalls everything for 80 ms: not while a car is charging, and none may begin to
        # between the question and the erase. So the installer asks for itself, too.
        while not (self._allowed() and self._installer.write(chunk, self._allowed)):
            await asyncio.sleep(1)
        if self._signed:
            self.sha256.update(chunk)
