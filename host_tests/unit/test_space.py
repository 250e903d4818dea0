# Which records may still be written, and what is given up for them: the rules, number by number.
# MIT license; part of microevse
"""On a log that only counts. A reserve that is one block too small shows itself after months of
sessions, when the end of one cannot be written."""

from store import kinds, norlog
from store.kinds import AVAILABILITY, BOOT, CACHE, PROFILE, SAMPLE, SETTING, START, STOP
from store.space import Space


class Log:
    """Erased blocks, room in the last sector of each stream, and what was asked for."""

    capacity = 4000

    class flash:
        blocks = 64

    def blocks(self, stream):
        return ()

    def __init__(self, ready=9, events=0, state=0):
        self.ready = ready
        self._rooms = (events, state)
        self.programs = 7
        self.cold = {}
        self.merged = []
        self.lost = 0

    def room(self, stream):
        return self._rooms[stream]

    def coldest(self, stream):
        return self.cold.get(stream)

    def merge(self, stream, blocks, keep, cold=False):
        self.merged.append((stream, blocks, cold))
        return True


class Journal:
    max_payload = 400

    def __init__(self, log, running=0):
        self.log = log
        self.running = {n: [10 * n, 10 * n + 5] for n in range(1, running + 1)}
        self.queued = 1
        self.foreign = 0
        self.told_full = True

    def boot(self):
        return 3

    def pending(self):
        return 1, SAMPLE, []


def space(connectors=1, running=0, **more):
    log = Log(**more)
    return Space(Journal(log, running), connectors)


def least(kind, length, connectors=1, running=0, **rooms):
    """The fewest erased blocks with which a record may be written."""
    for ready in range(20):
        if space(connectors, running, ready=ready, **rooms).admits(kind, length):
            for more in range(ready, 20):
                assert space(connectors, running, ready=more, **rooms).admits(kind, length)
            return ready
    return None


SIZE = norlog.record_size(100)
STOP_SIZE = Journal.max_payload + norlog.RECORD
FIT = Log.capacity // STOP_SIZE  # ends in a block


def test_an_end_may_always_be_written():
    assert least(STOP, 100, events=SIZE) == 0 and least(STOP, 100, events=SIZE - 1) == 1


def test_a_start_leaves_room_for_a_merge_for_state_for_settings_and_for_its_end():
    # A block each for merging, state and settings, and one for the end unless it fits the sector.
    assert least(START, 100, events=SIZE + STOP_SIZE) == 3
    assert least(START, 100, events=SIZE + STOP_SIZE - 1) == 4
    assert least(START, 100, events=SIZE) == 4
    # A new sector has room for the rest.
    assert least(START, 100, events=SIZE - 1) == 4


def test_a_sample_leaves_one_block_more_to_sessions_to_come():
    assert least(SAMPLE, 100, running=1, events=SIZE + STOP_SIZE) == 4
    assert least(SAMPLE, 100, running=1, events=SIZE + STOP_SIZE - 1) == 5


def test_the_ends_of_all_running_sessions_and_of_the_new_one_are_counted():
    for connectors, running, sessions in ((1, 0, 1), (2, 0, 2), (1, 1, 2), (2, 1, 2), (2, 2, 3)):
        room = SIZE + sessions * STOP_SIZE
        assert least(START, 100, connectors, running, events=room) == 3, (connectors, running)
        assert least(START, 100, connectors, running, events=room - 1) == 4
    for connectors, running, sessions in ((1, 0, 1), (1, 2, 2), (3, 1, 3)):
        room = SIZE + sessions * STOP_SIZE
        assert least(SAMPLE, 100, connectors, running, events=room) == 4, (connectors, running)


def test_ends_fill_blocks():
    one = space()
    assert one._for_stops(0, 0) == 0 == one._for_stops(2, 2 * STOP_SIZE)
    assert one._for_stops(1, 0) == 1 == one._for_stops(1, STOP_SIZE - 1)
    assert one._for_stops(1, STOP_SIZE) == 0
    assert one._for_stops(FIT, 0) == 1 and one._for_stops(FIT + 1, 0) == 2
    assert one._for_stops(2 * FIT, 0) == 2 and one._for_stops(2 * FIT + 1, 0) == 3


