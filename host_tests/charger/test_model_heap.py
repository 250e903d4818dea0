# The heap of OCPP 2.x: resident, and while the device model is asked for.
# MIT license; part of microevse
"""Measured at 32 bit, frozen (tools/frozen.py). The limits: 4 KB above 1.6, 4 KB above idle."""

import json
import subprocess

import frozen
import pytest
from tools_paths import SUPPORT

LIMIT = 4096


@pytest.fixture(scope="module")
def measured():
    """fn(what): the JSON that model_heap.py prints."""
    try:
        interpreter = frozen.build()
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)

    def run(what, more=""):
        command = [interpreter, SUPPORT / "model_heap.py", SUPPORT, what, more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr + done.stdout
        print(what, done.stdout)
        return json.loads(done.stdout)

    return run


def test_no_request_about_the_model_takes_more_than_its_limit(measured):
    # The collector takes some words on the stack for objects in use, and counts code that was
    # dropped: other code where the heap lies otherwise, which an argument more brings about. What
    # a request needs it needs each time.
    runs = [measured("peaks", "x" * length) for length in (0, 40, 100)]
    assert min(run.pop("parts") for run in runs) > 20
    peaks = {action: min(run[action] for run in runs) for action in runs[0]}
    assert len(peaks) == 4 and max(peaks.values()) <= LIMIT, peaks
    assert min(peaks.values()) > 1000, "nothing was measured"


def test_an_idle_adapter_of_2x_takes_no_more_than_that_of_1_6_and_the_limit(measured):
    first = measured("1.6")
    for version in ("2.0.1", "2.1"):
        assert 1000 < measured(version) <= first + LIMIT
