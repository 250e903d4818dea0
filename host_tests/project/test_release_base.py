# Base images and the container's script, with git and make; ESP-IDF is played.
# MIT license; part of microevse
"""ESP-IDF is not on this machine. A small repository stands in for MicroPython: it has the
folders, targets and files that the build asks for, and its make writes an image as MicroPython's
does. What is shown: the commands, their order and environment, and what is refused. What is not:
that ESP-IDF builds boards/micropython."""

import os
import subprocess

import pytest
import release_base
import release_facts as facts
import release_kit
from release_facts import ReleaseError
from tools_paths import ROOT, tool

pytestmark = pytest.mark.skipif(
    not (tool("git") and tool("make")), reason="NOT RUN: git or make is missing"
)
LOCK = """dependencies:
  espressif/mdns:
    component_hash: 46ee81d3
    version: 1.1.0
  idf:
    source:
      type: idf
    version: 5.5.1
direct_dependencies:
- idf
target: esp32
version: 2.0.0
"""
# A build needs mpy-cross and the submodules first, and the board of this repository.
PORT = """BOARD ?= $(notdir $(BOARD_DIR:/=))
all:
\ttest -e ../../mpy-cross/made && test -e submodules-made && test -z "$$TAG$$OUT$$BASE"
\tmkdir -p build-$(BOARD)
\tcp image.bin build-$(BOARD)/firmware.bin
\techo "$$SOURCE_DATE_EPOCH $(BOARD_DIR)" >> log
submodules:
\techo asked for submodules
\ttouch submodules-made
"""
WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org")


def commit(folder, tag):
    for words in (("init", "-q"), ("add", "."), (*WHO, "commit", "-qm", "one"), ("tag", tag)):
        subprocess.run(["git", "-C", folder, *words], check=True)


@pytest.fixture
def source(tmp_path):
    """The repository that plays MicroPython."""
    folder = tmp_path / "micropython"
    port = folder / "ports" / "esp32"
    (port / "lockfiles").mkdir(parents=True)
    (port / "lockfiles" / "dependencies.lock.esp32").write_text(LOCK)
    (port / "Makefile").write_text(PORT)
    (port / "image.bin").write_bytes(release_kit.base_image())
    (folder / "mpy-cross").mkdir()
    (folder / "mpy-cross" / "Makefile").write_text("all:\n\ttouch made\n")
    commit(folder, facts.MICROPYTHON)
    return folder


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Sets the version of the ESP-IDF that is on the path; the build's tree is a fresh one."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", "%s:%s" % (programs, os.environ["PATH"]))
    monkeypatch.setenv("TAG", "v0")
    monkeypatch.setenv("MAKEFLAGS", "n")  # a make that starts the build may have options
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    monkeypatch.setattr(release_base, "ROOT", tmp_path)
    (tmp_path / "boards" / "micropython" / "MICROEVSE").mkdir(parents=True)

    def idf(version):
        program = programs / "idf.py"
        program.write_text("#!/bin/sh\necho ESP-IDF %s\n" % version)
        program.chmod(0o755)

    idf("v5.5.1")
    return idf


def build(tmp_path, source):
    release_base.build(tmp_path / "out", "file://%s" % source)


def test_a_base_image_is_built_of_the_tag(tmp_path, source, shell, capfd):
    (source / "later").write_text("not in the tag")
    subprocess.run(["git", "-C", source, "add", "."], check=True)
    subprocess.run(["git", "-C", source, *WHO, "commit", "-qm", "two"], check=True)
    build(tmp_path, source)
    made = tmp_path / "out" / "microevse-base-esp32.bin"
    assert made.read_bytes() == release_kit.base_image()
    said = capfd.readouterr().out
    assert "MicroPython v1.28.0, ESP-IDF v5.5.1" in said
    tree = tmp_path / "build" / "micropython" / facts.MICROPYTHON
    assert not (tree / "later").exists()
    log = (tree / "ports" / "esp32" / "log").read_text()
    board = tmp_path / "boards" / "micropython" / "MICROEVSE"
    assert log == "1800000000 %s\n" % board
    # A second build takes the tree that is there, and nothing that the first one has left.
    build_folder = tree / "ports" / "esp32" / "build-MICROEVSE"
    (build_folder / "stale").write_text("")
    build(tmp_path, source)
    assert not (build_folder / "stale").exists()


