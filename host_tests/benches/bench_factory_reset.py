# The factory reset with the power cut at every flash operation; see support/factory_reset_cut.py.
# MIT license; part of microevse
"""Run by `make bench`: what the test does with a few operations, with all of them."""

import time

import places  # noqa: F401 (import paths)
import factory_reset_cut

if __name__ == "__main__":
    began = time.monotonic()
    operation = 1
    while factory_reset_cut.cut(operation):
        operation += 1
    assert operation > 70
    print("%d operations cut, %.0f s" % (operation - 1, time.monotonic() - began))
