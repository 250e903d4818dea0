# The firmware reads each key that the checker's schema lets a board file name.
# MIT license; part of microevse
"""An emergency stop could once be named in a board file, was checked, and wired on the twin, but
the firmware did not read it."""

import ast

import board as board_tool  # tools/board.py
import pytest
from tools_paths import ROOT

# The files that read each table of a board file (DESIGN: only hal/ touches hardware).
READERS = {
    "board": "app.py wiring/electrical.py wiring/user_interface.py wiring/network.py"
    " wiring/instruments.py wiring/features.py wiring/journal.py commissioning/setup.py"
    " commissioning/access_point.py hal/uart.py hal/adc.py hal/wifi.py hal/ethernet.py"
    " hal/board.py blackbox.py",
    "connector": "app.py wiring/electrical.py wiring/instruments.py hal/board.py",
    "cp": "hal/pilot.py hal/adc.py wiring/electrical.py ../lib/iec61851/calibration.py",
    "disconnect": "hal/pilot.py",
    "contactor": "hal/contactor.py wiring/electrical.py",
    "pp": "hal/adc.py",
    "lock": "hal/lock.py",
    "rcd": "hal/rcd.py wiring/electrical.py",
    "meter": "wiring/instruments.py",
    "register": "../lib/meters/generic_modbus.py",
    "uart": "hal/uart.py",
    "reader": "wiring/instruments.py hal/buses.py",
    "temp": "wiring/electrical.py ../lib/station/temperature.py hal/adc.py hal/ds18b20.py",
    "ethernet": "hal/ethernet.py",
    "leds": "hal/panel.py",
    "strip": "hal/panel.py",
    "journal": "wiring/journal.py hal/partition.py",
    "input": "hal/contact.py",
}
# For people and for the checker; the firmware has no use for them.
FOR_THE_HOST = {
    ("board", "source"): "says where the board is from",
    ("board", "evidence"): "what a bench has measured, for the checker",
    ("board", "draft"): "keeps a profile off real boards",
    ("board", "module"): "says which pins the checker must refuse",
    ("cp", "residual_permille"): "what the checker's margins are computed with",
    ("board", "journal"): "has one key with one value",
    ("journal", "partition"): "has one value, which the partition tables have, too",
    ("connector", "cable"): "the checker asks for pp and lock with a socket, which are read",
}


def read_keys(path):
    """Keys that a file looks up: x["key"], x.get("key"), "key" in x, and names in loops."""
    keys = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            keys.add(node.slice.value)
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", None)
            first = node.args[0]
            if called in ("get", "pop") and isinstance(first, ast.Constant):
                keys.add(first.value)
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
            if isinstance(node.ops[0], (ast.In, ast.NotIn)):
                keys.add(node.left.value)
        elif isinstance(node, ast.For) and isinstance(node.iter, (ast.Tuple, ast.List)):
            keys |= {e.value for e in node.iter.elts if isinstance(e, ast.Constant)}
    return keys


def tables(spec, name):
    """(table, key) of everything that a table of the schema may have, and of those inside."""
    inner = {"connectors": "connector", "uarts": "uart", "registers": "register", "estop": "input",
             "pe": "input"}  # fmt: skip
    for key, (kind, *_) in spec.items():
        yield name, key
        child = inner.get(key, key)
        if isinstance(kind, board_tool.Either):
            yield from tables(kind.table, child)
        elif isinstance(kind, board_tool.ByType):
            yield child, "type"
            for variant in kind.values():
                yield from tables(variant, child)
        elif isinstance(kind, dict):
            yield from tables(kind, child)
        elif isinstance(kind, list):
            yield from tables(kind[0], child)
    if name == "board":
        yield from (("leds", name) for name in ("active_low", "ws2812"))
        yield from tables(board_tool.STRIP, "strip")


KEYS = sorted(set(tables(board_tool.BOARD, "board")))


@pytest.mark.parametrize("table,key", KEYS, ids=["%s.%s" % pair for pair in KEYS])
def test_the_firmware_reads_what_a_board_file_may_name(table, key):
    if (table, key) in FOR_THE_HOST:
        return
    files = READERS[table].split()
    read = set()
    for name in files:
        path = ROOT / "firmware" / name
        if path.exists():
            read |= read_keys(path)
    assert key in read, f"{table}.{key} is read by none of {files}"


def test_the_walk_sees_every_table():
    assert {table for table, _ in KEYS} == set(READERS)
    assert ("board", "estop") in KEYS and ("input", "normally_closed") in KEYS


# The protections that each shipped board lacks: shown in the log and on the page.
LACKS = {
    "esp32_devkit_min": "no weld detection",
    "esp32_devkitc": "no weld detection",
    "esp32_devkitc_ve": "no weld detection",
    "esp32_dual": "no weld detection",
    "esp32s2_diy_alpha": "no weld detection",
    "smartevse_v30": "no weld detection",
    "smartevse_v31": "no weld detection",
    "synccharge_esp32": "no check of the EV's diode",
    "wt32_eth01": "no weld detection",
}


def _electrical(name, module="electrical.py", **names):
    """A function of electrical.py without the hardware modules that electrical imports."""
    tree = ast.parse((ROOT / "firmware" / "wiring" / module).read_text())
    fn = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
    exec(compile(ast.Module(fn, []), module, "exec"), names)
    return names[name]


def _lacks(board):
    return _electrical("lacks", "fitted.py")(board, 0)


def test_a_guard_in_the_ulp_lifts_no_gate_whatever_else_is_fitted():
    """The gates ask `guarded`; the other kinds count with an RCD that gates the driver."""
    board = board_tool.load_toml(ROOT / "boards" / "esp32_devkitc.toml")
    board["connectors"][0]["rcd"]["gates"] = True
    told = []

    class Log:
        warn = info = staticmethod(lambda part, text, *args: told.append(text % args))

    guarded = _electrical("guarded", log=Log)
    for kind, counts in (("none", False), ("interlock", True), ("external", True)):
        board["guard"] = kind
        assert guarded(board) is counts
    for more in ({}, {"evidence": "bench.json"}, {"bench": True}):
        told.clear()
        board.update(more, guard="ulp")
        assert guarded(board) is False
        assert told == ["guard ulp: not proven on this board, counts as none"]


@pytest.mark.parametrize("name", sorted(LACKS))
def test_a_board_says_what_it_lacks(name):
    said = _lacks(board_tool.load_toml(ROOT / "boards" / (name + ".toml")))
    assert LACKS[name] in said and "no RCD that opens without the program" in said, said
    assert "no guard" in said and "no watch over protective earth" in said
    assert ("the lock while charging" in said) is (name == "esp32s2_diy_alpha")


def test_every_shipped_board_is_in_the_list():
    assert {path.stem for path in (ROOT / "boards").glob("*.toml")} == set(LACKS)


def test_a_board_with_everything_lacks_nothing():
    board = board_tool.load_toml(
        ROOT / "host_tests" / "support" / "boards" / "everything_fitted.toml"
    )
    said = _lacks(board)
    assert "weld" not in said and "earth" not in said and "thermometer" not in said, said
    board["estop"], board["guard"] = 23, "interlock"
    board["connectors"][0]["rcd"]["gates"] = True
    assert _lacks(board) == ""
    for change in (
        {"type": "s0", "pin": 4},
        {"type": "modbus", "uart": 1, "registers": [{"value": "energy", "register": 0}]},
        None,
    ):
        board["connectors"][0]["meter"] = change
        if change is None:
            del board["connectors"][0]["meter"]
        assert _lacks(board) == "no watch over the current", change
