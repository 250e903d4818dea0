# Each setting is judged: those that a protection depends on are for the installer only.
# MIT license; part of microevse
"""Walks the declarations: a new setting fails here until it has been judged, in the lists below
and, where a protection depends on it, in docs/safety.md."""

import re

import pytest
from station import declarations
from tools_paths import ROOT

# Protections depend on these: not to be changed by a central system.
INSTALLERS = (
    "MaxCurrent SiteMaxCurrent Phases MeterPollInterval RcdTestInterval NominalVoltage".split()
)
# Near a protection, yet harmless for each value within the bounds; the document gives the reason.
HARMLESS = (
    "TxStartPoint TxStopPoint OfflinePauseDelay WakeUpDelay ConnectionTimeOut ResumeRandomDelay "
    "FreeMode StopTransactionOnEVSideDisconnect UnlockConnectorOnEVSideDisconnect "
    "MinimumStatusDuration ResetRetries UpdateTrialTime".split()
)
# These have nothing to do with the electrical side: authorization, messages, network, page.
ELSEWHERE = set(
    """AllowOfflineTxForUnknownId AuthorizationCacheEnabled AuthorizeRemoteTxRequests
    ChargeProfileMaxStackLevel ChargingScheduleAllowedChargingRateUnit ChargingScheduleMaxPeriods
    ClockAlignedDataInterval ConnectorPhaseRotation ConnectorPhaseRotationMaxLength
    ConnectorSwitch3to1PhaseSupported GetConfigurationMaxKeys HeartbeatInterval
    LocalAuthListEnabled LocalAuthListMaxLength LocalAuthorizeOffline LocalPreAuthorize
    MaxChargingProfilesInstalled MaxEnergyOnInvalidId MeterValuesAlignedData
    MeterValuesAlignedDataMaxLength MeterValuesSampledData MeterValuesSampledDataMaxLength
    MeterValueSampleInterval NotifyChargingLimitWithSchedules
    NumberOfConnectors ReserveConnectorZeroSupported
    SendLocalListMaxLength StopTransactionOnInvalidId StopTxnAlignedData
    StopTxnAlignedDataMaxLength StopTxnSampledData StopTxnSampledDataMaxLength
    SupportedFeatureProfiles SupportedFileTransferProtocols TransactionMessageAttempts
    TransactionMessageRetryInterval WebSocketPingInterval MessageTimeout AuthorizationKey
    AdditionalRootCertificateCheck CertificateSignedMaxChainSize CertificateStoreMaxLength CpoName
    SecurityProfile FreeModeIdTag BasicAuthPassword AccessBefore NtpServer OcppVersions
    NetworkConfigurationPriority NetworkProfileConnectionAttempts ActiveNetworkProfile
    NetworkSlot2 NetworkSlot3 NetworkBefore AllowSecurityProfileDowngrade
    CentralSystemURI ChargePointId ChargePointVendor ChargePointModel CaFile ClientCertFile
    ClientKeyFile ConsoleLocked FeaturesOff SetupKey SetupKeyNext UpdateNewerOnly WebIdTag
    WebPassword
    WifiSsid WifiPassword Wifi2Ssid Wifi2Password Wifi3Ssid Wifi3Password WifiCountry
    Hostname StaticAddress
    TrialSeconds MasterPassGroupId OfflineThreshold RetryBackOffWaitMinimum RetryBackOffRepeatTimes
    RetryBackOffRandomRange TxStartedMeasurands TxEndedSampleInterval TxEndedAlignedInterval
    CertSigningWaitMinimum CertSigningRepeatTimes
    LimitChangeSignificance TimeSource DisableRemoteAuthorization AuthCacheDisablePostAuthorize
    LocalAuthListDisablePostAuthorize OfflineQueuingSeverity ActiveMonitoringLevel
    TariffEnabled CostEnabled RunningCostEnabled CostInterval TariffConditions
    HandleFailedTariff TimeOffset
    ActiveMonitoringBase Currency TariffFallbackMessage TotalCostFallbackMessage
    AuthCacheLifeTime AlignedSendDuringIdle""".split()
)
# The bounds within which each protection keeps its stated time.
BOUNDS = {
    "MaxCurrent": (6, 80),
    "SiteMaxCurrent": (0, 160),
    "Phases": (1, 3),
    "MeterPollInterval": (1, 60),
    "RcdTestInterval": (60, 86400),
    "NominalVoltage": (100, 277),
}

ROWS = [line.split("|") for line in declarations.BLOB.strip().split("\n")]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_setting_is_judged(row):
    """A central system could slow the watch over the current to two minutes once."""
    name, access = row[0], row[3]
    places = [name in INSTALLERS, name in HARMLESS, name in ELSEWHERE]
    assert sum(places) == 1, f"{name}: does a protection depend on it? Judge it in this file"
    if name in INSTALLERS:
        assert "w" not in access, f"{name} can be written by a central system"
        assert access.rstrip("!").endswith("l"), f"{name}: the installer cannot set it"
        assert tuple(int(n) for n in row[4].split("..")) == BOUNDS[name]


def test_the_document_has_a_sentence_for_each_that_is_near_a_protection():
    text = ""
    for name in ("safety_settings.part.md", "safety.md"):
        path = ROOT / "docs" / name
        text += path.read_text() if path.exists() else ""
    for name in INSTALLERS + HARMLESS:
        assert re.search(r"^\| `%s` \|.{20}" % name, text, re.M), name


def test_protections_read_no_other_setting():
    """The settings that the protections read, found in the source."""
    asked = set()
    for path in (
        "lib/station/protection.py", "lib/station/over_current.py", "lib/station/temperature.py",
        "lib/station/limits.py", "lib/station/sharing.py", "firmware/wiring/electrical.py",
        "lib/iec61851/evse.py", "lib/iec61851/closings.py",
    ):  # fmt: skip
        asked |= set(re.findall(r'settings\.get\("(\w+)"', (ROOT / path).read_text()))
    assert asked and asked <= set(INSTALLERS + HARMLESS), asked
