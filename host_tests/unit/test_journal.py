# The journal: events in order, state by key, space, and what it costs.
# MIT license; part of microevse

from evse_base import MICROPYTHON
from evse_base import log as console
from evse_base.clock import BUILD_UNIX, Clock
from helpers import raises
from store import cbor, kinds, norlog
from store.journal import Journal, JournalFull
from store.kinds import (
    AVAILABILITY,
    BOOT,
    CACHE,
    CHANGE,
    HELD,
    SAMPLE,
    SETTING,
    START,
    STOP,
    TIME,
    TXID,
)
from store.norlog import NorLog
from store.ramflash import RamFlash
from store.state import key_hash

console.use_sink(lambda line: None)


def start(session, connector=1):
    return [session, connector, "TAG-0123456789", 100000 + session, None, [3, 5000 + session, 0]]


def sample(session, i, measurands=5):
    values = [[code, code % 4, 230000 + 1000 * i + code] for code in range(measurands)]
    return [session, 1, 1, [3, 6000 + i, BUILD_UNIX + session * 3600 + i * 60], values]


def stop(session, connector=1):
    return [session, connector, 110000 + session, "local", "TAG-0123456789", [3, 9000, 0], None]


def journal(flash=None, clock=None, connectors=1):
    return Journal(NorLog(flash or RamFlash(16, 1024)), clock, connectors)


def ahead(j):
    """Each undelivered event, oldest first; none is delivered."""
    after = 0
    while True:
        entry = j.pending(after)
        if entry is None:
            return
        yield entry
        after = entry[0]


def pending(j):
    return list(ahead(j))


def replay(j):
    found = []
    j.replay(lambda seq, kind, payload, done: found.append((seq, kind, payload, done)))
    return found


def record_session(j, session, samples, measurands=5):
    j.append(START, start(session))
    for i in range(samples):
        j.append(SAMPLE, sample(session, i, measurands))
    j.append(STOP, stop(session))


def test_events_are_pending_in_order_until_done():
    j = journal()
    a = j.append(START, start(1))
    b = j.append(SAMPLE, sample(1, 0))
    c = j.append(STOP, stop(1))
    assert pending(j) == [(a, START, start(1)), (b, SAMPLE, sample(1, 0)), (c, STOP, stop(1))]
    assert j.queued == 3
    assert j.done(b)
    assert j.pending() == (a, START, start(1))
    assert j.pending(a) == (c, STOP, stop(1))
    assert j.done(a) and j.done(a)
    assert j.pending() == (c, STOP, stop(1))
    assert j.done(c)
    assert j.pending() is None and j.queued == 0
    assert not j.done(c + 1) and not j.done(0)
    d = j.append(START, start(2))
    assert j.pending() == (d, START, start(2))


def test_an_event_that_is_passed_over_hides_none_before_it():
    j = journal()
    j.prepare()
    a, b, c = (j.append(SAMPLE, sample(0, i)) for i in range(3))
    j.take_up(c + 1)  # it was never passed over: nothing is left out for it
    j.pass_over(c)
    assert [seq for seq, _, _ in pending(j)] == [a, b, c], "it was not the next one"
    j.pass_over(a)
    assert [seq for seq, _, _ in pending(j)] == [b, c] and j.queued == 3
    assert j.pending(b)[0] == c
    j.pass_over(c)
    assert j.pending()[0] == b and j.pending(b) is None
    assert [seq for seq, _, _ in pending(journal(j.log.flash))] == [a, b, c], "a new start"


def test_the_number_of_a_record_of_state_marks_no_event_as_delivered():
    """Events and state share their numbers; the next event is another one."""
    j = journal()
    j.prepare()
    a = j.append(SAMPLE, sample(0, 0))
    state = j.keep(SETTING, "A", ["A", "1"])
    b = j.append(SAMPLE, sample(0, 1))
    assert j.pending()[0] == a and state == a + 1
    j.pass_over(a)
    assert j.done(state) is False and j.pending()[0] == b and j.queued == 2


def test_a_start_finds_the_numbers_of_the_last_records_of_a_session():
    """0 stands for none."""
    j = journal()
    j.prepare()
    j.append(SAMPLE, sample(0, 0))
    first = j.append(START, start(1))
    assert journal(j.log.flash).running == j.running == {1: [first, 0, 0]}
    last = j.append(SAMPLE, sample(1, 0))
    assert journal(j.log.flash).running == j.running == {1: [first, last, 0]}
    last = j.append(SAMPLE, sample(1, 1))
    change = j.append(CHANGE, [1, 1, "limit", "charging", [3, 6000, 0]])
    assert journal(j.log.flash).running == j.running == {1: [first, last, change]}


