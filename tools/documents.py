#!/usr/bin/env python3
# Writes the pages of docs/ that are made from the source, and the tables of two others.
# MIT license; part of microevse
"""usage: documents.py [--check]    (make docs)

docs/settings.md comes from the declarations (lib/station/declarations.py) and one sentence for
each in tools/settings_words.txt. docs/ocpp16.md comes from the schema table, the handlers and
calls in lib/ocpp16, the certification cases and the names of the tests; docs/ocpp2.md
(ocpp2_document.py) likewise. docs/add_a_board.md ends
with the keys of a board file, as tools/board.py --keys prints them, and docs/flashing.md has the
table of tools/board_list.py; the text around these two tables is written by hand. --check writes
nothing and exits with 1 if a page is stale.
"""

import ast
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"
TESTS = ROOT / "host_tests"
WORDS = ROOT / "tools" / "settings_words.txt"
sys.path.append(str(LIB))
import board_key_list  # noqa: E402
import board_list  # noqa: E402
import ocpp2_document  # noqa: E402
from ocpp2_document import certification  # noqa: E402
from station.settings import Settings  # noqa: E402

MADE = "<!-- Made by `make docs`: do not edit. -->"

TYPES = {
    "b": "true, false",
    "o": "true, false",
    "s": "text",
    "m": "list of measurands",
    "p": "list of rotations",
    "k": "hexadecimal",
    "w": "password",
    "c": "list of words",
    "a": "address",
    "v": "list of versions",
    "q": "list",
    "e": "one of a list",
    "z": "+hh:mm or -hh:mm",
    "x": "list",
}

# Feature profiles of OCPP 1.6 edition 2, chapters 4 and 5; "Security": the security whitepaper.
PROFILES = """
Core: Authorize BootNotification ChangeAvailability ChangeConfiguration ClearCache DataTransfer
    GetConfiguration Heartbeat MeterValues RemoteStartTransaction RemoteStopTransaction Reset
    StartTransaction StatusNotification StopTransaction UnlockConnector
FirmwareManagement: DiagnosticsStatusNotification FirmwareStatusNotification GetDiagnostics
    UpdateFirmware
LocalAuthListManagement: GetLocalListVersion SendLocalList
Reservation: CancelReservation ReserveNow
SmartCharging: ClearChargingProfile GetCompositeSchedule SetChargingProfile
RemoteTrigger: TriggerMessage
Security: CertificateSigned DeleteCertificate ExtendedTriggerMessage GetInstalledCertificateIds
    GetLog InstallCertificate LogStatusNotification SecurityEventNotification SignCertificate
    SignedFirmwareStatusNotification SignedUpdateFirmware
"""


