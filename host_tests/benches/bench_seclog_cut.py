# The security log with the power cut at every flash operation; see support/seclog_cut.py.
# MIT license; part of microevse
"""Run by `make bench`: what the test does with some of the operations, with all of them."""

import time

import places  # noqa: F401 (import paths)
import seclog_cut

if __name__ == "__main__":
    began = time.monotonic()
    print("%d cuts, nothing torn, nothing lost" % seclog_cut.history(1))
    print("%.0f s" % (time.monotonic() - began))
