# What no release is made of, each with one sentence.
# MIT license; part of microevse
"""Wrong tags, changes that are not told or not committed, base images of something else, folders
that hold something else."""

import contextlib
import os
import re
import shutil
import subprocess

import pytest
from tools_paths import ROOT, tool

for module in ("littlefs", "mpremote", "serial"):
    pytest.importorskip(module, reason="NOT RUN: %s is missing" % module)
import release  # noqa: E402
import release_facts as facts  # noqa: E402
import release_images as images  # noqa: E402
import release_kit  # noqa: E402
import release_web as web  # noqa: E402
from release_facts import ReleaseError  # noqa: E402

VERSION = facts.version()

CHANGES = (
    "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-01-02\n\n- Something.\n\n## 1.2.30\n\nold\n"
)


def test_the_tag_is_that_of_the_version_and_its_changes_are_told():
    facts.check_tag("v1.2.3", "1.2.3", CHANGES)
    assert facts.section(CHANGES, "1.2.3") == "- Something."
    assert facts.section(CHANGES, "1.2") == facts.section(CHANGES, "2.3") == ""
    for tag in ("1.2.3", "v1.2.4", "v1.2.3-rc1"):
        with pytest.raises(
            ReleaseError, match="the tag is %s, but .* says 1.2.3" % re.escape(tag)
        ):
            facts.check_tag(tag, "1.2.3", CHANGES)
    with pytest.raises(ReleaseError, match="has no section 1.2.4"):
        facts.check_tag("v1.2.4", "1.2.4", CHANGES)
    open_changes = CHANGES.replace("## Unreleased\n", "## Unreleased\n\n- More.\n")
    with pytest.raises(ReleaseError, match="under Unreleased"):
        facts.check_tag("v1.2.3", "1.2.3", open_changes)


@contextlib.contextmanager
def repository(folder, monkeypatch):
    """facts.ROOT is a repository with the files that carry the version."""
    (folder / "firmware").mkdir(parents=True)
    (folder / "firmware" / "version.py").write_text('VERSION = "1.2.3"\n')
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    with monkeypatch.context() as patch:
        patch.setattr(facts, "ROOT", folder)
        patch.delenv("SOURCE_DATE_EPOCH", raising=False)
        yield


def test_a_release_is_made_of_what_is_committed(tmp_path, monkeypatch):
    with repository(tmp_path / "repo", monkeypatch):
        assert facts.version() == "1.2.3"
        facts.check_clean()
        assert facts.date() == int(facts.git("log", "-1", "--format=%ct")) > 1_700_000_000
        (tmp_path / "repo" / "pyproject.toml").write_text('version = "1.2.4"\n')
        with pytest.raises(ReleaseError, match="pyproject.toml is not as it was committed"):
            facts.check_clean()
        with pytest.raises(ReleaseError, match="1.2.3 and pyproject.toml 1.2.4"):
            facts.version()
        shutil.rmtree(tmp_path / "repo" / ".git")
        with pytest.raises(ReleaseError, match="this is none"):
            facts.check_clean()
        with pytest.raises(ReleaseError, match="SOURCE_DATE_EPOCH"):
            facts.date()
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
        with pytest.raises(ReleaseError, match="SOURCE_DATE_EPOCH"):
            facts.date()


def test_a_draft_is_left_out_and_said(monkeypatch, tmp_path):
    (tmp_path / "boards").mkdir()
    text = (ROOT / "boards" / "esp32_devkitc.toml").read_text()
    (tmp_path / "boards" / "esp32_devkitc.toml").write_text(text)
    draft = text.replace('"esp32_devkitc"', '"later"', 1).replace("chip =", 'draft = "x"\nchip =')
    (tmp_path / "boards" / "later.toml").write_text(draft)
    monkeypatch.setattr(facts, "ROOT", tmp_path)
    found, drafts = facts.boards()
    assert list(found) == ["esp32_devkitc"]
    assert drafts == ["later is left out: its board file is a draft"]
    (tmp_path / "boards" / "wrong.toml").write_text("name = 1\n")
    with pytest.raises(ReleaseError, match="wrong"):
        facts.boards()


def refused(out, *args):
    with pytest.raises(SystemExit) as stopped:
        release.main(["-o", str(out), *map(str, args)])
    assert "\n" not in str(stopped.value)
    return str(stopped.value)


