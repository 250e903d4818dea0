# The vault with the power cut at every flash operation of its changes and of its tidying.
# MIT license; part of microevse
"""What must hold after each cut is in support/vault_cut.py. Here each operation is cut in one
of the ways; `make bench ARGS=vault_cut` cuts every one in all of them, in longer lives."""

from vault_cut import run


def test_power_cut_at_every_flash_operation():
    run((20261128,), 16, 1, 1)
