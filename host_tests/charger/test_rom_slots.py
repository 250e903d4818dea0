# A plain ESP32 with the base image: both slots in one ROMFS, the start code frozen beside it.
# MIT license; part of microevse
"""The whole firmware runs from a slot of the ROMFS, as MicroPython maps it into memory. The file
system has no application: where no slot starts, nothing does."""

import contextlib
import pathlib
import sys
import tempfile

import update_kit
from bench import scenario
from fakeboard.board import flashed
from firmware_files import FIRMWARE, http, statuses, update
from slots import BLOCK
from update_kit import QUICK_TRIAL as QUICK

sys.path.append(str(update_kit.ROOT / "tools"))
import image  # noqa: E402
import partitions  # noqa: E402

NEW = "9.9.9"
BASE = update_kit.bundle.BASE
ROM_AT = partitions.find(partitions.LAYOUTS["romfs"], "romfs").offset
SLOTS = {name: (ROM_AT + at, size) for name, at, size in image.rom_slots(0x140000)}
CRASH = (("app", "raise RuntimeError('broken release')\n"),)


@contextlib.contextmanager
def charger(**options):
    """Arguments of a scenario for a charger that was flashed with the base image's table."""
    with tempfile.TemporaryDirectory() as folder:
        flashed(folder, update_kit.application("0.1.0"), "romfs", {})
        vfs = pathlib.Path(folder, "vfs")
        yield {"data": folder, "firmware": [vfs, vfs / "lib"], "options": options}


def rom_scenario(story, change=lambda folder: None, **options):
    with charger(**options) as arguments:
        change(pathlib.Path(arguments["data"]))
        scenario(**arguments)(story)()


def write(folder, name, data, number):
    """A bundle into a slot, confirmed, as by cable."""
    at, size = SLOTS[name]
    content, _ = image.slot(data, size)
    record = update_kit.bundle.record(data, number)
    with open(folder / "flash.bin", "r+b") as flash:
        flash.seek(at)
        flash.write(content[: size - BLOCK] + record)


async def installed(b, data, version):
    async with http(b) as server:
        server.files["/fw"] = data
        await update(b, server.url + "/fw")
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
    assert (await b.start_of_day())["firmwareVersion"] == version
    await statuses(b, FIRMWARE, "Installed")


def test_a_version_that_crashes_is_taken_back_within_three_resets():
    async def story(b):
        b.allow_trouble = True
        await b.boot()
        async with http(b) as server:
            server.files["/fw"] = update_kit.make(NEW, format="romfs", broken=CRASH)
            await update(b, server.url + "/fw")
            await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
        boots = b.twin.boots
        assert (await b.start_of_day(within=60))["firmwareVersion"] == "0.1.0"
        assert b.twin.boots - boots == 4, "the reboot into it and three resets by it"
        assert len(b.logged("broken release")) >= 3
        await statuses(b, FIRMWARE, "InstallationFailed")
        await b.charging()
        await b.do("power_cut", seconds=2)
        assert (await b.start_of_day(within=90))["firmwareVersion"] == "0.1.0"

    rom_scenario(story)


def test_a_confirmed_version_that_begins_to_crash_gives_way_to_the_other_one():
    source = (update_kit.ROOT / "firmware" / "app.py").read_text()
    late = "import os\nif 'crash_now' in os.listdir():\n    raise RuntimeError('late trouble')\n"

    async def story(b):
        b.allow_trouble = True
        await b.boot()
        broken = QUICK + (("app", late + source),)
        await installed(b, update_kit.make(NEW, format="romfs", broken=broken), NEW)
        (b.twin.data / "vfs" / "crash_now").write_text("")
        boots = b.twin.boots
        await b.do("reboot")
        assert (await b.start_of_day(within=60))["firmwareVersion"] == "0.1.0"
        assert b.twin.boots - boots == 4
        assert b.logged("the other slot is taken")
        await b.charging()

    rom_scenario(story)


def test_an_application_for_a_newer_base_image_is_refused_and_others_are_taken():
    async def story(b):
        await b.boot()
        async with http(b) as server:
            server.files["/fw"] = update_kit.make("8.8.8", format="romfs", base=BASE + 1)
            await update(b, server.url + "/fw", retries=0)
            await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
            await statuses(b, FIRMWARE, "InstallationFailed")
        assert b.logged(
            "it needs base image %d, this board has %d: write the base image by cable"
            % (BASE + 1, BASE)
        )
        await b.none("BootNotification", for_=10)
        await b.charging()
        await b.leave()
        await installed(b, update_kit.make(NEW, format="romfs", broken=QUICK), NEW)

    rom_scenario(story)


def test_a_newer_base_image_takes_applications_for_an_older_one():
    async def story(b):
        await b.boot()
        await installed(b, update_kit.make(NEW, format="romfs", broken=QUICK), NEW)

    rom_scenario(story, base_image=BASE + 1)


