# How long certificates and keys take, in which pieces, and how much heap they want meanwhile.
# MIT license; part of microevse
"""usage: bench_pki.py [IMAGE]    (make bench ARGS=pki)    `stock` or `frozen` of tools/frozen.py

Measured on a 32-bit MicroPython for this computer, whose integers have digits of 16 bits as the
chip's. It is scaled to a plain ESP32 by two figures of an emulated chip: a check of P-256 by the
program of version 0.1 takes 2.6 s there, RSA of 2,048 bits by one call of `pow` 0.18 s. Both are
done here as well, beside each row, so the speed of this computer falls out; the factor is the last
column. A piece is what runs between two pauses, the least of some runs; collections of the heap
are no part of it.

The heap is what is taken at most, modules included: all code that is needed is loaded in the run.
With `frozen` the bytecode is no part of it, as on a chip; with `stock` it is.
"""

import json
import os
import subprocess
import sys

import places  # noqa: F401 (import paths)
import frozen
from tools_paths import ROOT, micropythonpath

CHIP_P256_MS = 2600
CHIP_RSA_MS = 180
PIECE_MS = 50
TRIES = 3  # what else this computer does makes some of them worse
CHILD = ROOT / "host_tests" / "support" / "pki_times.py"


def child(interpreter, path, *arguments):
    env = dict(os.environ, MICROPYPATH=path)
    command = [str(interpreter), "-X", "heapsize=16m", str(CHILD), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(image="frozen"):
    """Prints the table; returns the rows that take longer than a piece may."""
    interpreter = frozen.build(image)
    support = str(ROOT / "host_tests" / "support")
    # The frozen image has the modules; the tests' own helpers come from their folder.
    path = micropythonpath(support) if image == "stock" else support + ":.frozen"
    print("scaled by P-256 by version 0.1: %d ms, RSA-2048 by pow: %d ms" % (
        CHIP_P256_MS, CHIP_RSA_MS))  # fmt: skip
    print("%-34s %9s %9s %7s %12s" % ("", "in all", "longest", "pieces", "heap, peak"))
    late = []
    for name, kind in (
        ("certificate parsed", "p256"),
        ("key pair", "p256"),
        ("request (CSR), signed", "p256"),
        ("signature", "p256"),
        ("signature checked, P-256", "p256"),
        ("signature checked, RSA-2048", "rsa"),
        ("signature checked, RSA-4096", "rsa"),
        ("chain of 3, P-256", "p256"),
        ("chain of 2, RSA-2048", "rsa"),
    ):
        found = []
        for _ in range(TRIES):
            row = child(interpreter, path, name)
            factors = {"p256": CHIP_P256_MS / row["p256"], "rsa": CHIP_RSA_MS / row["rsa"]}
            factor = factors[kind]
            if name.startswith("chain"):  # most of it beside RSA is the interpreter's time
                factor = max(factors.values())
            found.append((row["longest"] * factor / 1000, factor, row))
        longest, factor, row = min(found, key=lambda one: one[0])
        print(
            "%-34s %7.2f s  %6.1f ms %7d %8d B   x %.0f"
            % (name, row["total"] * factor / 1000000, longest, row["pieces"], row["heap"], factor)
        )
        if longest > PIECE_MS:
            late.append(name)
    return late


if __name__ == "__main__":
    try:
        found = main(*sys.argv[1:])
    except frozen.Missing as exc:
        sys.exit("NOT RUN: %s" % exc)
    sys.exit("longer than %d ms: %s" % (PIECE_MS, found) if found else 0)
