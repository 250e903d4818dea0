# The versions of OCPP that this firmware speaks, and how the adapter of each is made.
# MIT license; part of microevse
"""Imported when a connection needs an adapter, then unloaded. Only the package of the
version that the central system has picked is imported.
"""

from hal import system
from evse_base import IN_PLACE
from version import VERSION


# fmt: off
def ocpp16(call, station, settings, clock, link, profiles, jobs):
    """The adapter of OCPP 1.6. jobs: a station.jobs.Jobs, None where files are not moved."""
    # fmt: on
    from ocpp16.client import Ocpp16

    identity = {
        "chargePointVendor": settings.text("ChargePointVendor"),
        "chargePointModel": settings.text("ChargePointModel"),
        "chargePointSerialNumber": system.unique_id(),
        "firmwareVersion": VERSION,
    }
    adapter = Ocpp16(call, station, settings, clock, identity, link, profiles, IN_PLACE)
    if jobs:
        from ocpp16.firmware import Firmware

        adapter.firmware = Firmware(adapter.call, jobs)
    return adapter


# By sub-protocol.
MAKERS = {"ocpp1.6": ocpp16}
