# From the images of `make flash` to updates over the air and back.
# MIT license; part of microevse
"""The charger starts from what tools/image.py has made, as on a board that was just flashed:
partition table, file system, first slot. Nothing else is on its module path."""

import asyncio
import contextlib
import pathlib
import tempfile

import pytest

pytest.importorskip("littlefs", reason="NOT RUN: littlefs-python is missing")

import update_kit  # noqa: E402
from bench import Bench  # noqa: E402
from fakeboard.board import flashed  # noqa: E402
from firmware_files import FIRMWARE, http, statuses, update  # noqa: E402
from update_kit import QUICK_TRIAL as QUICK  # noqa: E402
import image  # noqa: E402

NEW = "9.9.9"
FORMATS = {"slots": "lfs2", "romfs": "romfs"}


@contextlib.asynccontextmanager
async def fresh(layout, **options):
    """A Bench whose charger has just been flashed."""
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        flashed(data, update_kit.application("0.1.0"), layout, {"MeterValueSampleInterval": "7"})
        firmware = [data / "vfs", data / "vfs" / "lib"]
        async with Bench(data=folder, firmware=firmware, **options) as b:
            yield b


async def told(b, data, retries=0):
    """UpdateFirmware with that file, up to Installing."""
    async with http(b) as server:
        server.files["/fw"] = data
        await update(b, server.url + "/fw", retries=retries)
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")


@pytest.mark.parametrize("layout", FORMATS)
def test_a_charger_that_was_just_flashed_takes_updates(layout):
    asyncio.run(story(layout))


async def story(layout):
    ours = FORMATS[layout]
    other = next(name for name in FORMATS.values() if name != ours)
    async with fresh(layout) as b:
        boot = await b.boot()
        assert boot["firmwareVersion"] == "0.1.0"
        assert b.logged("boot: app_a 0.1.0, confirmed") and not b.logged("on trial")
        assert len(b.logged("unsigned updates are taken: there is no file update.pub")) == 1
        assert await b.configuration("MeterValueSampleInterval") == {
            "MeterValueSampleInterval": "7"
        }
        files = {str(p.relative_to(b.twin.data)) for p in b.twin.data.rglob("*.mpy")}
        assert files == {"vfs/" + p for p in image.START if p.endswith(".mpy")}
        # Files of a time without slots: the modules of the slot are always found before them.
        for name in ("app", "version", "hal/tick", "lib/evse_base/log", "lib/station/__init__"):
            path = b.twin.data / "vfs" / (name + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text("raise RuntimeError('an old module')\n")
        await told(b, update_kit.make(NEW, format=other))
        await statuses(b, FIRMWARE, "InstallationFailed")
        assert b.logged("an image in %s, this board runs %s" % (other, ours))
        await told(b, update_kit.make(NEW, format=ours, broken=QUICK))
        boot = await b.start_of_day()
        assert boot["firmwareVersion"] == NEW
        await statuses(b, FIRMWARE, "Installed")
        assert b.logged("app_b is confirmed")
        assert len(b.logged("nobody's signature was asked for")) == 1
        await b.do("power_cut", seconds=3)
        assert (await b.start_of_day(within=90))["firmwareVersion"] == NEW
        await b.charging()
        await b.leave()
        # The next version dies at its start, three times.
        b.allow_trouble = True
        crash = (("app", "raise RuntimeError('broken release')\n"),)
        await told(b, update_kit.make("9.9.10", format=ours, broken=crash))
        boots = b.twin.boots
        assert (await b.start_of_day(within=60))["firmwareVersion"] == NEW
        assert b.twin.boots - boots == 4
        await statuses(b, FIRMWARE, "InstallationFailed")
        await b.charging()
