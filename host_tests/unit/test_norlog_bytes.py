# The journal byte by byte: what is on the flash of chargers in the field.
# MIT license; part of microevse
"""A version that reads these bytes in another way loses sessions that are not delivered yet, and
one that writes others cannot go back. So they are numbers here, not the names of the code."""

from binascii import unhexlify

from store import norlog
from store.norlog import NorLog
from store.ramflash import RamFlash

BS = 1024


def mounted(flash):
    log = NorLog(flash)
    log.mount()
    return log


def block(*words):
    data = unhexlify("".join(words).replace(" ", ""))
    return data + b"\xff" * (BS - len(data))


STAMP = "6d45566a 01000000 00000000 8fe3dadb"  # never erased
# Stream 0, generation 0, order 1 to 1, base 1; and stream 1 with order 2 and base 2.
EVENTS = "00000000 01000000 01000000 01000000 c1600803 ffffffff"
STATE = "01000000 02000000 02000000 02000000 ad8bc446 ffffffff"
# Kind 5, number 1, key 0x1234: held and done. Kind 6, number 3: held no more, not done.
FIRST = "05000501 00000034 125c2ff0 30cc35ee 68656c6c 6fffffff"
THIRD = "04000603 00000000 0036020f 594f8900 61626364"
SECOND = "00000902 00000007 00b1660f b1661871"  # kind 9, key 7, no payload
ERASED = "6d45566a 01000000 03010000 5626adc8"  # 259 times
BLOCKS = (
    block(STAMP, EVENTS, EVENTS, FIRST, THIRD),
    block(STAMP, STATE, STATE, SECOND),
    block(STAMP),
    block(ERASED),
)


def test_these_are_the_bytes_that_are_written():
    flash = RamFlash(4, BS)
    log = mounted(flash)
    assert log.append(0, 5, 0x1234, b"hello", True) == 1
    assert log.append(1, 9, 7, b"") == 2
    assert log.append(0, 6, 0, b"abcd") == 3
    assert log.find(0, 1)
    log.mark(log.block, log.off, norlog.DONE)
    log._wear[3] = 258
    log._erase(3)
    for number in range(4):
        assert bytes(flash.image[number * BS : (number + 1) * BS]) == BLOCKS[number], number


def test_a_sector_that_was_moved_is_one_generation_on():
    flash = RamFlash(4, BS)
    log = mounted(flash)
    log.append(0, 6, 0, b"abcd")
    log.append(0, 6, 0, bytes(900))
    log.append(0, 6, 0, bytes(900))
    for generation in (1, 2, 3):
        assert log.merge(0, log.blocks(0)[:1], lambda kind, seq, flags: True)
        at = log.blocks(0)[0] * BS + 16
        # Stream, generation, order 1 to 1, base 1; the rest is the checksum.
        assert bytes(flash.image[at : at + 16]) == unhexlify(
            "00%02x0000 01000000 01000000 01000000".replace(" ", "") % generation
        )
        assert log.erase_one()


def test_and_these_that_are_understood():
    log = mounted(RamFlash(4, BS, bytearray(b"".join(BLOCKS))))
    assert (log.blocks(0), log.blocks(1), log.ready, log.wear()) == ([0], [1], 2, (0, 259))
    assert (log.torn, log.lost, log.skipped) == (0, 0, 0)
    assert (log.next_seq, log.room(0), log.room(1)) == (4, BS - 108, BS - 80)
    assert (log.live(0), log.live(1), log.free(0)) == (44, 16, BS - 108 + 2 * 960)
    for stream, seq, kind, key, done, held, payload in (
        (0, 1, 5, 0x1234, True, True, b"hello"),
        (1, 2, 9, 7, False, False, b""),
        (0, 3, 6, 0, False, False, b"abcd"),
    ):
        assert log.find(stream, seq)
        assert (log.kind, log.key) == (kind, key)
        assert (norlog.is_done(log.flags), norlog.is_held(log.flags)) == (done, held)
        assert bytes(log.payload(log.block, log.off)) == payload
    assert log.append(0, 1, 0, b"x") == 4 and log.blocks(0) == [0]
