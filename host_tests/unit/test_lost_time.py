# Boots that never learnt the time, on the real journal.
# MIT license; part of microevse
"""Order and bounds of the times they are given."""

from station_parts import NOON, FakeClock
from store import kinds, lost_time, norlog
from store.journal import Journal, JournalFull
from store.norlog import NorLog
from store.ramflash import RamFlash


def _journal(boot):
    flash = RamFlash(blocks=16)
    norlog.format(flash)
    journal = Journal(NorLog(flash), FakeClock(boot))
    journal.prepare()
    return journal


def test_boots_without_time_follow_each_other_and_end_before_now():
    journal = _journal(7)
    journal.append(kinds.START, [1, 1, "CARD", 0, None, [3, 100, 0]])
    journal.append(kinds.SAMPLE, [1, 1, "Sample.Periodic", [3, 400, 0], [[1, 0, 5]]])
    journal.append(kinds.STOP, [1, 1, 9, "power_loss", None, [3, 700, 0], None])
    journal.append(kinds.START, [2, 1, "CARD", 9, None, [5, 50, 0]])
    journal.keep(kinds.CHECKPOINT, 1, [1, 2, 12, [5, 350, 0]])
    # Boot 7 began at noon.
    third = lost_time.place(journal, 3, NOON)
    fifth = lost_time.place(journal, 5, NOON)
    assert fifth + 350 == NOON - 1
    assert third + 700 == fifth - 1
    # Fixed for ever, whatever is delivered meanwhile and however late it is asked again.
    journal.done(journal.pending()[0])
    assert journal.wall([3, 100, 0]) == third + 100
    assert lost_time.place(journal, 3, NOON + 5000) == third


def test_a_boot_in_between_that_knew_the_time_is_the_limit():
    journal = _journal(7)
    journal.append(kinds.START, [1, 1, "CARD", 0, None, [3, 100, 0]])
    journal.append(kinds.START, [2, 1, "CARD", 0, None, [5, 10, NOON - 90]])
    journal.keep(kinds.TIME, 5, [5, NOON - 100])
    assert lost_time.place(journal, 3, NOON) + 100 == NOON - 101
    assert journal.get(kinds.TIME, 5) == [5, NOON - 100]


def test_without_room_nothing_is_guessed():
    journal = _journal(7)
    journal.append(kinds.START, [1, 1, "CARD", 0, None, [3, 100, 0]])

    def full(*_):
        raise JournalFull("no room")

    journal.keep = full
    try:
        lost_time.place(journal, 3, NOON)
    except JournalFull:
        pass
    else:
        raise AssertionError("a time that will not be the same again")
    assert journal.wall([3, 100, 0]) is None
