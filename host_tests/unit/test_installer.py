# Bundles that are whole, damaged, foreign or too large, on the files of the host.
# MIT license; part of microevse
"""Runs in the current directory, as on the board, and leaves no file behind."""

import hashlib
import os

import installer
from helpers import raises
from version import VERSION


def bundle(version=VERSION, content=b"x" * 5000):
    body = installer.MAGIC + version.encode() + b"\n" + content
    return body + hashlib.sha256(body).digest()


def feed(data, size=None, step=700):
    """An installer that has got all of `data`."""
    staging = installer.fitted()
    staging.begin(len(data) if size is None else size)
    for i in range(0, len(data), step):
        staging.write(memoryview(data)[i : i + step])
    return staging


def files():
    return sorted(name for name in os.listdir(".") if name.startswith("update."))


def test_a_good_bundle_is_kept_byte_for_byte():
    for step in (1, 31, 32, 33, 700, 100000):
        data = bundle(content=b"payload" * 30)
        assert feed(data, step=step).finish() is True
        with open("update.bin", "rb") as file:
            assert file.read() == data
        assert installer.fitted().installed() is True
        assert files() == []


def test_another_version_than_the_one_that_runs_was_not_installed():
    assert feed(bundle("99.9")).finish()
    assert installer.fitted().installed() is False
    assert files() == []
    assert installer.fitted().installed() is False  # nothing was ever kept


def test_damage_anywhere_is_found():
    good = bundle(content=b"abc")
    for i in range(len(installer.MAGIC), len(good)):
        bad = bytearray(good)
        bad[i] ^= 4
        staging = feed(bytes(bad))
        raises(ValueError, staging.finish)
        staging.abort()
        assert files() == []


def test_a_bundle_cut_short_is_refused():
    good = bundle(content=b"abc")
    for size in range(0, len(good), 7):
        staging = feed(good[:size])
        raises(ValueError, staging.finish)
        staging.abort()
        staging = feed(good[:size], size=len(good))
        assert "bytes of" in str(raises(ValueError, staging.finish))
        staging.abort()
    assert files() == []


def test_a_foreign_file_does_not_wear_the_flash():
    staging = feed(b"\x89PNG" * 10000)
    with open("update.new", "rb") as file:
        assert file.read() == b""
    assert "not a microevse" in str(raises(ValueError, staging.finish))
    staging.abort()
    assert files() == []


def test_what_does_not_fit_is_refused_before_it_comes():
    staging = installer.fitted()
    assert "do not fit" in str(raises(ValueError, staging.begin, 1 << 60))
    staging.abort()
    assert files() == []
