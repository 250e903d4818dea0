# Damaged certificates, chains, keys and signatures, many of them, on both interpreters.
# MIT license; part of microevse
"""usage: bench_pki_fuzz.py [INPUTS [SEED]]    strategies: support/pki_fuzz.py; 20,000 by default

Passes or fails; then what became of them. MicroPython plays a quarter as many."""

import os
import subprocess
import sys

import places  # noqa: F401 (import paths)
import pki_fuzz
from tools_paths import SUPPORT, TESTS, micropythonpath, tool

CHILD = "import pki_fuzz; print(sorted(pki_fuzz.fuzz(%d, %d).reasons.items()))"


def main(count=20000, seed=pki_fuzz.SEED):
    tally = pki_fuzz.fuzz(count, seed)
    print("seed %d, %d inputs: only the errors of pki left, nothing was believed" % (seed, count))
    print("  certificates read %d, refused %d" % (tally.parsed, tally.refused))
    print("  signatures %d, keys read %d" % (tally.signatures, tally.keys))
    for reason, number in sorted(tally.reasons.items()):
        print("  chains refused: %-14s %6d" % (reason, number))
    print("  longest input: %.0f ms of this processor" % (1000 * tally.longest))
    env = dict(os.environ, MICROPYPATH=micropythonpath(SUPPORT, TESTS))
    code = CHILD % (count // 4, seed)
    done = subprocess.run(
        [tool("micropython"), "-c", code], env=env, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    print("MicroPython, %d inputs: %s" % (count // 4, done.stdout.strip()))


if __name__ == "__main__":
    main(*[int(word) for word in sys.argv[1:]])