def test_a_wrong_request_is_one_sentence_and_changes_nothing(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "photo.jpg").write_bytes(b"mine")
    assert "is no release: it is not replaced" in refused(out)
    assert [path.name for path in out.iterdir()] == ["photo.jpg"]
    fresh = tmp_path / "fresh"
    assert "the tag is v9.9.9" in refused(fresh, "--tag", "v9.9.9")
    assert "there is no microevse-base-esp32.bin" in refused(fresh, "--base", tmp_path)
    stock = release_kit.bases(tmp_path / "stock", table="slots")
    assert "it is stock MicroPython" in refused(fresh, "--base", stock)
    bad = tmp_path / "bad"
    bad.mkdir()
    path = bad / "microevse-base-esp32.bin"
    for data, words in (
        (b"", "no complete image for esp32"),
        (release_kit.base_image()[:0x9000], "no MicroPython for esp32"),
        (release_kit.base_image().replace(b"\x32\x54\xcd\xab", bytes(4)), "of ESP-IDF at 0x10000"),
    ):
        path.write_bytes(data)
        assert words in refused(fresh, "--base", bad)
    path.write_bytes(release_kit.base_image().replace(b"\xe9\0\x02", b"\xe9\0\x03")[:0x1000])
    assert "no complete image" in refused(fresh, "--base", bad)
    assert not fresh.exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".release")]


def test_a_tag_wants_everything(tmp_path, monkeypatch):
    base = release_kit.bases(tmp_path / "base")
    monkeypatch.setattr(facts, "check_tag", lambda *args: None)
    monkeypatch.setattr(facts, "check_clean", lambda: None)
    one = {"esp32_devkitc": facts.boards()[0]["esp32_devkitc"]}
    monkeypatch.setattr(facts, "boards", lambda: (one, []))
    out = tmp_path / "out"
    assert "BASE=folder" in refused(out, "--tag", "v" + VERSION)

    def offline():
        raise ReleaseError("npm does not get it")

    monkeypatch.setattr(web, "package", offline)
    assert "npm does not get it" in refused(out, "--tag", "v" + VERSION, "--base", base)
    old = release_kit.bases(tmp_path / "old", version=(1, 27, 0))
    assert "is MicroPython v1.27.0 with ESP-IDF v5.5.1" in refused(
        out, "--tag", "v" + VERSION, "--base", old
    )
    assert not out.exists()
    # Without a tag it is a rehearsal, and says what is missing, in the text of the release, too.
    release.make(out, base, say=lambda line: None)
    notes = (out / "release-notes.md").read_text()
    assert notes.startswith(facts.section((ROOT / "CHANGELOG.md").read_text(), VERSION))
    assert "- no web installer: npm does not get it\n" in notes
    assert not list(out.glob("*.zip"))
    # Such a folder is a release, and the next one replaces it.
    (out / "old.bin").write_bytes(b"old")
    release.make(out, base, say=lambda line: None)
    assert not (out / "old.bin").exists()


def test_a_base_image_of_another_chip_is_refused(tmp_path):
    app = {}  # not looked at: the base image is, first
    path = tmp_path / "base.bin"
    path.write_bytes(release_kit.base_image("esp32s2"))
    with pytest.raises(ReleaseError, match="is for ESP32-S2, the board has ESP32"):
        images.complete(app, "esp32", path)


@pytest.mark.skipif(not tool("make"), reason="NOT RUN: make is missing")
def test_make_passes_its_words_on():
    command = ["make", "-o", ".venv/.ready", "PY=echo", "release"]
    command += ["BASE=b", "TAG=v1", "KEY=k", "OUT=o"]
    # `make test` hands its own options on by these.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True)
    words = "tools/release.py --base b --tag v1 --key k -o o"
    assert done.stdout.strip() == words, done.stdout + done.stderr


def test_a_wrong_key_is_told_before_anything_is_made(tmp_path):
    """It was a dump of openssl's, after all boards had been built."""
    for content, told in ((None, "the key cannot be read"), ("hello", "no key that openssl can")):
        path = tmp_path / "sign.pem"
        if content:
            path.write_text(content)
        said = refused(tmp_path / "out", "--key", path)
        assert said.startswith("release: %s" % path) and told in said
    assert not (tmp_path / "out").exists()
