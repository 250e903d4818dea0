# The prompt of a virtual board: its flash image and its files, no application running.
# MIT license; part of microevse
"""usage: micropython -i repl_board.py DATA    where DATA is the image of a Twin

As after Ctrl-C on a chip; the prompt itself is MicroPython's own.
"""

import os
import sys

data = sys.argv[1]
tests = sys.path[0] + "/.."
for folder in (tests, tests + "/../lib", tests + "/../firmware", tests + "/twin/modules"):
    sys.path.insert(0, folder)

from twin import twin_state  # noqa: E402
from twin.clock import Clock  # noqa: E402
from twin.world import World  # noqa: E402

sys.modules["twin_state"] = twin_state
os.chdir(data + "/vfs")
import json  # noqa: E402

with open("board.json") as f:
    profile = json.load(f)
twin_state.clock = Clock()
twin_state.options = {"data": data, "seed": 1}
twin_state.board = profile
twin_state.world = World(profile, twin_state.clock, None, 1, {"seed": 1})


def reset(cause):
    print("RESET", cause, bytes(twin_state.rtc_memory[:6]))
    sys.exit(0)


twin_state.on_reset = reset
