# How long the contactor takes to open: the whole firmware on the virtual board, many times.
# MIT license; part of microevse
"""Run by `make bench`: 200 openings of one connector, 100 of two. How they are measured is in
support/opening_time.py."""

import places  # noqa: F401 (import paths)
from opening_time import dual, single

if __name__ == "__main__":
    for measured in (single, dual):
        print(measured())