def test_replay_counts_what_it_cannot_read_unless_it_is_done_or_of_another_version():
    for kind, done, payload, skipped in (
        (SAMPLE, False, sample(1, 0)[:2], 1), (SAMPLE, True, sample(1, 0)[:2], 0),
        (SAMPLE, False, sample(1, 0), 0), (5, False, [1, 1], 0), (5, True, [1, 1], 0),
        (SETTING, False, ["a"], 1), (SETTING, False, ["a", "b"], 0),
    ):  # fmt: skip
        j = journal()
        j.prepare()
        j.append(START, start(1))
        if kind == SETTING:
            j.keep(kind, "a", payload)
        else:
            j.log.append(0, kind, key_hash(1), cbor.dumps(payload))
        if done:
            j.log.mark(j.log.block, j.log.off, norlog.DONE)
        j.log.skipped = 0
        read = [(k, p) for _, k, p, _ in replay(j)]
        assert ((kind, payload) in read) is (len(payload) > 2 or payload == ["a", "b"])
        assert j.log.skipped == skipped, (kind, done, payload)


def test_pending_agrees_with_a_plain_list_whatever_is_asked():
    flash = RamFlash(32, 1024)
    j = journal(flash)
    model = {}
    x = 12345
    for i in range(1500):
        x = (x * 1103515245 + 12345) & 0x3FFFFFFF
        choice = (x >> 8) % 10
        if choice < 4:
            payload = sample(0, i, 1)
            model[j.append(SAMPLE, payload)] = payload
        elif choice < 7 and model:
            seqs = sorted(model)
            seq = seqs[0] if choice < 6 else seqs[(x >> 12) % len(seqs)]
            assert j.done(seq)
            del model[seq]
        elif choice == 7 and i % 5 == 0:
            j.prepare()
        elif choice == 8 and i % 9 == 0:
            j = journal(flash)
        else:
            top = j.log.next_seq
            after = (x >> 12) % (top + 1) if choice == 9 else 0
            later = [s for s in sorted(model) if s > after]
            entry = j.pending(after)
            assert (entry is None) == (not later), i
            assert entry is None or (entry[0] == later[0] and entry[2] == model[later[0]]), i
        assert j.queued == len(model), i
    assert j.samples_dropped == 0


def test_everything_is_there_after_a_restart():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    a = j.append(START, start(1))
    j.done(a)
    b = j.append(SAMPLE, sample(1, 0))
    j.keep(SETTING, "HeartbeatInterval", ["HeartbeatInterval", "300"])
    j.keep(BOOT, 0, [7, "PowerUp"])
    j = journal(flash)
    assert pending(j) == [(b, SAMPLE, sample(1, 0))]
    assert j.get(SETTING, "HeartbeatInterval") == ["HeartbeatInterval", "300"]
    assert list(j.state(BOOT)) == [(0, [7, "PowerUp"])]
    assert j.append(STOP, stop(1)) > b


def test_replay_gives_open_sessions_undelivered_events_and_state_in_order():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    j.keep(BOOT, 0, [1, "PowerUp"])
    j.keep(BOOT, 0, [2, "PowerUp"])
    for kind, payload in ((START, start(1)), (SAMPLE, sample(1, 0)), (STOP, stop(1))):
        j.done(j.append(kind, payload))
    a = j.append(START, start(2))
    b = j.append(SAMPLE, sample(2, 0))
    j.done(a)
    j.done(b)
    j.keep(TXID, 2, [2, 4711])
    c = j.append(SAMPLE, sample(2, 1))
    j = journal(flash)
    assert j.open_sessions() == [2]
    found = replay(j)
    assert [f[0] for f in found] == sorted(f[0] for f in found)
    assert [f[1:] for f in found] == [
        (BOOT, [2, "PowerUp"], False),
        (START, start(2), True),
        (SAMPLE, sample(2, 0), True),
        (TXID, [2, 4711], False),
        (SAMPLE, sample(2, 1), False),
    ]
    # Writing from within the replay is what a recovery does.
    j.replay(lambda seq, kind, payload, done: j.append(STOP, stop(2)) if seq == c else None)
    assert j.open_sessions() == []
    assert [p[1] for p in pending(j)] == [SAMPLE, STOP]
    assert journal(flash).open_sessions() == []


def test_a_closed_session_never_looks_open_again():
    flash = RamFlash(8, 1024)
    j = journal(flash)
    for session in range(1, 120):
        for kind, payload in (
            (START, start(session)),
            (SAMPLE, sample(session, 0)),
            (STOP, stop(session)),
        ):
            j.done(j.append(kind, payload))
        if session % 3 == 0:
            j.prepare()
        if session % 7 == 0:
            j = journal(flash)
        assert j.open_sessions() == []


