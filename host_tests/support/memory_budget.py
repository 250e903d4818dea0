# The committed limits of heap and flash; `bench_memory.py --write` renews those of the modules.
# MIT license; part of microevse
"""Modules over budget, as sentences."""

import json
import pathlib

PATH = pathlib.Path(__file__).with_name("memory_budget.json")
# Free after a collection while charging: DESIGN 6.
FREE = 24 * 1024
# Importing the application from a slot of the base image, at 32 bit: DESIGN 6.
IMPORTS = 95 * 1024
# Growth that is no news: a few per cent, and what a line of code elsewhere moves from one module
# to the next (the growth of a table that both share). Their sum does not move: SUM.
PART = 0.05
BLOCKS = 192
SUM = 512


def over(rows):
    """[sentence] for modules (rows: [[name, bytes]]) above their limits, or without one."""
    limits = json.loads(PATH.read_text())
    found = []
    for name, size in rows:
        if name not in limits:
            found.append("%s takes %d bytes and has no limit yet" % (name, size))
        elif size > limits[name] * (1 + PART) + BLOCKS:
            found.append("%s takes %d bytes, its limit is %d" % (name, size, limits[name]))
    total, allowed = sum(size for _, size in rows), sum(limits.values())
    if total > allowed + SUM:
        found.append("all modules take %d bytes, their limits together are %d" % (total, allowed))
    return found
