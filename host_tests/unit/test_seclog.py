# The security log on flash: its two rings, what stays in them, bad blocks, power cuts.
# MIT license; part of microevse

from helpers import raises
from seclog_cut import BLOCKS, BS, flash, history
from store import norlog
from store.norlog import NoSpace
from store.ramflash import RamFlash
from store.seclog import EventLog


def payloads(book, most=1000):
    return [bytes(data) for _, _, _, data in book.read(0, most)]


def filled(device, n, critical=False, kind=1, text="event %d"):
    """Write n records, each with a log of its own, as the charger does."""
    for i in range(n):
        book = EventLog(device)
        book.add(critical, kind, (text % i).encode())
        while book.tidy():
            pass


def test_records_of_both_rings_come_in_the_order_of_their_numbers():
    device = flash()
    for i in range(9):
        assert EventLog(device).add(i % 3 == 0, i, b"event %d" % i) == i + 1
    book = EventLog(device)
    assert payloads(book) == [b"event %d" % i for i in range(9)]
    assert [row[:3] for row in book.read(4, 3)] == [
        (4, True, False), (5, False, False), (6, False, False)
    ]  # fmt: skip
    assert book.read(10, 3) == []


def test_a_critical_record_is_untold_until_it_is_marked():
    device = flash()
    for i in range(4):
        EventLog(device).add(i != 1, 1, b"event %d" % i)
    book = EventLog(device)
    assert bytes(book.untold(0)) == b"event 0" and book.seq == 1
    EventLog(device).told(1)
    book = EventLog(device)
    assert bytes(book.untold(0)) == b"event 2" and book.seq == 3  # 2 is not critical
    assert bytes(book.untold(4)) == b"event 3"
    book.told(3)
    book.told(4)
    book.told(4)
    assert EventLog(device).untold(0) is None
    assert len(payloads(book)) == 4  # told is not forgotten
    assert [row[2] for row in book.read(0, 9)] == [True, False, True, True]


def test_a_mark_of_a_record_that_has_gone_changes_nothing():
    device = flash()
    filled(device, 3, True)
    before = bytes(device.image)
    EventLog(device).told(99)
    assert bytes(device.image) == before


def test_without_an_erase_there_is_room_for_many_and_then_none():
    """While a car charges nothing is erased: the pool of erased sectors is what there is."""
    device = flash()
    filled(device, 200)
    filled(device, 200, True)
    device.reset_counters()
    book = EventLog(device)
    room = 0
    while True:
        try:
            book.add(room % 2, 1, b"event")
            room += 1
        except NoSpace:
            break
    assert room >= 2 * (BS - norlog.DATA) // 24 - 2
    assert device.erases == 0
    book = EventLog(device)
    while book.tidy():
        pass
    EventLog(device).add(True, 1, b"again")


def test_others_never_push_out_what_is_critical():
    device = flash()
    filled(device, 8, True, text="critical %d")
    filled(device, 500, kind=2)
    found = payloads(EventLog(device))
    assert found[:8] == [b"critical %d" % i for i in range(8)]
    assert found[-1] == b"event 499"


def test_a_flood_of_one_kind_leaves_the_newest_of_the_others():
    device = flash()
    filled(device, 4, kind=7, text="rare %d")
    filled(device, 600, kind=2)
    found = payloads(EventLog(device))
    assert found[:4] == [b"rare %d" % i for i in range(4)]
    assert found[-12:] == [b"event %d" % i for i in range(588, 600)]


def test_critical_ones_are_told_before_they_are_overwritten_by_critical_ones():
    """Told ones give way to untold ones; when all are untold the oldest go, as the flash is
    bounded."""
    device = flash()
    filled(device, 30, True, kind=1, text="old %d")
    book = EventLog(device)
    for seq in range(1, 21):
        book.told(seq)
    filled(device, 8, True, kind=2, text="later %d")
    book = EventLog(device)
    assert bytes(book.untold(0)) == b"old 20"
    filled(device, 400, True, kind=3, text="flood %d")
    book = EventLog(device)
    assert bytes(book.untold(0)).startswith(b"flood")
    assert payloads(book)[-1] == b"flood 399"


def test_numbers_are_never_used_twice():
    device = flash()
    seen = set()
    for i in range(300):
        book = EventLog(device)
        seen.add(book.add(i % 2, 1, b"x" * (i % 40)))
        book.tidy()
    assert len(seen) == 300


def test_a_flood_wears_all_sectors_that_the_other_ring_does_not_hold():
    device = flash()
    filled(device, 100, True)
    device.reset_counters()
    filled(device, 2000)
    most = EventLog(device).wear()[1]
    assert most <= device.erases // 4 + 3, (most, device.erases)


class Bad(RamFlash):
    """Two blocks do not erase any more."""

    bad = ()

    def erase(self, block):
        if block in self.bad:
            self.erases += 1
        else:
            RamFlash.erase(self, block)


def test_with_bad_blocks_it_goes_on_with_smaller_shares():
    device = Bad(BLOCKS, BS)
    filled(device, 100)
    filled(device, 100, True)
    device.bad = (2, 5)
    for i in range(300):
        book = EventLog(device)
        book.add(i % 2, 1, b"event %d" % i)
        for _ in range(20):
            if not book.tidy():
                break
    found = payloads(EventLog(device))
    assert found[-1] == b"event 299" and b"event 290" in found


def test_a_flash_with_something_else_is_not_touched():
    device = flash()
    device.program(0, b"something else")
    before = bytes(device.image)
    raises(norlog.ForeignContent, EventLog, device)
    assert bytes(device.image) == before


def test_a_power_cut_tears_nothing():
    """`make bench ARGS=seclog_cut` cuts at every operation."""
    assert history(17) > 20
