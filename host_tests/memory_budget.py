# The committed limits of heap and flash; `bench_memory.py --write` renews those of the modules.
# MIT license; part of microevse
"""What is over budget, as sentences."""

import json
import pathlib

PATH = pathlib.Path(__file__).with_name("memory_budget.json")
# Free after a collection while charging: DESIGN 6.
FREE = 24 * 1024
# Growth that is no news: a few per cent, and a couple of blocks of 16 bytes.
PART = 0.05
BLOCKS = 64


def over(rows):
    """[sentence] for modules (rows: [[name, bytes]]) above their limits, or without one."""
    limits = json.loads(PATH.read_text())
    found = []
    for name, size in rows:
        if name not in limits:
            found.append("%s takes %d bytes and has no limit yet" % (name, size))
        elif size > limits[name] * (1 + PART) + BLOCKS:
            found.append("%s takes %d bytes, its limit is %d" % (name, size, limits[name]))
    return found
