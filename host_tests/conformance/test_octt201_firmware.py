# OCPP 2.0.1 certification cases: updates.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after. The whole firmware with real bundles;
`cryptography` is the manufacturer."""

import pathlib
import tempfile

import frozen
import pytest
import rom_charger
import signing
import update_kit
from bench2 import scenario2
from fakeboard.board import flashed
from firmware_files import PAST, http, iso

STATUS = "FirmwareStatusNotification"
EVENT = "SecurityEventNotification"
NEW = "9.9.9"
FETCHED = ("Downloading", "Downloaded", "SignatureVerified")
INSTALLED = ("Installing", "InstallRebooting")


def provisioned(fn=None, root=True, **options):
    """A scenario on a charger that runs from a slot of the base image, which has all versions of
    OCPP; with the manufacturer's root in its file system."""

    def wrap(fn):
        def test():
            with tempfile.TemporaryDirectory() as folder:
                try:
                    program = frozen.build("base")
                except frozen.Missing as exc:
                    pytest.skip("NOT RUN: %s" % exc)
                app = update_kit.application(rom_charger.OLD, frozen.MARCH)
                flashed(folder, app, "romfs", {})
                vfs = pathlib.Path(folder, "vfs")
                if root:
                    (vfs / "manufacturer.pem").write_text(signing.pem(signing.root()))
                more = {"firmware": [vfs, vfs / "lib"], "frozen": program, **options}
                scenario2(fn, data=folder, **more)()

        test.__name__ = test.__qualname__ = fn.__name__
        test.__doc__, test.__module__ = fn.__doc__, fn.__module__
        return test

    return wrap(fn) if fn else wrap


# fmt: off
async def ask(b, location, number=1, chain=None, signature="", at=PAST, install_at=None,
              plain=False, **more):
    # fmt: on
    """The status that answers UpdateFirmware. plain: without certificate and signature."""
    firmware = {"location": location, "retrieveDateTime": at}
    if not plain:
        firmware["signingCertificate"] = chain or signing.pem(signing.signer())
        firmware["signature"] = signature
    if install_at is not None:
        firmware["installDateTime"] = install_at
    answer = await b.call("UpdateFirmware", {"requestId": number, "firmware": firmware, **more})
    return answer["status"]


async def told(b, number, *wanted, within=60):
    """Exactly these words about that update, in this order."""
    for status in wanted:
        assert await b.expect(STATUS, within) == {"status": status, "requestId": number}


async def new_program(b, number):
    """It starts, says why, is Available, and tells the end of the update."""
    boot = await b.start_of_day()
    assert boot["reason"] == "FirmwareUpdate"
    assert boot["chargingStation"]["firmwareVersion"] == NEW
    await b.expect_status("Available", within=30)
    await told(b, number, "Installed")
    await b.until(lambda: b.calls(EVENT, type="FirmwareUpdated"), 90)
    await b.none(STATUS, for_=30)


@provisioned
async def test_TC_F_19_CS(b):
    """Asked about an update whose file is on its way: Downloading."""
    await b.boot()
    async with http(b) as server:
        server.stall = ("/fw",)
        assert await ask(b, server.url + "/fw", 8, signature="AAAA") == "Accepted"
        await told(b, 8, "Downloading")
        answer = await b.call("TriggerMessage", {"requestedMessage": STATUS})
        assert answer["status"] == "Accepted"
        await told(b, 8, "Downloading")


@provisioned
async def test_TC_L_01_CS_and_TC_L_05_CS_and_TC_L_06_CS_and_TC_L_07_CS_and_TC_L_18_CS(b):
    """Nobody has signed it, or a stranger has: not taken. A wrong signature, or no file: told, and
    not installed. Then the right one is, and each step is told with its number."""
    await b.boot()
    data = rom_charger.bundle()
    good = signing.sign(data)
    async with http(b) as server:
        server.files["/fw"] = data
        where = server.url + "/fw"
        assert await ask(b, where, 1, plain=True) == "Rejected"
        assert b.logged("update refused: updates must be signed")
        for name, chain, words in signing.bad_chains()[:4]:
            assert await ask(b, where, 2, chain, good) == "InvalidCertificate", name
            assert b.logged(words), name
        for signature in ("", "====", "A" * 800):
            assert await ask(b, where, 3, None, signature) == "Rejected"
        await b.none(STATUS, for_=5)
        assert server.requests == []

        mark = b.mark()
        wrong = signing.sign(data + b"x")
        assert await ask(b, where, 4, signature=wrong) == "Accepted"
        await told(b, 4, "Downloading", "Downloaded", "InvalidSignature")
        await b.until(lambda: b.calls(EVENT, mark, type="InvalidFirmwareSignature"), 120)

        assert await ask(b, server.url + "/none", 5, signature=good, retries=0) == "Accepted"
        await told(b, 5, "Downloading", "DownloadFailed")
        await b.none("BootNotification", for_=30)

        assert await ask(b, where, 6, signature=good) == "Accepted"
        await told(b, 6, *FETCHED, *INSTALLED)
        await new_program(b, 6)
    await b.do("reboot")
    boot = await b.start_of_day()
    assert boot["chargingStation"]["firmwareVersion"] == NEW
    assert boot["reason"] != "FirmwareUpdate"
    await b.none(STATUS, for_=30)  # told once, not at every start
    await b.charging()


