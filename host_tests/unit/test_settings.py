# Settings: declared once, checked, kept.
# MIT license; part of microevse
from helpers import raises
from station.declarations import BLOB
from station.settings import Settings
from station_parts import Charger

REQUIRED = (
    "AuthorizeRemoteTxRequests ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation "
    "GetConfigurationMaxKeys HeartbeatInterval LocalAuthorizeOffline LocalPreAuthorize "
    "MeterValuesAlignedData MeterValuesSampledData MeterValueSampleInterval NumberOfConnectors "
    "ResetRetries StopTransactionOnInvalidId StopTxnAlignedData StopTxnSampledData "
    "SupportedFeatureProfiles TransactionMessageAttempts TransactionMessageRetryInterval "
    "UnlockConnectorOnEVSideDisconnect"
).split()


def test_every_required_core_key_is_there_with_its_access():
    settings = Settings(None)
    names = list(settings.keys16())
    for name in REQUIRED:
        assert name in names, name
    for name in ("NumberOfConnectors", "GetConfigurationMaxKeys", "SupportedFeatureProfiles"):
        assert settings.access(name) == "r"
        assert settings.set(name, "1") == "readonly"
    assert settings.access("MeterValueSampleInterval") == "rw"
    assert settings.access("AuthorizationKey") == "w"
    assert settings.get("GetConfigurationMaxKeys") >= len(names)


def test_every_declaration_is_whole_and_its_default_is_allowed():
    settings = Settings(None)
    seen = []
    for line in BLOB.strip().split("\n"):
        fields = line.split("|")
        assert len(fields) == 7, line
        assert fields[0] not in seen, fields[0]
        seen.append(fields[0])
        if fields[2] not in "kc":
            default = settings.text(fields[0])
            assert settings._check(fields[0], default) == default, (line, settings.reason)
            follows = fields[5][:1] == "=" and default == settings.text(fields[5][1:])
            assert default == fields[5] or fields[2] == "p" or follows, line
    assert seen == list(settings.declared())


def test_phase_rotation_is_of_the_connectors_that_exist():
    settings = Settings(None)
    assert settings.text("ConnectorPhaseRotation") == "0.Unknown,1.Unknown"
    assert settings.set("ConnectorPhaseRotation", "2.RST") == "rejected"
    settings.provide("NumberOfConnectors", "2")
    assert settings.text("ConnectorPhaseRotation") == "0.Unknown,1.Unknown,2.Unknown"
    assert settings.set("ConnectorPhaseRotation", "2.RST") == "accepted"
    assert settings.get("ConnectorPhaseRotation") == ["2.RST"]


def test_both_faces_of_a_setting():
    settings = Settings(None)
    assert settings.variable("ConnectionTimeOut") == "TxCtrlr.EVConnectionTimeOut"
    assert (
        settings.variable("TransactionMessageAttempts")
        == "OCPPCommCtrlr.MessageAttempts[TransactionEvent]"
    )
    faces = [settings.variable(n) for n in settings.declared() if settings.variable(n)]
    for face in faces:
        assert faces.count(face) == 1, face


