# The services of a charger for jobs with files, which work as a test says.
# MIT license; part of microevse
"""For station.jobs.Jobs; each transfer is one step."""


class Failed(Exception):
    pass


class Services:
    """The services of the charger; the test sets which of them work."""

    errors = (Failed, ValueError, OSError)

    def __init__(self):
        self.open = self.free = self.works = self.good = True
        self.fitted = True
        self.runs = False  # what `installed` says
        self.did = []
        self.refused = 0  # so often the installer takes nothing yet
        self.unsigned_refused = ""

    def allowed(self, ms=0):
        return self.open

    def vacant(self):
        return self.open and self.free

    def report(self):
        return (lambda: [b"report"]), 6

    async def fetch(self, location, sink, stop):
        self.did.append("fetch " + location)
        if not self.works:
            raise Failed("no route to http://u:secret@h")
        await sink.begin(4)
        await sink.write(b"data")
        return 4

    async def send(self, location, source, size, name, stop):
        self.did.append("send " + location)
        if not self.works:
            raise Failed("no")

    def installer(self):
        return self if self.fitted else None

    def only_signed(self):
        return self.unsigned_refused

    def begin(self, size):
        self.data = b""

    def write(self, chunk, may):
        assert may(1000)
        if self.refused:
            self.refused -= 1
            return False
        self.data += chunk
        return True

    def finish(self):
        self.did.append("finish")
        if not self.good:
            raise ValueError("not good")
        return True

    def what(self):
        return "that one"

    def installed(self, what):
        return what == "that one" and self.runs

    def abort(self):
        self.did.append("abort")

    async def reboot(self):
        self.did.append("reboot")
