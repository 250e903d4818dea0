# Board files that differ from another one in a few lines, for tests.
# MIT license; part of microevse

import pathlib
import tempfile

from tools_paths import ROOT

DEVKITC = ROOT / "boards" / "esp32_devkitc.toml"
FITTED = ROOT / "host_tests" / "support" / "boards" / "everything_fitted.toml"

_FOLDER = tempfile.TemporaryDirectory()  # gone with the tests


def variant(name, base, *changes):
    """Path of a file like `base` with each (before, after) replaced once."""
    text = base.read_text()
    for before, after in changes:
        assert text.count(before) == 1, (before, text.count(before))
        text = text.replace(before, after)
    path = pathlib.Path(_FOLDER.name) / (name + ".toml")
    path.write_text(text)
    return str(path)


# Contactors with other sensors of their poles, other thermometers, a socket with a lock.
RELAY = "contactor = { pin = 26, active_high = true, feedback = 22 }"
TEMP = 'adc = 34\ntype = "mcp9700"'
MIRRORS = variant(
    "mirrors",
    FITTED,
    (RELAY, "contactor = { pin = 26, feedback = [22, 23, 4] }"),
    ("phases = 1", "phases = 3"),
    (TEMP, 'adc = 34\ntype = "ntc"'),
)
# The contactor at a pin that the ULP can drive.
ULP = variant(
    "ulp",
    DEVKITC,
    ('guard = "none"', 'guard = "ulp"'),
    ("contactor = { pin = 26,", "contactor = { pin = 4,"),
)
SENSES = variant(
    "senses",
    FITTED,
    (RELAY, "contactor = { pin = 26, sense = [22, 23] }"),
    (TEMP, 'pin = 16\ntype = "ds18b20"'),
)
SOCKET = variant(
    "socket",
    FITTED,
    ('cable = "fixed"', 'cable = "socket"'),
    (
        "rcd = {",
        "pp = { adc = 39 }\nlock = { a = 23, b = 4, detect = 35, settle_ms = 50 }\nrcd = {",
    ),
)

# Sensors of protection: an emergency stop, and an earth that closes a contact.
STOP = ("button = 0\n", "button = 0\nestop = 23\n")
PRESSED = variant("estop", FITTED, STOP)
BROKEN = variant(
    "estop_nc", FITTED, (STOP[0], "button = 0\nestop = { pin = 23, normally_closed = true }\n")
)
EARTH = variant("pe_nc", FITTED, ("pe = 21", "pe = { pin = 21, normally_closed = true }"))
# A protection looks every 0.5 s: one look may have just gone by, and the poles take their time.
TWO_LOOKS_S = 1.6
