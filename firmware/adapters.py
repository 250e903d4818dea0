# The versions of OCPP that this firmware speaks, and how the adapter of each is made.
# MIT license; part of microevse
"""Imported when a connection needs an adapter, and given up after it. Only the package of the
version that the central system has picked is imported.
"""

from hal import system
from port import IN_PLACE
from version import VERSION


# fmt: off
def ocpp16(call, station, settings, journal, clock, link, profiles, firmware):
    """The adapter of OCPP 1.6. firmware: an ocpp16.firmware.Firmware, None if not offered."""
    # fmt: on
    from ocpp16.client import Ocpp16

    identity = {
        "chargePointVendor": settings.text("ChargePointVendor"),
        "chargePointModel": settings.text("ChargePointModel"),
        "chargePointSerialNumber": system.unique_id(),
        "firmwareVersion": VERSION,
    }
    adapter = Ocpp16(call, station, settings, journal, clock, identity, link, profiles, IN_PLACE)
    if firmware:
        adapter.attach_firmware(firmware)
    return adapter


# By sub-protocol.
MAKERS = {"ocpp1.6": ocpp16}
