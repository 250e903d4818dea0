# Shared by the set-up tests: the networks in the air, and the output of the console.
# MIT license; part of microevse
"""A charger that knows no network opens one of its own."""

import re

AIR = {
    "Garage": {"rssi": -52, "key": "correct horse"},
    "Neighbours & <sons>": {"rssi": -81, "key": "not yours"},
    "Cafe": {"rssi": -66},
}
SAID = re.compile(
    r"set-up: WiFi (microevse-[0-9a-f]{4}), password ([a-z2-9-]{14}|[1-6]{20}), page (\S+)"
)
