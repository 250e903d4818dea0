# The functions that a charger flashed years ago expects in an update.
# MIT license; part of microevse
"""An update replaces the slot, never the files that start it: boot.py and main.py stay as they
were flashed. To change a function that is listed here, add one with a new name beside it."""

import ast
import struct
import subprocess
from binascii import crc32

import pytest
import slots
from store.ramflash import RamFlash
from tools_paths import ROOT, tool

FIRMWARE = ROOT / "firmware"
# {module: {name: arguments that are given}} of a slot's modules.
MAIN_CALLS = {
    "app": {"run": 0, "stop": 0},
    "blackbox": {"start": 0, "crashed": 1},
    "safe_mode": {"wanted": 0, "run": 0},
    "evse_base.log": {"error": 3},
    "hal.system": {"mark": 1, "reset": 0},
}
# Of MicroPython itself.
BUILT_IN = {"asyncio", "gc", "machine", "micropython", "sys"}


def functions(module):
    """{name: (least, most) arguments} of the functions in a module of the firmware."""
    name = module.replace(".", "/") + ".py"
    path = next(p for p in (FIRMWARE / name, ROOT / "lib" / name) if p.exists())
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            most = 99 if node.args.vararg else len(node.args.args)
            found[node.name] = (len(node.args.args) - len(node.args.defaults), most)
    return found


def used(tree):
    """{(module, name): arguments} of what a program calls in the modules that it imports."""
    modules, calls = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update({alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            modules.update({a.name: node.module + "." + a.name for a in node.names})
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        where = node.func.value
        # sys.modules["app"].stop(), too.
        if isinstance(where, ast.Subscript) and ast.unparse(where.value) == "sys.modules":
            calls[where.slice.value, node.func.attr] = len(node.args)
        elif isinstance(where, ast.Name) and where.id in modules:
            calls[modules[where.id], node.func.attr] = len(node.args)
    return calls


def test_main_calls_nothing_else_in_a_slot():
    """If main.py called another function, it could not start older or newer slots."""
    tree = ast.parse((FIRMWARE / "main.py").read_text())
    found = {key: n for key, n in used(tree).items() if key[0] not in BUILT_IN}
    assert found == {
        (module, name): n for module, names in MAIN_CALLS.items() for name, n in names.items()
    }


def test_every_version_has_what_an_older_main_calls():
    for module, names in MAIN_CALLS.items():
        there = functions(module)
        for name, given in names.items():
            least, most = there[name]
            assert least <= given <= most, "%s.%s" % (module, name)


def test_boot_takes_nothing_from_a_slot():
    """boot.py uses the modules of the file system, which are forgotten afterwards."""
    tree = ast.parse((FIRMWARE / "boot.py").read_text())
    assert {m for m, _ in used(tree)} - BUILT_IN == {"hal.appslot", "hal.board", "hal.kept"}
    last = tree.body[-1]
    assert isinstance(last, ast.For) and "del sys.modules[_name]" in ast.unparse(last)


def test_a_record_is_read_byte_for_byte_as_ever():
    """Its places and its checksum are those of the first version."""
    digest = bytes(range(32))
    header = b"microevse-bundle 2\nversion 1.0\nformat lfs2\nblock 512\nlength 1024\n"
    flash = RamFlash(2, 4096)
    at = 4096
    flash.program(at, header + bytes(2048 - 32 - len(header)) + digest)
    assert not slots.read(flash).whole
    seal = crc32(digest + struct.pack("<I", 7))
    flash.program(at + 2048, b"SLOT" + struct.pack("<II", 7, seal))
    record = slots.read(flash)
    assert record.number == 7 and record.live and not record.confirmed
    assert (record.field("format"), record.field("block")) == ("lfs2", "512")
    flash.program(at + 2304, b"\0")
    flash.program(at + 2305, b"\0")
    assert slots.read(flash).tries == 2 and slots.read(flash).live
    flash.program(at + 2306, b"\0")
    assert not slots.read(flash).live
    flash.program(at + 2560, b"\0")
    assert slots.read(flash).live and slots.read(flash).confirmed
    flash.program(at + 2816, b"\0")
    assert slots.read(flash).given_up and not slots.read(flash).live


@pytest.mark.skipif(not tool("micropython"), reason="NOT RUN: no MicroPython wheel")
@pytest.mark.parametrize("name", ("machine", "binascii"))
def test_a_file_with_the_name_of_a_built_in_module_is_not_taken_for_it(tmp_path, name):
    """Once such a file in the file system was run before any output was opened."""
    (tmp_path / "boot.py").write_text((FIRMWARE / "boot.py").read_text())
    (tmp_path / (name + ".py")).write_text("raise SystemExit('shadowed')")
    done = subprocess.run(
        [tool("micropython"), "boot.py"], cwd=tmp_path, capture_output=True, text=True, timeout=20
    )
    assert "boot:" in done.stdout and "shadowed" not in done.stdout + done.stderr, done
    assert done.returncode == 0