def test_an_open_session_survives_reclaiming_with_its_last_sample():
    flash = RamFlash(12, 1024)
    j = journal(flash, connectors=2)
    j.done(j.append(START, start(1)))
    j.done(j.append(SAMPLE, sample(1, 0)))
    last = j.append(SAMPLE, sample(1, 1))
    j.done(last)
    for session in range(2, 200):
        for kind, payload in ((START, start(session, 2)), (STOP, stop(session, 2))):
            j.done(j.append(kind, payload))
        j.prepare()
    assert flash.erases > 10
    both = (j, journal(flash))
    for j in both:
        assert j.open_sessions() == [1]
        live = [f for f in replay(j) if f[2][0] == 1]
        assert live[0][1:] == (START, start(1), True)
        assert live[-1] == (last, SAMPLE, sample(1, 1), True)


def test_the_last_sample_of_an_open_session_is_kept_in_a_sector_of_its_own():
    flash = RamFlash(16, 1024)
    j = journal(flash, connectors=2)

    def others(first, n):
        for session in range(first, first + n):
            for kind, payload in ((START, start(session, 2)), (STOP, stop(session, 2))):
                j.done(j.append(kind, payload))

    j.done(j.append(START, start(1)))
    others(100, 12)
    j.done(j.append(SAMPLE, sample(1, 0)))
    others(200, 12)
    last = j.append(SAMPLE, sample(1, 1))
    j.done(last)
    others(300, 12)
    j.prepare()
    assert flash.erases > 0
    both = (j, journal(flash))
    for j in both:
        live = [f for f in replay(j) if f[2][0] == 1]
        assert live[0][1:] == (START, start(1), True)
        assert live[-1] == (last, SAMPLE, sample(1, 1), True)


def test_state_is_latest_wins_per_kind_and_key():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    j.keep(SETTING, "A", ["A", "1"])
    j.keep(SETTING, "B", ["B", "1"])
    j.keep(CACHE, "A", ["A", "Accepted", None, None])
    j.keep(AVAILABILITY, 1, [1, True])
    j.keep(SETTING, "A", ["A", "2"])
    j.keep(AVAILABILITY, True, [5, False])  # True is not 1 here
    both = (j, journal(flash))
    for j in both:
        assert sorted(j.state(SETTING)) == [("A", ["A", "2"]), ("B", ["B", "1"])]
        assert list(j.state(CACHE)) == [("A", ["A", "Accepted", None, None])]
        assert j.get(AVAILABILITY, 1) == [1, True]
        assert j.get(SETTING, "C") is None


def test_keeping_the_same_value_writes_nothing():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    seq = j.keep(SETTING, "A", ["A", "1"])
    flash.reset_counters()
    assert j.keep(SETTING, "A", ["A", "1"]) == seq
    assert flash.programs == 0
    assert j.keep(SETTING, "A", ["A", "2"]) > seq
    assert flash.programs == 2


def test_a_value_for_which_no_block_is_left_is_refused_and_the_old_one_stays():
    """Blocks can turn bad between the count of the room and the write."""
    flash = RamFlash(16, 1024)
    j = journal(flash)
    j.keep(SETTING, "A", ["A", "1"])

    def append(*_):
        raise norlog.NoSpace("no erased block")

    j.log.append = append
    raises(JournalFull, j.keep, SETTING, "A", ["A", "2"])
    assert journal(flash).get(SETTING, "A") == ["A", "1"]


def test_values_can_be_forgotten_one_or_all():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    for i in range(10):
        j.keep(CACHE, "T%d" % i, ["T%d" % i, "Accepted", None, None])
    j.keep(SETTING, "T1", ["T1", "x"])
    assert j.forget(CACHE, "T3") == 1
    assert j.forget(CACHE, "T3") == 0
    both = (j, journal(flash))
    for j in both:
        assert sorted(k for k, _ in j.state(CACHE)) == ["T%d" % i for i in range(10) if i != 3]
    assert j.forget(CACHE) == 9
    both = (j, journal(flash))
    for j in both:
        assert list(j.state(CACHE)) == []
        assert j.get(SETTING, "T1") == ["T1", "x"]


def test_changing_state_while_iterating_it_ends():
    j = journal(RamFlash(16, 1024))
    for i in range(10):
        j.keep(AVAILABILITY, i, [i, True])
    for key, _ in j.state(AVAILABILITY):
        j.keep(AVAILABILITY, key, [key, False])
    assert [p for _, p in j.state(AVAILABILITY)] == [[i, False] for i in range(10)]


def test_state_that_changes_for_ever_fits_for_ever():
    flash = RamFlash(8, 1024)
    j = journal(flash)
    for i in range(20):
        j.keep(SETTING, "fixed%d" % i, ["fixed%d" % i, "value"])
    for i in range(2000):
        j.keep(BOOT, 0, [i, "PowerUp"])
        if i % 10 == 0:
            j.prepare()
        if i % 101 == 0:
            j = journal(flash)
    assert j.get(BOOT, 0) == [1999, "PowerUp"]
    assert len(list(j.state(SETTING))) == 20
    least, most = j.log.wear()
    assert most > 4


