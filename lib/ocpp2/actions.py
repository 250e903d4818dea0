# The requests of a central system that are answered in OCPP 2.x, and which function answers which.
# MIT license; part of microevse
"""Rows of `ocppj.on_demand`."""

# action module.function. One text that is searched: as tuples it would be a KB of heap.
ACTIONS = """
CancelReservation reservation.cancel_reservation
CertificateSigned certificates.certificate_signed
ChangeAvailability availability.change_availability
ClearCache remote.clear_cache
ClearDisplayMessage display.clear_display_message
ClearVariableMonitoring monitoring.clear_variable_monitoring
CostUpdated cost.cost_updated
CustomerInformation customer.customer_information
DataTransfer data_transfer.data_transfer
DeleteCertificate certificates.delete_certificate
GetBaseReport reports.get_base_report
GetDisplayMessages display.get_display_messages
GetInstalledCertificateIds certificates.get_installed_certificate_ids
GetLocalListVersion local_list.get_local_list_version
GetLog logs.get_log
GetMonitoringReport monitoring_reports.get_monitoring_report
GetReport reports.get_report
GetTransactionStatus transaction_status.get_transaction_status
GetVariables variables.get_variables
InstallCertificate certificates.install_certificate
RequestStartTransaction remote.request_start
RequestStopTransaction remote.request_stop
ReserveNow reservation.reserve_now
Reset availability.reset
SendLocalList local_list.send_local_list
SetDisplayMessage display.set_display_message
SetMonitoringBase monitoring.set_monitoring_base
SetMonitoringLevel monitoring.set_monitoring_level
SetVariableMonitoring monitoring.set_variable_monitoring
SetVariables variables.set_variables
TriggerMessage trigger.trigger_message
UnlockConnector remote.unlock_connector
UpdateFirmware firmware.update_firmware
"""
