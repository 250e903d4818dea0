# The abilities of the pins of each chip and module.
# MIT license; part of microevse
"""From the data sheets of Espressif: the pins of each chip, those with an ADC, those with
pulses."""

import copy


class Chip:
    """Pins of one chip, from its data sheet."""

    def __init__(
        self, pins, adc1, adc2, flash, relay, inputs=(), floor_mv=0, full_mv=3100, uarts=3, best=()
    ):
        self.pins = set(pins)
        self.adc1 = set(adc1)
        self.adc2 = set(adc2)
        self.flash = set(flash)  # wired to the module's own flash
        self.relay = set(relay)  # neither strapping nor pulsing at reset, output capable
        self.inputs = set(inputs)  # cannot be outputs
        self.floor_mv = floor_mv  # a lower voltage reads as 0 on the ADC at 11 dB
        self.full_mv = full_mv  # a higher one as full; on an ESP32 by its curve
        self.uarts = uarts
        self.best = set(best or relay)  # of the pins for a relay, those that the RTC can hold, too

    def on(self, flash):
        """The same chip in a module whose flash is wired to other pins."""
        other = copy.copy(self)
        other.flash = set(flash)
        other.relay = self.relay - other.flash
        return other


def _span(*ranges):
    return [pin for first, last in ranges for pin in range(first, last + 1)]


CHIPS = {
    "esp32": Chip(
        _span((0, 19), (21, 23), (25, 27), (32, 39)),
        _span((32, 39)),
        [0, 2, 4, 12, 13, 14, 15, 25, 26, 27],
        _span((6, 11)),
        [4, 13, 16, 17, 18, 19, 21, 22, 23, 25, 26, 27, 32, 33],
        inputs=_span((34, 39)),
        floor_mv=142,
        best=[25, 26, 27, 32, 33],
    ),
    "esp32s2": Chip(
        _span((0, 21), (26, 46)),
        _span((1, 10)),
        _span((11, 20)),
        _span((27, 32)),
        _span((1, 17), (21, 21), (33, 42)),
        inputs=[46],
        full_mv=2500,
        uarts=2,
    ),
    "esp32s3": Chip(
        _span((0, 21), (26, 48)),
        _span((1, 10)),
        _span((11, 20)),
        _span((26, 32)),
        [1, 2] + _span((4, 17), (21, 21), (38, 42), (47, 48)),
    ),
    "esp32c3": Chip(
        _span((0, 21)),
        _span((0, 4)),
        [5],
        _span((11, 17)),
        [0, 1, 3, 4, 5, 6, 7, 10],
        full_mv=2500,
        uarts=2,
    ),
    "esp32c6": Chip(
        _span((0, 30)),
        _span((0, 6)),
        [],
        _span((24, 30)),
        [0, 1, 2, 3, 6, 7] + _span((10, 11), (18, 23)),
        uarts=2,
    ),
}

# Modules with the flash on other pins than most: (chip, pins of the flash). The flash in
# the package of an ESP32-MINI-1 (ESP32-U4WDH data sheet) leaves 9 and 10 free, not 16 and 17.
MODULES = {"mini-1": ("esp32", (6, 7, 8, 11, 16, 17))}

# RMII of the ESP32: fixed data pins (ESP32 datasheet, section "Ethernet MAC").
RMII = {19: "TXD0", 21: "TX_EN", 22: "TXD1", 25: "RXD0", 26: "RXD1", 27: "CRS_DV"}
# Where the 50 MHz can come in, and where they can go out.
CLOCK_IN, CLOCK_OUT = (0,), (0, 16, 17)
