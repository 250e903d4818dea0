#!/usr/bin/env python3
# Measures on a real chip what the firmware believes about it: docs/bench.md.
# MIT license; part of microevse
"""usage: bench_on_chip.py BOARD [--port PORT] [--witness PORT [--s2 GPIO] | --scope] ...

All of it is in chipbench/command.py; `--help` lists the options, `--list` the steps."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent))
from chipbench.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
