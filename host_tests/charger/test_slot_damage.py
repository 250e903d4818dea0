# A bit of the running program changes on the flash: it is told, and the charger goes on.
# MIT license; part of microevse
"""And what the page and the log say of a charger that takes unsigned updates."""

import json
import pathlib
import tempfile

import signing
import update_kit
from bench import scenario
from compiled import directories
from page_request import BASIC, PASSWORD, request

_SOURCE = (update_kit.ROOT / "firmware" / "upkeep" / "transfers.py").read_text()
_FIRST = "_FIRST_CHECK_S = const(600)"
assert _FIRST in _SOURCE
_CHECK = (update_kit.ROOT / "firmware" / "upkeep" / "slot_check.py").read_text()
_RETRY = "_RETRY_S = 600"
assert _RETRY in _CHECK
SOON = (
    ("upkeep/transfers", _SOURCE.replace(_FIRST, "_FIRST_CHECK_S = const(15)")),
    ("upkeep/slot_check", _CHECK.replace(_RETRY, "_RETRY_S = 15")),
)


def on_flash(folder, data, at=None, files=()):
    """A flash with that bundle in a slot, written by cable; `at`: place of a byte of the image
    that loses a bit."""
    flash = bytearray(b"\xff" * 0x400000)
    begin = update_kit.SLOT_AT["app_b"]
    image, record = data[update_kit.bundle.HEADER :], update_kit.bundle.record(data)
    flash[begin : begin + len(image)] = image
    if at is not None:
        assert flash[begin + at] & 0x20
        flash[begin + at] ^= 0x20
    end = begin + update_kit.SLOT_SIZE
    flash[end - len(record) : end] = record
    pathlib.Path(folder, "flash.bin").write_bytes(flash)
    (pathlib.Path(folder) / "vfs").mkdir()
    for name, content in files:
        (pathlib.Path(folder) / "vfs" / name).write_text(content)


async def program(b):
    """What the page says of the program."""
    status, text = await request(b, "GET", "/api/v1/state", BASIC)
    assert status == 200
    return json.loads(text)["program"]


def test_a_damaged_program_is_told_and_goes_on():
    data = update_kit.make("7.7.7", broken=SOON)
    # Of a module that is loaded only in safe mode.
    text = b"Safe mode"
    assert text in data
    at = data.index(text) - update_kit.bundle.HEADER + 1
    with tempfile.TemporaryDirectory() as folder:
        on_flash(folder, data, at)

        @scenario(firmware=directories(), data=folder, settings={"WebPassword": PASSWORD})
        async def story(b):
            assert (await b.boot())["firmwareVersion"] == "7.7.7"
            assert await program(b) == "Updates that nobody has signed are taken."
            entry = await b.charging()
            await b.advance(25)
            assert not b.logged("damaged"), "it is not read while a car charges"
            await b.call("RemoteStopTransaction", {"transactionId": entry.id})
            said = await b.until(lambda: b.logged("the program that runs is damaged"), 150)
            assert "the image in app_b" in said[0]
            assert "damaged" in await program(b)
            await b.advance(5)
            status, text = await request(b, "GET", "/api/v1/security_log", BASIC)
            assert "firmware_signature\t1\tthe program that runs: the image" in text
            assert b.twin.boots == 1
            await b.leave()
            await b.charging("CARD2")

        story()


def test_a_whole_program_with_a_root_says_nothing():
    data = update_kit.make("7.7.7", broken=SOON)
    with tempfile.TemporaryDirectory() as folder:
        on_flash(folder, data, files=[("manufacturer.pem", signing.pem(signing.root()))])

        @scenario(firmware=directories(), data=folder, settings={"WebPassword": PASSWORD})
        async def story(b):
            await b.boot()
            await b.advance(80)
            assert await program(b) == "" and not b.logged("unsigned")

        story()