def test_wrong_use_is_refused():
    j = journal()
    raises(ValueError, j.append, SETTING, ["A", "1"])
    raises(ValueError, j.keep, START, 1, start(1))
    raises(ValueError, j.append, STOP, [1, "x" * 2000])
    raises(ValueError, j.keep, SETTING, "A", ["A", "x" * 2000])
    raises(TypeError, j.append, START, [1, 1.5])
    raises(ValueError, j.append, STOP, [1, 1 << 70])
    assert j.queued == 0 and j.open_sessions() == []


def test_a_session_cannot_start_twice():
    j = journal()
    j.append(START, start(1))
    raises(ValueError, j.append, START, start(1))
    j.append(STOP, stop(1))
    assert j.open_sessions() == [] and j.queued == 2


def test_nothing_but_prepare_erases():
    flash = RamFlash(12, 1024)
    j = journal(flash)
    try:
        for session in range(1, 1000):
            record_session(j, session, 3)
            j.keep(TXID, session, [session, session])
            while True:
                entry = j.pending()
                if entry is None:
                    break
                j.done(entry[0])
    except JournalFull:
        pass
    assert flash.erases == 0
    assert j.prepare() > 3 and flash.erases > 3
    assert j.prepare() == 0


def test_prepare_does_not_look_again_while_nothing_was_written():
    """It is called every two seconds: it once walked the sectors each time, and longer with
    every session that they held."""
    flash = RamFlash(12, 1024)
    j = journal(flash)
    for session in range(1, 6):
        record_session(j, session, 3)
    for _ in range(5):
        j.done(j.pending()[0])
    j.prepare()
    walks = []
    needed = j.log.needed
    j.log.needed = lambda *args: walks.append(args) or needed(*args)
    assert j.prepare() == 0 and not walks
    while j.pending():
        j.done(j.pending()[0])
    assert j.prepare() > 0 and walks  # what was delivered meanwhile is won back
    del walks[:]
    j.told_full = True
    assert j.prepare() == 0 and not walks and not j.told_full


def test_prepare_erases_no_more_than_it_may():
    flash = RamFlash(12, 1024)
    j = journal(flash)
    for session in range(1, 20):
        record_session(j, session, 3)
    while j.pending():
        j.done(j.pending()[0])
    flash.reset_counters()
    assert j.prepare(1) == 1 and flash.erases == 1
    assert j.prepare(2) == 2 and flash.erases == 3
    assert j.prepare() > 0 and j.prepare(5) == 0


def fill(j, samples=20, measurands=5):
    """Sessions without a chance to erase until a START is refused; how many went in."""
    session = 0
    refused = 0
    while True:
        session += 1
        try:
            j.append(START, start(session))
        except JournalFull:
            return session - 1, refused
        for i in range(samples):
            try:
                j.append(SAMPLE, sample(session, i, measurands))
            except JournalFull:
                refused += 1
        j.append(STOP, stop(session))


def flood(j):
    """A setting is changed again and again until it is refused: a block or two are written."""
    for i in range(40):
        try:
            j.keep(SETTING, "A", ["A", "%d" % i + "x" * 90])
        except JournalFull:
            return
    raise AssertionError("settings have no end")


def test_a_log_full_of_sessions_still_takes_the_address_of_another_central_system():
    """Nothing but that address, or the old server, could drain it: settings were refused."""
    for blocks, connectors in ((16, 1), (32, 2)):
        flash = RamFlash(blocks, 1024)
        j = journal(flash, connectors=connectors)
        number = 0
        try:
            while True:
                number += 1
                j.append(START, start(number))
                j.append(STOP, stop(number))
                j.prepare()
        except JournalFull:
            pass
        for value in ("one", "two"):
            j.keep(SETTING, "URI", ["URI", value])
            j.keep(AVAILABILITY, 1, [1, value == "two"])
        # However often it is changed: what comes of a fault and of a session has its room.
        flood(j)
        j.keep(HELD, 1, [1, ["RcdTripped"], [1, 0, 0, 0, 0, 0], 3, 0])
        j.keep(TXID, number - 1, [number - 1, 5])
        raises(JournalFull, j.append, START, start(number))
        again = journal(flash, connectors=connectors)
        assert again.get(SETTING, "URI") == ["URI", "two"] and again.get(AVAILABILITY, 1)[1]
        assert again.get(HELD, 1) and again.queued == 2 * (number - 1)


def test_samples_are_refused_long_before_starts_and_a_stop_never():
    for connectors in (1, 2, 4):
        flash = RamFlash(16, 1024)
        j = journal(flash, connectors=connectors)
        sessions, refused = fill(j)
        assert refused > 0 and j.samples_refused == refused
        assert [p[1] for p in pending(j)].count(STOP) == sessions
        # After samples are refused, at least ten more sessions went in without any.
        with_samples = set(p[2][0] for p in pending(j) if p[1] == SAMPLE)
        assert sessions - len(with_samples) >= 6, (connectors, sessions, len(with_samples))
        # State of these sessions can be written, other state only a little, and reclaiming works.
        flood(j)
        for session in range(1, sessions + 1):
            j.keep(TXID, session, [session, session])
        assert flash.erases == 0
        j.prepare()
        assert j.samples_dropped > 0
        j.keep(SETTING, "A", ["A", "1"])
        j.append(START, start(9999))
        j.append(SAMPLE, sample(9999, 0))


