# The chip under test: what it is, and its pins made safe.
# MIT license; part of microevse
"""Sent over the raw prompt of the chip under test; works on stock MicroPython."""

import gc
import sys

import machine
from machine import Pin


def identity():
    """What can be known of this chip without opening anything."""
    found = {
        "platform": sys.platform,
        "machine": getattr(sys.implementation, "_machine", ""),
        "micropython": ".".join([str(n) for n in sys.implementation.version[:3]]),
        "reset_cause": machine.reset_cause(),
    }
    if len(sys.implementation.version) > 3 and sys.implementation.version[3]:
        found["micropython"] += "-" + sys.implementation.version[3]
    try:
        import esp

        found["flash"] = esp.flash_size()
    except Exception as exc:
        found["flash_error"] = repr(exc)
    try:
        import esp32

        regions = esp32.idf_heap_info(esp32.HEAP_DATA)
        found["idf_total"] = sum([r[0] for r in regions])
        # The GC heap of a chip with PSRAM takes megabytes of it.
        found["psram"] = max([r[0] for r in regions]) > 600000
        found["psram"] = found["psram"] or gc.mem_free() + gc.mem_alloc() > 1000000
    except Exception as exc:
        found["heap_error"] = repr(exc)
    try:
        if "with ESP32" in found["machine"] and found["machine"].endswith("ESP32"):
            # ESP-IDF, components/efuse/esp32/esp_efuse_table.csv and hal/esp32/efuse_hal.c: three
            # bits of the major revision.
            mem = machine.mem32
            bits = mem[0x3FF5A00C] >> 15 & 1 | (mem[0x3FF5A014] >> 20 & 1) << 1
            bits |= (mem[0x3FF6607C] >> 31 & 1) << 2
            found["revision"] = {0: 0, 1: 1, 3: 2, 7: 3}.get(bits, -1)
    except Exception as exc:
        found["revision_error"] = repr(exc)
    try:
        import version

        found["application"] = version.VERSION
    except Exception:
        found["application"] = ""
    return found


def session():
    """What the application was doing when it was stopped: "" is nothing. One text for each
    connector with a session or a car."""
    app = sys.modules.get("app")
    charger = getattr(app, "charger", None)
    said = []
    if charger is not None:
        for connector in charger.station.connectors:
            if connector.session:
                said.append("connector %d has a session" % connector.id)
        for i, evse in enumerate(charger.evses):
            if evse.closed or evse.plugged:
                said.append("a car is at connector %d" % (i + 1))
    return said


def safe(outputs):
    """Every output of the bench to its safe level: [[pin, level], ...]."""
    for pin, level in outputs:
        Pin(pin, Pin.OUT, value=level)
    return [Pin(pin).value() for pin, _level in outputs]


def level(pin):
    """What a pin shows; its set-up is not touched."""
    return Pin(pin).value()