def test_bad_values_are_rejected_with_a_reason_and_change_nothing():
    settings = Settings(None)
    for name, bad in (
        ("MeterValueSampleInterval", "-1"),
        ("MeterValueSampleInterval", "ten"),
        ("MeterValueSampleInterval", ""),
        ("MeterValueSampleInterval", " 5"),
        ("MeterValueSampleInterval", "1e3"),
        ("MeterValueSampleInterval", "99999999999"),
        ("ConnectionTimeOut", "0"),
        ("ConnectionTimeOut", "86401"),
        ("LocalPreAuthorize", "yes"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,Moonlight"),
        ("ConnectorPhaseRotation", "1.ABC"),
        ("FreeModeIdTag", "x" * 37),
        ("FreeModeIdTag", "a\nb"),
        ("AuthorizationKey", "0123456789abcdef" * 2 + "0"),
        ("AuthorizationKey", "0123456789abcde" * 2),
        ("AuthorizationKey", "0123456789abcdeg" * 2),
        ("AuthorizationKey", "01" * 21),
        ("AuthorizationKey", "0102" * 10 + "03"),
        ("AuthorizationKey", "00" * 16),
        ("AuthorizationKey", "aAAa" * 10),
        ("AuthorizationKey", "\ud800" * 32),
        ("AuthorizationKey", "\uff11" * 32),
        ("AuthorizationKey", ""),
        ("CpoName", "a\ud800"),
        ("CpoName", "\udfff"),
        ("MeterValueSampleInterval", 5),
    ):
        before = settings.text(name)
        assert settings.set(name, bad) == "rejected", (name, bad)
        assert settings.reason.startswith(name), settings.reason
        assert settings.text(name) == before


def test_good_values_come_back_typed_and_in_their_canonical_spelling():
    settings = Settings(None)
    assert settings.set("LocalPreAuthorize", "TRUE") == "accepted"
    assert settings.get("LocalPreAuthorize") is True
    assert settings.text("LocalPreAuthorize") == "true"
    assert settings.set("MeterValueSampleInterval", "007") == "accepted"
    assert settings.text("MeterValueSampleInterval") == "7"
    assert settings.set("MeterValuesSampledData", "Voltage, Current.Import,Voltage") == "accepted"
    assert settings.get("MeterValuesSampledData") == ["Voltage", "Current.Import"]
    assert settings.set("StopTxnSampledData", "") == "accepted"
    assert settings.get("StopTxnSampledData") == []
    assert settings.set("ConnectorPhaseRotation", "0.RST, 1.RST") == "accepted"


def test_measurands_that_the_meter_does_not_have_are_rejected():
    settings = Settings(None)
    settings.measurands = ["Energy.Active.Import.Register"]
    assert settings.set("MeterValuesSampledData", "Voltage") == "rejected"
    assert "Voltage" in settings.reason


def test_unknown_keys_and_the_owners_keys_do_not_exist_for_the_central_system():
    settings = Settings(None)
    for name in ("Nonsense", "", "|", "WifiPassword", "WebPassword", "CentralSystemURI"):
        assert settings.set(name, "x") == "unknown", name
        assert settings.find16(name) is None
    assert settings.find16("HEARTBEATINTERVAL") == "HeartbeatInterval"
    raises(KeyError, settings.get, "Nonsense")
    assert settings.set("CentralSystemURI", "ws://x/y", local=True) == "accepted"
    assert settings.set("WifiSsid", "home", local=True) == "reboot"
    assert settings.owner_access("WifiPassword") == "w"
    assert settings.set("CertificateStoreMaxLength", "1") == "readonly"
    assert settings.set("SecurityProfile", "1") == "accepted"
    assert settings.set("SecurityProfile", "4", local=True) == "rejected"
    assert settings.set("MaxCurrent", "32") == "readonly"
    assert settings.set("MaxCurrent", "5", local=True) == "rejected"
    assert settings.set("MaxCurrent", "32", local=True) == "accepted"


def test_values_survive_a_restart_and_a_start_value_does_not():
    charger = Charger(settings={"MeterValueSampleInterval": "11", "ConnectionTimeOut": "12"})
    assert charger.settings.get("MeterValueSampleInterval") == 11
    assert charger.settings.set("MeterValueSampleInterval", "11") == "accepted"
    again = Charger(flash=charger.flash, boot=2)
    assert again.settings.get("MeterValueSampleInterval") == 11
    assert again.settings.get("ConnectionTimeOut") == 60


def test_layers_factory_below_journal_below_this_start():
    charger = Charger()
    settings = charger.settings
    settings.factory({"HeartbeatInterval": "100"})
    assert settings.get("HeartbeatInterval") == 100
    settings.set("HeartbeatInterval", "200")
    settings.factory({"HeartbeatInterval": "101"})
    assert settings.get("HeartbeatInterval") == 200
    settings.overlay({"HeartbeatInterval": "300"})
    assert settings.get("HeartbeatInterval") == 300
    settings.set("HeartbeatInterval", "400")
    assert settings.get("HeartbeatInterval") == 400


def test_a_bad_start_value_names_the_key_and_none_is_taken():
    settings = Settings(None)
    error = raises(ValueError, settings.overlay, {"HeartbeatInterval": "5", "MaxCurrent": "900"})
    assert "MaxCurrent" in str(error)
    assert settings.get("HeartbeatInterval") == 300
    assert "Typo" in str(raises(ValueError, settings.factory, {"Typo": "1"}))


def test_a_provided_value_is_fixed_and_may_be_computed():
    settings = Settings(None)
    fitted = ["Core"]
    settings.provide("SupportedFeatureProfiles", lambda: ",".join(fitted))
    fitted.append("RemoteTrigger")
    assert settings.text("SupportedFeatureProfiles") == "Core,RemoteTrigger"
    settings.provide("UnlockConnectorOnEVSideDisconnect", "false")
    assert settings.access("UnlockConnectorOnEVSideDisconnect") == "r"
    assert settings.set("UnlockConnectorOnEVSideDisconnect", "true") == "readonly"


def test_changes_are_told_and_a_failing_listener_does_no_harm():
    settings = Settings(None)
    told = []

    def bad(name, value):
        raise RuntimeError("listener")

    settings.on_change(bad)
    settings.on_change(lambda name, value: told.append((name, value)))
    settings.set("HeartbeatInterval", "17")
    settings.set("HeartbeatInterval", "17")
    settings.set("HeartbeatInterval", "x")
    assert told == [("HeartbeatInterval", 17)]


def test_the_key_is_hexadecimal_and_the_two_passwords_replace_each_other():
    settings = Settings(None)
    assert settings.basic_auth_key() is None
    settings.overlay({"BasicAuthPassword": "grün-und-lang-genug"})
    assert settings.basic_auth_key() == "grün-und-lang-genug".encode()
    key = b"\x00\xffABCDEFGHIJKLMN"
    for good in (key, key + b"O", key + b"OPQR"):
        assert settings.set("AuthorizationKey", good.hex().upper()) == "accepted"
        assert settings.basic_auth_key() == good
    assert settings.text("BasicAuthPassword") == ""
    assert settings.set("BasicAuthPassword", "another password!", local=True) == "accepted"
    assert settings.basic_auth_key() == b"another password!"


WEAK = (
    "7 chars", "12345678", "87654321", "1234567890", "abcdefgh", "hgfedcba", "qwertyuiop",
    "Qwertz123", "asdfghjkl", "11111111", "aaaaaaaaaaaa", "abababab", "abcdabcdabcd", "password",
    "Password123", "PASSW0RD!", "passwort1", "adminadmin", "admin123456", "microevse-1a2b",
    "wallbox2026", "charger!!", "aabbccddeeff", "12345678password", "tab\tinside it", "x" * 65,
    "half \ud800 a pair",
)  # fmt: skip
GOOD = (
    "correct horse", "my own password", "a good password", "8 chars!", "Tr0ub4dor", "grün-und-so",
    "9f86d081884c", "kaffee mit milch", "admin of the garage", "x7!aP0qz",
)  # fmt: skip


def test_weak_passwords_are_refused_by_whatever_way_they_come():
    """BasicAuthPassword took "a", and WebPassword "password"."""
    settings = Settings(None)
    assert settings.set("WebPassword", "what it was before", local=True) == "accepted"
    for name, texts in (
        ("WebPassword", WEAK),
        ("BasicAuthPassword", WEAK + ("!", "15 characters..", "1234567890123456")),
    ):
        before = settings.text(name)
        for text in texts:
            assert settings.set(name, text, local=True) == "rejected", text
            assert settings.reason.startswith(name + ": ") and text not in settings.reason
            for layer in (settings.factory, settings.overlay):
                try:
                    layer({name: text})
                    raise AssertionError(text)
                except ValueError as exc:
                    assert str(exc).startswith(name + ": ")
            assert settings.text(name) == before
    for text in GOOD:
        assert settings.set("WebPassword", text, local=True) == "accepted", text
        long = text + ", and more"
        assert settings.set("BasicAuthPassword", long, local=True) == "accepted", text
    # None at all is not a weak one: the page then shows, and changes nothing.
    assert settings.set("WebPassword", "", local=True) == "accepted"


def test_every_password_that_a_person_makes_up_is_judged():
    """The password of a WiFi is its router's; what is in hexadecimal is a key."""
    settings = Settings(None)
    secret = [name for name in settings.declared() if settings.is_secret(name)]
    for name in (
        "WifiPassword",
        "Wifi2Password",
        "Wifi3Password",
        "AccessBefore",
        "NetworkSlot2",
        "NetworkSlot3",
    ):
        secret.remove(name)
    for name in secret:
        for text in ("12345678", "00000000", "password"):
            assert settings.set(name, text, local=True) != "accepted", name
    assert len(secret) >= 5, secret


def test_a_weak_password_that_is_stored_goes_on_working():
    charger = Charger()
    for name in ("WebPassword", "BasicAuthPassword"):
        assert charger.settings.keep_own(name, "password")
    again = Charger(flash=charger.flash, boot=2).settings
    assert again.text("WebPassword") == again.text("BasicAuthPassword") == "password"
    assert again.set("WebPassword", "password1", local=True) == "rejected"


def test_a_start_password_wins_over_a_stored_key():
    charger = Charger()
    charger.settings.set("AuthorizationKey", "4142" * 9)
    again = Charger(flash=charger.flash, boot=2)
    assert again.settings.basic_auth_key() == b"AB" * 9
    again.settings.overlay({"BasicAuthPassword": "for this start only"})
    assert again.settings.basic_auth_key() == b"for this start only"


def test_the_console_is_locked_for_good():
    settings = Settings(None)
    assert settings.get("ConsoleLocked") is False and settings.access("ConsoleLocked") == ""
    assert settings.set("ConsoleLocked", "true") == "unknown"
    assert settings.set("ConsoleLocked", "false", True) == "reboot"
    assert settings.set("ConsoleLocked", "true", True) == "reboot"
    assert settings.set("ConsoleLocked", "false", True) == "rejected"
    assert "by cable" in settings.reason and settings.get("ConsoleLocked") is True
    assert settings.set("ConsoleLocked", "true", True) == "reboot"


def test_a_key_of_eight_bytes_that_was_set_once_goes_on_working():
    """They were allowed: a charger that forgot its password with an update would be lost."""
    charger = Charger()
    charger.settings.keep_own("AuthorizationKey", "4142434445464748")
    again = Charger(flash=charger.flash, boot=2)
    assert again.settings.basic_auth_key() == b"ABCDEFGH"
    assert again.settings.set("AuthorizationKey", "4142434445464749") == "rejected"
    assert "32 to 40" in again.settings.reason


def test_a_guard_has_the_last_word_and_is_asked_before_anything_is_kept():
    settings = Settings(None)
    asked = []

    def guard(name, value, local):
        asked.append((name, value, local, settings.text(name)))
        return "not now" if value == "2" else None

    settings.guard = guard
    assert settings.set("SecurityProfile", "2") == "rejected" and settings.reason == "not now"
    assert settings.text("SecurityProfile") == "0"
    assert settings.set("SecurityProfile", "0") == "accepted", "as it was: nobody is asked"
    assert settings.set("SecurityProfile", "7") == "rejected"
    assert settings.set("SecurityProfile", "3", True) == "accepted" and settings.reason == ""
    assert asked == [
        ("SecurityProfile", "2", False, "0"),
        ("SecurityProfile", "3", True, "0"),
    ]


def test_the_keys_of_the_security_whitepaper():
    settings = Settings(None)
    assert settings.get("AdditionalRootCertificateCheck") is False
    assert settings.get("CertificateSignedMaxChainSize") == 5000
    assert settings.get("CertificateStoreMaxLength") == 3
    assert settings.set("CpoName", "Strom & Söhne") == "accepted"
    access = {
        "AdditionalRootCertificateCheck": "r", "AuthorizationKey": "w", "CpoName": "rw",
        "CertificateSignedMaxChainSize": "r", "CertificateStoreMaxLength": "r",
        "SecurityProfile": "rw",
    }  # fmt: skip
    assert {name: settings.access(name) for name in access} == access


def test_a_variable_has_its_own_access():
    settings = Settings(None)
    access = {
        "MessageTimeout": ("rw", "r"), "SecurityProfile": ("rw", "r"), "CpoName": ("rw", "rw"),
        "BasicAuthPassword": ("", "w"), "OfflineThreshold": ("", "rw"), "ChargePointId": ("", "r"),
        "WifiPassword": ("", ""),
    }  # fmt: skip
    for name in access:
        assert (settings.access(name), settings.variable_access(name)) == access[name], name
    assert settings.is_secret("BasicAuthPassword") and not settings.is_secret("SecurityProfile")
    assert settings.owner_access("OfflineThreshold") == "rw"
    assert settings.set("OfflineThreshold", "7") == "unknown"
    assert settings.set("OfflineThreshold", "7", access="rw") == "accepted"
    assert settings.set("MessageTimeout", "7", access="r") == "readonly"
    assert settings.set("Nonsense", "7", access="rw") == "unknown"
    settings.provide("OfflineThreshold", "9")
    assert settings.variable_access("OfflineThreshold") == "r"


def test_a_setting_follows_another_one_until_it_is_set():
    settings = Settings(None)
    settings.set("MeterValueSampleInterval", "45")
    assert settings.get("TxEndedSampleInterval") == 45
    assert settings.set("TxEndedSampleInterval", "45", True) == "accepted"
    settings.set("MeterValueSampleInterval", "30")
    assert settings.get("TxEndedSampleInterval") == 45


def test_a_list_in_its_order():
    settings = Settings(None)
    for good in ("Heartbeat", "Heartbeat, NTP"):
        assert settings.set("TimeSource", good, True) == "accepted"
    assert settings.get("TimeSource") == ["Heartbeat", "NTP"]
    for bad in ("", "NTP", "NTP,Heartbeat", "Heartbeat,GPS", "Heartbeat,NTP,NTP"):
        assert settings.set("TimeSource", bad, True) == "rejected"
        assert "order" in settings.reason
