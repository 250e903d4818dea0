# Updates of the whole firmware: the new program reports its version, or all is as before.
# MIT license; part of microevse
"""Bundles of the real firmware (update_kit), through OCPP and through the page, on the twin,
which starts what is in the slot as a board does."""

import asyncio
import base64
import pathlib
import tempfile

import update_kit
from bench import scenario
from compiled import directories
from firmware_files import FIRMWARE, http, statuses, update
from update_kit import QUICK_TRIAL as QUICK

PASSWORD = "correct horse"
NEW = "9.9.9"
JOURNAL, SECRETS = slice(0x3C0000, 0x400000), slice(0x368000, 0x370000)


def slots_scenario(fn=None, **options):
    options.setdefault("firmware", directories())
    return scenario(**options) if fn is None else scenario(**options)(fn)


async def send(b, data, password=PASSWORD):
    """Status and body of one update that is sent to the page, while time passes."""
    reader, writer = await asyncio.open_connection(*b.twin.web)
    login = base64.b64encode(b"admin:" + password.encode()).decode()
    head = "POST /api/v1/update HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += "Content-Type: application/octet-stream\r\n"
    head += f"Content-Length: {len(data)}\r\nAuthorization: Basic {login}\r\n\r\n"

    async def talk():
        writer.write(head.encode())
        for at in range(0, len(data), 16384):
            writer.write(data[at : at + 16384])
            await writer.drain()
        return await reader.read()

    task = asyncio.ensure_future(talk())
    await b.until(task.done, within=300, what="an answer of the page")
    writer.close()
    answer = task.result()
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2].decode()


@slots_scenario
async def test_an_update_by_the_central_system_runs_and_is_told_when_it_is_confirmed(b):
    """End to end: UpdateFirmware, the new version in BootNotification, Installed after a
    healthy time, and well within the minute that central systems wait; settings and what the
    journal knows survive."""
    boot = await b.boot(MeterValueSampleInterval=7)
    assert boot["firmwareVersion"] == "0.1.0"
    async with http(b) as server:
        server.files["/fw"] = update_kit.make(NEW)
        await update(b, server.url + "/fw")
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
    boot = await b.start_of_day()
    assert boot["firmwareVersion"] == NEW
    mark, began = b.mark(), b.unix()
    await b.advance(8)
    assert not b.calls(FIRMWARE, since=mark), "told before it was confirmed"
    asked = await b.call("TriggerMessage", {"requestedMessage": FIRMWARE})
    assert asked["status"] == "Accepted"
    await statuses(b, FIRMWARE, "Installing", "Installed")
    assert b.unix() - began < 30, "testers wait a minute from the start, and no longer"
    assert b.logged("app_a is confirmed")
    events = lambda: b.calls("SecurityEventNotification", type="FirmwareUpdated")  # noqa: E731
    await b.until(events, 40)
    assert events()[0]["techInfo"] == NEW
    assert await b.configuration("MeterValueSampleInterval") == {"MeterValueSampleInterval": "7"}
    await b.do("power_cut", seconds=3)
    boot = await b.start_of_day(within=90)
    assert boot["firmwareVersion"] == NEW
    await b.none(FIRMWARE, for_=20)
    await b.charging()


@slots_scenario(options={"without_partitions": ["secrets"]})
async def test_passwords_stay_where_the_old_version_looks_until_the_trial_is_over(b):
    """The old version here is one that sees no region for them."""
    await b.boot()
    await b.do("set", key="WebPassword", value=PASSWORD)
    del b.twin._options["without_partitions"]
    async with http(b) as server:
        server.files["/fw"] = update_kit.make(NEW)
        await update(b, server.url + "/fw")
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
    await b.start_of_day()
    assert b.logged("on trial: passwords stay") and not b.logged("region of their own")
    image = (b.twin.data / "flash.bin").read_bytes()
    assert PASSWORD.encode() in image[JOURNAL] and PASSWORD.encode() not in image[SECRETS]
    await b.until(lambda: b.logged("region of their own"), 120)
    image = (b.twin.data / "flash.bin").read_bytes()
    assert PASSWORD.encode() not in image[JOURNAL] and PASSWORD.encode() in image[SECRETS]
    await b.charging()


@slots_scenario
async def test_a_version_that_crashes_is_taken_back_within_three_resets(b):
    """It dies while it is imported: the old version runs again and says InstallationFailed."""
    b.allow_trouble = True
    await b.boot()
    crash = (("app", "raise RuntimeError('broken release')\n"),)
    async with http(b) as server:
        server.files["/fw"] = update_kit.make(NEW, broken=crash)
        await update(b, server.url + "/fw")
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
    boots = b.twin.boots
    boot = await b.start_of_day(within=60)
    assert boot["firmwareVersion"] == "0.1.0"
    # The reboot into it and three resets by it.
    assert b.twin.boots - boots == 4, b.twin.boots - boots
    assert len(b.logged("broken release")) >= 3
    await statuses(b, FIRMWARE, "InstallationFailed")
    await b.none(FIRMWARE, for_=20)
    await b.charging()


@slots_scenario
async def test_a_version_that_hangs_or_misses_modules_is_taken_back_too(b):
    """A hang ends at the watchdog that boot.py has set; without log and hal nothing can even
    be reported."""
    b.allow_trouble = True
    await b.boot()
    hang = (("app", "import time\nwhile True:\n    time.sleep_ms(100)\n"),)
    gone = (("lib/evse_base/log", "import missing\n"), ("hal/system", "import missing\n"))
    for broken in (hang, gone):
        async with http(b) as server:
            server.files["/fw"] = update_kit.make(NEW, broken=broken)
            await update(b, server.url + "/fw")
            await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
        boots = b.twin.boots
        boot = await b.start_of_day(within=300)
        assert boot["firmwareVersion"] == "0.1.0" and b.twin.boots - boots == 4
        await statuses(b, FIRMWARE, "InstallationFailed")


