# The rules of the house: who may import whom, and everything compiles for the chip.
# MIT license; part of microevse
"""Import rules, what the folders of the tests hold, module size, and mpy-cross over every file
that goes on a board."""

import ast
import enum
import re
import subprocess

import pytest
from ocpp.v16 import enums as enums16
from ocpp.v21 import enums as enums21
from ocpp.v201 import enums as enums201
from tools_paths import DEVICE_FILES, ROOT, TESTS, tool

LIB = ROOT / "lib"
HAL = ROOT / "firmware" / "hal"

# Modules of MicroPython that a pure package may use.
STANDARD = set(
    "array asyncio binascii collections cryptolib deflate errno gc hashlib heapq io json math "
    "micropython os random re select socket ssl struct sys time tls uctypes".split()
)
# What only CPython has; allowed in the modules that hold a runtime difference.
CPYTHON_ONLY = {"evse_base/__init__.py": {"zlib", "traceback"}, "ocppj/tls.py": {"base64"}}
HARDWARE = {"machine", "esp32", "network", "neopixel", "onewire", "ds18x20"}
OURS = {p.stem if p.suffix == ".py" else p.name for p in LIB.iterdir()} - {"__pycache__"}

# Who may know whom inside lib/. Packages that are not named know only these base modules.
BASE = {"evse_base"}
MAY_KNOW = {
    "station": {"store", "iec61851"},
    "ocpp16": {"station", "ocppj"},
    "meters": {"modbus"},
}
ADAPTERS = {"ocpp16", "ocpp2"}
# Addresses and certificates: tools of the transport, in which there is no OCPP.
TRANSPORT_TOOLS = {"ocppj.url", "ocppj.tls"}
# The parts list of the charger, and the factories that it calls.
WIRING = ROOT / "firmware" / "wiring"
APP = WIRING.parent / "app.py"


def full_imports(path):
    """Full names of all modules (or names in them) that a file imports, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield node.module + "." + alias.name, node.lineno


def imports(path):
    """Top-level names of all imports in a file, with their line numbers."""
    for name, line in full_imports(path):
        yield name.split(".")[0], line


def ids(paths):
    return [str(p.relative_to(ROOT)) for p in paths]


LIB_FILES = [p for p in DEVICE_FILES if LIB in p.parents]
FIRMWARE_FILES = [p for p in DEVICE_FILES if LIB not in p.parents]


@pytest.mark.parametrize("path", LIB_FILES, ids=ids(LIB_FILES))
def test_lib_imports_only_lib_and_micropython(path):
    package = path.relative_to(LIB).parts[0].removesuffix(".py")
    allowed = STANDARD | BASE | {package} | MAY_KNOW.get(package, set())
    allowed |= CPYTHON_ONLY.get(path.relative_to(LIB).as_posix(), set())
    for name, line in imports(path):
        assert name in allowed, f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", FIRMWARE_FILES, ids=ids(FIRMWARE_FILES))
def test_only_hal_touches_hardware(path):
    for name, line in imports(path):
        if HAL not in path.parents and path.name not in ("boot.py", "main.py"):
            assert name not in HARDWARE, f"{path}:{line} imports {name}"
        if path.name not in ("app.py",) and HAL in path.parents:
            assert name not in ("station", "ocpp16", "ocppj"), f"{path}:{line} imports {name}"


def is_wiring(path):
    return WIRING in path.parents or path == APP


@pytest.mark.parametrize("path", FIRMWARE_FILES, ids=ids(FIRMWARE_FILES))
def test_only_the_wiring_knows_a_version_of_ocpp(path):
    if is_wiring(path):
        return
    for name, line in full_imports(path):
        package = name.split(".")[0]
        assert package not in ADAPTERS, f"{path}:{line} imports {name}"
        assert package != "ocppj" or name in TRANSPORT_TOOLS, f"{path}:{line} imports {name}"
    for node in literals(ast.parse(path.read_text())):
        words = set(re.findall(r"\w+", node.value))
        assert not words & ADAPTERS, f"{path}:{node.lineno} names an adapter: {node.value!r}"


# Both names of the whole charger in app.py: inside of its class, and for the console.
WHOLE = {"self", "charger"}


def names_of_the_charger(tree):
    """(name, line) of each parameter, variable and attribute that is called a charger."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name.strip("_") == "charger":
                yield name, node.lineno
        if isinstance(node, ast.alias) and "charger" in (node.name, node.asname):
            yield "charger", node.lineno


def given_away(tree):
    """(name, line) where app.py hands the whole charger to somebody: "self" that is more than the
    first word of `self.part`, and "charger" among the arguments of a call."""
    of_a_part = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr != "__dict__"
    }
    in_calls = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for part in node.args + node.keywords
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in WHOLE and id(node) not in of_a_part:
            if node.id == "self" or id(node) in in_calls:
                yield node.id, node.lineno