def test_a_slot_that_needs_a_newer_base_image_is_not_started():
    """By cable such an application could come: the one before it runs."""
    data = update_kit.make(NEW, format="romfs", base=BASE + 1)

    async def story(b):
        assert (await b.boot())["firmwareVersion"] == "0.1.0"
        assert b.logged("needs base image %d" % (BASE + 1))

    rom_scenario(story, lambda folder: write(folder, "app_b", data, 7))


# -- a confirmed slot that does not start, beside a good one ----------------------------------


def falls_back(data, change=lambda folder: None, within=60):
    """The log of a charger whose newer slot has that bundle, confirmed; it runs the other one, and
    does so after a power cut."""
    found = []

    async def story(b):
        b.allow_trouble = True
        assert (await b.start_of_day(within=within))["firmwareVersion"] == "0.1.0"
        found.extend(b.logged(""))
        await b.charging()
        await b.do("power_cut", seconds=2)
        assert (await b.start_of_day(within=within))["firmwareVersion"] == "0.1.0"

    def both(folder):
        write(folder, "app_b", data, 7)
        change(folder)

    rom_scenario(story, both)
    return found


def test_one_flipped_bit_in_a_record_keeps_no_charger_from_starting():
    """In the name of the format: once no slot was started at all."""
    data = update_kit.make(NEW, format="romfs")
    at, size = SLOTS["app_b"]

    def flip(folder):
        with open(folder / "flash.bin", "r+b") as flash:
            for word in (b"\nformat ", b"\nversion "):
                where = at + size - BLOCK + data.index(word) + len(word)
                flash.seek(where)
                byte = flash.read(1)[0]
                flash.seek(where)
                flash.write(bytes([byte ^ 0x80]))

    log = falls_back(data, flip)
    assert [line for line in log if "another format" in line]


def test_a_confirmed_version_whose_first_modules_do_not_import_gives_way():
    """What counts the crashes was in the slot that could not be imported."""
    for module in ("blackbox", "lib/station/settings"):
        log = falls_back(
            update_kit.make(NEW, format="romfs", broken=((module, "import missing\n"),))
        )
        assert [line for line in log if "3 starts in vain: the other slot is taken" in line]
        assert not [line for line in log if "safe mode after" in line]


def test_a_confirmed_version_that_hangs_before_its_first_tick_gives_way():
    """Only a version on trial had a watchdog then. Three starts of a minute each."""
    hang = "import time\nwhile True:\n    time.sleep_ms(100)\n"
    data = update_kit.make(NEW, format="romfs", broken=(("app", hang),))
    log = falls_back(data, within=300)
    assert [line for line in log if "3 starts in vain: the other slot is taken" in line]


def test_two_versions_that_crash_end_in_safe_mode():
    async def story(b):
        b.allow_trouble = True
        await b.until(lambda: b.logged("safe mode after"), within=60, what="safe mode")
        assert b.twin.boots in (6, 7)
        status = await b.status()
        assert status["contactor"] is False and status["pilot"] == "F"

    data = update_kit.make(NEW, format="romfs", broken=CRASH)

    def both(folder):
        write(folder, "app_a", data, 6)
        write(folder, "app_b", data, 7)

    rom_scenario(story, both)


# -- tables of earlier versions ---------------------------------------------------------------

OLDER = (("vfs", 0x340000, 0x40000), ("lists", 0x380000, 0x40000))


def older_table(folder):
    """The base image's table before the other regions had their places."""
    kept = [
        p for p in partitions.LAYOUTS["romfs"] if p.label in ("nvs", "factory", "romfs", "journal")
    ]
    for label, at, size in OLDER:
        there = partitions.find(partitions.LAYOUTS["romfs"], label)
        kept.append(there._replace(offset=at, size=size))
    kept.sort(key=lambda p: p.offset)
    with open(folder / "flash.bin", "r+b") as flash:
        flash.seek(partitions.TABLE_AT)
        flash.write(partitions.to_binary(tuple(kept)))


async def charges_and_updates(b, format):
    await b.boot()
    assert await b.configuration("LocalAuthListMaxLength") == {"LocalAuthListMaxLength": "2912"}
    await b.charging()
    await b.leave()
    await installed(b, update_kit.make(NEW, format=format, broken=QUICK), NEW)
    await b.charging()


def test_a_base_image_with_an_older_table_goes_on():
    async def story(b):
        await charges_and_updates(b, "romfs")

    rom_scenario(story, older_table)


@scenario(options={"older_table": True}, firmware=update_kit.directories())
async def test_a_board_with_stock_micropython_and_an_older_table_goes_on(b):
    await charges_and_updates(b, "lfs2")


@scenario()
async def test_a_new_board_has_the_new_table(b):
    await b.boot()
    assert await b.configuration("LocalAuthListMaxLength") == {"LocalAuthListMaxLength": "1819"}
