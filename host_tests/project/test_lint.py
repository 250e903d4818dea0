# Ruff finds nothing, by the project's own configuration in pyproject.toml.
# MIT license; part of microevse
"""The same two commands as `make lint`."""

import subprocess

import pytest
from tools_paths import ROOT, tool

RUFF = tool("ruff")


@pytest.mark.skipif(not RUFF, reason="NOT RUN: ruff is not installed")
@pytest.mark.parametrize("command", (["check"], ["format", "--check"]), ids=("check", "format"))
def test_ruff_finds_nothing(command):
    done = subprocess.run(
        [RUFF, *command, "."], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
