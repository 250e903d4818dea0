# GC heap and system heap of the chip in each situation, for each image.
# MIT license; part of microevse
"""usage: bench_heap.py [IMAGE ...]    (make bench ARGS=heap)    IMAGE as heap_table.IMAGES

32-bit interpreters whose heap is the chip's; bytes. What a chip without Bluetooth really has is
read in its sources, not measured (docs/memory.md)."""

import asyncio
import sys

import places  # noqa: F401 (import paths)
import frozen
import heap_table

SETS = [(features, version) for version in heap_table.VERSIONS for features in ("named", "all")]


def main(names):
    for name in names or heap_table.IMAGES:
        for features, version in SETS:
            print("%s, OCPP %s, features %s, wss:" % (name, version, features), flush=True)
            try:
                rows = asyncio.run(heap_table.table(name, True, features, version))
            except frozen.Missing as exc:
                print("  NOT RUN: %s" % exc)
                continue
            except AssertionError as exc:
                lines = str(exc).splitlines()
                errors = [line for line in lines if "Error:" in line]
                print("  ended: %s" % (lines[0] if lines and lines[0] else "".join(errors[-1:])))
                continue
            for line in heap_table.text(rows):
                print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
