# Diagnostics and updates in OCPP 1.6: file servers, and the messages about them.
# MIT license; part of microevse
"""For tests of the whole firmware; `b` is the bench of the scenario."""

import contextlib
import pathlib
import shutil
import tempfile

from bench import EPOCH, scenario
from csms.server import stamp
from file_servers import HttpServer
from tools_paths import FIRMWARE_DIRS, ROOT, SUPPORT

DIAGNOSTICS = "DiagnosticsStatusNotification"
FIRMWARE = "FirmwareStatusNotification"
PAST = "2026-12-31T00:00:00Z"
IMAGE = b"test-image 2.0.0\n" + bytes(range(256)) * 150


def iso(seconds):
    """Virtual seconds as a time of OCPP."""
    return stamp(EPOCH + seconds)


@contextlib.asynccontextmanager
async def http(b, **more):
    server = await HttpServer(b.csms.count, **more).start()
    try:
        yield server
    finally:
        server.stop()


async def update(b, location, at=PAST, **more):
    assert await b.call("UpdateFirmware", {"location": location, "retrieveDate": at, **more}) == {}


async def statuses(b, action, *wanted, within=60):
    """Exactly these, in this order."""
    for status in wanted:
        told = await b.expect(action, within)
        assert told["status"] == status, f"{told['status']} where {status} was due"


async def diagnostics(b, location, **more):
    answer = await b.call("GetDiagnostics", {"location": location, **more})
    assert 0 < len(answer["fileName"]) <= 255
    return answer["fileName"]


def with_slots(fn):
    """A scenario on a charger whose installer really changes the program."""

    def test():
        folder = pathlib.Path(tempfile.mkdtemp(prefix="microevse-slots-"))
        shutil.copytree(ROOT / "firmware" / "upkeep", folder / "upkeep")
        shutil.copy(SUPPORT / "fake_installer" / "installer.py", folder / "upkeep")

        async def inner(b):
            b.folder = folder
            await fn(b)

        inner.__name__, inner.__doc__, inner.__module__ = fn.__name__, fn.__doc__, fn.__module__
        try:
            scenario(inner, firmware=[folder, *FIRMWARE_DIRS])()
        finally:
            shutil.rmtree(folder)

    test.__name__ = test.__qualname__ = fn.__name__
    test.__doc__ = fn.__doc__
    return test