# What the charger itself writes, a bounded number of times between two erases. TRANSACTION stands
# behind an event of its own, and `station.points` bounds how many begin.
OWN = "BOOT CHECKPOINT CURRENT_SCHEMA HELD SCHEMA TIME TOLD TRANSACTION TXID".split()


def at_will(i):
    """Value number i of each kind of state that messages from outside can have written."""
    key, text = i % 3, "%d" % i + "x" * 90
    return {
        "SETTING": ["key%d" % key, text],
        "AVAILABILITY": [key, i % 2 == 0],
        "CACHE": ["TAG%d" % key, text, None, None],
        "RESERVATION": [key, 1, "TAG", None, i],
        "PROFILE": [key, 1, 0, 2, 1, None, None, None, None, None, i, bytes(90)],
        "FIRMWARE": [100 + key, text],
        "MONITOR": [key, 1, text, "upper", i, 5, False],
        "MESSAGE": [key, i % 9, None, None, None, None, text, "UTF8", None],
        "TARIFF": ["T%d" % key, [1], ["T%d" % key, "EUR", i, [], None, None, text]],
    }


def test_state_that_is_written_at_will_leaves_the_room_of_sessions():
    """61 requests for signed updates during a session filled the log: the session had no meter
    values, and the other connector of the charger was out of order."""
    names = [name for name in dir(kinds) if name[0].isupper() and name not in OWN]
    names = [
        name for name in names if name in at_will(0) or getattr(kinds, name) in range(BOOT, 99)
    ]
    assert sorted(names) == sorted(at_will(0)), "a new kind: who has it written?"
    for name in names:
        kind = getattr(kinds, name)
        flash = RamFlash(32, 1024)
        j = journal(flash, connectors=2)
        j.append(START, start(1))
        ready, written = j.log.ready, 0
        try:
            for written in range(1000):
                value = at_will(written)[name]
                j.keep(kind, value[0], value)
            raise AssertionError("%s has no end" % name)
        except JournalFull:
            pass
        # It had more than a few: a central system that balances loads writes all the time.
        assert written >= 25 and ready - j.log.ready in (4, 5), (name, written, j.log.ready)
        # The session goes on, as if nothing had been.
        for i in range(100):
            j.append(SAMPLE, sample(1, i))
        j.append(START, start(2, 2))
        j.keep(TXID, 1, [1, 7])
        j.append(STOP, stop(1))
        assert flash.erases == 0
        # Once something may be erased there is room again, and the newest value has stayed.
        j.prepare()
        j.keep(kind, value[0], value)
        assert j.get(kind, value[0]) == value, name


def test_a_log_of_settings_that_are_all_in_use_takes_changes():
    """Between neighbours that are more than half full nothing can be merged: that is no flood."""
    j = journal(RamFlash(32, 1024))
    for step in (1, 3):  # every third one again: no sector is dead, and no two fit one
        for i in range(0, 100, step):
            if i % 10 == 0:
                j.prepare()
            j.keep(SETTING, "key%d" % i, ["key%d" % i, "%d" % step + "x" * 100])
    j.prepare()
    assert j.log.ready > 8, "not what is tried here"
    j.append(START, start(1))
    for i in range(20):
        j.keep(SETTING, "again", ["again", "%d" % i + "z" * 90])
        j.append(SAMPLE, sample(1, i))


def test_the_end_of_every_running_session_fits_however_large_it_is():
    for connectors in (1, 2, 3):
        flash = RamFlash(16, 1024)
        j = journal(flash, connectors=connectors)
        for c in range(connectors):
            j.append(START, start(100 + c, c + 1))
        i = 0
        while True:
            i += 1
            try:
                j.append(SAMPLE, sample(100, i))
            except JournalFull:
                break
        # State takes what is left to it.
        i = 0
        try:
            while True:
                i += 1
                j.keep(SETTING, "key%d" % i, ["key%d" % i, "x" * 100])
        except JournalFull:
            pass
        for c in range(connectors):
            largest = [100 + c, c + 1, 1, "local", "T", [3, 9000, 0], "x" * 400]
            j.append(STOP, largest)
        assert j.log.ready >= 1  # to merge into
        j.prepare()
        stops = [p for p in pending(j) if p[1] == STOP]
        assert len(stops) == connectors