def test_another_esp_idf_or_none_is_refused(tmp_path, source, shell):
    (tmp_path / "bin" / "idf.py").unlink()
    with pytest.raises(ReleaseError, match="no idf.py here: build in the container espressif/idf"):
        build(tmp_path, source)
    assert not (tmp_path / "build").exists()  # MicroPython was fetched first
    shell("v5.4.2")
    with pytest.raises(ReleaseError, match="this is ESP-IDF 5.4.2, .* released with 5.5.1"):
        build(tmp_path, source)
    lock = tmp_path / "build/micropython" / facts.MICROPYTHON / "ports/esp32/lockfiles"
    (lock / "dependencies.lock.esp32").write_text(LOCK.replace("  idf:", "  fdi:"))
    with pytest.raises(ReleaseError, match="does not say which ESP-IDF"):
        build(tmp_path, source)
    assert not (tmp_path / "out").exists()


def test_a_build_that_fails_is_said_with_its_last_words(tmp_path, source, shell):
    with pytest.raises(ReleaseError, match="git clone.*failed.*(?s:.*)does not appear"):
        release_base.build(tmp_path / "out", "file://%s" % (tmp_path / "nowhere"))
    port = source / "ports" / "esp32"
    (port / "Makefile").write_text(PORT.replace("cp image.bin", "echo no room >&2; false"))
    subprocess.run(["git", "-C", source, *WHO, "commit", "-qam", "two"], check=True)
    subprocess.run(["git", "-C", source, "tag", "-f", facts.MICROPYTHON], check=True)
    with pytest.raises(ReleaseError, match="(?s)make -C .* failed: .*no room"):
        build(tmp_path, source)


def test_the_pins_agree():
    assert facts.CONTAINER.split("@")[0] == "espressif/idf:" + facts.IDF
    for folder in facts.BASES.values():
        assert (ROOT / "boards" / "micropython" / folder / "mpconfigboard.cmake").exists()
    folders = {p.name for p in (ROOT / "boards" / "micropython").iterdir() if p.is_dir()}
    assert folders == set(facts.BASES.values())
    options = (ROOT / "boards/micropython/MICROEVSE/sdkconfig.board").read_text().split()
    assert "CONFIG_APP_REPRODUCIBLE_BUILD=y" in options


# -- the script in the container ------------------------------------------------------------------

MAKE = """base:
\tmkdir -p build/base && echo image > build/base/microevse-base-esp32.bin
release:
\tmkdir -p build/release && cp $(BASE)/* build/release
\techo "$(TAG)" > build/release/tag
"""


def test_the_script_builds_what_is_committed(tmp_path):
    source, out, home = (tmp_path / name for name in ("src", "out", "home"))
    for folder in (source, out, home):
        folder.mkdir()
    (source / "Makefile").write_text(MAKE)
    commit(source, "v1.2.3")
    subprocess.run(["git", "-C", source, "checkout", "-q", "v1.2.3"], check=True)
    # What is not committed is no part of it, and nothing is written into the checkout.
    (source / "Makefile").write_text("base release:\n\tfalse\n")
    if os.geteuid() == 0:
        # As in the container: the files are another user's.
        subprocess.run(["chown", "-R", "nobody", source], check=True)
    before = sorted(source.rglob("*"))
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home),
        "SRC": str(source), "OUT": str(out), "TAG": "v1.2.3",
    }  # fmt: skip
    script = ROOT / "tools" / "release_container.sh"
    done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["microevse-base-esp32.bin", "tag"]
    assert (out / "tag").read_text() == "v1.2.3\n"
    assert sorted(source.rglob("*")) == before
    owner = (source / "Makefile").stat().st_uid
    assert {path.stat().st_uid for path in (out, *out.iterdir())} == {owner}
    # It ends where something fails, and leaves nothing.
    (source / "Makefile").write_text(MAKE.replace("release:", "release:\n\tfalse"))
    subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", source, *WHO, "commit", "-qam", "two"], check=True
    )
    for path in out.iterdir():
        path.unlink()
    done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and not list(out.iterdir())
