# Write-only settings are never shown: not in the diagnostics, not by either interface.
# MIT license; part of microevse
"""The declarations are walked: a new write-only setting is checked from its first day on."""

from bench import scenario
from firmware_files import DIAGNOSTICS, diagnostics, http, statuses
from station.settings import Settings

SECRET = "c0ffee5ec2e7%02dc0ffee5ec2e7"  # hexadecimal: every kind of setting takes it
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
    tokens = {"FreeModeIdTag": "TOKENFREE", "WebIdTag": "TOKENWEB"}
    for name, value in {**secrets, **tokens}.items():
        await b.do("set", key=name, value=value)
    await b.advance(10)  # the key is a new one: it connects again
    # Once that has worked the key before is forgotten.
    await b.do("set", key="AuthorizationKeyBefore", value=secrets["AuthorizationKeyBefore"])
    text = await report(b)
    lines = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
    for name, value in {**secrets, **tokens}.items():
        assert lines[name] == "***", f"{name}: {lines[name]}"
        assert value not in text
    assert "c0ffee5ec2e7" not in text
    assert lines["HeartbeatInterval"] != "***"
    answer = await b.call("GetConfiguration", {})
    assert "c0ffee5ec2e7" not in str(answer)
    await b.do("set", key=AFTER, value=SECRET % 77)
    await b.advance(10)
    text = await report(b)
    assert f"{AFTER}: ***" in text and "c0ffee5ec2e7" not in text
