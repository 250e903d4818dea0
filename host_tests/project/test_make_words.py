# What a person gives to `make` reaches the programs as it was typed.
# MIT license; part of microevse
"""make expanded `$` in a password, and the shell ran what stood behind `&` or `;` in it; a file's
name with a blank became two words."""

import json
import os
import re
import subprocess
import sys

import given
import pytest
from tools_paths import ROOT, tool

pytestmark = pytest.mark.skipif(not tool("make"), reason="NOT RUN: make is missing")
# Each of them alone does something else in make, in a shell, or in both.
HARD = (
    "a&b $word $(word) ${HOME} $$ `touch bad`; touch bad #x \\ * < > | $(shell touch bad) "
    "'q' \"r\""
)
FAKE = """#!{python}
import json, os, sys
seen = {{key: value for key, value in os.environ.items() if key.startswith("MICROEVSE_")}}
json.dump([sys.argv[1:], seen, "SET" in os.environ], open({out!r}, "w"))
print("program")
"""


@pytest.fixture
def made(tmp_path):
    """Runs a target with a program of ours in place of Python: (words, what was given, output)."""
    fake = tmp_path / "fake"
    out = tmp_path / "out.json"
    fake.write_text(FAKE.format(python=sys.executable, out=str(out)))
    fake.chmod(0o755)

    def run(*words):
        out.unlink(missing_ok=True)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MICROEVSE_"))}
        command = ["make", "-f", str(ROOT / "Makefile"), "-o", ".venv/.ready", "PY=%s" % fake]
        done = subprocess.run(
            [*command, *words], cwd=tmp_path, env=clean, capture_output=True, text=True
        )
        assert not (tmp_path / "bad").exists(), words
        argv, seen, bare = json.loads(out.read_text()) if out.exists() else (None, {}, False)
        seen = {key[len(given.PREFIX) :]: value for key, value in seen.items() if value}
        return argv, seen, bare, done.stdout + done.stderr

    return run


def test_the_version_of_make_run(made):
    argv, _, _, said = made("run", "OCPP=2.0.1", "ONCE=1")
    assert argv[1:] == ["--once", "--ocpp", "2.0.1"] and said == "program\n"
    assert made("run")[0][1:] == []


@pytest.mark.parametrize("target", ["flash", "setup"])
def test_a_password_arrives_as_it_was_typed_and_is_not_shown(made, target):
    text = "WifiPassword=" + HARD
    argv, seen, bare, said = made(target, "SET=" + text, "PORT=/dev/x y")
    assert seen["SET"] == text and not bare
    # It is on no command line and in no output; the other words are quoted.
    assert argv[-1] == "/dev/x y" and HARD not in " ".join(argv)
    assert said == "program\n"


def test_the_words_of_a_list_are_those_of_a_shell():
    text = """WifiSsid="my & house" WifiPassword='a$b;"c"`d`' WebPassword="it's" B=1#2"""
    words = given.words("SET", {"MICROEVSE_SET": text})
    assert words == ["WifiSsid=my & house", 'WifiPassword=a$b;"c"`d`', "WebPassword=it's", "B=1#2"]
    assert given.words("SET", {}) == given.words("SET", {"MICROEVSE_SET": " "}) == []
    with pytest.raises(ValueError) as refused:
        given.words("SET", {"MICROEVSE_SET": "WifiPassword=it's secret"})
    assert "close the quotation" in str(refused.value) and "secret" not in str(refused.value)


def test_a_list_of_files_may_be_one_name_with_blanks(tmp_path):
    path = tmp_path / "my key (1).pem"
    path.write_text("key")
    assert given.files("KEY", {"MICROEVSE_KEY": str(path)}) == [str(path)]
    two = "'%s' other.pem" % path
    assert given.files("KEY", {"MICROEVSE_KEY": two}) == [str(path), "other.pem"]


def test_both_programs_take_the_settings_from_there(monkeypatch, capsys):
    import flash
    import usb_setup

    monkeypatch.setenv("MICROEVSE_SET", """WifiPassword='se&cre$t"1' MaxCurrent=5""")
    assert flash.main(["esp32_devkitc", "--port", "/dev/null"]) == 1
    assert "MaxCurrent" in capsys.readouterr().err
    assert usb_setup.main(["/dev/null"]) == 1
    said = capsys.readouterr()
    assert "MaxCurrent must be 6 to 80 A" in said.err and "cre$t" not in said.err + said.out
    # With a right value both get as far as the port.
    monkeypatch.setenv("MICROEVSE_SET", """WifiSsid=x WifiPassword='se&cre$t"1'""")
    assert usb_setup.main(["/dev/no-such"]) == 1
    assert "/dev/no-such cannot be opened" in capsys.readouterr().err
    assert flash.main(["esp32_devkitc", "--port", "/dev/no-such"]) == 1
    assert "no port /dev/no-such" in capsys.readouterr().err


FILE = "my (new) 'file' & $x;.pem"
OPTIONS = (
    ("flash", "FIRMWARE", "--firmware"),
    ("flash", "PORT", "--port"),
    ("flash", "BOARD", None),
    ("build", "BOARD", None),
    ("image", "FORMAT", "--format"),
    ("bundle", "KEY", "--key"),
    ("bundle", "BOARD", None),
    ("release", "BASE", "--base"),
    ("release", "KEY", "--key"),
    ("release", "OUT", "-o"),
    ("logs", "PORT", "--port"),
    ("updatekey", "PORT", "--port"),
    ("setup", "CA", "--ca"),
)


@pytest.mark.parametrize("target, word, option", OPTIONS)
def test_a_file_with_blanks_and_brackets_is_one_word(made, target, word, option):
    argv, seen, _, _ = made(target, "%s=%s" % (word, FILE))
    assert argv[-1] == FILE and seen == {word: FILE}
    assert option is None or argv[-2] == option
    assert FILE not in made(target)[0]


def test_keys_are_a_list_that_the_program_reads(made):
    for target, word in (("updatekey", "KEY"), ("flash", "UPDATE_KEY")):
        argv, seen, _, _ = made(target, "%s='a b.pem' c.pem" % word)
        assert len(argv) == 1 and seen == {word: "'a b.pem' c.pem"}


def test_what_would_be_ignored_is_refused(made):
    """`make flash esp32_devkitc` listed the boards; `make flash board=...`, too."""
    for words, told in (
        (["flash", "board=esp32_devkitc"], "board=: write it in capital letters"),
        (["flash", "my.toml"], "write BOARD=my.toml"),
    ):
        argv, _, _, said = made(*words)
        assert argv is None and told in said, said
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/.ready", "flash", "esp32_devkitc"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode and "write BOARD=esp32_devkitc" in done.stderr, done


def test_the_makefile_hands_on_what_its_programs_read():
    """A word that make would take for nothing: each that is named in `help` is handed on."""
    text = (ROOT / "Makefile").read_text()
    words = next(line for line in text.split("\n") if line.startswith("WORDS :=")).split()[2:]
    named = set(re.findall(r"\b([A-Z_]{2,})=", " ".join(re.findall(r"## (.*)", text))))
    assert named - {"ARGS", "ONCE"} == set(words)
