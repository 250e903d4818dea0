# Signed updates: every cut of the power, some changed headers and signatures.
# MIT license; part of microevse
"""support/signed_cut.py has the assertions; `make bench ARGS=signed_update` changes more."""

import random

import signed_cut


def test_a_cut_leaves_a_whole_program_and_the_right_floor():
    assert signed_cut.cuts() > 20


def test_what_was_changed_is_not_installed():
    seed = random.randrange(1 << 30)
    print("seed", seed)
    assert signed_cut.fuzz(300, seed) >= 300
