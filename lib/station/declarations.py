# Every setting of the station, declared once: one line each.
# MIT license; part of microevse
"""The settings, as one text that is searched, not parsed into objects (12 KB less RAM).

name|component.variable[instance]|type|access|limits|default|unit

component.variable: the name of the setting in the device model of 2.x; empty: it has none.
type: b boolean, o boolean that cannot be taken back, i integer, s text, m list of measurands
    (default: those of it that are measured here), p phase rotation list (default: unknown, for
    every connector there is), k key in hexadecimal, w password, c list of words that the
    station computes, or if somebody may set it as q, v list of some of the words in limits in any
    order, a fixed network address, q list of the words in limits, in their order; the last ones
    can be left out, e one of the words in limits, x what begins or ends a transaction: some of
    the words in limits, z an offset from UTC.
access for the central system: r, w (never shown), rw; - means that only the owner (page,
    provisioning) sees and sets it, and -w that it is never shown to the owner either. An
    l behind it: the owner may set it. A ! behind it: takes effect after a reboot. Behind a /
    the access of a central system that knows the setting as a variable, where it is another.
limits: integers "least..most", keys the same in digits, passwords in characters, texts "longest",
    all inclusive.
default: =Name: the value of that setting, until this one is set.

Names, access and units of the standard ones: OCPP 1.6 edition 2 section 9, errata 4.0
(MessageTimeout, SupportedFileTransferProtocols, StopTransactionOnEVSideDisconnect optional),
security whitepaper edition 3 section 7 (AdditionalRootCertificateCheck to SecurityProfile).
"""

