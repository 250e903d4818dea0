# Write-only settings are never shown: not in the diagnostics, not by either interface.
# MIT license; part of microevse
"""The declarations are walked: a new write-only setting is checked from its first day on."""

import json

from bench import scenario
from firmware_files import DIAGNOSTICS, diagnostics, http, statuses
from station.settings import Settings

SECRET = "c0ffee5ec2e7%02dc0ffee5ec2e7c0ffee"  # hexadecimal: every kind of setting takes it
PART = b"c0ffee5ec2e7"
REGION = slice(0x368000, 0x370000)  # tools/partitions.py: secrets, on 4 MB
# Two spellings of one password: setting one forgets the other.
AFTER = "BasicAuthPassword"


def write_only():
    settings = Settings(None)
    return [
        name for name in settings.declared()
        if "w" in (settings.owner_access(name), settings.access(name))
    ]  # fmt: skip


def test_there_are_write_only_settings():
    assert len(write_only()) >= 7
    assert {"AuthorizationKey", "SetupKey", "WebPassword", "WifiPassword"} <= set(write_only())


def on_flash(b):
    """(the region for secrets, everything else that the charger keeps)"""
    image = (b.twin.data / "flash.bin").read_bytes()
    files = b"".join(f.read_bytes() for f in (b.twin.data / "vfs").rglob("*") if f.is_file())
    return image[REGION], image[: REGION.start] + image[REGION.stop :] + files


async def report(b):
    async with http(b) as server:
        file = await diagnostics(b, server.url + "/in/")
        await statuses(b, DIAGNOSTICS, "Uploading", "Uploaded")
        return server.uploads["/in/" + file].decode()


@scenario
async def test_no_write_only_setting_is_told(b):
    await b.boot()
    names = write_only()
    names.remove(AFTER)
    secrets = {name: SECRET % i for i, name in enumerate(names)}
    # The mask of a line ends at a blank: it alone is not enough.
    secrets["WifiPassword"] = "with blanks " + secrets["WifiPassword"]
    tokens = {"FreeModeIdTag": "TOKENFREE", "WebIdTag": "TOKENWEB"}
    for name in ("NetworkSlot2", "NetworkSlot3"):  # a text with a password in it
        slot = ["", "ws://elsewhere/ocpp", 20, 0, "", "", secrets[name]]
        secrets[name] = json.dumps(slot)
    for name, value in {**secrets, **tokens}.items():
        await b.do("set", key=name, value=value)
    await b.advance(10)  # the key is a new one: it connects again
    # Once that has worked the key before is forgotten.
    await b.do("set", key="AccessBefore", value=secrets["AccessBefore"])
    text = await report(b)
    lines = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
    for name, value in {**secrets, **tokens}.items():
        assert lines[name] == "***", f"{name}: {lines[name]}"
        assert value not in text
    assert "c0ffee5ec2e7" not in text
    assert lines["HeartbeatInterval"] != "***"
    answer = await b.call("GetConfiguration", {})
    assert "c0ffee5ec2e7" not in str(answer)
    assert not b.logged("c0ffee5ec2e7")
    region, rest = on_flash(b)
    assert PART in region and PART not in rest
    await b.do("set", key=AFTER, value=SECRET % 77)
    await b.advance(10)
    text = await report(b)
    assert f"{AFTER}: ***" in text and "c0ffee5ec2e7" not in text
    region, rest = on_flash(b)
    assert (SECRET % 77).encode() in region and PART not in rest


@scenario(
    provision={"WifiSsid": "twin", "Wifi2Password": SECRET % 55},
    options={"without_partitions": ["secrets"]},
)
async def test_an_update_moves_what_an_older_version_has_left_all_over_the_flash(b):
    """Without the region all is as before; the log says so, once at a start."""
    await b.boot()
    assert len(b.logged("no region for secrets (no partition secrets)")) == 1
    for i in (1, 2):
        await b.do("set", key="WebPassword", value=SECRET % i)
        await b.do("set", key="SetupKey", value=SECRET % (10 + i))
    region, rest = on_flash(b)
    assert PART not in region and rest.count(PART) > 4
    del b.twin._options["without_partitions"]
    b.twin._provision = {"WifiSsid": "twin"}  # it would be written into the file again
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    region, rest = on_flash(b)
    for i in (2, 12, 55):
        assert (SECRET % i).encode() in region
    assert PART not in rest, rest[rest.index(PART) - 40 :][:80]
    text = await report(b)
    for name in ("WebPassword", "SetupKey", "Wifi2Password"):
        assert f"{name}: ***" in text
    assert "c0ffee5ec2e7" not in text


@scenario
async def test_a_region_with_something_else_in_it_stops_no_charger(b):
    await b.boot()
    await b.do("set", key="WebPassword", value=SECRET % 1)
    await b.twin.command({"do": "power_cut", "seconds": 2})
    await b.start_of_day()
    with open(b.twin.data / "flash.bin", "r+b") as flash:
        for at in range(REGION.start, REGION.stop, 16):
            flash.seek(at)
            flash.write(b"something else!!")
    await b.do("reboot")
    await b.start_of_day()
    assert b.logged("no region for secrets (foreign content")
    await b.charging()
