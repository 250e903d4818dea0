# Which files are safety-relevant, and which tests concern each.
# MIT license; part of microevse
"""Rows of (group, files, near, whole).

files: patterns; FILE::NAME,NAME is some functions of a file; -FILE is left out. near: test files
that run the code in their own process. The bench learns which of their tests reach a function, and
tries those, quick ones first. whole: for what none of these notices; in the order written, files
or single tests, also of the whole firmware on MicroPython. `micropython:X`: the unit tests of X on
MicroPython.
"""

from . import operators
from .place import ROOT

# Here no mutant may survive; elsewhere one of fifty.
STRICT = ("pilot", "tick", "contactor", "protection", "tls", "pki", "signatures")
SHARE = 0.02

_PILOT = (
    "unit/test_iec61851_bounds unit/test_iec61851_exact unit/test_iec61851_plateau"
    " unit/test_iec61851_levels unit/test_iec61851_evse unit/test_iec61851_wake"
    " unit/test_iec61851_curve"
)
_PILOT_LONG = (
    "unit/test_iec61851_latch unit/test_iec61851_closings unit/test_iec61851_evidence"
    " unit/test_iec61851_duty"
)
_HAL = "unit/test_hal unit/test_guard_parts unit/test_watchers unit/test_watchdog unit/test_tick"
_RIGS = "charger/test_model conformance/test_conformance_electrical charger/test_guard"
_STORE = (
    "unit/test_norlog unit/test_journal unit/test_taglist unit/test_migrate unit/test_lost_time"
    " unit/test_cbor unit/test_space unit/test_kinds unit/test_norlog_bytes"
    " unit/test_journal_failures unit/test_journal_images unit/test_foreign_events"
    " unit/test_session_records unit/test_tolerant_records unit/test_taglist_forms"
    " unit/test_taglist_stories"
)

ROWS = [
    (
        "pilot",
        "lib/iec61851/*",
        _PILOT + " unit/test_hal unit/test_adc unit/test_guard_parts",
        _PILOT_LONG + " charger/test_boards_electrical " + _RIGS + " charger/test_front_end"
        " micropython:test_iec61851_levels"
        " micropython:test_iec61851_evse",
    ),
    (
        "tick",
        "firmware/hal/tick.py firmware/hal/watchdog.py",
        _HAL + " unit/test_tick_lateness",
        _RIGS + " charger/test_safe_mode charger/test_soft_pause micropython:test_hal",
    ),
    (
        "contactor",
        "firmware/hal/contactor.py firmware/hal/pilot.py firmware/hal/adc.py",
        _HAL + " unit/test_adc",
        "charger/test_boards_electrical " + _RIGS + " charger/test_front_end micropython:test_hal"
        " charger/test_protection_faults",
    ),
    (
        "protection",
        "lib/station/protection.py lib/station/faults.py lib/station/over_current.py"
        " lib/station/temperature.py"
        " firmware/hal/rcd.py firmware/hal/contact.py",
        "unit/test_inputs unit/test_over_current unit/test_protection_looks unit/test_protection"
        " unit/test_faults unit/test_recovery unit/test_connector unit/test_station unit/test_hal"
        " unit/test_guard_parts unit/test_ocpp16_status unit/test_sensors_dead",
        "charger/test_protection_faults charger/test_protection_parts charger/test_guard"
        " charger/test_two_connectors",
    ),
    (
        "limits",
        "lib/station/limits.py lib/station/sharing.py",
        "unit/test_limits unit/test_sharing unit/test_connector unit/test_station",
        "charger/test_two_connectors charger/test_ev_quirks"
        " conformance/test_octt16_smart_charging",
    ),
    (
        "limits",
        "lib/station/profile.py lib/station/profiles.py "
        "lib/station/profile_outage.py lib/station/composite.py",
        "unit/test_profiles unit/test_profile_bounds unit/test_ocpp16_smart_charging"
        " unit/test_profiles_set unit/test_profiles_later unit/test_composite"
        " packages/test_composite_property",
        "conformance/test_octt16_smart_charging",
    ),
    (
        "recovery",
        "lib/station/recovery.py lib/station/restart.py lib/station/station.py::recover",
        "unit/test_recovery unit/test_station unit/test_connector unit/test_lost_time"
        " unit/test_reservations unit/test_session_records unit/test_foreign_events"
        " unit/test_tolerant_records unit/test_authorization",
        "conformance/test_octt16_core_offline charger/test_power_cut_sweep"
        " charger/test_two_connectors charger/test_field_faults",
    ),
    (
        "boot",
        "firmware/boot.py firmware/main.py firmware/safe_mode.py firmware/supervisor.py"
        " firmware/hal/system.py firmware/hal/kept.py",
        "unit/test_kept unit/test_supervisor unit/test_hal unit/test_boot unit/test_watchers"
        " unit/test_safe_mode_parts",
        "charger/test_safe_mode charger/test_resets charger/test_last_words"
        " charger/test_update conformance/test_octt16_core_boot",
    ),
    (
        "journal",
        "lib/store/* -lib/store/vault.py -lib/store/pieces.py -lib/store/vault_tidy.py"
        " -lib/store/value_files.py",
        _STORE,
        "charger/test_power_cut_sweep packages/test_journal_powercut micropython:test_journal"
        " micropython:test_norlog",
    ),
    (
        "vault",
        "lib/store/vault.py lib/store/pieces.py lib/store/vault_tidy.py",
        "unit/test_vault unit/test_vault_bytes unit/test_secret_settings unit/test_certificates",
        "packages/test_vault_powercut micropython:test_vault",
    ),
    (
        "tls",
        "lib/ocppj/tls.py lib/ocppj/pem.py lib/ocppj/dial.py lib/ocppj/url.py firmware/config.py"
        " firmware/upkeep/access_trial.py firmware/upkeep/profile_rules.py"
        " firmware/upkeep/certificate_trial.py firmware/upkeep/profile_floor.py"
        " firmware/upkeep/access_end.py",
        "unit/test_tls_pem unit/test_tls_context unit/test_config unit/test_dial unit/test_url"
        " unit/test_ws_connection unit/test_ws_handshake unit/test_access_trial"
        " unit/test_profile_floor unit/test_profile_rules unit/test_certificates",
        "packages/test_certificate_names charger/test_public_roots charger/test_security_profiles"
        " charger/test_tls_sessions charger/test_start_interface charger/test_setup_network"
        " micropython:test_tls_pem micropython:test_ws_connection",
    ),
    ("tls", "firmware/roots.py", "project/test_public_roots_file", "charger/test_public_roots"),
    (
        "certificates",
        "lib/station/certificates.py lib/station/own_certificate.py lib/store/value_files.py",
        "unit/test_certificates",
        "conformance/test_octt16_security_certificates conformance/test_own_certificate",
    ),
    (
        "tls",
        "lib/transfer/url.py::secure,resolve lib/transfer/http.py::_connect,_follow,_address",
        "unit/test_transfer",
        "micropython:test_transfer",
    ),
    (
        "pki",
        "lib/pki/*",
        "unit/test_pki_der unit/test_pki_certificate unit/test_pki_signatures unit/test_pki_chain"
        " unit/test_signatures",
        "packages/test_pki_cryptography micropython:test_pki_signatures",
    ),
    (
        "signatures",
        "lib/slots/*",
        "unit/test_signatures unit/test_bundle_bounds unit/test_installer unit/test_slots"
        " unit/test_slots_record unit/test_slots_starts unit/test_update_parts",
        "charger/test_update charger/test_first_flash micropython:test_slots"
        " micropython:test_installer",
    ),
    (
        "signatures",
        "lib/station/signed_update.py lib/station/update_sink.py lib/station/update_request.py"
        " lib/ocpp16/signed_firmware.py",
        "unit/test_signed_update unit/test_ocpp16_firmware unit/test_update_parts"
        " unit/test_ocpp2_files",
        "conformance/test_octt16_security_firmware micropython:test_signed_update"
        " conformance/test_octt201_firmware",
    ),
    (
        "signatures",
        "firmware/upkeep/manufacturer.py firmware/upkeep/version_floor.py"
        " firmware/upkeep/slot_check.py",
        "unit/test_version_floor unit/test_slot_check unit/test_installer unit/test_update_parts"
        " unit/test_manufacturer_roots",
        "conformance/test_octt16_security_firmware charger/test_slot_damage",
    ),
]

