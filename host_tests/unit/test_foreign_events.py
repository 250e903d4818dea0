# Events of kinds of a later version, after a rollback: their numbers and their time stay theirs.
# MIT license; part of microevse
"""The station keeps such events for a version that knows them. store/kinds.py says how each of
them begins."""

from station_parts import NOON, Charger
from helpers import run
from store import cbor, kinds, norlog
from store.journal import Journal
from store.kinds import CHANGE, SAMPLE, START, STOP, TIME, TXID
from store.ramflash import RamFlash
from store.state import key_hash

AT = [1, 20, NOON]
SETTINGS = {
    "MeterValueSampleInterval": "10",
    "StopTransactionOnEVSideDisconnect": "false",
    "StopTransactionOnInvalidId": "false",
}


def put(journal, kind, payload, done=False, key=None):
    """Write an event as a later version does; `done`: it has delivered it, too."""
    log = journal.log
    key = key_hash(payload[0]) if key is None else key
    log.append(0, kind, key, cbor.dumps(payload))
    if done:
        log.mark(log.block, log.off, norlog.DONE)


async def cut_after(kind, done, reclaim, tail):
    """(number of the event of the later version, number of the STOP) of a session that is cut."""
    c = Charger(RamFlash(16, 1024), settings=SETTINGS)
    await c.charge()
    await c.pass_s(12, 5)
    session = c.connector.session
    number = 1 + max([p[5] for k in (SAMPLE, CHANGE) for p in c.records(k)] + [0])
    put(c.journal, kind, [session.id, 1, "new", "word", AT, number] + tail, done)
    if reclaim:
        while c.journal.pending():
            c.journal.done(c.journal.pending()[0])
        for n in range(40):  # other sectors, so that this one may be reclaimed
            sample = [0, 1, "Sample.Clock", AT, [[1, 0, n]] * 10]
            c.journal.done(c.journal.append(SAMPLE, sample))
        j = Journal(norlog.NorLog(c.flash))
        j.prepare()
        assert j.log.free(0) > 12 * 900
    again = Charger(c.flash, boot=2, settings=SETTINGS)
    await again.recover("PowerUp")
    [stop] = again.records(STOP)
    return number, stop[7]


def test_a_number_of_a_later_version_is_given_to_no_other_record():
    for kind in range(kinds.LAST_EVENT + 1, kinds.BOOT):
        for done in (False, True):
            for tail in ([], [None, {1: 2}]):
                number, stop = run(cut_after(kind, done, False, tail))
                assert stop == number + 1, (kind, done)


def test_also_not_once_it_is_delivered_and_its_sector_is_reclaimed():
    for kind in (kinds.LAST_EVENT + 1, kinds.BOOT - 1):
        number, stop = run(cut_after(kind, True, True, []))
        assert stop == number + 1


def test_an_event_that_begins_in_another_way_changes_nothing():
    for payload in ([7, 1, "x"], [7, 1, 2, 3, "at", 9], [7, 1, 2, 3, AT, "9"], {}, None, [7]):
        c = Charger()
        c.journal.append(START, [7, 1, "CARD", 1000, None, AT, b"u" * 16, None, None, None])
        put(c.journal, 5, payload, key=key_hash(7))
        again = Charger(c.flash, boot=2)
        run(again.recover("PowerUp"))
        [stop] = again.records(STOP)
        assert stop[:3] == [7, 1, 1000] and stop[5] == AT and stop[7] == 1, payload
        assert again.journal.foreign == 1


class Clock:
    def __init__(self, boot):
        self.boot = boot

    def on_set(self, fn):
        pass


def times_after(boots, *events):
    """Boots whose time is kept after so many starts, with these undelivered (kind, payload)."""
    flash = RamFlash(16, 1024)
    norlog.format(flash)
    for boot in range(1, boots + 1):
        clock = Clock(None)
        j = Journal(norlog.NorLog(flash), clock)
        j.prepare()
        clock.boot = boot
        if boot == 3:
            for kind, payload in events:
                put(j, kind, payload, key=1)
        j.keep(TIME, boot, [boot, NOON + boot])
        j.prepare()
    j.prepare()
    return [key for key, _ in j.state(TIME)], j


def test_an_event_that_stays_does_not_make_the_times_of_all_boots_stay():
    """One record a boot filled the flash, until no session could begin."""
    assert times_after(60)[0] == [60]
    stays = (
        (9, [7, 1, "x", "y", [3, 5, 0], 2]),
        (9, [7, [3, 5, 0]]),  # of another form
        (SAMPLE, [7, 1, "Sample.Periodic", [3, 5, 0]]),  # not readable
        (STOP, [7, "1", 5, "local", None, [3, 5, 0]]),
    )
    for event in stays:
        kept, j = times_after(60, event)
        assert kept == [3, 60], (event, kept)
        j.append(START, [8, 1, "CARD", 0, None, AT])
    assert times_after(60, (9, {}), (9, "text"), (9, [[[]], [{}, 1, 2]]))[0] == [60]


def test_many_of_them_are_read_at_a_start():
    events = [(9, [7, 1, "x", "y", [3, 5, 0], n]) for n in range(40)]
    kept, j = times_after(20, *events)
    assert kept == [3, 20]
    assert j.foreign == 40


def test_a_few_are_read_at_once():
    """32 of them: what is read later stalls the ticks."""
    for count, kept in ((32, [3, 4]), (33, [1, 2, 3, 4])):
        flash = RamFlash(16, 1024)
        j = Journal(norlog.NorLog(flash), Clock(4))
        for boot in range(1, 5):
            j.keep(TIME, boot, [boot, NOON + boot])
        j.keep(TXID, 7, [7, 123])
        for n in range(count):
            put(j, 9, [7, 1, "x", "y", [3, 5, 0], n])
        j = Journal(norlog.NorLog(flash), Clock(4))
        assert j.foreign == count
        j.prepare()
        assert [key for key, _ in j.state(TIME)] == kept, count
        assert j.get(TXID, 7) == [7, 123], "the later version delivers them under it"


def test_the_time_of_what_can_still_be_delivered_stays():
    sample = (SAMPLE, [7, 1, "Sample.Periodic", [3, 5, 0], [[1, 0, 5]]])
    assert times_after(9, sample)[0] == list(range(3, 10))