def declarations():
    """[[name, variable, type, access, limits, default, unit], ...] as declared."""
    tree = ast.parse((LIB / "station" / "declarations.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "BLOB":
            return [line.split("|") for line in node.value.value.strip().split("\n")]
    raise ValueError("no BLOB in station/declarations.py")


def words():
    """{name: its purpose}."""
    lines = WORDS.read_text(encoding="utf-8").strip().split("\n")
    return dict(line.split("|", 1) for line in lines)


def _value(kind, limits, unit):
    """The values that are allowed, in words."""
    if kind == "i":
        least, most = limits.split("..")
        return "%s to %s%s" % (least, most, " " + unit if unit else "")
    if kind == "s" and limits:
        return "text, at most %s characters" % limits
    if kind == "k" and limits:
        return "hexadecimal, %s to %s digits" % tuple(limits.split(".."))
    if kind == "v":
        return "of %s, each once" % limits.replace(",", ", ")
    if kind == "q":
        return "%s, in this order; the last ones can be left out" % limits.replace(",", ", ")
    if kind == "e":
        return "some of %s" % limits.replace(",", ", ")
    if kind == "w" and limits:
        return "password, %s to %s characters" % tuple(limits.split(".."))
    return TYPES[kind]


SETTINGS_HEAD = f"""# Settings

{MADE}

Every setting of the charger. The *central system* (the OCPP server) sees and sets what its column
says. The *owner* sets settings with `make setup`, with `make flash`, on the *set-up page*, and on
the virtual board with `--set Key=Value`. `*`: takes effect after a restart. Passwords can be set
and are never shown.

The set-up page is what a phone sees in the charger's own network
([flashing.md](flashing.md#set-up-without-a-cable)). It has WifiSsid, WifiPassword, MaxCurrent,
FreeMode, WebPassword, CentralSystemURI, ChargePointId, BasicAuthPassword and CaFile. The
*charger's page*, which its address shows later, changes no setting.

The *variable* is the name that the same setting has in the device model of OCPP 2.x.

| setting | what it is for | values | default | central system | owner | variable |
|---|---|---|---|---|---|---|"""

OCPP16_HEAD = f"""# OCPP 1.6: what is there

{MADE}

*OCPP* is the protocol between a charger and the server that manages it, the *central system*.
Edition 2 with errata 4.0, as JSON over a WebSocket (OCPP-J).
[ocpp16_decisions.md](ocpp16_decisions.md) says what the charger does where the specification
leaves a choice; [settings.md](settings.md) has the configuration keys. `make test` runs the
certification cases below; which of them passed is in `build/conformance16.tsv` after it.

## Feature profiles

| profile | offered | in the named set | certification cases | with a test |
|---|---|---|---|---|"""

OCPP16_CALLS = """
The *named set* is what a board with `features = "named"` has: for chips whose heap the whole would
fill. Security profiles 0 to 3 and the messages of the security whitepaper are there in any set
([network.md](network.md), [certificates.md](certificates.md)); SignedUpdateFirmware needs
FirmwareManagement.

## Messages from the central system

The answer to an action that is not there is the error NotImplemented or NotSupported.

| action | profile | there | in `lib/ocpp16/` |
|---|---|---|---|"""

# Modules that name the actions of other modules, or only answer.
TABLES = ("data_transfer.py", "trigger.py")

ACCESS = {"": "-", "r": "reads", "w": "sets", "rw": "reads, sets"}


def _access(judge, name):
    """What the central system may: of 1.6, and of 2.x where that is something else."""
    own, variable = judge.access(name), judge.variable_access(name)
    text = ACCESS[own]
    return text if own == variable else "%s; 2.x: %s" % (text, ACCESS[variable])


def settings():
    """Text of docs/settings.md. ValueError if the words and the declarations disagree."""
    known = words()
    rows = declarations()
    judge = Settings(None)
    names = [row[0] for row in rows]
    for name in known:
        if name not in names:
            raise ValueError("tools/settings_words.txt: there is no setting %s" % name)
    out = [SETTINGS_HEAD]
    for name, variable, kind, access, limits, default, unit in rows:
        if name not in known:
            raise ValueError("tools/settings_words.txt has no sentence for %s" % name)
        if default[:1] == "=":
            default = "as `%s`" % default[1:]
        if kind == "m" and default:
            default = default.replace(",", ", ") + ", as far as measured"
        out.append(
            "| `%s`%s | %s | %s | %s | %s | %s | %s |"
            % (
                name,
                "\\*" if "!" in access else "",
                known[name],
                _value(kind, limits, unit),
                default or "-",
                _access(judge, name),
                ACCESS[judge.owner_access(name)],
                "`%s`" % variable if variable else "-",
            )
        )
    out += ["", "%d settings." % len(rows), ""]
    return "\n".join(out)


def profiles():
    """{action: profile}."""
    found = {}
    for line in PROFILES.replace("\n    ", " ").strip().split("\n"):
        profile, actions = line.split(":")
        for action in actions.split():
            found[action] = profile
    return found


def _texts(path):
    """Every text of a module that is no docstring, cut at blanks."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            for first in node.body[:1]:
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    skipped.add(id(first.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in skipped:
                yield from node.value.split()


def _checked():
    """(actions a central system may send, actions it answers): those of the schema table."""
    table = (LIB / "ocpp16" / "schemas.py").read_text(encoding="utf-8")
    return re.findall(r'b"<(\w+)', table), re.findall(r'b">(\w+)', table)


def actions():
    """({action: module} of the handled actions, {action: module} of the sent ones)."""
    calls, answers = _checked()
    handled, sent = {}, {}
    order = sorted(
        (
            path
            for path in [*(LIB / "ocpp16").glob("*.py"), *(LIB / "ocppj").glob("*.py")]
            if path.name not in ("schemas.py", "names.py")
        ),
        key=lambda path: (path.name in TABLES, path.name),
    )
    for path in order:
        found = set(_texts(path))
        for action in calls:
            if action in found and action not in handled:
                handled[action] = _place(path)
        for action in answers:
            if action in found and action not in sent and path.name not in TABLES:
                sent[action] = _place(path)
    handled.update(_table_of_modules())
    return handled, sent


def _place(path):
    """As the tables of actions name it: modules of another package than ocpp16 with that."""
    return path.name if path.parent.name == "ocpp16" else "../ocppj/" + path.name


def _table_of_modules():
    """{action: module} of the text ACTIONS in client.py: lines of "action module.function"."""
    tree = ast.parse((LIB / "ocpp16" / "client.py").read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ACTIONS":
            for line in ast.literal_eval(node.value).split("\n"):
                if line:
                    action, place = line.split()
                    found[action] = place.split(".")[0] + ".py"
    return found


def _offered():
    """(profiles of this firmware, profiles of the named set)."""
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        every = re.search(r'^FEATURE_PROFILES = \(?\s*"([^"]+)"', text, re.MULTILINE)
        named = re.search(r'^NAMED = \(?\s*"([^"]+)"', text, re.MULTILINE)
        if every and named:
            return every.group(1).split(","), named.group(1).split(",")
    raise ValueError("firmware/ names no FEATURE_PROFILES")


def cases():
    """[(id, profile, title, name of the test file or None), ...]."""
    tests = certification.with_tests("16")
    return [row + (tests.get(row[0]),) for row in certification.case_list("16")]


def ocpp16():
    """Text of docs/ocpp16.md."""
    known = profiles()
    handled, sent = actions()
    calls, answers = _checked()
    every, named = _offered()
    listed = cases()
    out = [OCPP16_HEAD]
    for profile in dict.fromkeys(known.values()):
        if profile == "Security":
            continue
        mine = [row for row in listed if row[1] == profile]
        out.append(
            "| %s | %s | %s | %d | %d |"
            % (
                profile,
                "yes" if profile in every else "no",
                "yes" if profile in named else "no",
                len(mine),
                len([row for row in mine if row[3]]),
            )
        )
    out.append(OCPP16_CALLS)
    for action in sorted(calls):
        place = handled.get(action)
        out.append(
            "| %s | %s | %s | %s |"
            % (action, known[action], "yes" if place else "no", "`%s`" % place if place else "-")
        )
    out += [
        "",
        "## Messages to the central system",
        "",
        "| action | profile | sent | in `lib/ocpp16/` |",
        "|---|---|---|---|",
    ]
    for action in sorted(answers):
        place = sent.get(action)
        out.append(
            "| %s | %s | %s | %s |"
            % (action, known[action], "yes" if place else "no", "`%s`" % place if place else "-")
        )
    out += [
        "",
        "## Certification cases",
        "",
        "Each case of the test tool OCTT is a test of its name: `make test ARGS='-k TC_001_CS'`.",
        "",
        "| case | profile | title | test file |",
        "|---|---|---|---|",
    ]
    for case, profile, title, place in listed:
        out.append(
            "| %s | %s | %s | %s |" % (case, profile, title, "`%s`" % place if place else "-")
        )
    return "\n".join(out) + "\n"


def ocpp2():
    """Text of docs/ocpp2.md."""
    return ocpp2_document.page(_texts)


def add_a_board():
    """Text of docs/add_a_board.md: as it is, but with the keys of a board file at its end."""
    text = (ROOT / "docs" / "add_a_board.md").read_text(encoding="utf-8")
    above, head, _ = text.partition("\n| key | unit | meaning |")
    if not head:
        raise ValueError("docs/add_a_board.md has no table of keys")
    return above + "\n" + board_key_list.markdown()


def flashing():
    """Text of docs/flashing.md: as it is, but with the table of the boards."""
    text = (ROOT / "docs" / "flashing.md").read_text(encoding="utf-8")
    above, head, rest = text.partition("\n| board | hardware |")
    table, behind, below = rest.partition("\nAll of them lack: ")
    if not head or not behind:
        raise ValueError("docs/flashing.md has no table of boards")
    return above + "\n" + board_list.markdown() + below.partition("\n")[2]


PAGES = {
    "settings.md": settings,
    "ocpp16.md": ocpp16,
    "ocpp2.md": ocpp2,
    "add_a_board.md": add_a_board,
    "flashing.md": flashing,
}


def main(arguments):
    stale = 0
    for name, make in PAGES.items():
        path = ROOT / "docs" / name
        text = make()
        if "--check" in arguments:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print("docs/%s is stale: make docs" % name)
                stale = 1
        else:
            path.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
