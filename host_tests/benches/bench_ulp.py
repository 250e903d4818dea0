# The ULP guard: size of its program, 500 pilots that go on asking, 500 that are lost or let go.
# MIT license; part of microevse
"""usage: bench_ulp.py [count [first seed]]

Each pilot with a board, an EV, a converter and clocks of its own (support/ulp_pilots.py). The
times are from the pilot's change to open contacts, 30 ms of drop-out included, the main program
stalled for 2 s. In the instruction simulator, not on a chip.
"""

import collections
import random
import sys
import time

import places  # noqa: F401 (import paths)
import ulp_asm as ulp
import ulp_pilots

COUNT = 500
FLIPS = 400


def main(count=COUNT, first=1000):
    words = (len(ulp_pilots.binary()) - ulp.HEADER) // 4
    print("program: %d bytes of %d, mailbox included" % (4 * words, ulp.LIMIT))
    began = time.monotonic()
    seeds = range(first, first + count)
    opened = [seed for seed in seeds if not ulp_pilots.asking(seed)]
    print("%d pilots that go on asking: %d opened %s" % (count, len(opened), opened or ""))
    found = collections.defaultdict(list)
    for seed in seeds:
        ms, how = ulp_pilots.lost(seed)
        found[how].append((ulp_pilots.STALL_MS if ms is None else ms, seed))
    every = [ms for times in found.values() for ms, _ in times]
    late = [ms for ms in every if ms > ulp_pilots.LIMIT_MS]
    print(
        "%d pilots lost or let go in a stall of 2 s: %d later than %d ms"
        % (count, len(late), ulp_pilots.LIMIT_MS)
    )
    for how in sorted(found):
        times = found[how]
        worst, seed = max(times)
        print(
            "  %-24s %4d  mean %5.1f ms  worst %5.1f ms (seed %d)"
            % (how, len(times), sum(ms for ms, _ in times) / len(times), worst, seed)
        )
    draw = random.Random(first)
    flips = collections.Counter(
        ulp_pilots.flipped(draw.choice(ulp_pilots.code_words()), draw.randrange(32))
        for _ in range(FLIPS * count // COUNT)
    )
    print("flipped bits of the program: %s" % dict(flips))
    print("%.0f s" % (time.monotonic() - began))
    return 1 if opened or late else 0


if __name__ == "__main__":
    sys.exit(main(*[int(arg) for arg in sys.argv[1:3]]))