def test_when_full_the_oldest_samples_go_and_it_is_said():
    lines = []
    console.use_sink(lines.append)
    flash = RamFlash(16, 1024)
    j = journal(flash)
    total = 56
    for session in range(1, total + 1):
        j.append(START, start(session))
        for i in range(10):
            j.append(SAMPLE, sample(session, i))
        j.append(STOP, stop(session))
        j.prepare()
    console.use_sink(lambda line: None)
    assert j.samples_refused == 0 and j.samples_dropped > 0
    assert any("given up" in line for line in lines)
    for j2 in (j, journal(flash)):
        found = pending(j2)
        assert len(found) == j2.queued
        assert [p[2] for p in found if p[1] == START] == [start(s) for s in range(1, total + 1)]
        assert [p[2] for p in found if p[1] == STOP] == [stop(s) for s in range(1, total + 1)]
        kept = [p[2] for p in found if p[1] == SAMPLE]
        wanted = [sample(s, i) for s in range(1, total + 1) for i in range(10)]
        assert kept == wanted[-len(kept) :] and len(kept) > 20
        assert len(kept) + j.samples_dropped == len(wanted)


def test_what_begins_and_ends_a_transaction_outlives_its_changes():
    """Without it the energy of a session is told in a transaction that does not begin or end."""

    def bound(session, what):
        about = [what, b"0123456789abcdef", 1, None, None, None, None, 100 * session, None, 0]
        return [session, 1, "plugged", "connected", [3, 7000, 0], 0, [0, 0], about]

    j = journal(RamFlash(16, 1024))
    wanted, changes = [], 0
    for session in range(1, 31):
        for record in (bound(session, 0), None, bound(session, 2)):
            if record:
                j.append(CHANGE, record)
                wanted.append(record)
                continue
            for i in range(8):
                j.append(CHANGE, bound(session, 1)[: 7 + i % 2] + [[1]] * (i % 2))
                changes += 1
        j.prepare()
    assert j.samples_dropped > 0
    found = [p[2] for p in pending(j)]
    bounds = [p for p in found if len(p) > 7 and p[7][0] != 1]
    assert bounds == wanted and len(found) - len(bounds) < changes


def test_a_hundred_offline_sessions_of_twenty_samples_fit_in_256_kib():
    # Eight measurands a sample (energy, power, three currents, three voltages): more
    # than the usual; 100 * (START + 20 * SAMPLE + STOP).
    flash = RamFlash(64, 4096)
    j = journal(flash)
    for i in range(70):
        j.keep(SETTING, "Setting%d" % i, ["Setting%d" % i, "value %d" % i])
    for i in range(100):
        token = "TOKEN%014d" % i
        j.keep(CACHE, token, [token, "Accepted", BUILD_UNIX, None])
    for session in range(1, 101):
        record_session(j, session, 20, 8)
        j.prepare()
    assert j.samples_refused == 0 and j.samples_dropped == 0
    used = (64 - j.log.ready) * 4
    print("100 sessions of 20 samples of 8 measurands: %d KiB of 256" % used)
    flash.reset_counters()
    j = journal(flash)
    print(
        "boot with that: %d bytes in %d reads, %d records"
        % (flash.read_bytes, flash.reads, j.queued)
    )
    assert flash.read_bytes < 400 * 1024
    assert flash.programs == 0 and flash.erases == 0
    assert j.queued == 100 * 22
    seq = 0
    for session in range(1, 101):
        expected = [(START, start(session))]
        expected += [(SAMPLE, sample(session, i, 8)) for i in range(20)]
        expected.append((STOP, stop(session)))
        for kind, payload in expected:
            entry = j.pending()
            assert entry[0] > seq and entry[1] == kind and entry[2] == payload
            seq = entry[0]
            j.done(seq)
        j.prepare()
    assert j.pending() is None and j.queued == 0
    assert len(list(j.state(CACHE))) == 100


def cost(flash, fn):
    flash.reset_counters()
    fn()
    assert flash.erases == 0
    return flash.programs, flash.program_bytes, flash.read_bytes


def test_appending_costs_the_same_with_1_and_with_100_sessions_queued():
    costs = []
    for queued in (1, 100):
        flash = RamFlash(64, 4096)
        j = journal(flash)
        for i in range(20):
            j.keep(SETTING, "Setting%d" % i, ["Setting%d" % i, "value"])
        for session in range(1, queued + 1):
            record_session(j, 10000 + session, 20)
        # A sector of its own, so that both are at the same place in it.
        while j.log.room(0) < 2000 or j.log.room(0) > 3000:
            j.append(SAMPLE, sample(0, 0))
        here = []
        here.append(cost(flash, lambda: j.append(START, start(20000))))
        for i in range(10):
            here.append(cost(flash, lambda: j.append(SAMPLE, sample(20000, i))))
        here.append(cost(flash, lambda: j.append(STOP, stop(20000))))
        here.append(cost(flash, lambda: j.keep(SETTING, "Setting7", ["Setting7", "new"])))
        assert j.pending()
        here.append(cost(flash, lambda: j.done(j.pending()[0])))
        costs.append(here)
    for one, hundred in zip(costs[0], costs[1]):
        assert one[:2] == hundred[:2], (one, hundred)  # programs and bytes: exactly
        assert one[0] <= 2
        # Reading back is the same; looking for the START is at most its sector.
        assert abs(one[2] - hundred[2]) <= 2 * 4096, (one, hundred)
    for row in costs:
        for programs, _, read in row[:11]:
            assert programs == 1 and read < 200
        assert row[11][2] <= 2 * 4096