@provisioned
async def test_TC_L_02_CS_and_TC_L_03_CS_and_TC_L_10_CS(b):
    """With dates to fetch and to install it; another request takes the place of one that waits."""
    await b.boot()
    data = rom_charger.bundle()
    good = signing.sign(data)
    async with http(b) as server:
        server.files["/fw"], server.files["/other"] = data, update_kit.small(format="romfs")
        where = server.url + "/other"
        signed = signing.sign(update_kit.small(format="romfs"))
        far = "2099-01-01T00:00:00Z"
        assert await ask(b, where, 1, None, signed, install_at=far) == "Rejected"
        assert await ask(b, where, 2, None, signed, install_at=iso(b.now + 5000)) == "Accepted"
        await told(b, 2, *FETCHED, "InstallScheduled")
        await b.call("TriggerMessage", {"requestedMessage": STATUS})
        await told(b, 2, "InstallScheduled")
        at, install_at = iso(b.now + 25), iso(b.now + 90)
        answer = await ask(b, server.url + "/fw", 3, None, good, at, install_at)
        assert answer == "AcceptedCanceled"
        await told(b, 3, "DownloadScheduled")
        began = b.now
        await told(b, 3, *FETCHED, "InstallScheduled")
        assert b.now - began >= 23
        await told(b, 3, *INSTALLED, within=100)
        assert b.now - began >= 88
        await new_program(b, 3)
    await b.call("TriggerMessage", {"requestedMessage": STATUS})
    assert await b.expect(STATUS) == {"status": "Idle"}


@provisioned
async def test_TC_L_08_CS_and_TC_L_12_CS(b):
    """While a car charges nothing is fetched, and that is told. The manufacturer's signature makes
    no good program of a bad one."""
    await b.boot()
    entry = await b.charging()
    async with http(b) as server:
        damaged = bytearray(update_kit.small(format="romfs"))
        damaged[20000] ^= 1
        for number, data in enumerate((bytes(damaged), b"\xff\xd8\xff\xe0" * 5000)):
            server.files["/fw"] = data
            signature = signing.sign(data)
            answer = await ask(b, server.url + "/fw", number, None, signature, retries=0)
            assert answer == "Accepted"
            if not number:
                await told(b, number, "DownloadScheduled")
                await b.none(STATUS, for_=30)
                assert server.requests == [] and not entry.stops
                await b.tap("CARD1")
                await b.expect_event("Ended")
                await b.leave()
            await told(b, number, *FETCHED, "Installing", "InstallVerificationFailed")
        # A program that is whole, and does not start: the one before is in use again.
        data = server.files["/fw"] = update_kit.small(format="romfs")
        assert await ask(b, server.url + "/fw", 9, signature=signing.sign(data)) == "Accepted"
        b.allow_trouble = True
        await told(b, 9, *FETCHED, *INSTALLED)
        boot = await b.start_of_day(within=90)
        assert boot["chargingStation"]["firmwareVersion"] == "0.1.0"
        await told(b, 9, "InstallationFailed")


@provisioned(root=False, version="2.1")
async def test_what_nobody_has_signed_is_taken_where_nobody_could(b):
    """L02: with its number, its dates, and no word about a signature."""
    await b.boot()
    data = rom_charger.bundle()
    async with http(b) as server:
        server.files["/fw"] = data
        where = server.url + "/fw"
        assert await ask(b, where, 1, signature="AAAA") == "InvalidCertificate"
        answer = await ask(b, where, 2, at=iso(b.now + 20), install_at=iso(b.now + 60), plain=True)
        assert answer == "Accepted"
        await told(b, 2, "DownloadScheduled")
        await b.do("power_cut", seconds=2)
        await b.start_of_day(within=90)
        await told(b, 2, "Downloading", "Downloaded", "InstallScheduled")
        await told(b, 2, *INSTALLED, within=90)
        assert b.now >= 60
        await new_program(b, 2)


def test_TC_L_11_CS():
    pytest.skip("an update that has begun can be replaced (TC_L_10_CS)")


def test_TC_L_13_CS_and_TC_L_15_CS():
    pytest.skip("AllowNewSessionsPendingFirmwareUpdate is always true: a session goes first")


def test_TC_L_14_CS():
    pytest.skip("a program is not fetched while a car charges (TC_L_12_CS)")


def test_TC_L_16_CS():
    pytest.skip("a program is not installed while a car charges")
