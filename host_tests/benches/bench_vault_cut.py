# The vault with every flash operation cut in every way; see support/vault_cut.py.
# MIT license; part of microevse
"""Run by `make bench`: what the test does in one way, in all of them."""

import time

import places  # noqa: F401 (import paths)
import vault_cut

SEEDS = range(20261128, 20261130)
CHANGES = 30

if __name__ == "__main__":
    began = time.monotonic()
    vault_cut.run(SEEDS, CHANGES)
    print("%.0f s" % (time.monotonic() - began))