@pytest.mark.parametrize("path", FIRMWARE_FILES, ids=ids(FIRMWARE_FILES))
def test_only_the_parts_list_has_the_whole_charger(path):
    """Who gets all of it can use any part, and its constructor does not say which."""
    tree = ast.parse(path.read_text())
    found = list(given_away(tree) if path == APP else names_of_the_charger(tree))
    assert not found, f"{path}: {found}"


def test_the_whole_charger_is_seen_however_it_is_passed():
    for text in ("Door(self)", "Door(page=self)", "Door([self])", "Door(lambda: self)",
                 "Door(*self.__dict__)", "part.owner = self", "run(charger)"):  # fmt: skip
        assert list(given_away(ast.parse(text))), text
    for text in ("Door(self.view, self.settings)", "return charger", "log(charger.clock.boot)"):
        tree = ast.parse("def f():\n    " + text)
        assert not list(given_away(tree)), text
    for text in ("def make(charger): pass", "self._charger = x", "from app import charger",
                 "app.charger.stop()", "lambda charger: 0", "f(charger=1)"):  # fmt: skip
        assert list(names_of_the_charger(ast.parse(text))), text


def test_an_adapter_names_modules_by_text_in_one_place_only():
    """An import that is hidden in a text is seen by no rule."""
    found = {}
    for path in DEVICE_FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "id", None) or getattr(node, "attr", None)
            if name in ("__import__", "import_module"):
                found[str(path.relative_to(ROOT))] = found.get(str(path.relative_to(ROOT)), 0) + 1
    assert found == {"lib/ocpp16/on_demand.py": 1}


def test_the_table_of_actions_names_what_is_there():
    """Each row: an action that the schema knows, and a handler that takes (point, payload)."""
    from ocpp16 import on_demand, schemas

    rows = list(on_demand.rows())
    assert len({row[0] for row in rows}) == len(rows) > 15
    named = {}
    for action, module, function in rows:
        assert b"\n<%s " % action.encode() in schemas.TABLE, action
        named.setdefault(module, []).append(function)
    for module, functions in named.items():
        tree = ast.parse((LIB / "ocpp16" / (module + ".py")).read_text())
        public = {
            node.name: [arg.arg for arg in node.args.args]
            for node in tree.body
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_")
        }
        # None that is not in the table, either.
        assert public == {name: ["point", "payload"] for name in functions}, module


