# An installer for tests: the version that it is given runs after the reboot.
# MIT license; part of microevse
"""Stands in a copy of upkeep/ that lies before the firmware on the module path, in a folder of the
test's own, and puts a version.py into that folder: the next start then really runs another
version."""

import os

FOLDER = __file__.rsplit("/", 2)[0]
MAGIC = b"test-image "


def fitted(_settings=None):
    try:
        os.stat(FOLDER + "/no_installer")
        return None
    except OSError:
        return Installer()


class Installer:
    def begin(self, size, vouched=False):
        self._data = b""

    def write(self, chunk, may):
        self._data += bytes(chunk)
        return True

    def _wanted(self):
        return self._data[len(MAGIC) :].split(b"\n")[0].decode()

    def finish(self):
        if not self._data.startswith(MAGIC):
            raise ValueError("not a test image")
        # "broken" is an image that boots and is then taken back, as a boot loader would.
        running = "0.1.0" if self._wanted() == "broken" else self._wanted()
        with open(FOLDER + "/wanted", "w") as file:
            file.write(self._wanted())
        with open(FOLDER + "/version.py", "w") as file:
            file.write("VERSION = %r\n" % running)
        return True

    def what(self):
        return None

    def installed(self, _what):
        from version import VERSION

        with open(FOLDER + "/wanted") as file:
            return file.read() == VERSION

    def abort(self):
        self._data = b""
