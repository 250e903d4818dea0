# docs/add_a_board.md as a newcomer follows it: each block and command as it is written.
# MIT license; part of microevse
"""In a copy of the project, with a board that is not shipped. The environment is the one that runs
this test, in the place where `make` would have made it."""

import ast
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from board import tomllib
from fakeboard.board import micropython
from tools_paths import ROOT

import board_key_list

GUIDE = (ROOT / "docs" / "add_a_board.md").read_text()
NAME = "workshop_board"


def blocks():
    """[(kind, text)] of the guide: "toml" files and "command" lines, in order."""
    found = []
    lines = iter(GUIDE.splitlines())
    for line in lines:
        if line.startswith("```toml"):
            text = []
            for inner in lines:
                if inner == "```":
                    break
                text.append(inner)
            found.append(("toml", "\n".join(text) + "\n"))
        elif re.match(r"    (make|\.venv|cp|python) ?\S", line) or line.startswith("    .venv/"):
            found.append(("command", line.strip()))
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project as a newcomer has it, and an environment."""
    place = tmp_path_factory.mktemp("copy") / "microevse"
    leave = shutil.ignore_patterns(
        ".git", ".venv", "build", "__pycache__", ".pytest_cache", "*.pyc"
    )
    shutil.copytree(ROOT, place, ignore=leave)
    python = place / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    os.utime(place / "requirements.txt", (0, 0))
    (place / ".venv" / ".ready").touch()
    # Compiled MicroPython code is cached by its content: no need to compile it again.
    cache = ROOT / "build" / "mpy-host"
    cache.mkdir(parents=True, exist_ok=True)
    (place / "build").mkdir()
    (place / "build" / "mpy-host").symlink_to(cache)
    return place


def run(copy, command, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "MAKE"))}
    environment["CONFORMANCE"] = str(copy)
    return subprocess.run(
        ["sh", "-c", command],
        cwd=copy, env=environment, capture_output=True, text=True, timeout=600, **more,
    )  # fmt: skip


def simulated(copy, command):
    """A command that stays up until Ctrl-C: it gets ready, and then it gets that."""
    for port in ("7000", "8080"):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", int(port))) == 0:
                command = command.replace(
                    ":" + port, ":0"
                )  # something else of this machine is there
    process = subprocess.Popen(
        shlex.split(command),
        cwd=copy,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith("READY control="), command
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_the_guide_can_be_walked_as_it_is_written(copy):
    done = []
    for kind, text in blocks():
        text = text.replace("NAME", NAME)
        if kind == "toml":
            (copy / "boards" / f"{NAME}.toml").write_text(text)
        elif "simulate.py" in text:
            simulated(copy, text)
        elif text.startswith("make flash"):
            # So far as it goes without a board: one that happens to be connected is not erased.
            (copy / "micropython.bin").write_bytes(micropython("esp32", (1, 29, 0)))
            said = run(copy, text + " PORT=/dev/no-such-port", input="secret words\n")
            last = said.stderr.strip().splitlines()
            assert said.returncode != 0 and "no-such-port" in said.stderr, said
            assert "Traceback" not in said.stderr and "secret" not in said.stdout + said.stderr, (
                last
            )
        else:
            said = run(copy, text)
            assert said.returncode == 0, (text, said.stdout[-3000:], said.stderr[-3000:])
            if "tools/board.py" in text:
                assert said.stdout + said.stderr == "", said
            if "pytest" in text:
                passed = int(re.search(r"(\d+) passed", said.stdout + " 0 passed").group(1))
                assert passed >= 5 and NAME not in said.stdout.partition("FAILED")[2], said.stdout
        done.append(text.split()[0] if kind == "command" else kind)
    assert done.count("toml") == 1 and done.count("make") == 3
    assert sum(word.startswith(".venv") for word in done) == 3, done
    assert (copy / "build" / NAME / "board.json").exists()


def test_commands_in_the_text_exist():
    targets = re.findall(r"^([a-z ]+):", (ROOT / "Makefile").read_text(), re.M)
    known = {word for line in targets for word in line.split()}
    named = re.findall(r"`make (\w+)", GUIDE)
    assert named and set(named) <= known
    files = re.findall(r"`((?:boards|host_tests|docs|tools)/[\w/.]+)`", GUIDE)
    assert len(files) >= 5
    for name in files:
        if "NAME" not in name:
            assert (ROOT / name).exists(), name


def test_the_table_of_keys_is_that_of_the_checker():
    assert GUIDE.endswith("\n\n" + board_key_list.markdown()), (
        "make it again: tools/board.py --keys"
    )


def test_every_key_has_unit_meaning_and_example():
    for key, unit, meaning, default, example in board_key_list.rows():
        assert meaning and default and example, key
        if key.endswith(("_mv", "_ms", "_w", "_a", "_uohm", "_permille")):
            assert unit, key


# Files of the firmware that look a key of the profile up with a default.
READERS = (
    "lock rcd contactor pilot panel uart contact parts electrical temperature generic_modbus "
    "adc app"
).split()


def _constants(tree):
    """{name: value} of NAME = const(value) and NAME = value."""
    found = {}
    for n in tree.body:
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name):
            value = n.value.args[0] if isinstance(n.value, ast.Call) and n.value.args else n.value
            if isinstance(value, ast.Constant):
                found[n.targets[0].id] = value.value
    return found


def defaults_of_the_firmware():
    """{(key, default)} of every look-up `x.get("key", default)`."""
    found = set()
    for folder in ("firmware", "lib"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.stem not in READERS:
                continue
            tree = ast.parse(path.read_text())
            names = _constants(tree)
            for n in ast.walk(tree):
                if (
                    isinstance(n, ast.Call)
                    and getattr(n.func, "attr", "") == "get"
                    and len(n.args) == 2
                ):
                    key, value = n.args
                    if isinstance(value, ast.Name) and value.id in names:
                        value = ast.Constant(names[value.id])
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                        found.add((key.value, value.value))
    return found


def test_defaults_are_those_of_the_firmware():
    told = {}
    for key, _, _, default, _ in board_key_list.rows():
        try:
            told.setdefault(key.rpartition(".")[2], set()).add(
                tomllib.loads("v = " + default)["v"]
            )
        except tomllib.TOMLDecodeError:
            pass  # "none", "must be there", or in words
    compared = 0
    for key, value in defaults_of_the_firmware():
        if key in told:
            assert value in told[key], (key, value, told[key])
            compared += 1
    assert compared >= 18