def test_looking_ahead_reads_each_record_once():
    """A sender that waits for one answer looks at the next records again and again."""
    flash = RamFlash(64, 4096)
    j = journal(flash)
    for session in range(1, 41):
        record_session(j, session, 20)
    flash.reset_counters()
    n = sum(1 for _ in ahead(j))
    assert n == 40 * 22
    per_event = flash.reads / n
    print("looking ahead: %.1f reads per event" % per_event)
    assert per_event < 2


def test_delivering_a_hundred_sessions_reads_the_flash_a_few_times_only():
    flash = RamFlash(64, 4096)
    j = journal(flash)
    for session in range(1, 101):
        record_session(j, session, 20)
    flash.reset_counters()
    n = 0
    while True:
        for _ in range(3):  # asked more often than needed, as a sender does
            entry = j.pending()
        if entry is None:
            break
        j.done(entry[0])
        n += 1
    assert n == 2200
    per_event = flash.read_bytes // n
    print("delivery: %d bytes read per event" % per_event)
    assert per_event < 2000


def test_damage_in_the_middle_costs_one_record_and_blocks_nothing():
    for where in ("payload", "header"):
        flash = RamFlash(16, 1024)
        j = journal(flash)
        for session in range(1, 30):
            record_session(j, session, 2)
        assert j.log.find(0, pending(j)[40][0])
        at = j.log.block * 1024 + j.log.off + (20 if where == "payload" else 1)
        whole = [p[2] for p in pending(j)]
        flash.image[at] ^= 0x10
        j = journal(flash)
        found = [p[2] for p in pending(j)]
        assert found == whole[:40] + whole[41:]
        assert j.log.skipped == 1
        assert j.queued == len(found)
        while j.pending():
            j.done(j.pending()[0])
        assert j.queued == 0
        j.prepare()
        assert j.log.ready >= 12


def test_what_a_merge_could_not_carry_over_is_not_counted_any_more():
    for damaged in (0, 1, 3):
        flash = RamFlash(16, 1024)
        j = journal(flash)
        for session in range(1, 30):
            record_session(j, session, 2)
        waiting = pending(j)
        for entry in waiting[damaged:80]:
            if entry[0] % 7:
                j.done(entry[0])
        for entry in waiting[:damaged]:
            assert j.log.find(0, entry[0])
            flash.image[j.log.block * 1024 + j.log.off + 20] ^= 0x10
        before = len(j.log.blocks(0))
        while j._space._merge(0, j._space._wanted):
            pass
        assert len(j.log.blocks(0)) < before and j.log.lost == damaged
        queued = j.queued
        j.recount()
        assert queued == j.queued == len(pending(j)), damaged


def test_a_stop_whose_start_was_not_released_yet_ends_the_session():
    # A power cut between the two programs of append(STOP).
    flash = RamFlash(16, 1024)
    j = journal(flash)
    j.append(START, start(1))
    j.append(SAMPLE, sample(1, 0))
    before = bytes(flash.image)
    j.append(STOP, stop(1))
    assert j.log.find(0, 1)
    flags = j.log.block * 1024 + j.log.off + 11
    flash.image[flags] = before[flags]
    j = journal(flash)
    assert j.open_sessions() == []
    assert journal(flash).open_sessions() == []
    assert [p[1] for p in pending(j)] == [START, SAMPLE, STOP]


def test_a_value_whose_predecessor_was_not_superseded_yet_is_the_only_one():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    old = j.keep(SETTING, "A", ["A", "1"])
    j.keep(SETTING, "B", ["B", "1"])
    before = bytes(flash.image)
    j.keep(SETTING, "A", ["A", "2"])
    for forgotten in (False, True):
        if forgotten:  # a record behind it that does not count any more
            j.keep(SETTING, "C", ["C", "1"])
            j.forget(SETTING, "C")
        assert j.log.find(1, old)
        flags = j.log.block * 1024 + j.log.off + 11
        flash.image[flags] = before[flags]
        j = journal(flash)
        assert list(j.state(SETTING)) == [("B", ["B", "1"]), ("A", ["A", "2"])]


def now(clock):
    """The stamp of this moment, as the station makes them."""
    return [clock.boot, clock.uptime(), clock.now() or 0]


