# Signed updates: the power cut at every flash operation, and 20,000 changed inputs.
# MIT license; part of microevse
"""support/signed_cut.py has the assertions; charger/test_signed_cut.py plays a few."""

import places  # noqa: F401 (import paths)
import signed_cut

if __name__ == "__main__":
    print("%d cuts: a whole program and the right floor after each" % signed_cut.cuts())
    print("%d headers, signatures and requests changed: none installed" % signed_cut.fuzz(20000))
