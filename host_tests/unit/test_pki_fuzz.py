# Damaged certificates: nothing escapes, nothing is believed.
# MIT license; part of microevse
"""The same inputs each time (pki_fuzz.py); `make bench ARGS=pki_fuzz` plays 20,000."""

import pki_fuzz
from evse_base import MICROPYTHON
from helpers import raises
from pki import certificate
from pki.der import DerError, element

INPUTS = 400 if MICROPYTHON else 1500


def test_damaged_certificates_chains_keys_and_signatures():
    tally = pki_fuzz.fuzz(INPUTS)
    # Where nothing gets through the reader, nothing behind it is tried.
    assert tally.parsed > INPUTS // 20 and tally.refused > INPUTS // 2
    assert tally.keys > 5 and tally.signatures
    for reason in ("malformed", "bad_signature", "wrong_order"):
        assert tally.reasons.get(reason), tally.reasons


def test_structures_without_an_end():
    deep = b""
    for _ in range(400):
        deep = element(0x30, deep)
    wide = element(0x30, *[b"\x05\x00"] * 3000)
    for data in (deep, wide, b"\x30\x80" * 4000, b"\x30\x84\xff\xff\xff\xff" + bytes(100),
                 b"\xa0\x82\x1f\xff" * 2000, b"\x1f" + b"\xff" * 8000, bytes(100000)):  # fmt: skip
        raises(DerError, certificate.parse, data)
        raises(DerError, certificate.parse, element(0x30, data[:8000], data[:50]))
