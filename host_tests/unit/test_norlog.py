# The log on NOR flash: recovery, damage, reclaiming, foreign content.
# MIT license; part of microevse

import os

from helpers import raises
from store import norlog, sectors
from store.norlog import Cursor, NorLog
from store.ramflash import FileFlash, RamFlash

BS = 1024


def mounted(flash):
    log = NorLog(flash)
    log.mount()
    return log


def records(log, stream=0, seq=0):
    found = []
    cursor = Cursor(stream, seq)
    while log.seek(cursor):
        if not norlog.is_dead(log.flags):
            payload = log.payload(log.block, log.off)
            if payload is not None:
                found.append((log.seq, bytes(payload)))
        cursor.seq = log.seq + 1
    return found


def alive(kind, seq, flags):
    return not norlog.is_dead(flags)


def text(i):
    return b"payload %d " % i + b"x" * (i % 23)


def filled(flash, n, stream=0):
    log = mounted(flash)
    seqs = [log.append(stream, 1, i & 0xFFFF, text(i)) for i in range(n)]
    return log, seqs


def test_ram_flash_only_clears_bits_and_erases_blocks():
    flash = RamFlash(4, BS)
    flash.program(BS + 3, b"\xf0\x0f")
    flash.program(BS + 3, b"\x3f\xff")
    buf = bytearray(4)
    flash.read(BS + 2, buf)
    assert buf == b"\xff\x30\x0f\xff"
    flash.erase(1)
    flash.read(BS + 2, buf)
    assert buf == b"\xff\xff\xff\xff"
    raises(ValueError, flash.read, 4 * BS - 1, buf)
    raises(ValueError, flash.program, -1, b"\0")
    raises(ValueError, flash.erase, 4)


def test_file_flash_keeps_its_content_and_the_nor_rule():
    path = (os.getenv("TMPDIR") or "/tmp") + "/microevse-norlog.tmp"
    try:
        os.remove(path)
    except OSError:
        pass
    try:
        flash = FileFlash(path, 8, BS)
        log, seqs = filled(flash, 30)
        flash.program(8 * BS - 1, b"\x0f")
        flash.program(8 * BS - 1, b"\xf3")
        flash.close()
        flash = FileFlash(path, 8, BS)
        assert [p for _, p in records(mounted(flash))] == [text(i) for i in range(30)]
        buf = bytearray(1)
        flash.read(8 * BS - 1, buf)
        assert buf == b"\x03"
        flash.erase(7)
        flash.read(8 * BS - 1, buf)
        assert buf == b"\xff"
        flash.close()
        raises(ValueError, FileFlash, path, 4, BS)
    finally:
        os.remove(path)


def test_records_come_back_in_order_after_a_restart():
    flash = RamFlash(16, BS)
    log, seqs = filled(flash, 100)
    expected = [(seqs[i], text(i)) for i in range(100)]
    assert seqs == sorted(set(seqs))
    assert records(log) == expected
    again = mounted(flash)
    assert records(again) == expected
    assert again.append(0, 1, 0, b"next") == seqs[-1] + 1
    assert records(again, 0, seqs[50])[0] == expected[50]


def test_the_two_streams_do_not_mix_but_share_the_numbers():
    flash = RamFlash(16, BS)
    log = mounted(flash)
    seqs = [log.append(i & 1, i, 0, text(i)) for i in range(60)]
    assert seqs == list(range(seqs[0], seqs[0] + 60))
    for stream in (0, 1):
        assert [p for _, p in records(log, stream)] == [text(i) for i in range(stream, 60, 2)]


def test_a_blank_region_is_taken_into_use_without_an_erase():
    flash = RamFlash(8, BS)
    log = mounted(flash)
    assert log.ready == 8 and flash.erases == 0
    assert mounted(flash).ready == 8


def test_foreign_content_is_never_touched():
    for at in (0, 40, 3 * BS, 8 * BS - 1):
        flash = RamFlash(8, BS)
        flash.program(at, b"\x00littlefs"[: 8 * BS - at])
        before = bytes(flash.image)
        flash.reset_counters()
        raises(norlog.ForeignContent, NorLog, flash)
        assert flash.programs == 0 and flash.erases == 0
        assert bytes(flash.image) == before
    norlog.format(flash)
    assert mounted(flash).ready == 8