BLOB = """
AllowOfflineTxForUnknownId|AuthCtrlr.OfflineTxForUnknownIdEnabled|b|rw||false|
AuthCacheLifeTime|AuthCacheCtrlr.LifeTime|i|-l/rw|0..31536000|0|s
AuthorizationCacheEnabled|AuthCacheCtrlr.Enabled|b|rw||true|
AuthorizeRemoteTxRequests|AuthCtrlr.AuthorizeRemoteStart|b|rw||false|
ChargeProfileMaxStackLevel|SmartChargingCtrlr.ProfileStackLevel|i|r|0..99|9|
ChargingScheduleAllowedChargingRateUnit|SmartChargingCtrlr.RateUnit|c|rl|Current,Power|Current,Power|
ChargingScheduleMaxPeriods|SmartChargingCtrlr.PeriodsPerSchedule|i|r|1..999|96|
ClockAlignedDataInterval|AlignedDataCtrlr.Interval|i|rw|0..86400|0|s
ConnectionTimeOut|TxCtrlr.EVConnectionTimeOut|i|rw|1..86400|60|s
ConnectorPhaseRotation||p|rw|99||
ConnectorPhaseRotationMaxLength||i|r|1..99|9|
ConnectorSwitch3to1PhaseSupported|SmartChargingCtrlr.Phases3to1|b|r||false|
GetConfigurationMaxKeys||i|r|1..999|60|
HeartbeatInterval|OCPPCommCtrlr.HeartbeatInterval|i|rw|0..604800|300|s
LocalAuthListEnabled|LocalAuthListCtrlr.Enabled|b|rw||true|
LocalAuthListMaxLength||i|r|0..999999|0|
LocalAuthorizeOffline|AuthCtrlr.LocalAuthorizeOffline|b|rw||true|
LocalPreAuthorize|AuthCtrlr.LocalPreAuthorize|b|rw||false|
MaxChargingProfilesInstalled||i|r|1..99|8|
MasterPassGroupId|AuthCtrlr.MasterPassGroupId|s|-l/rw|36||
MaxEnergyOnInvalidId|TxCtrlr.MaxEnergyOnInvalidId|i|rw|0..1000000|0|Wh
MeterValuesAlignedData|AlignedDataCtrlr.Measurands|m|rw|500|Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage|
MeterValuesAlignedDataMaxLength||i|r|1..99|7|
MeterValuesSampledData|SampledDataCtrlr.TxUpdatedMeasurands|m|rw|500|Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage|
MeterValuesSampledDataMaxLength||i|r|1..99|7|
MeterValueSampleInterval|SampledDataCtrlr.TxUpdatedInterval|i|rw|0..86400|60|s
MinimumStatusDuration|OCPPCommCtrlr.MinimumStatusDuration|i|rw|0..3600|0|s
NumberOfConnectors||i|r|1..9|1|
ReserveConnectorZeroSupported|ReservationCtrlr.NonEvseSpecific|b|r/rw||true|
ResetRetries|OCPPCommCtrlr.ResetRetries|i|rw|0..9|1|
SendLocalListMaxLength|LocalAuthListCtrlr.ItemsPerMessage|i|r|0..999|0|
StopTransactionOnEVSideDisconnect|TxCtrlr.StopTxOnEVSideDisconnect|b|rw||true|
StopTransactionOnInvalidId|TxCtrlr.StopTxOnInvalidId|b|rw||true|
StopTxnAlignedData|AlignedDataCtrlr.TxEndedMeasurands|m|rw|500||
StopTxnAlignedDataMaxLength||i|r|1..99|7|
StopTxnSampledData|SampledDataCtrlr.TxEndedMeasurands|m|rw|500||
StopTxnSampledDataMaxLength||i|r|1..99|7|
SupportedFeatureProfiles||c|r|500|Core|
SupportedFileTransferProtocols|OCPPCommCtrlr.FileTransferProtocols|c|r|99||
TransactionMessageAttempts|OCPPCommCtrlr.MessageAttempts[TransactionEvent]|i|rw|1..99|3|
TransactionMessageRetryInterval|OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]|i|rw|0..86400|60|s
UnlockConnectorOnEVSideDisconnect|OCPPCommCtrlr.UnlockOnEVSideDisconnect|b|rw||true|
WebSocketPingInterval|OCPPCommCtrlr.WebSocketPingInterval|i|rw|0..86400|30|s
MessageTimeout|OCPPCommCtrlr.MessageTimeout[Default]|i|rw/r|1..600|30|s
AdditionalRootCertificateCheck|SecurityCtrlr.AdditionalRootCertificateCheck|b|r||false|
AuthorizationKey||k|w|32..40||
CertificateSignedMaxChainSize|SecurityCtrlr.MaxCertificateChainSize|i|r|0..10000|5000|
CertificateStoreMaxLength||i|r|0..99|3|
CpoName|SecurityCtrlr.OrganizationName|s|rw|64||
SecurityProfile|SecurityCtrlr.SecurityProfile|i|rw/r|0..3|0|
OfflineThreshold|OCPPCommCtrlr.OfflineThreshold|i|-l/rw|0..604800|0|s
RetryBackOffWaitMinimum|OCPPCommCtrlr.RetryBackOffWaitMinimum|i|-l/rw|0..3600|0|s
RetryBackOffRepeatTimes|OCPPCommCtrlr.RetryBackOffRepeatTimes|i|-l/rw|0..10|5|
RetryBackOffRandomRange|OCPPCommCtrlr.RetryBackOffRandomRange|i|-l/rw|0..3600|10|s
TxStartedMeasurands|SampledDataCtrlr.TxStartedMeasurands|m|-l/rw|500|Energy.Active.Import.Register|
TxEndedSampleInterval|SampledDataCtrlr.TxEndedInterval|i|-l/rw|0..86400|=MeterValueSampleInterval|s
AlignedSendDuringIdle|AlignedDataCtrlr.SendDuringIdle|b|-l/rw||false|
TxEndedAlignedInterval|AlignedDataCtrlr.TxEndedInterval|i|-l/rw|0..86400|=ClockAlignedDataInterval|s
LimitChangeSignificance|SmartChargingCtrlr.LimitChangeSignificance|i|-l/rw|0..100|0|Percent
NotifyChargingLimitWithSchedules|SmartChargingCtrlr.NotifyChargingLimitWithSchedules|b|-l/rw||false|
TxStartPoint|TxCtrlr.TxStartPoint|x|-l/rw|EVConnected,Authorized,PowerPathClosed,EnergyTransfer|PowerPathClosed|
TxStopPoint|TxCtrlr.TxStopPoint|x|-l/rw|EVConnected,Authorized,PowerPathClosed,EnergyTransfer|EVConnected,Authorized|
TimeSource|ClockCtrlr.TimeSource|q|-l/rw|Heartbeat,NTP|Heartbeat,NTP|
CertSigningWaitMinimum|SecurityCtrlr.CertSigningWaitMinimum|i|-l/rw|60..86400|300|s
CertSigningRepeatTimes|SecurityCtrlr.CertSigningRepeatTimes|i|-l/rw|0..10|2|
DisableRemoteAuthorization|AuthCtrlr.DisableRemoteAuthorization|b|-l/rw||false|
AuthCacheDisablePostAuthorize|AuthCacheCtrlr.DisablePostAuthorize|b|-l/rw||false|
LocalAuthListDisablePostAuthorize|LocalAuthListCtrlr.DisablePostAuthorize|b|-l/rw||true|
MaxCurrent||i|rl|6..80|16|A
SiteMaxCurrent||i|rl|0..160|0|A
NominalVoltage||i|rl|100..277|230|V
Phases||i|rl|1..3|1|
FreeMode||b|rw||false|
FreeModeIdTag||s|rw|36|FREE|
OfflineQueuingSeverity|MonitoringCtrlr.OfflineQueuingSeverity|i|-l/rw|0..9|4|
ActiveMonitoringLevel|MonitoringCtrlr.ActiveMonitoringLevel|i|-/r|0..9|9|
ActiveMonitoringBase|MonitoringCtrlr.ActiveMonitoringBase|s|-/r|20|All|
Currency|TariffCostCtrlr.Currency|s|-l/rw|3|EUR|
TariffFallbackMessage|TariffCostCtrlr.TariffFallbackMessage|s|-l/rw|255||
TotalCostFallbackMessage|TariffCostCtrlr.TotalCostFallbackMessage|s|-l/rw|255||
TariffEnabled|TariffCostCtrlr.Enabled[Tariff]|b|-l/rw||true|
CostEnabled|TariffCostCtrlr.Enabled[Cost]|b|-l/rw||true|
RunningCostEnabled|TariffCostCtrlr.Enabled[RunningCost]|b|-l/rw||true|
CostInterval|TariffCostCtrlr.Interval[Cost]|i|-l/rw|10..86400|300|s
TariffConditions|TariffCostCtrlr.ConditionsSupported[Tariff]|b|-l/r||true|
HandleFailedTariff|TariffCostCtrlr.HandleFailedTariff[Tariff]|e|-l/rw|UseDefaultTariff,CentralCost,Deauthorize|UseDefaultTariff|
TimeOffset|ClockCtrlr.TimeOffset|z|-l/rw||+00:00|
ResumeRandomDelay|SmartChargingCtrlr.ResumeRandomDelay|i|rw|0..1800|600|s
WakeUpDelay||i|rw|0..3600|60|s
OfflinePauseDelay||i|rw|0..86400|900|s
RcdTestInterval||i|-l|60..86400|86400|s
MeterPollInterval||i|rl|1..60|1|s
BasicAuthPassword|SecurityCtrlr.BasicAuthPassword|w|-wl/w|16..64||
AccessBefore||s|-w|128||
NetworkConfigurationPriority|OCPPCommCtrlr.NetworkConfigurationPriority|v|rwl!|1,2,3|1|
NetworkProfileConnectionAttempts|OCPPCommCtrlr.NetworkProfileConnectionAttempts|i|-l/rw|1..99|3|
ActiveNetworkProfile|OCPPCommCtrlr.ActiveNetworkProfile|i|-/r|1..3|1|
NetworkSlot2||s|-w|900||
NetworkSlot3||s|-w|900||
NetworkBefore||s|-|1||
AllowSecurityProfileDowngrade|SecurityCtrlr.AllowSecurityProfileDowngrade|b|-l/r||false|
OcppVersions||v|-l!|2.1,2.0.1,1.6|1.6|
NtpServer|ClockCtrlr.NtpServerUri|s|-l/r|128|pool.ntp.org|
CentralSystemURI||s|-l|512||
ChargePointId|SecurityCtrlr.Identity|s|-l/r|48||
ChargePointVendor|ChargingStation.VendorName|s|-l!/r|20|microevse|
ChargePointModel|ChargingStation.Model|s|-l!/r|20|microevse|
CaFile||s|-l|128||
ClientCertFile||s|-l|128||
ClientKeyFile||s|-l|128||
FeaturesOff||s|-l!|120||
SetupKey||k|-wl|16..40||
SetupKeyNext||k|-w|16..40||
UpdateNewerOnly||b|-l||false|
UpdateTrialTime||i|-l|15..600|20|s
WebIdTag||s|-l|36|WEB|
WebPassword||w|-wl|8..64||
WifiSsid||s|-l!|32||
WifiPassword||s|-wl!|63||
Wifi2Ssid||s|-l!|32||
Wifi2Password||s|-wl!|63||
Wifi3Ssid||s|-l!|32||
Wifi3Password||s|-wl!|63||
WifiCountry||s|-l!|2||
ConsoleLocked||o|-l!||false|
Hostname||s|-l!|32||
StaticAddress||a|-l!|64||
"""


def line(name):
    """Declaration line of a setting, "" if there is none."""
    if not name or "|" in name or "\n" in name:
        return ""
    start = BLOB.find("\n" + name + "|") + 1
    return BLOB[start : BLOB.index("\n", start)] if start else ""


def fields(name):
    found = line(name)
    if not found:
        raise KeyError(name)
    return found.split("|")
