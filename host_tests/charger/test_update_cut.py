# A bounded part of the update's power cut sweep: other operations each time.
# MIT license; part of microevse
"""support/update_cut.py has the assertions; `make bench ARGS=update_cut` plays all of it.
UPDATE_CUT_SEED repeats a run that has failed."""

import asyncio
import os
import random

import update_cut
import update_kit

STEP = 190


def seeded():
    seed = int(os.environ.get("UPDATE_CUT_SEED") or random.randrange(1, 100000))
    print("UPDATE_CUT_SEED=%d" % seed)
    return seed, random.Random(seed)


def test_cuts_of_an_update_in_one_process(capsys):
    with capsys.disabled():
        print()
        seed, rng = seeded()
        for layout in update_cut.FORMATS:
            offset = rng.randrange(STEP)
            found = update_cut.in_process(STEP, offset, seed, layout=layout)
            assert found["cuts"] >= found["ops"] // STEP and found["old"] > 0


def test_cuts_of_an_update_of_the_whole_firmware():
    """One while it is written, one at the first start of the new version; that one where the
    slots are in a ROMFS, and nothing but a slot could start."""
    _, rng = seeded()
    for layout, format, start, points in (
        (None, "lfs2", 1, (80, 1800)),
        ("romfs", "romfs", 2, (1, 6)),
    ):
        bundle = update_kit.make(update_cut.NEW, format=format, broken=update_kit.QUICK_TRIAL)
        life = update_cut.Life(bundle, layout)
        asyncio.run(life.play(rng.randrange(*points), start))
