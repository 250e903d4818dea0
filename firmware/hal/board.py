# The board profile: which part is on which pin.
# MIT license; part of microevse
"""board.json is made from boards/NAME.toml by tools/board.py, which checks it on the host;
here it is only read."""

import json


def load(path="board.json"):
    """Profile as a dict. OSError without the file, ValueError if it is not JSON."""
    with open(path) as f:
        return json.load(f)
