# What the set-up tests share: the networks in the air, and what the console says.
# MIT license; part of microevse
"""A charger that knows no network opens one of its own."""

import re

AIR = {
    "Garage": {"rssi": -52, "key": "correct horse"},
    "Neighbours & <sons>": {"rssi": -81, "key": "not yours"},
    "Cafe": {"rssi": -66},
}
SAID = re.compile(r"set-up: WiFi (microevse-[0-9a-f]{4}), password ([a-z2-9-]{14}), page (\S+)")
