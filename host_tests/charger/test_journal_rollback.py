# An update and its rollback: the journal of this version read by an older one, and by this again.
# MIT license; part of microevse
"""The older version is the program as it was when it had learnt to tolerate unknown records, but
had none of the newer kinds and fields: taken from the history, run on real MicroPython."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from tools_paths import ROOT, tool

SUBJECT = "Read records that another version wrote as far as they can be read"


def git(*args):
    done = subprocess.run(["git", *args], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    return done.stdout if done.returncode == 0 else b""


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    found = git("log", "--format=%H", "-n", "1", "--fixed-strings", "--grep", SUBJECT)
    commit = found.decode().strip()
    if not commit:
        pytest.skip("NOT RUN: the history is not here")
    place = tmp_path_factory.mktemp("older")
    archive = git("archive", commit, "lib", "host_tests/unit/station_parts.py")
    subprocess.run(["tar", "x"], cwd=place, input=archive, check=True)
    return place


def life(root, what, image, boot):
    """The messages to a central system in one life with the library under `root`."""
    support = ROOT / "host_tests" / "support"
    parts = root / "host_tests" / "unit"
    child = support / "rollback_child.py"
    if root != ROOT:
        # A program's own folder comes first: there must be none of today's parts in it.
        child = shutil.copy(child, parts)
    micropython = tool("micropython")
    folders = [parts, root / "lib", support]
    if micropython:
        env = dict(os.environ, MICROPYPATH=":".join(map(str, folders)) + ":.frozen")
        command = [micropython]
    else:
        env = dict(os.environ, PYTHONPATH=":".join(map(str, folders)))
        command = [sys.executable]
    done = subprocess.run(
        [*command, child, what, image, str(boot)],
        cwd=parts, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout.splitlines()[-1])


def test_an_older_version_delivers_all_it_knows_and_the_rest_is_there_after_the_update(
    older, tmp_path
):
    image = tmp_path / "journal"
    written = life(ROOT, "write", image, 1)
    assert [action for action, _ in written] == ["StartTransaction"]
    before = image.read_bytes()

    *told, (queued, foreign) = life(older, "deliver", image, 2)
    actions = [action for action, _ in told]
    assert queued == 0 and foreign == 3, "the changes are still there"
    assert actions.count("StartTransaction") == 1 and actions.count("StopTransaction") == 2
    assert actions.count("MeterValues") == 5
    stops = [payload for action, payload in told if action == "StopTransaction"]
    assert [stop["reason"] for stop in stops] == ["Other", "PowerLoss"]
    assert stops[0]["transactionId"] == 4712, "the id that the newer version has stored"
    assert stops[0]["meterStop"] == 1300 and stops[1]["meterStop"] > 1300
    # Once more: nothing twice.
    assert life(older, "deliver", image, 3) == [[0, foreign]]

    *kept, (queued, left) = life(ROOT, "tell", image, 4)
    assert queued == left == 0 and len(kept) == foreign
    states = [payload[3] for _, payload in kept]
    assert states == ["suspended_ev", "charging", "suspended_ev"]
    numbers = [(payload[0], payload[5]) for _, payload in kept]
    assert numbers == sorted(set(numbers))

    # Without the rollback a 1.6 central system hears the very same.
    image.write_bytes(before)
    *straight, (queued, foreign) = life(ROOT, "deliver", image, 2)
    assert queued == foreign == 0 and straight[:-1] == told[:-1]
    # Only the time of the power cut is known better: the last record was a change.
    assert straight[-1][1]["meterStop"] == told[-1][1]["meterStop"]
    assert straight[-1][1]["timestamp"] >= told[-1][1]["timestamp"]
