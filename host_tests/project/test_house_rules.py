# The rules of the house: who may import whom, and everything compiles for the chip.
# MIT license; part of microevse
"""Import rules, what the folders of the tests hold, module size, and mpy-cross over every file that
goes on a board."""

import ast
import re
import subprocess

import pytest
from tools_paths import DEVICE_FILES, ROOT, TESTS, tool

LIB = ROOT / "lib"
HAL = ROOT / "firmware" / "hal"

# Modules of MicroPython that a pure package may use.
STANDARD = set(
    "array asyncio binascii collections cryptolib deflate errno gc hashlib heapq io json math "
    "micropython os random re select socket ssl struct sys time tls uctypes".split()
)
# What only CPython has; allowed in the modules that hold a runtime difference.
CPYTHON_ONLY = {"port.py": {"zlib", "traceback"}, "tls.py": {"base64"}}
HARDWARE = {"machine", "esp32", "network", "neopixel", "onewire", "ds18x20"}
OURS = {p.stem if p.suffix == ".py" else p.name for p in LIB.iterdir()} - {"__pycache__"}

# Who may know whom inside lib/. Packages that are not named know only these base modules.
BASE = {"port", "clock", "iso8601", "log", "redaction"}
MAY_KNOW = {
    "station": {"store", "iec61851"},
    "ocpp16": {"station", "ocppj", "store"},
    "meters": {"modbus"},
}


def imports(path):
    """Top-level names of all imports in a file, with their line numbers."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0], node.lineno


def ids(paths):
    return [str(p.relative_to(ROOT)) for p in paths]


LIB_FILES = [p for p in DEVICE_FILES if LIB in p.parents]
FIRMWARE_FILES = [p for p in DEVICE_FILES if LIB not in p.parents]


@pytest.mark.parametrize("path", LIB_FILES, ids=ids(LIB_FILES))
def test_lib_imports_only_lib_and_micropython(path):
    package = path.relative_to(LIB).parts[0].removesuffix(".py")
    allowed = STANDARD | BASE | {package} | MAY_KNOW.get(package, set())
    allowed |= CPYTHON_ONLY.get(path.name, set())
    for name, line in imports(path):
        assert name in allowed, f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", FIRMWARE_FILES, ids=ids(FIRMWARE_FILES))
def test_only_hal_touches_hardware(path):
    for name, line in imports(path):
        if HAL not in path.parents and path.name not in ("boot.py", "main.py"):
            assert name not in HARDWARE, f"{path}:{line} imports {name}"
        if path.name not in ("app.py",) and HAL in path.parents:
            assert name not in ("station", "ocpp16", "ocppj"), f"{path}:{line} imports {name}"


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
        assert not name.startswith(("test_", "bench_", "conftest")), f"{path}:{line} imports {name}"


def test_each_name_on_the_import_path_is_one_module():
    """Two `bench.py` on one path: which of them was imported depended on the order."""
    line = re.search(r"^pythonpath = (\[.*\])", (ROOT / "pyproject.toml").read_text(), re.M).group(1)
    seen = {}
    for folder in ast.literal_eval(line):
        for path in (ROOT / folder).iterdir():
            if path.suffix == ".py" or path.is_dir() and path.name != "__pycache__":
                assert seen.setdefault(path.stem, path) == path, (seen[path.stem], path)
    assert "bench" in seen and "station" in seen