def test_state_leaves_a_block_for_merging_and_the_ends_of_running_sessions():
    assert least(BOOT, 100, state=SIZE) == 0
    assert least(BOOT, 100, state=SIZE - 1) == 2
    for kind in (
        BOOT,
        kinds.TIME,
        kinds.TXID,
        kinds.CHECKPOINT,
        kinds.SCHEMA,
        kinds.TOLD,
        kinds.HELD,
    ):
        assert least(kind, 100, running=1, state=0, events=STOP_SIZE) == 2, kind
    assert least(BOOT, 100, running=1, state=0, events=STOP_SIZE - 1) == 3


def test_a_setting_leaves_room_in_its_sector_to_faults_and_a_sector_to_state():
    assert least(SETTING, 100, state=SIZE + 512) == 0
    assert least(SETTING, 100, state=SIZE + 511) == 3


def test_only_settings_and_availability_take_the_room_of_sessions_to_come():
    """A central system may send profiles without end, while no car is there, too."""
    for kind in (SETTING, AVAILABILITY):
        assert least(kind, 100, state=SIZE + 511) == 3
        assert least(kind, 100, running=1, state=SIZE + 511) == 5, "a session needs its end"
    for kind in (PROFILE, CACHE):
        assert least(kind, 100, state=SIZE + 512) == 0
        assert least(kind, 100, state=SIZE + 511) == 5
        assert least(kind, 100, state=SIZE + 511, events=STOP_SIZE) == 4


def test_what_is_kept():
    live, done = 0xFF, None
    for flags in range(256):
        if norlog.is_done(flags) and not norlog.is_dead(flags):
            done = flags
    dead = [flags for flags in range(256) if norlog.is_dead(flags)][0]
    one = space(running=2)  # the last samples are 15 and 25
    for kind, seq, flags, all_, fewer in (
        (SAMPLE, 1, live, True, False), (SAMPLE, 15, live, True, True),
        (SAMPLE, 25, dead, True, True),
        (SAMPLE, 10, dead, False, False), (START, 1, live, True, True),
        (START, 1, dead, False, False),
    ):  # fmt: skip
        assert one._wanted(kind, seq, flags) is all_, (kind, seq, flags)
        assert one._wanted_without_samples(kind, seq, flags) is fewer, (kind, seq, flags)
    assert done is None or one._wanted(START, 1, done)


def test_a_session_that_has_ended_keeps_no_record_though_its_start_is_still_held():
    one = space()
    one.journal.running[4] = [40, 45, 47]
    one.log.find = lambda stream, seq: 1 // 0
    assert one._newest(45) and one._newest(47)
    assert one.release(4) is False and 4 in one.journal.running
    assert not one._newest(45) and not one._newest(47)


def test_what_never_changes_moves_when_others_were_erased_16_times_more():
    for stream, wear, ready, moves in (
        (0, 17, 2, True), (1, 17, 2, True), (0, 16, 2, False), (0, 17, 1, False),
        (0, None, 9, False),
    ):  # fmt: skip
        one = space(ready=ready)
        if wear is not None:
            one.log.cold[stream] = (5, wear)
        assert one._move_cold() is moves
        assert one.log.merged == ([(stream, [5], True)] if moves else [])


class Preparing(Log):
    """Counts what `prepare` asks for; `work` is what each step finds to do, in order."""

    def __init__(self, ready, work):
        super().__init__(ready)
        self.work = list(work)
        self.asked = []

        class Flash:
            blocks = 64

        self.flash = Flash

    def retire(self, stream, keep):
        self.asked.append(stream)

    def erase_one(self, may=None):
        if self.work and self.work[0] == "erase":
            if may and not may(1000):
                return None
            self.work.pop(0)
            return True
        return False