def test_a_log_of_another_version_is_foreign():
    flash = RamFlash(8, BS)
    mounted(flash)
    magic, version = bytes(flash.image[:4]), flash.image[4]
    flash = RamFlash(8, BS)
    stamp = sectors._sealed(magic + bytes([version + 1]) + bytes(7))
    for block in range(8):
        flash.program(block * BS, stamp)
    before = bytes(flash.image)
    raises(norlog.ForeignContent, NorLog, flash)
    assert bytes(flash.image) == before


def test_a_cut_in_the_very_first_stamp_is_not_foreign():
    flash = RamFlash(8, BS)
    NorLog(flash)
    stamp = bytes(flash.image[:16])
    for n in range(1, 16):
        torn = RamFlash(8, BS)
        torn.program(0, stamp[:n] + bytes((stamp[n] | 0x55,)))
        log = mounted(torn)
        # Bits that only just read as programmed are not built on.
        assert log.ready == 7 + (n == 15 and stamp[n] | 0x55 == stamp[n])
        while log.erase_one():
            pass
        assert log.ready == 8


def test_done_and_release_survive_and_one_flipped_bit_does_not_matter():
    flash = RamFlash(8, BS)
    log = mounted(flash)
    a = log.append(0, 1, 0, b"a", True)
    b = log.append(0, 1, 0, b"b")
    for seq, done, held in ((a, False, True), (b, False, False)):
        assert log.find(0, seq)
        assert norlog.is_done(log.flags) is done and norlog.is_held(log.flags) is held
    assert log.find(0, a)
    log.mark(log.block, log.off, norlog.DONE)
    log = mounted(flash)
    assert log.find(0, a)
    assert norlog.is_done(log.flags) and norlog.is_held(log.flags)
    for bit in range(8):
        flags = log.flags ^ (1 << bit)
        assert norlog.is_done(flags) and norlog.is_held(flags)
        assert not norlog.is_done(0xFF ^ (1 << bit))
        assert not norlog.is_held(1 << bit)
    log.mark(log.block, log.off, norlog.RELEASE)
    assert norlog.is_dead(log.flags)
    assert log.live(log.block) == log.size  # b


def test_a_record_torn_at_any_byte_is_dropped_and_nothing_else():
    whole = RamFlash(8, BS)
    log, seqs = filled(whole, 5)
    before = bytes(whole.image)
    live = log.live(log.blocks(0)[0])
    log.append(0, 1, 0, b"the torn one, of some length")
    at = [i for i in range(len(before)) if whole.image[i] != before[i]]
    first, last = at[0], at[-1]
    for cut in range(first, last + 1):
        for keep_bits in (0xFF, 0xAA, 0x0F):
            flash = RamFlash(8, BS, bytearray(before))
            part = bytearray(whole.image[first : cut + 1])
            part[-1] |= keep_bits
            complete = cut == last and part[-1] == whole.image[cut]
            flash.program(first, part)
            torn = int(bytes(flash.image) != before)
            log = mounted(flash)
            found = [p for _, p in records(log)]
            if complete:
                assert len(found) == 6
                continue
            assert found == [text(i) for i in range(5)], cut
            assert log.skipped == 0
            assert (log.torn, log.live(log.blocks(0)[0])) == (torn, live), cut
            # Life goes on, behind the damage, and a later boot sees the same.
            seq = log.append(0, 1, 0, b"after")
            assert seq > seqs[-1]
            assert [p for _, p in records(log)] == found + [b"after"]
            log = mounted(flash)
            assert [p for _, p in records(log)] == found + [b"after"]
            assert log.skipped == 0, cut


def test_a_torn_record_stays_put_aside_although_a_bit_flips():
    flash = RamFlash(8, BS)
    log, _ = filled(flash, 5)
    at = log.blocks(0)[0] * BS + BS - log.room(0)
    log.append(0, 1, 0, b"the torn one", True)
    flash.image[at + norlog.record_size(12) - 1] = 0xFF  # its last byte was not programmed
    mounted(flash).append(0, 1, 0, b"after")  # into another sector
    for bit in range(8):
        image = bytearray(flash.image)
        image[at + norlog.FLAGS] ^= 1 << bit
        log = mounted(RamFlash(8, BS, image))
        sizes = [norlog.record_size(len(text(i))) for i in range(5)]
        assert log.live(log.blocks(0)[0]) == sum(sizes), bit


