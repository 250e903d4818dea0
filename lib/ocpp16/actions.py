# The requests of a central system that OCPP 1.6 has, and which function answers which.
# MIT license; part of microevse
"""Rows of `ocppj.on_demand`. UpdateFirmware and GetDiagnostics are not here: see firmware.py."""

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