@slots_scenario
async def test_what_must_not_be_installed_is_refused_and_nothing_restarts(b):
    await b.boot()
    good = update_kit.make(NEW)
    flipped = bytearray(good)
    flipped[200000] ^= 4
    wrong = {
        "checksum is wrong": bytes(flipped),
        "board smartevse_v30": update_kit.make(NEW, board="smartevse_v30"),
        "in its header": good[:-1000],
    }
    for why, data in wrong.items():
        async with http(b) as server:
            server.files["/fw"] = data
            await update(b, server.url + "/fw", retries=0)
            await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
            await statuses(b, FIRMWARE, "InstallationFailed")
        assert b.logged(why), why
    await b.none("BootNotification", for_=10)
    assert b.twin.boots == 1
    await b.do("reboot")
    boot = await b.start_of_day()
    assert boot["firmwareVersion"] == "0.1.0"


def test_a_charger_with_a_key_takes_only_what_is_signed():
    """Keys and signatures by openssl; the key lies in the charger's file system."""
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        ours, other = data / "ours.pem", data / "other.pem"
        update_kit.bundle.new_key(ours)
        update_kit.bundle.new_key(other, 2048)
        (data / "vfs").mkdir()
        (data / "vfs" / "update.pub").write_text(update_kit.bundle.public(ours) + "\n")

        @slots_scenario(data=folder)
        async def story(b):
            await b.boot()
            for key, why in ((None, "is not signed"), (other, "does not know")):
                async with http(b) as server:
                    server.files["/fw"] = update_kit.make(NEW, key=key)
                    await update(b, server.url + "/fw", retries=0)
                    await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
                    await statuses(b, FIRMWARE, "InstallationFailed")
                assert b.logged(why), why
            async with http(b) as server:
                server.files["/fw"] = update_kit.make(NEW, key=ours, broken=QUICK)
                await update(b, server.url + "/fw")
                await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
            boot = await b.start_of_day()
            assert boot["firmwareVersion"] == NEW
            await statuses(b, FIRMWARE, "Installed")
            assert not b.logged("unsigned updates are taken") and not b.logged("nobody's sign")

        story()


@slots_scenario(settings={"WebPassword": PASSWORD})
async def test_an_update_through_the_page_needs_the_password_and_no_car(b):
    await b.boot()
    data = update_kit.make(NEW, broken=QUICK)
    status, _ = await send(b, data[:5000], password="wrong")
    assert status == 401
    status, text = await send(b, data[:100])
    assert status == 400 and "bundle" in text
    status, text = await send(b, data[:-4] + b"1234")
    assert status == 400 and "checksum" in text
    status, text = await send(b, update_kit.make(NEW, board="toaster"))
    assert status == 400 and "toaster" in text
    await b.do("plug")
    await b.tap("CARD1")
    await b.expect("StartTransaction")
    status, text = await send(b, data[:5000])
    assert status == 409 and "car" in text
    await b.leave()
    assert b.twin.boots == 1
    status, text = await send(b, data)
    assert status == 200 and NEW in text
    b.skip()
    boot = await b.start_of_day()
    assert boot["firmwareVersion"] == NEW
    await b.until(lambda: b.logged("is confirmed"), within=30)


@slots_scenario
async def test_a_confirmed_version_that_begins_to_crash_gives_way_to_the_other_one(b):
    """Three crashes in a row, and the slot before it runs; safe mode only where there is none."""
    b.allow_trouble = True
    await b.boot()
    source = (update_kit.ROOT / "firmware" / "app.py").read_text()
    late = "import os\nif 'crash_now' in os.listdir():\n    raise RuntimeError('late trouble')\n"
    for version, broken in (("8.8.8", QUICK), (NEW, QUICK + (("app", late + source),))):
        async with http(b) as server:
            server.files["/fw"] = update_kit.make(version, broken=broken)
            await update(b, server.url + "/fw")
            await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
        assert (await b.start_of_day())["firmwareVersion"] == version
        await statuses(b, FIRMWARE, "Installed")
    (b.twin.data / "vfs" / "crash_now").write_text("")
    await b.do("reboot")
    boot = await b.start_of_day(within=60)
    assert boot["firmwareVersion"] == "8.8.8"
    assert b.logged("the other slot is taken")
    await b.do("power_cut", seconds=2)
    assert (await b.start_of_day(within=60))["firmwareVersion"] == "8.8.8"


def test_a_slot_written_by_cable_starts():
    """Image and record as tools/bundle.py makes them for a flash that is written by cable."""
    data = update_kit.make("7.7.7")
    with tempfile.TemporaryDirectory() as folder:
        flash = bytearray(b"\xff" * 0x400000)
        at = update_kit.SLOT_AT["app_b"]
        image, record = data[update_kit.bundle.HEADER :], update_kit.bundle.record(data)
        flash[at : at + len(image)] = image
        end = at + update_kit.SLOT_SIZE
        flash[end - len(record) : end] = record
        pathlib.Path(folder, "flash.bin").write_bytes(flash)

        @slots_scenario(data=folder)
        async def story(b):
            assert (await b.boot())["firmwareVersion"] == "7.7.7"
            await b.charging()
            assert not b.logged("on trial")

        story()
