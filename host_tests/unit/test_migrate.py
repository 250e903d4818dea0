# Journals of other versions: an older one opens and is brought forward, a newer one is read.
# MIT license; part of microevse

from binascii import unhexlify

from store import kinds, migrate
from store.journal import Journal
from store.norlog import NorLog
from store.ramflash import RamFlash

BLOCKS = 12
# What version 0.1.0 has left on a flash that was blank, written before there was a schema
# number: a journal like this lies in chargers in the field. Never make it anew.
SCHEMA_1 = (
    (
        0x00000,
        "6d45566a01000000000000008fe3dadb0100000001000000010000000100000050f160adffffffff0100"
        "000001000000010000000100000050f160adffffffff0d0010010000008def7da50f56560bf482008218"
        "2967506f7765725570ffffff17001302000000600f786a0f52ebfbff818271486561727462656174496e"
        "74657276616c623737ff040014030000001bdf0e8b0f7a23fe4c818201f4190015040000006e520a670f"
        "401666d68184654341524431686163636570746564f66646414d494c59ffffff060012050000002957cc"
        "2a0fd6981ec58182091904d2ffff160028060000008def5ca20f86b374298185006b687474703a2f2f68"
        "2f66771a6b49d200f6f6ffff100016090000001bdf3caa0fe411e5d0818401091913ec831829141a6b36"
        "ecee",
    ),
    (
        0x01000,
        "6d45566a01000000000000008fe3dadb000000000200000002000000070000000eea72dfffffffff0000"
        "00000200000002000000070000000eea72dfffffffff160001070000002957e54ff08c3fae3d86090165"
        "4341524431191388f68318290a1a6b36ece4ffff1400020800000029572bcf0f5073a557850901018318"
        "29141a6b36ecee818301001913ec",
    ),
    (0x02000, "6d45566a01000000000000008fe3dadb"),
    (0x03000, "6d45566a01000000000000008fe3dadb"),
    (0x04000, "6d45566a01000000000000008fe3dadb"),
    (0x05000, "6d45566a01000000000000008fe3dadb"),
    (0x06000, "6d45566a01000000000000008fe3dadb"),
    (0x07000, "6d45566a01000000000000008fe3dadb"),
    (0x08000, "6d45566a01000000000000008fe3dadb"),
    (0x09000, "6d45566a01000000000000008fe3dadb"),
    (0x0A000, "6d45566a01000000000000008fe3dadb"),
    (0x0B000, "6d45566a01000000000000008fe3dadb"),
)


def old_flash():
    flash = RamFlash(BLOCKS)
    for at, text in SCHEMA_1:
        data = unhexlify(text)
        flash.image[at : at + len(data)] = data
    return flash


def open_on(flash):
    journal = Journal(NorLog(flash))
    journal.prepare(None)
    return journal


def check(journal):
    """The content that the old version has stored."""
    assert journal.get(kinds.BOOT, 0) == [41, "PowerUp"]
    assert journal.get(kinds.SETTING, "HeartbeatInterval")[-1] == "77"
    assert journal.get(kinds.AVAILABILITY, 1) == [1, False]
    assert journal.get(kinds.CACHE, "CARD1") == ["CARD1", "accepted", None, "FAMILY"]
    assert journal.get(kinds.TXID, 9) == [9, 1234]
    assert journal.get(kinds.CHECKPOINT, 1) == [1, 9, 5100, [41, 20, 1798761710]]
    assert journal.get(kinds.FIRMWARE, 0) == [0, "http://h/fw", 1800000000, None, None]
    events = []
    journal.replay(lambda seq, kind, payload, done: events.append((kind, done)))
    events = [event for event in events if kinds.is_event(event[0])]
    assert events == [(kinds.START, True), (kinds.SAMPLE, False)]


def test_a_journal_of_the_first_version_opens_with_all_it_had():
    journal = open_on(old_flash())
    assert migrate.schema(journal) == 1
    check(journal)
    migrate.forward(journal)
    check(journal)


def test_steps_are_done_in_order_and_once():
    flash = old_flash()
    journal = open_on(flash)
    done = []
    steps = {2: lambda j: done.append(2), 4: lambda j: done.append(4)}
    migrate.forward(journal, steps, 4)
    assert done == [2, 4] and migrate.schema(journal) == 4
    journal = open_on(flash)
    migrate.forward(journal, steps, 4)
    assert done == [2, 4]
    check(journal)


def test_a_step_that_was_cut_is_done_again():
    class Cut(BaseException):
        pass

    def cut(journal):
        journal.keep(kinds.AVAILABILITY, 2, [2, True])
        raise Cut()

    flash = old_flash()
    try:
        migrate.forward(open_on(flash), {2: cut}, 2)
        raise AssertionError("not cut")
    except Cut:
        pass
    journal = open_on(flash)
    assert migrate.schema(journal) == 1
    migrate.forward(journal, {2: lambda j: j.keep(kinds.AVAILABILITY, 2, [2, True])}, 2)
    assert migrate.schema(journal) == 2 and journal.get(kinds.AVAILABILITY, 2) == [2, True]
    check(journal)


def test_a_journal_of_a_newer_version_is_read_as_it_is():
    """After a rollback: nothing is done to it, and it keeps its number."""
    flash = old_flash()
    newer = open_on(flash)
    newer.keep(kinds.SCHEMA, 0, [9])
    newer.keep(99, "new", ["new", 1])
    journal = open_on(flash)
    migrate.forward(journal)
    assert migrate.schema(journal) == 9
    check(journal)