# Lists of files, and flash that is memory: for tests, and where there is no flash.
LEFT_OUT = (
    "lib/iec61851/manifest.py",
    "lib/store/manifest.py",
    "lib/slots/manifest.py",
    "lib/pki/manifest.py",
    "lib/store/ramflash.py",
)

# A few of many drawn boards are enough to notice a mutant.
BOUNDED = {
    "test_conformance_electrical": {"RUNS": 4, "ENOUGH_S": 10},
    "test_composite_property": {},
}


class Row:
    """`only`: {path: names of the functions in it that are meant}."""

    def __init__(self, group, paths, only, near, whole):
        self.group = group
        self.paths = paths
        self.only = only
        self.near = near
        self.whole = whole

    def means(self, path, function):
        """Is this function of a file meant? function: its name, "" outside of any."""
        return path not in self.only or function in self.only[path]


def _test(word):
    if word.startswith("micropython:"):
        name = word.partition(":")[2]
        return "host_tests/project/test_units_on_micropython.py::test_units[%s]" % name
    return "host_tests/%s.py" % word


def rows():
    """[Row, ...] with real paths; ValueError for one that is not there."""
    found = []
    for group, files, near, whole in ROWS:
        paths, only = [], {}
        for pattern in files.split():
            pattern, _, functions = pattern.partition("::")
            if pattern.startswith("-"):
                paths.remove(pattern[1:])
                continue
            matching = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob(pattern))
            matching = [p for p in matching if p.endswith(".py") and p not in LEFT_OUT]
            if not matching:
                raise ValueError("%s: no such file" % pattern)
            paths += matching
            if functions:
                only[pattern] = functions.split(",")
        tests = [[_test(word) for word in words.split()] for words in (near, whole)]
        for test in tests[0] + tests[1]:
            if not (ROOT / test.partition("::")[0]).exists():
                raise ValueError("%s: no such test" % test)
        found.append(Row(group, paths, only, *tests))
    return found


def mutants(row):
    """[Mutant, ...] of all files of a row."""
    found = []
    for path in row.paths:
        for mutant in operators.mutants(path, (ROOT / path).read_text()):
            if row.means(path, mutant.within):
                mutant.group = row.group
                found.append(mutant)
    return found


def groups():
    """Names of all groups, in order."""
    return list(dict.fromkeys(row[0] for row in ROWS))