def prepared(ready, work, erases=None, connectors=1):
    """(erases, steps in their order, whether it is idle)."""
    log = Preparing(ready, work)
    one = Space(Journal(log), connectors)
    steps = []

    def step(name):
        def do(*_):
            if log.work and log.work[0] == name:
                log.work.pop(0)
                steps.append(name)
                return True
            return False

        return do

    state, events = step("state"), step("events")
    one._merge = lambda stream, keep, oldest=False: (events if stream == 0 else state)()
    one._drop_samples = step("drop")
    one._move_cold = step("cold")
    n = one.prepare(erases)
    return n, steps, one._idle_at == log.programs, one.journal.told_full


def test_room_is_made_in_the_gentlest_way_that_works():
    # 64 blocks: events are merged below 8 erased ones, samples given up below 6 and a STOP's.
    assert prepared(9, ["erase", "erase", "state", "cold"]) == (2, ["state", "cold"], True, False)
    assert prepared(8, ["events"])[1] == [] and prepared(7, ["events"])[1] == ["events"]
    assert prepared(7, ["drop"])[1] == [] and prepared(6, ["drop"])[1] == ["drop"]
    assert prepared(6 + 1, ["drop"], connectors=FIT + 1)[1] == ["drop"]
    assert prepared(7, [])[3] is False and prepared(6, [])[3] is True
    assert prepared(9, ["erase"] * 5, erases=3) == (3, [], False, False)
    assert prepared(9, ["erase"] * 3, erases=0) == (0, [], False, False)


def test_an_erase_that_may_not_be_now_is_done_later():
    """The contactor had closed since the question, and the erase stalled the tick. A refusal must
    not look like the end of the work either."""
    log = Preparing(9, ["erase", "erase"])
    one = Space(Journal(log), 1)
    one._merge = one._drop_samples = one._move_cold = lambda *more: 1 // 0
    answers = [True, False, False, True]
    assert one.prepare(2, lambda ms: answers.pop(0)) == 1 and log.work == ["erase"]
    assert one.prepare(1, lambda ms: answers.pop(0)) == 0 and one._idle_at != log.programs
    assert one.prepare(1, lambda ms: answers.pop(0)) == 1 and not log.work and not answers


def test_nothing_is_looked_at_again_until_something_was_written():
    log = Preparing(9, [])
    one = Space(Journal(log), 1)
    one._merge = one._drop_samples = one._move_cold = lambda *more: False
    one.prepare()
    assert log.asked == [0, 1]
    one.prepare()
    assert log.asked == [0, 1]
    log.programs += 1
    one.prepare()
    assert log.asked == [0, 1, 0, 1]


class Merging(Log):
    """Sectors with so many live bytes, of which so many are really needed."""

    def __init__(self, live, needed=None, ready=2):
        super().__init__(ready)
        self._live = live
        self._needed = needed or live

    def blocks(self, stream):
        return list(range(len(self._live)))

    def live(self, block):
        return self._live[block]

    def needed(self, block, keep):
        return self._needed[block]

    def merge(self, stream, blocks, keep, cold=False):
        self.merged.append(blocks)
        return True


def merged(live, needed=None, ready=2, oldest=False):
    log = Merging(live, needed, ready)
    one = Space(Journal(log), 1)
    one.journal.recount = lambda: None
    done = one._merge(1, None, oldest)
    assert done is bool(log.merged)
    return log.merged[0] if log.merged else None


def test_neighbours_that_fit_one_sector_are_merged_the_longest_run_of_them():
    assert merged([2000, 2000, 9]) == [0, 1] and merged([2000, 2001, 9]) is None
    assert merged([3000, 900, 900, 900, 9]) == [1, 2, 3]
    assert merged([900, 900, 3000, 900, 900, 900, 9]) == [3, 4, 5]
    assert merged([9, 9]) is None, "the last one is being written"
    assert merged([2000, 2000, 9], ready=0) is None
    # Live bytes do not count what open sessions hold on to.
    assert merged([1000, 1000, 9], [2000, 2000, 9]) == [0, 1]
    assert merged([1000, 1000, 9], [2000, 2001, 9]) is None


def test_samples_are_given_up_from_the_oldest_pair_on():
    assert merged([100, 100, 100, 100, 9], oldest=True) == [0, 1]
    assert merged([9999] * 5, [4000, 4000, 100, 100, 9], oldest=True) == [2, 3]
