# Each kind of security event: in the code, in the document, in the words of OCPP 1.6.
# MIT license; part of microevse

import re

from ocppj import security_messages
from station import security_book
from tools_paths import ROOT

# The list of the OCPP 1.6 security whitepaper (edition 3): type, critical.
WHITEPAPER = {
    "FirmwareUpdated": True,
    "FailedToAuthenticateAtCentralSystem": False,
    "CentralSystemFailedToAuthenticate": False,
    "SettingSystemTime": True,
    "StartupOfTheDevice": True,
    "ResetOrReboot": True,
    "SecurityLogWasCleared": True,
    "ReconfigurationOfSecurityParameters": False,
    "MemoryExhaustion": True,
    "InvalidMessages": False,
    "AttemptedReplayAttacks": False,
    "TamperDetectionActivated": True,
    "InvalidFirmwareSignature": False,
    "InvalidFirmwareSigningCertificate": False,
    "InvalidCentralSystemCertificate": False,
    "InvalidChargePointCertificate": False,
    "InvalidTLSVersion": False,
    "InvalidTLSCipherSuite": False,
}
KINDS = {kind.rstrip("!"): kind.endswith("!") for kind in security_book.KINDS}


def sources():
    for folder in ("lib", "firmware"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def noted():
    """{kind: names of the files that note it}."""
    found = {}
    for path in sources():
        text = path.read_text(encoding="utf-8")
        for kind in re.findall(r'(?<!`)\b(?:note|on_event)\(\s*"(\w+)"', text):
            found.setdefault(kind, set()).add(path.name)
        if path.name == "failure.py":
            for kind in re.findall(r"(?m)^[a-z].*=(?:\\\n)?([a-z_]+)(?: date)?$", text):
                found.setdefault(kind, set()).add(path.name)
            found.setdefault("refused_by_central", set()).add(path.name)
    return found


def table():
    """{kind: (type, critical, when, where)} of the document."""
    found = {}
    for line in (ROOT / "docs" / "security_events.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            found[cells[0].strip("`")] = tuple(cells[1:])
    return found


def test_the_types_and_what_is_critical_are_those_of_the_whitepaper():
    types = {security_messages.event_type(kind): critical for kind, critical in KINDS.items()}
    assert types.pop("MaintenanceLoginFailed") is False  # of 2.x
    assert types == WHITEPAPER


def test_the_document_has_each_kind_as_the_code_has_it():
    rows = table()
    assert list(rows) == list(KINDS)
    for kind, (name, critical, when, where) in rows.items():
        assert name == security_messages.event_type(kind)
        assert critical == ("yes" if KINDS[kind] else "no")
        files = noted().get(kind, set())
        if where == "-":
            assert not files and ("cannot occur" in when or "not yet" in when), kind
        else:
            assert files, kind
            for name in files:
                assert name.rpartition(".")[0] in where, (kind, name)


def test_only_known_kinds_are_noted():
    assert set(noted()) <= set(KINDS)
    assert len(noted()) > 10
