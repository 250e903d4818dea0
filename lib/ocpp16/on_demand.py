# Requests of the central system: which function answers which action.
# MIT license; part of microevse
"""A handler is `async fn(point, payload)` and returns what `ocppj.rpc.Rpc` describes. `point` is
the `client.Ocpp16` that the request came to: its station, settings, clock, boot, status,
transactions, firmware, profiles and call.

On a chip that executes code in place, in flash, a handler's module is loaded for one request and
unloaded after it, as a loaded module takes heap. A handler that needs another one loads it itself:
each is one stall, and the timer has its turn between them (`evse_base.before_import`). Elsewhere
all modules are loaded at the start: reading them from files would stall the interpreter while a
car charges.
"""

import sys

from evse_base import before_import, forget

# action module.function. One text that is searched: as tuples it would be a KB of heap.
ACTIONS = """
RemoteStartTransaction remote.remote_start
RemoteStopTransaction remote.remote_stop
UnlockConnector remote.unlock_connector
Reset remote.reset
ChangeAvailability remote.change_availability
ClearCache remote.clear_cache
SetChargingProfile smart_charging.set_charging_profile
ClearChargingProfile smart_charging.clear_charging_profile
GetCompositeSchedule smart_charging.get_composite_schedule
GetConfiguration configuration.get_configuration
ChangeConfiguration configuration.change_configuration
TriggerMessage trigger.trigger_message
DataTransfer data_transfer.data_transfer
GetLocalListVersion local_list.get_local_list_version
SendLocalList local_list.send_local_list
ReserveNow reservation.reserve_now
CancelReservation reservation.cancel_reservation
GetLog logs.get_log
InstallCertificate certificates.install_certificate
DeleteCertificate certificates.delete_certificate
CertificateSigned certificates.certificate_signed
ExtendedTriggerMessage extended_trigger.extended_trigger_message
GetInstalledCertificateIds certificates.get_installed_certificate_ids
SignedUpdateFirmware signed_firmware.signed_update_firmware
"""


def rows():
    """(action, module, function) of all actions."""
    for line in ACTIONS.split("\n"):
        action, _, place = line.partition(" ")
        if place:
            yield (action,) + tuple(place.split("."))


def _load(name):
    """The module `ocpp16.name`. The only place where a module is named by a text."""
    full = "ocpp16." + name
    __import__(full)
    return sys.modules[full]


def _forget():
    """Unload all handlers: one may have imported another. A handler that runs keeps its code."""
    for _, module, _ in rows():
        if "ocpp16." + module in sys.modules:
            forget("ocpp16." + module)
    forget("station.composite")  # only the handlers use it


def load_all():
    """Load the modules of all handlers, to stay."""
    from station import composite  # noqa: F401

    for _, module, _ in rows():
        _load(module)


def handler(point, action):
    """The handler of an action; None if it has none. `point.passing`: True to load its code for
    the one request."""
    firmware = point.firmware
    if firmware and action in firmware.handlers:
        return firmware.handlers[action]  # they have a state of their own: always loaded
    at = ACTIONS.find("\n%s " % action) + len(action) + 2
    if at < len(action) + 2:
        return None
    module, _, function = ACTIONS[at : ACTIONS.find("\n", at)].partition(".")

    async def handle(payload):
        if not point.passing:
            return await getattr(_load(module), function)(point, payload)
        await before_import()
        fn = getattr(_load(module), function)
        _forget()  # now: there may be little memory later
        try:
            return await fn(point, payload)
        finally:
            _forget()  # what it has loaded itself

    return handle
