# The versions of OCPP that this firmware speaks, and how the adapter of each is made.
# MIT license; part of microevse
"""Imported when a connection needs an adapter, then unloaded. Only the package of the
version that the central system has picked is imported.
"""

from hal import board, system
from ocppj.schema import Schema
from evse_base import IN_PLACE, forget, log
from version import VERSION


# fmt: off
def ocpp16(rpc, station, settings, clock, link, profiles, jobs):
    """The adapter of OCPP 1.6. jobs: a station.jobs.Jobs, None where files are not moved."""
    # fmt: on
    from ocpp16.client import Ocpp16

    identity = {
        "chargePointVendor": settings.text("ChargePointVendor"),
        "chargePointModel": settings.text("ChargePointModel"),
        "chargePointSerialNumber": system.unique_id(),
        "firmwareVersion": VERSION,
    }
    adapter = Ocpp16(rpc.call, station, settings, clock, identity, link, profiles, IN_PLACE)
    if jobs:
        from ocpp16.firmware import Firmware

        adapter.firmware = Firmware(adapter.call, jobs)
    return adapter


# fmt: off
def ocpp201(rpc, station, settings, clock, link, profiles, jobs, later=False):
    """The adapter of OCPP 2.0.1; `later`: of 2.1."""
    # fmt: on
    from ocpp2.client import Ocpp2
    from ocpp2.schemas import TABLE

    delta = None
    if later:
        from ocpp2.schemas21 import DELTA as delta
    identity = {
        "vendorName": settings.text("ChargePointVendor"),
        "model": settings.text("ChargePointModel"),
        "serialNumber": system.unique_id(),
        "firmwareVersion": VERSION,
    }
    reason = _REASONS.get(system.last_reset(), "Unknown")
    # fmt: off
    adapter = Ocpp2(rpc.call, Schema(TABLE, delta), station, settings, clock, identity, reason,
                    later, link, profiles, IN_PLACE, _fitted(board.load()))
    # fmt: on
    adapter.rpc = rpc
    adapter.jobs = jobs
    return adapter


def _fitted(profile):
    """Parts of the board that the station does not know of, see Ocpp2."""
    there = [word for word in ("temp", "estop", "pe", "reader") if word in profile]
    if profile["network"] == "ethernet":
        there.append("ethernet")
    connectors = profile["connectors"]
    there += [i + 1 for i in range(len(connectors)) if "rcd" in connectors[i]]
    return tuple(there)


# fmt: off
def ocpp21(rpc, station, settings, clock, link, profiles, jobs):
    """The adapter of OCPP 2.1."""
    # fmt: on
    return ocpp201(rpc, station, settings, clock, link, profiles, jobs, True)


# BootReasonEnumType of hal.system.last_reset.
_REASONS = {
    "PowerUp": "PowerUp",
    "Watchdog": "Watchdog",
    "Crash": "ApplicationReset",
    "Retry": "ApplicationReset",
    "SoftRestart": "RemoteReset",
    "HardRestart": "RemoteReset",
    "ScheduledRestart": "ScheduledReset",
    "FirmwareUpdate": "FirmwareUpdate",
}

# By sub-protocol.
MAKERS = {"ocpp1.6": ocpp16, "ocpp2.0.1": ocpp201, "ocpp2.1": ocpp21}


def there(versions):
    """Sub-protocols of those versions of OCPP that this image has. Without one: all that it has.
    An image for a small slot has one of the packages only."""
    there = []
    try:
        import ocpp16  # noqa: F401

        there.append("1.6")
    except ImportError:
        pass
    try:
        import ocpp2  # noqa: F401

        there += ["2.0.1", "2.1"]
    except ImportError:
        pass
    forget("ocpp16")
    forget("ocpp2")
    if [version for version in versions if version not in there]:
        log.error("app", "OcppVersions: this image has %s", ", ".join(there))
    chosen = [version for version in versions if version in there]
    return ["ocpp" + version for version in chosen or there]