@pytest.mark.parametrize("path", DEVICE_FILES, ids=ids(DEVICE_FILES))
def test_compiles_for_the_chip(path, tmp_path):
    compiler = tool("mpy-cross")
    if not compiler:
        pytest.skip("NOT RUN: mpy-cross is missing")
    done = subprocess.run(
        [compiler, "-march=xtensawin", "-o", str(tmp_path / "out.mpy"), str(path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", DEVICE_FILES, ids=ids(DEVICE_FILES))
def test_modules_are_short_enough_to_read(path):
    lines = path.read_text().count("\n")
    assert lines <= 320, f"{path} has {lines} lines: is it one thing?"


def test_versions_are_pinned():
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert "==" in line.split(";")[0], line


# Words of OCPP 1.6 (section 7.6 ChargePointErrorCode) that no package below a protocol may use.
ERROR_CODES_16 = set(
    "ConnectorLockFailure EVCommunicationError GroundFailure HighTemperature InternalError "
    "LocalListConflict OtherError OverCurrentFailure OverVoltage PowerMeterFailure "
    "PowerSwitchFailure ReaderFailure ResetFailure UnderVoltage WeakSignal NoError".split()
)
NEUTRAL = [p for p in DEVICE_FILES if {"station", "iec61851", "hal"} & set(p.parts)]


@pytest.mark.parametrize("path", NEUTRAL, ids=ids(NEUTRAL))
def test_station_and_pilot_do_not_speak_a_protocol(path):
    """Two causes shared one 1.6 error code once: a failed RCD test erased a lost earth."""
    words = set(re.findall(r"\w+", path.read_text()))
    assert not words & ERROR_CODES_16


def literals(tree):
    """String constants that are not docstrings."""
    docs = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            docs.add(id(body[0].value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node


# Enumerations of PyPI `ocpp` whose words are no protocol's own: names of settings, which are those
# of 1.6 on purpose (see station/declarations.py), and what is measured, where and when, which
# all versions spell alike.
SHARED = {
    "ConfigurationKey", "Measurand", "UnitOfMeasure", "Phase", "Location", "ReadingContext",
    "ValueFormat", "HashAlgorithm",
}  # fmt: skip
# Words that the core has from elsewhere: (file, word).
OWN_WORDS = {
    ("faults.py", "EmergencyStop"),  # a cause in the table of causes; the reason of the end of a
    ("protection.py", "EmergencyStop"),  # session is emergency_stop
    ("latch.py", "EmergencyStop"),
    ("closings.py", "EmergencyStop"),
    ("declarations.py", "TransactionEvent"),  # the 2.x face of a setting has this instance
    ("settings.py", "Unknown"),  # a phase rotation, the value of a setting
}


def protocol_words():
    """Error codes, statuses, reasons and actions of 1.6, and the actions of 2.x."""
    words = set()
    for name, group in vars(enums16).items():
        if isinstance(group, enum.EnumMeta) and name not in SHARED:
            words |= {member.value for member in group}
    for later in (enums201, enums21):
        words |= {member.value for member in later.Action}
    return {word for word in words if len(word) > 1}


CORE = [p for p in DEVICE_FILES if {"station", "iec61851"} & set(p.parts)]


@pytest.mark.parametrize("path", CORE, ids=ids(CORE))
def test_the_core_has_no_word_of_a_protocol_in_its_names_and_texts(path):
    words = protocol_words()
    assert {"GroundFailure", "Accepted", "SuspendedEV", "StartTransaction", "TransactionEvent",
            "DeAuthorized"} <= words  # fmt: skip
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name in words:
                found.append((name, getattr(node, "lineno", 0)))
    for node in literals(tree):
        # In a sentence for people an English word is one ("Accepted: plug in."), but never two
        # that are written together.
        sentence = re.search(r"[ .]", node.value.strip()) and "|" not in node.value
        for word in re.findall(r"\w+", node.value):
            together = len(re.findall("[A-Z]", word)) > 1
            if word in words and (together or not sentence):
                found.append((word, node.lineno))
    found = [item for item in found if (path.name, item[0]) not in OWN_WORDS]
    assert not found, f"{path}: {found}"


def test_every_cause_that_is_reported_has_its_row():
    """A name that the table does not have would act as the worst, and a misspelt one be cleared
    by nothing."""
    from station import faults

    used = set()
    call = r'(?:trip|report_fault|clear_fault|_report|has|\.cause =)\(?\s*"([A-Z]\w+)"'
    for path in DEVICE_FILES:
        used |= set(re.findall(call, path.read_text()))
    unknown = {cause for cause in used if not faults._row(cause)}
    assert len(used) > 15 and not unknown, unknown


def test_the_table_of_ends_says_truly_which_reasons_the_station_gives():
    """Above its empty line each word is in the code; below it none is."""
    from station import session

    given, not_given = session._ENDS.strip().split("\n\n")
    given = {line.split()[0] for line in given.split("\n")}
    not_given = {line.split()[0] for line in not_given.split("\n")}
    assert given and not_given and not given & not_given
    used = set()
    for path in CORE:
        for node in literals(ast.parse(path.read_text())):
            if "\n" in node.value:
                # A table, one row a line; that of session.py is the one that is judged.
                rows = node.value.split("\n") if path.name != "session.py" else []
                used |= {row.split()[-1] for row in rows if row.strip()}
            else:
                used.add(node.value)
    assert given <= used, given - used
    assert not not_given & used, not_given & used


# What lies directly in each folder of host_tests/; packages (twin, csms, ...) hold what they need.
FOLDERS = {
    ".": r"conftest\.py",
    "unit": r"test_\w+\.py|run\.py",
    "charger": r"test_\w+\.py",
    "packages": r"test_\w+\.py",
    "conformance": r"test_\w+\.py|\w+\.tsv",
    "project": r"test_\w+\.py",
    "benches": r"bench_\w+\.py|places\.py",
    "support": r"(?!test_|bench_)\w+\.(py|mjs|json)",
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_hold_what_they_say(folder):
    for path in (TESTS / folder).iterdir():
        if path.is_file():
            assert re.fullmatch(FOLDERS[folder], path.name), path


def test_every_other_folder_of_the_tests_is_a_package():
    for path in TESTS.iterdir():
        if path.is_dir() and path.name not in FOLDERS and path.name != "__pycache__":
            assert (path / "__init__.py").exists(), path


TEST_FILES = sorted(TESTS.rglob("*.py"))


@pytest.mark.parametrize("path", TEST_FILES, ids=ids(TEST_FILES))
def test_nothing_imports_a_test_module(path):
    """What several tests share is in support/."""
    for name, line in imports(path):
        assert not name.startswith(("test_", "bench_", "conftest")), (
            f"{path}:{line} imports {name}"
        )


def test_each_name_on_the_import_path_is_one_module():
    """Two `bench.py` on one path: which of them was imported depended on the order."""
    line = re.search(r"^pythonpath = (\[.*\])", (ROOT / "pyproject.toml").read_text(), re.M).group(
        1
    )
    seen = {}
    for folder in ast.literal_eval(line):
        for path in (ROOT / folder).iterdir():
            if path.suffix == ".py" or path.is_dir() and path.name != "__pycache__":
                assert seen.setdefault(path.stem, path) == path, (seen[path.stem], path)
    assert "bench" in seen and "station" in seen