def test_stamps_get_their_time_later_and_always_the_same():
    ms = [0]

    def boot(number):
        clock = Clock(lambda: ms[0] & 0x3FFFFFFF)
        clock.boot = number
        return clock

    flash = RamFlash(16, 1024)
    clock = boot(5)
    j = journal(flash, clock)
    ms[0] += 100000
    early = now(clock)
    assert early == [5, 100, 0] and j.wall(early) is None
    ms[0] += 50000
    clock.set(BUILD_UNIX + 10000)
    late = now(clock)
    assert late == [5, 150, BUILD_UNIX + 10000]
    assert j.wall(late) == BUILD_UNIX + 10000
    assert j.wall(early) == BUILD_UNIX + 9950
    clock.set(BUILD_UNIX + 90000)
    assert j.wall(early) == BUILD_UNIX + 9950
    j.append(START, [1, 1, "T", 0, None, early])
    # The next boot still knows; a boot that never learnt the time says so.
    clock = boot(6)
    j = journal(flash, clock)
    assert j.wall(early) == BUILD_UNIX + 9950
    never = now(clock)
    clock = boot(7)
    j = journal(flash, clock)
    clock.set(BUILD_UNIX + 100000)
    assert j.wall(never) is None
    assert j.wall(now(clock)) == BUILD_UNIX + 100000
    # Once everything is delivered, old boots are forgotten, this one is not.
    j.prepare()
    assert len(list(j.state(TIME))) == 2
    j.append(STOP, [1, 1, 0, "power_loss", None, early, None])
    while j.pending():
        j.done(j.pending()[0])
    j.prepare()
    assert [k for k, _ in j.state(TIME)] == [7]


def test_transaction_ids_are_kept_while_anything_needs_them():
    j = journal()
    j.append(START, start(1))
    j.keep(TXID, 1, [1, 4711])
    j.done(1)
    j.prepare()
    assert j.get(TXID, 1) == [1, 4711]
    j.append(STOP, stop(1))
    j.prepare()
    assert j.get(TXID, 1) == [1, 4711]
    while j.pending():
        j.done(j.pending()[0])
    j.prepare()
    assert j.get(TXID, 1) is None


def test_a_year_of_sessions_wears_the_flash_evenly():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    for i in range(10):
        j.keep(SETTING, "fixed%d" % i, ["fixed%d" % i, "value"])
    sessions = 800 if MICROPYTHON else 2500  # MicroPython takes half a minute for all
    for session in range(1, sessions):
        record_session(j, session, 5, 2)
        j.keep(TXID, session, [session, session])
        while j.pending():
            j.done(j.pending()[0])
        j.prepare()
    least, most = j.log.wear()
    print("erases per block after %d sessions: %d to %d" % (sessions, least, most))
    assert most - least <= 18, (least, most)
    assert j.samples_dropped == 0 and j.samples_refused == 0
    assert len(list(j.state(SETTING))) == 10


def test_where_nobody_asks_for_events_the_oldest_are_given_up():
    flash = RamFlash(16, 1024)
    j = journal(flash)
    j.prepare()
    at = [1, 2, 3]
    # Far more sessions than the flash holds; a session that runs survives all of them.
    j.append(START, [1, 1, "FREE", 0, None, at])
    for number in range(2, 2000):
        j.append(START, [number, 2, "FREE", 0, None, at])
        j.append(STOP, [number, 2, 10, "local", None, at, None])
        if number % 20 == 0:
            j.give_up(30, 100)
            j.prepare()
            assert j.queued == 30
    assert j.give_up(0, 7) == 7
    again = journal(flash)
    assert again.queued == j.queued
    assert again.open_sessions() == [1]


def test_counting_anew_counts_what_is_not_delivered():
    j = journal()
    for n in range(4):
        j.append(START, start(n + 1))
    j.done(pending(j)[1][0])
    j.done(pending(j)[0][0])
    j.queued = 99
    j.recount()
    assert j.queued == 2 == len(pending(j))


def test_a_clock_is_set_though_flash_or_memory_cannot_keep_it():
    clock = Clock()
    clock.boot = 4
    j = journal(clock=clock)
    for failure, kept in (
        (JournalFull("full"), True),
        (OSError(5), True),
        (MemoryError(), True),
        (ValueError(), False),
    ):

        def keep(*_):
            raise failure  # noqa: B023

        j.keep = keep
        if kept:
            j._clock_set(None)
        else:
            raises(type(failure), j._clock_set, None)


def test_without_a_clock_there_is_no_boot():
    assert journal().boot() is None


def test_state_that_begins_with_its_key_does_not_store_it_twice():
    from store import cbor, norlog

    for key, payload, stored in ((7, [7, 1], [[7, 1]]), (7, [8, 1], [7, [8, 1]]), (7, 5, [7, 5]),
                                 (1, [True, 1], [1, [True, 1]])):  # fmt: skip
        j = journal()  # 99: a kind of which no shape is expected
        j.keep(99, 99, [99, 0])
        before = j.log.room(1)
        j.keep(99, key, payload)
        assert before - j.log.room(1) == norlog.record_size(len(cbor.dumps(stored))), payload
        assert j.get(99, key) == payload
