# The journal with every flash operation cut in every way; see support/journal_cut.py.
# MIT license; part of microevse
"""Run by `make bench`: what the test does with two ways for each operation, in full."""

import time

import places  # noqa: F401 (import paths)
import journal_cut

CUTS = 120

if __name__ == "__main__":
    began = time.monotonic()
    journal_cut.run(1, CUTS)
    print("%.0f s" % (time.monotonic() - began))