def test_a_cursor_at_the_end_searches_a_torn_end_once():
    flash = RamFlash(8, BS)
    log, _ = filled(flash, 5)
    flash.program(log.blocks(0)[0] * BS + BS - log.room(0), b"\0" * 4)
    log = mounted(flash)
    assert log.torn == 1 and log.room(0) == 0
    cursor = Cursor(0, log.next_seq)
    assert not log.seek(cursor)
    flash.reset_counters()
    assert not log.seek(cursor) and flash.reads == 0


def test_bit_rot_anywhere_costs_that_record_only():
    n = 24
    whole = RamFlash(8, BS)
    log, seqs = filled(whole, n)
    used = [i for i in range(2 * BS) if whole.image[i] != 0xFF]
    expected = [text(i) for i in range(n)]
    seen_loss = 0
    for at in used[:: max(1, len(used) // 400)]:
        for bit in (0, 5):
            flash = RamFlash(8, BS, bytearray(whole.image))
            flash.image[at] ^= 1 << bit
            log = mounted(flash)
            found = [p for _, p in records(log)]
            missing = [p for p in expected if p not in found]
            assert len(missing) <= 1, (at, bit)
            assert found == [p for p in expected if p in found]
            if missing and missing[0] != expected[-1]:
                seen_loss += 1
                assert log.skipped == 1, (at, bit, log.skipped)
    assert seen_loss > 100


def test_dead_sectors_are_erased_and_live_ones_are_not():
    flash = RamFlash(8, BS)
    log, seqs = filled(flash, 60)
    used = list(log.blocks(0))
    assert len(used) >= 3
    log.retire(0, alive)
    assert not log.erase_one()
    for seq in seqs:
        if log.find(0, seq) and log.block == used[1]:
            log.mark(log.block, log.off, norlog.DONE)
    log.retire(0, alive)
    assert log.erase_one() and not log.erase_one()
    assert used[1] not in log.blocks(0)
    left = records(log)
    assert 0 < len(left) < 60
    assert records(mounted(flash)) == left


def give_up(log, seqs):
    """All these records are done, and what can be erased is."""
    for seq in seqs:
        assert log.find(0, seq)
        log.mark(log.block, log.off, norlog.DONE)
    log.retire(0, alive)
    while log.erase_one():
        pass


def test_the_newest_sector_stays_so_that_numbers_never_repeat():
    flash = RamFlash(8, BS)
    log, seqs = filled(flash, 40)
    give_up(log, seqs)
    assert len(log.blocks(0)) == 1
    log = mounted(flash)
    assert log.append(0, 1, 0, b"x") == seqs[-1] + 1


def test_a_merge_keeps_numbers_order_and_flags():
    flash = RamFlash(8, BS)
    log, seqs = filled(flash, 90)
    run = list(log.blocks(0)[:3])
    for i in range(len(seqs)):
        if i % 4 and log.find(0, seqs[i]) and log.block in run:
            log.mark(log.block, log.off, norlog.DONE)
    left = records(log)
    assert 30 < len(left) < 60
    cursor = Cursor(0, seqs[10])
    assert log.seek(cursor)
    assert log.merge(0, run, alive)
    assert records(log) == left
    assert log.seek(cursor) and log.seq >= seqs[10]
    while log.erase_one():
        pass
    assert records(log) == left
    log = mounted(flash)
    assert records(log) == left
    assert log.live(log.blocks(0)[0]) == log.needed(log.blocks(0)[0], alive)
    # What comes now stands behind all others, whichever block has the newest sector.
    seqs = [log.append(0, 1, 0, text(i)) for i in range(60)]
    left += [(seqs[i], text(i)) for i in range(60)]
    assert records(log) == left == records(mounted(flash))


def test_a_merge_of_what_is_dead_and_still_wanted_counts_what_lives():
    """Counted as live, they would stay until the next start."""
    flash = RamFlash(8, BS)
    log, seqs = filled(flash, 60)
    run = list(log.blocks(0)[:2])
    wanted = []
    for i in range(len(seqs)):
        if log.find(0, seqs[i]) and log.block in run and i % 2:
            log.mark(log.block, log.off, norlog.DONE)
            if i % 4 == 1:
                continue
        wanted.append(seqs[i])
    base = log._base[run[0]]
    assert not log.merge(0, run, lambda kind, seq, flags: True), "not all of them fit"
    assert log.merge(0, run, lambda kind, seq, flags: seq in wanted and seq < 25)
    for _ in range(2):
        new = log.blocks(0)[0]
        kept = log.needed(new, lambda kind, seq, flags: True)
        assert 0 < log.live(new) == log.needed(new, alive) < kept
        assert log._base[new] == base, "a cursor begins there"
        log = mounted(flash)


def test_a_merge_that_does_not_fit_changes_nothing():
    flash = RamFlash(8, BS)
    log, seqs = filled(flash, 60)
    before = records(log)
    assert not log.merge(0, list(log.blocks(0)[:2]), alive)
    assert records(log) == before
    assert log.erase_one() and not log.erase_one()
    assert records(mounted(flash)) == before


def test_a_record_may_fill_a_sector_but_not_more():
    log = mounted(RamFlash(4, BS))
    most = b"x" * (log.capacity - norlog.RECORD)
    raises(ValueError, log.append, 0, 1, 0, most + b"x")
    assert records(log) == []
    seqs = [log.append(0, 1, 0, most) for _ in range(2)]
    assert records(mounted(log.flash)) == [(seq, most) for seq in seqs]


def test_without_an_erased_block_the_append_fails_and_nothing_is_lost():
    flash = RamFlash(4, BS)
    log = mounted(flash)
    n = 0
    while True:
        try:
            log.append(0, 1, 0, text(n))
            n += 1
        except norlog.NoSpace:
            break
    assert n > 4 * 20
    assert [p for _, p in records(mounted(flash))] == [text(i) for i in range(n)]
    raises(ValueError, log.append, 0, 1, 0, bytes(BS))


def test_wear_is_spread_over_all_blocks():
    flash = RamFlash(16, BS)
    log = mounted(flash)
    for i in range(4000):
        seq = log.append(0, 1, 0, text(i))
        assert log.find(0, seq)
        log.mark(log.block, log.off, norlog.DONE)
        if i % 20 == 0:
            log.retire(0, alive)
            while log.erase_one():
                pass
        if i % 997 == 0:
            log = mounted(flash)  # counts are on flash
    least, most = log.wear()
    assert flash.erases > 100
    assert most - least <= 2, (least, most)


class BadCells(RamFlash):
    """One block has a byte that does not take zeros; another does not erase."""

    stuck = -1
    unerasable = -1

    def program(self, addr, data):
        RamFlash.program(self, addr, data)
        if addr <= self.stuck < addr + len(data):
            self.image[self.stuck] = 0xFF

    def erase(self, block):
        RamFlash.erase(self, block)
        if block == self.unerasable:
            self.image[block * self.block_size + 700] = 0x7F


def test_a_write_that_does_not_read_back_goes_to_another_sector():
    for stuck in (20, 62, 64, 70, 75, 78, 83, 300, 700):
        flash = BadCells(8, BS)
        log = mounted(flash)
        flash.stuck = stuck  # in block 0, the first to be used
        for i in range(60):
            log.append(0, 1, 0, text(i))
        found = [p for _, p in records(log)]
        assert found == [text(i) for i in range(60)], (stuck, len(found))
        flash.stuck = -1
        assert [p for _, p in records(mounted(flash))] == found, stuck


def test_a_sector_whose_header_is_damaged_in_one_copy_is_not_used():
    """The second copy is for damage that comes later."""
    tried = 0
    for stuck in range(16, 64):  # two copies behind the stamp
        flash = BadCells(8, BS)
        log = mounted(flash)
        flash.stuck = stuck
        log.append(0, 1, 0, text(1))
        clean = RamFlash(8, BS)
        mounted(clean).append(0, 1, 0, text(1))
        if flash.image[stuck] == clean.image[stuck]:
            continue  # this byte was to stay 0xFF
        tried += 1
        assert log.bad_writes == 1 and log.blocks(0) != [0], stuck
    assert tried > 20


def test_a_block_that_does_not_erase_is_left_out():
    flash = BadCells(8, BS)
    log, seqs = filled(flash, 60)
    flash.unerasable = log.blocks(0)[0]
    give_up(log, seqs)
    assert log.bad_blocks == 1
    assert log.ready == 8 - 1 - len(log.blocks(0))
    log = mounted(flash)
    assert log.append(0, 1, 0, b"x") == seqs[-1] + 1


def test_an_erase_is_tried_twice():
    for fails, ready in ((1, True), (2, False)):
        flash = BadCells(8, BS)
        log, seqs = filled(flash, 60)
        left, erased = [fails], []
        erase = flash.erase

        def flaky(number):
            flash.unerasable = number if left[0] else -1  # noqa: B023
            left[0] -= left[0] > 0  # noqa: B023
            erased.append(number)  # noqa: B023
            erase(number)  # noqa: B023

        flash.erase = flaky
        for seq in seqs:
            assert log.find(0, seq)
            log.mark(log.block, log.off, norlog.DONE)
        log.retire(0, alive)
        before = flash.erases
        assert log.erase_one()
        assert log.bad_blocks == (not ready) and flash.erases == before + 2, fails
        assert erased[0] == erased[1], "the same block"


class FailsOnce(RamFlash):
    fail = False

    def program(self, addr, data):
        if self.fail and len(data) > 20:
            self.fail = False
            RamFlash.program(self, addr, data[:20])
            raise OSError(5)
        RamFlash.program(self, addr, data)


def test_a_failing_program_is_told_and_nothing_is_written_behind_it():
    flash = FailsOnce(8, BS)
    log, seqs = filled(flash, 5)
    flash.fail = True
    raises(OSError, log.append, 0, 1, 0, b"this one fails in the middle")
    seq = log.append(0, 1, 0, b"the next")
    assert seq > seqs[-1]
    expected = [text(i) for i in range(5)] + [b"the next"]
    assert [p for _, p in records(log)] == expected
    assert [p for _, p in records(mounted(flash))] == expected


class Off(Exception):
    pass


class CutAfter(RamFlash):
    """Loses power after so many more programs."""

    left = -1

    def program(self, addr, data):
        if self.left == 0:
            raise Off()
        self.left -= 1
        RamFlash.program(self, addr, data)


def test_numbers_go_on_where_nothing_is_left_but_a_sector_without_a_record():
    """The power went between its header and its first record."""
    flash = CutAfter(8, BS)
    log, seqs = filled(flash, 1)
    size = norlog.record_size(len(text(0)))
    while log.room(0) >= size:
        seqs.append(log.append(0, 1, 0, text(0)))
    flash.left = 1
    raises(Off, log.append, 0, 1, 0, text(0))
    flash.left = -1
    log = mounted(flash)
    give_up(log, seqs)
    log = mounted(flash)
    assert len(log.blocks(0)) == 1 and records(log) == []
    assert log.append(0, 1, 0, b"x") == seqs[-1] + 1


def merged_then_gone(cut):
    """The live records after a merged sector died and was erased before its originals."""
    flash = CutAfter(8, BS)
    log, seqs = filled(flash, 90)
    run = list(log.blocks(0)[:2])
    for i in range(len(seqs)):
        if i % 3 and log.find(0, seqs[i]) and log.block in run:
            log.mark(log.block, log.off, norlog.DONE)
    if cut:
        programs = flash.programs
        trial = RamFlash(8, BS, bytearray(flash.image))
        twin = mounted(trial)
        trial.reset_counters()
        assert twin.merge(0, run, alive)
        flash.left = trial.programs - len(run)  # the copy counts, no original is killed
        raises(Off, log.merge, 0, run, alive)
        flash.left = -1
        assert flash.programs > programs
        log = mounted(flash)
    else:
        assert log.merge(0, run, alive)
    new = log.blocks(0)[0]
    assert new not in run
    for seq in seqs:
        if log.find(0, seq) and log.block == new:
            log.mark(log.block, log.off, norlog.DONE)
    expected = records(log)
    for block in run:
        log._wear[block] += 9  # the merged one is erased first
    log.retire(0, alive)
    assert log.erase_one()
    assert log._use[new] == 1 and log._use[run[0]] == log._use[run[1]] == 3
    assert records(mounted(flash)) == expected


def test_originals_of_a_merge_do_not_come_back_when_the_merged_one_is_gone():
    merged_then_gone(False)


def test_nor_do_they_when_the_power_went_before_they_were_put_down():
    merged_then_gone(True)


def test_of_two_sectors_with_the_same_range_the_moved_one_counts():
    for turns in (1, 255, 256, 257):  # the generation wraps at 256
        flash = CutAfter(8, BS)
        log, seqs = filled(flash, 60)
        expected = records(log)
        for _ in range(turns - 1):
            assert log.merge(0, [log.blocks(0)[0]], alive)
            while log.erase_one():
                pass
        # Cut between the commit and the end of the original, then of either.
        trial = RamFlash(8, BS, bytearray(flash.image))
        twin = mounted(trial)
        trial.reset_counters()
        assert twin.merge(0, [twin.blocks(0)[0]], alive)
        old = log.blocks(0)[0]
        flash.left = trial.programs - 1
        raises(Off, log.merge, 0, [old], alive)
        flash.left = -1
        for _ in range(2):
            log = mounted(flash)
            assert records(log) == expected, turns
            assert old not in log.blocks(0), turns


def test_a_merge_replaces_all_that_a_merged_sector_did():
    """The power goes after the commit. A range that ended too early left each record twice."""
    flash = CutAfter(8, BS)
    log, seqs = filled(flash, 110)
    assert len(log.blocks(0)) == 5
    for i in range(len(seqs)):
        if i % 4 and log.find(0, seqs[i]) and log.block != log.blocks(0)[-1]:
            log.mark(log.block, log.off, norlog.DONE)
    expected = records(log)
    assert log.merge(0, log.blocks(0)[1:3], alive)
    run = log.blocks(0)[:2]
    trial = RamFlash(8, BS, bytearray(flash.image))
    twin = mounted(trial)
    trial.reset_counters()
    assert twin.merge(0, twin.blocks(0)[:2], alive)
    assert records(twin) == records(mounted(trial)) == expected
    flash.left = trial.programs - len(run)  # the copy counts, no original is killed
    raises(Off, log.merge, 0, list(run), alive)
    flash.left = -1
    log = mounted(flash)
    assert records(log) == expected and len(log.blocks(0)) == 3
    give_up(log, [seq for seq, _ in expected])
    assert len(mounted(flash).blocks(0)) == 1


def test_wear_counts_each_erase_once_and_outlasts_a_restart():
    log = norlog.NorLog(RamFlash(4, 1024))
    log._use[2] = 2 if log._use[2] != 2 else log._use[2]
    before = list(log._wear)
    log._erase(2)
    log._erase(2)
    assert log._wear[2] == before[2] + 2
    assert norlog.NorLog(log.flash)._wear[2] == before[2] + 2


def test_a_block_whose_stamp_is_lost_counts_as_the_most_worn():
    log = norlog.NorLog(RamFlash(6, 1024))
    for number, erases in ((1, 2), (3, 5), (4, 1)):
        for _ in range(erases):
            log._erase(number)
    for number in (0, 2, 5):
        log.flash.erase(number)  # and the power goes
    assert list(norlog.NorLog(log.flash)._wear) == [5, 2, 5, 5, 1, 5]


def test_a_sector_is_put_down_before_it_is_erased():
    """A cut erase may set bits of its dead records again."""
    flash = RamFlash(8, BS)
    log, seqs = filled(flash, 60)
    heads = []
    erase = flash.erase

    def look(number):
        heads.append(bytes(flash.image[number * BS : number * BS + sectors.DATA]))
        erase(number)

    flash.erase = look
    give_up(log, seqs)
    assert len(heads) >= 2 and set(heads) == {bytes(sectors.DATA)}


def test_the_coldest_sector_is_the_one_with_the_fewest_erases():
    log, _ = filled(RamFlash(8, BS), 110)
    order = log.blocks(0)
    for number, wear in ((order[i], (4, 2, 3, 2, 1)[i]) for i in range(5)):
        log._wear[number] = wear
    log._wear[7] = 9
    assert log.coldest(0) == (order[1], 7), "the last one is being written"
    assert log.coldest(1) is None


def test_damage_at_one_place_of_two_blocks_is_damage_twice():
    log = norlog.NorLog(RamFlash(4, 1024))
    log.skipped = 0
    for block in (1, 2, 1, 2):
        log._damage(block, 40)
    log._damage(1, 44)
    assert log.skipped == 3


def test_a_cursor_stands_on_the_record_that_it_has_found():
    log = norlog.NorLog(RamFlash(4, 1024))
    for number in range(4):
        log.append(0, 1, number, bytes(20))
    cursor = Cursor(0, 1)
    places = []
    while log.seek(cursor):
        assert cursor.off == log.off and cursor.block == log.block
        places.append(log.off)
        cursor.seq = log.seq + 1
    assert len(set(places)) == len(places) >= 3
    # Behind a header that is damaged, too.
    block, off = log._order[0][-1], places[1]
    log._program(block, off, bytes(norlog.RECORD))
    cursor = Cursor(0, 1)
    found = []
    while log.seek(cursor):
        assert cursor.off == log.off
        found.append(log.off)
        cursor.seq = log.seq + 1
    assert found == [place for place in places if place != off]
    # Boot counts what is damaged; a cursor may come by again and again.
    assert log.skipped == 0 and mounted(log.flash).skipped == 1
