# Sessions that a restart has cut, as the journal has them, record by record, and their ends.
# MIT license; part of microevse
"""Energy that is billed twice or not at all, and a session that never ends, came from one of
these comparisons; each is asked at its bound."""

import evse_base as port
import sys

from helpers import run
from station import measurands, recovery, restart
from station_parts import Charger, FakeMeter
from store import kinds
from store.journal import JournalFull


def journal(*records, meter=None):
    """A charger whose journal holds these (kind, payload); state is kept under its connector."""
    c = Charger(meter=meter)
    for kind, payload in records:
        if kinds.is_event(kind):
            c.journal.append(kind, payload)
        else:
            c.journal.keep(kind, payload[0], payload)
    return c


def start(number, connector=1, wh=1000, at=(1, 10, 0)):
    return kinds.START, [number, connector, "CARD", wh, None, list(at)]


def sample(number, wh, at=(1, 20, 0), code=measurands.ENERGY, phase=0):
    return kinds.SAMPLE, [number, 1, "Periodic", list(at), [[code, phase, wh]]]


def checkpoint(number, wh, at=(1, 30, 0), asking=None):
    return kinds.CHECKPOINT, [1, number, wh, list(at)] + ([] if asking is None else [asking])


def asking(number, connector=1):
    """The EV was asking when this was written."""
    return kinds.CHECKPOINT, [connector, number, 1000, [1, 10, 0], 1]


def stop(number):
    return kinds.STOP, [number, 1, 1100, "local", None, [1, 40, 0], None]


def cut(*records):
    """[(number, Wh, stamp)] of the sessions that are found to be cut."""
    c = journal(*records)
    found = recovery.restore(c.station, c.journal)
    return [(s.number, s.meter_wh, list(s.at)) for s in found]


def test_a_session_without_an_end_is_cut():
    assert cut() == []
    assert cut(start(3)) == [(3, 1000, [1, 10, 0])]
    assert cut(start(3), stop(3)) == []
    assert cut(stop(3)) == []
    assert cut(start(5), start(3, 2)) == [(3, 1000, [1, 10, 0]), (5, 1000, [1, 10, 0])]
    assert cut(start(3), stop(3), start(4)) == [(4, 1000, [1, 10, 0])]


def test_the_largest_reading_of_energy_counts_and_the_last_time():
    assert cut(start(3), sample(3, 1200)) == [(3, 1200, [1, 20, 0])]
    assert cut(start(3), sample(3, 1200), sample(3, 1100, (1, 25, 0))) == [(3, 1200, [1, 25, 0])]
    assert cut(start(3), sample(4, 1200)) == [(3, 1000, [1, 10, 0])]
    for phase in (1, -1):
        assert cut(start(3), sample(3, 1200, phase=phase)) == [(3, 1000, [1, 20, 0])]
    assert cut(start(3), sample(3, 9999, code=measurands.ENERGY + 1)) == [(3, 1000, [1, 20, 0])]


def test_energy_that_no_charger_can_have_counted_does_not_count():
    most = (1 << 48) - 1
    for wh, counted in ((most, most), (most + 1, 1000), (-1, 1000)):
        assert cut(start(3), sample(3, wh)) == [(3, counted, [1, 20, 0])], wh


def test_the_energy_of_a_record_counts_whether_or_not_it_has_a_number():
    uuid = b"u" * 16
    for begun_with, more, number in (
        (uuid, [], 1), (uuid, [0], 1), (uuid, [4], 5), (uuid, [4, 9], 5), (uuid, [None], 1),
        (uuid, ["4"], 1), (uuid, [-7], 1), (uuid, [1 << 48], 1), (None, [], None),
        (None, [4], None),
    ):  # fmt: skip
        begun, (_, record) = start(3), sample(3, 1200)
        begun[1].append(begun_with)
        c = journal(begun, (kinds.SAMPLE, record + more))
        [found] = recovery.restore(c.station, c.journal)
        assert (found.seq, found.meter_wh, list(found.at)) == (number, 1200, [1, 20, 0]), more


def test_a_checkpoint_knows_the_energy_better_unless_it_is_older():
    assert cut(start(3), checkpoint(3, 1300)) == [(3, 1300, [1, 30, 0])]
    assert cut(start(3), checkpoint(3, 1000)) == [(3, 1000, [1, 30, 0])]
    assert cut(start(3), checkpoint(3, 999)) == [(3, 1000, [1, 10, 0])]
    assert cut(start(3), checkpoint(4, 1300)) == [(3, 1000, [1, 10, 0])]
    assert cut(checkpoint(3, 1300)) == [] == cut(start(3), checkpoint(3, 1300), stop(3))


def test_a_checkpoint_without_a_session_hides_none_of_another_connector():
    other = kinds.CHECKPOINT, [2, 4, 1300, [1, 30, 0], 0]
    for first, last in ((checkpoint(3, 1200), other), (other, checkpoint(3, 1200))):
        for number, connector, wh in ((4, 2, 1300), (3, 1, 1200)):
            found = cut(start(number, connector), first, last)
            assert found == [(number, wh, [1, 30, 0])]


def test_the_later_stamp_counts_boots_before_seconds():
    for first, second, later in (
        ([1, 50, 0], [1, 60, 0], [1, 60, 0]), ([1, 60, 0], [1, 50, 0], [1, 60, 0]),
        ([2, 10, 0], [1, 90, 0], [2, 10, 0]), ([1, 90, 0], [2, 10, 0], [2, 10, 0]),
        ([1, 50, 0], [1, 50, 7], [1, 50, 7]),
    ):  # fmt: skip
        assert recovery._later(first, second) == later, (first, second)


def test_no_number_is_given_twice_whatever_is_left_of_a_session():
    for records in ([start(7)], [start(7), stop(7)], [stop(7)], [checkpoint(7, 1)]):
        c = journal(*records)
        recovery.restore(c.station, c.journal)
        run(c.charge())
        assert c.connector.session.id == 8, records


def test_availability_and_what_a_person_has_to_reset_are_restored():
    c = journal((kinds.AVAILABILITY, [1, False]), (kinds.HELD, [1, ["EmergencyStop"], [0, 0, 0]]),
                (kinds.HELD, [9, ["EmergencyStop"], [0, 0, 0]]))  # fmt: skip
    recovery.restore(c.station, c.journal)
    assert c.connector.faults.has("EmergencyStop") and not c.connector.operative
    assert not c.connector.faults.has("ClosingsExceeded") and not c.evse.closings.person


async def ended(register, wh=2000, connector=1):
    c = journal(start(3, connector, wh))
    c.meter.register_wh = register
    cut_sessions = recovery.restore(c.station, c.journal)
    await recovery.end_cut(c.station, cut_sessions, "power_loss", c.journal, c.clock, None)
    return c.records(kinds.STOP)


def stopped(connector, wh):
    """The end of session 3, which a version without numbers has begun."""
    return [3, connector, wh, "power_loss", None, [1, 10, 0], None, None, "abnormal", None]


def test_the_register_is_believed_up_to_ten_kilowatt_hours_ahead():
    for register, billed in (
        (2000, 2000),
        (2001, 2001),
        (12000, 12000),
        (12001, 2000),
        (1999, 2000),
    ):
        assert run(ended(register)) == [stopped(1, billed)], register
    # A connector that is not there any more has no meter.
    assert run(ended(2500, connector=4)) == [stopped(4, 2000)]


def test_a_meter_is_asked_three_times():
    class Waits(FakeMeter):
        asked = 0
        silent = 2

        async def poll(self):
            Waits.asked += 1
            if Waits.asked <= self.silent:
                raise OSError("no answer")
            await super().poll()

    async def story(silent):
        Waits.asked = 0
        c = journal(start(3, 1, 500), meter=Waits())
        c.meter.silent = silent
        if silent is None:
            c.connector.metering.meter = None
        cut_sessions = recovery.restore(c.station, c.journal)
        waited = []

        async def sleep(seconds):
            waited.append(seconds)

        real = recovery.asyncio.sleep
        recovery.asyncio.sleep = sleep
        try:
            await recovery.end_cut(c.station, cut_sessions, "x", c.journal, c.clock, None)
        finally:
            recovery.asyncio.sleep = real
        return c.records(kinds.STOP)[0][2], Waits.asked, waited

    assert run(story(0)) == (1000, 1, [])
    assert run(story(2)) == (1000, 3, [0.5, 0.5])
    assert run(story(3)) == (500, 3, [0.5, 0.5, 0.5])
    assert run(story(None)) == (500, 0, []), "there is none to wait for"


def test_a_session_that_cannot_be_ended_keeps_no_other_from_it():
    for failure in (JournalFull(), OSError(5)):

        async def story():
            c = journal(start(3), start(4))
            found = recovery.restore(c.station, c.journal)
            append, tries = c.journal.append, []

            def once(kind, record):
                tries.append(record[0])
                if len(tries) == 1:
                    raise failure  # noqa: B023
                return append(kind, record)

            c.journal.append = once
            await recovery.end_cut(c.station, found, "x", c.journal, c.clock, None)
            return tries, [r[0] for r in c.records(kinds.STOP)], c.events

        tries, stops, events = run(story())
        assert tries == [3, 4] and stops == [4]
        assert ("journal", 1, kinds.STOP) in events


def test_free_mode_waits_only_after_a_power_cut():
    async def story(reason, free, rand):
        c = Charger(settings={"FreeMode": free, "ResumeRandomDelay": "60"})
        until = []
        c.connector.hold_free_mode = until.append
        asked = []

        def drawn(n):
            asked.append(n)
            return 17

        await recovery.end_cut(c.station, [], reason, c.journal, c.clock, drawn if rand else None)
        return [ms - c.clock.uptime_ms() for ms in until], asked

    assert run(story("power_loss", "true", True)) == ([17000], [61])
    assert run(story("soft_reset", "true", True)) == ([0], [])
    assert run(story("power_loss", "false", True)) == ([], [])
    [delay], _ = run(story("power_loss", "true", False))
    assert 0 <= delay <= 60000 and delay % 1000 == 0


def test_random_numbers_are_below_their_bound():
    assert port.random_below(0) == 0 == port.random_below(-1) == port.random_below(1)
    assert {port.random_below(4) for _ in range(200)} == {0, 1, 2, 3}
    assert any(port.random_below(1 << 32) >> 24 for _ in range(50)), "32 bits are drawn"


class Ending:
    """One connector for `end_all`: what it was told, and when it lets go."""

    def __init__(self, clock, session_ms, closed_ms):
        self._clock = clock
        self._begun = clock.ms
        self._session_ms, self._closed_ms = session_ms, closed_ms
        self.waiting = "somebody"
        self.told = []
        self.evse = self
        self.sequence = self
        self.held = self

    def keep(self):
        assert self._clock.ms > self._begun, "a window has counted the closing"
        self.told.append("kept")

    @property
    def session(self):
        return "one" if self._clock.ms - self._begun < self._session_ms else None

    @property
    def closed(self):
        return self._clock.ms - self._begun < self._closed_ms

    def drop_waiting(self):
        self.waiting = None

    def request_stop(self, reason):
        self.told.append("end " + reason)

    def stop_now(self, reason):
        self.told.append("open " + reason)


def ends(kind, *connectors):
    """(what each was told, ms that it took)."""
    c = Charger()
    found = [Ending(c.clock, *times) for times in connectors]

    class Station:
        connectors = found

    async def sleep(seconds):
        c.clock.ms += int(seconds * 1000)

    begun = c.clock.ms
    real = restart.asyncio.sleep
    restart.asyncio.sleep = sleep
    try:
        run(restart.end_all(Station, kind, c.clock))
    finally:
        restart.asyncio.sleep = real
    assert all(one.waiting is None for one in found)
    return [one.told for one in found], c.clock.ms - begun


def test_a_reset_waits_until_every_session_has_ended_and_every_contactor_is_open():
    end = ["end soft_reset", "kept"]
    assert ends("soft", (0, 0)) == ([end], 100)
    assert ends("hard", (0, 0), (0, 0)) == ([["open hard_reset", "kept"]] * 2, 100)
    assert ends("soft", (0, 0), (1000, 0)) == ([end] * 2, 1000)
    assert ends("soft", (0, 1100)) == ([end], 1100)
    assert ends("soft", (0, 1000), (0, 0)) == ([end] * 2, 1000)
    assert ends("soft", (0, 99999)) == ([["end soft_reset", "open soft_reset", "kept"]], 8100)


# -- a closing that ends in a restart ----------------------------------------------------


def restarted(c, cause, boot, stop=False):
    later = Charger(c.flash, boot=boot)
    return later, recovery.restore(later.station, later.journal, cause, stop)


def held(c):
    return [payload for _, payload in c.journal.state(kinds.HELD)]


def cuts(c):
    """How many sessions have been counted as cut."""
    return c.evse.closings.counts()[7] // 3600


def test_a_restart_that_cuts_a_session_whose_ev_asks_counts_as_a_closing():
    """The supply broke down at each closing: 111 closings in four minutes."""
    for cause, counted in (
        ("PowerUp", 1), ("Watchdog", 1), ("Crash", 1), ("Retry", 1),
        ("SoftRestart", 0), ("HardRestart", 0), ("FirmwareUpdate", 0),
    ):  # fmt: skip
        c, cut = restarted(journal(start(3), asking(3)), cause, 2)
        assert len(cut) == 1 and c.evse.closings.left == (50 - counted, 3), cause
        assert cuts(c) == counted, cause
        assert c.evse.closings.why is None and not c.connector.faults.has("ClosingsExceeded")
        assert c.connector.unplugged_since_stop, "it goes on"
        assert held(c)[0][3] == 3, "on flash at once"
        assert not c.evse.closings.news
    c, _ = restarted(journal(start(3), asking(3), stop(3)), "PowerUp", 2)
    assert c.evse.closings.left == (50, 3) and not held(c)
    c, _ = restarted(journal(start(3, 7)), "PowerUp", 2)  # a connector that is gone
    assert c.evse.closings.left == (50, 3) and not held(c)


def test_a_restart_of_unknown_cause_counts_as_commanded():
    c = journal(start(3), asking(3))
    recovery.restore(c.station, c.journal)
    assert cuts(c) == 0 and c.evse.closings.left == (50, 3)


def test_flickers_of_the_supply_do_not_lock_out_a_car_that_does_not_ask():
    """A full car was locked out by three power cuts though nothing had ever closed."""
    c = journal()
    for number in range(1, 20):
        c.journal.append(*start(number))
        if number % 2:
            c.journal.keep(kinds.CHECKPOINT, 1, checkpoint(number, 1000, asking=0)[1])
        c, _ = restarted(c, "PowerUp", number + 1)
        c.journal.append(*stop(number))
    assert c.evse.closings.why is None and c.evse.closings.left == (50, 3)
    # Records of the firmware before do not say it: it may have been closed.
    c, _ = restarted(journal(start(3), checkpoint(3, 1000)), "PowerUp", 2)
    assert cuts(c) == 1


def test_the_sixth_session_that_is_cut_in_one_plug_in_is_the_last():
    c = journal()
    for number in range(1, 7):
        c.journal.append(*start(number))
        c.journal.keep(*asking(number)[:1], 1, asking(number)[1])
        c, _ = restarted(c, "PowerUp", number + 1)
        c.journal.append(*stop(number))
        assert (c.evse.closings.why == "fault") is (number == 6), number
    assert "ClosingsExceeded" in c.evse.faults and not c.connector.usable
    c, _ = restarted(c, "SoftRestart", 8)
    assert "ClosingsExceeded" in c.evse.faults and c.evse.closings.why == "fault"


def test_a_cut_session_is_counted_once_however_often_it_is_found():
    """The supply comes and goes before the end of the session could be written."""
    c = journal(start(3), asking(3))
    for boot in range(2, 8):
        c, cut = restarted(c, "PowerUp", boot)
        assert [s.number for s in cut] == [3] and cuts(c) == 1, boot
        c.connector.faults.report("EmergencyStop", "", 0)
        run(c.work())  # another record does not forget it
    c.journal.append(*start(4))
    c.journal.keep(kinds.CHECKPOINT, 1, asking(4)[1])
    c, _ = restarted(c, "PowerUp", 9)
    assert cuts(c) == 2


def test_the_count_of_a_cut_session_that_cannot_be_kept_is_kept_later():
    c = journal(start(3), asking(3))
    for failure in (OSError(5), MemoryError()):
        later = Charger(c.flash, boot=2)

        def fails(*_):
            raise failure  # noqa: B023

        keep, later.journal.keep = later.journal.keep, fails
        try:
            recovery.restore(later.station, later.journal, "PowerUp")
        except MemoryError:
            pass
        assert later.connector.sequence.held.waits == 0  # there is no stop
        assert cuts(later) == 1 and later.evse.closings.news
        later.journal.keep = keep
    run(later.work())
    assert held(later)[0][2][7] == 3600


def test_an_ev_that_asks_is_on_flash_before_the_contactor_closes():
    async def story():
        c = Charger()
        c.known["CARD"] = ("accepted", None)
        c.evse.plug()
        await c.pass_s(1)
        await c.station.present_token("CARD")
        await c.pass_s(1)
        found = [payload[4] for _, payload in c.journal.state(kinds.CHECKPOINT)]
        c.evse.state = 3
        c.connector.look(c.clock.ms)
        assert not c.evse.closed
        found += [payload[4] for _, payload in c.journal.state(kinds.CHECKPOINT)]
        c.evse.state = 2
        for ms in (0, 4999, 1):
            c.clock.ms += ms
            c.connector.look(c.clock.ms)
            found += [payload[4] for _, payload in c.journal.state(kinds.CHECKPOINT)]
        return found

    assert run(story()) == [0, 1, 1, 1, 0]


def begun():
    """A charger whose session has begun, nothing asked for yet."""
    c = Charger()
    c.known["CARD"] = ("accepted", None)

    async def story():
        c.evse.plug()
        await c.pass_s(1)
        await c.station.present_token("CARD")
        await c.pass_s(1)

    run(story())
    return c


def test_an_ev_that_toggles_does_not_fill_the_flash():
    """Five records a second filled a flash that could not be erased, as another car charged."""
    c = begun()
    written = []
    keep = c.journal.keep
    c.journal.keep = lambda *record: written.append(record) or keep(*record)
    for i in range(300):
        c.evse.state = 3 - i % 2
        c.clock.ms += 200
        c.connector.look(c.clock.ms)
    assert [payload[4] for _, _, payload in written] == [1]


def test_a_refused_checkpoint_is_written_at_the_next_look():
    """The checkpoint that says that the EV asks was tried once: nine cut sessions did not
    count."""
    c = begun()
    keep = c.journal.keep
    tries = []

    def refuses(*record):
        tries.append(record)
        raise OSError(5)

    c.journal.keep = refuses
    c.evse.state = 3
    for _ in range(3):
        c.connector.look(c.clock.ms)
    assert len(tries) == 3
    c.journal.keep = keep
    c.connector.look(c.clock.ms)
    assert [payload[4] for _, payload in c.journal.state(kinds.CHECKPOINT)] == [1]


def test_numbers_of_sessions_go_on_where_nothing_but_the_held_one_is_left():
    """A session with a number of before was taken for one that had been counted."""
    c, _ = restarted(journal((kinds.HELD, [1, [], [0] * 8, 20, 0])), "PowerUp", 2)
    assert c.station.next_session() == 21
    c.journal.append(*start(21))
    c.journal.keep(kinds.CHECKPOINT, 1, asking(21)[1])
    c, _ = restarted(c, "PowerUp", 3)
    assert cuts(c) == 1


def test_a_held_record_that_is_no_list_is_for_a_person():
    for payload in ({}, 5, "EmergencyStop", None, True, [], ["1"], [None, ["EmergencyStop"]]):
        c = journal()
        c.journal.keep(kinds.HELD, 1, payload)
        c, _ = restarted(c, "PowerUp", 2)
        assert c.evse.closings.person and "ClosingsExceeded" in c.evse.faults, payload
        if isinstance(payload, list) and len(payload) > 1:
            assert c.connector.faults.has("EmergencyStop")


def test_a_held_record_that_cannot_be_restored_is_for_a_person():
    c = journal((kinds.HELD, [1, [], [0, 0, 0], 4, 0]))
    later = Charger(c.flash, boot=2)
    restore = later.evse.restore_closings

    def fails(counts):
        if counts is not None:
            raise MemoryError()
        restore(counts)

    later.evse.restore_closings = fails
    recovery.restore(later.station, later.journal, "PowerUp")
    assert later.evse.closings.person and "ClosingsExceeded" in later.evse.faults


def test_a_stop_is_waited_for_though_the_cut_session_had_been_counted():
    """A crash, then the stop breaks the supply before the end of the session is on flash."""
    c, _ = restarted(journal(start(3), asking(3)), "Crash", 2)
    assert c.connector.unplugged_since_stop
    c, _ = restarted(c, "PowerUp", 3, True)
    assert not c.connector.unplugged_since_stop and cuts(c) == 1


def test_what_the_evse_alone_has_found_is_held_too():
    """The connector's task waited for a meter: the record was written without the trip."""
    c = Charger()
    c.evse.trip("RcdTripped")
    c.evse.trip("PilotOutput")  # a restart ends it
    c.connector.sequence.held.keep()
    assert held(c)[0][1] == ["RcdTripped"]
    run(c.work())
    assert held(c)[0][1] == ["RcdTripped"]


def test_what_another_version_holds_is_for_a_person_and_never_for_ever():
    """A cause that this version does not know was a fault that nothing ended."""
    for payload, person in (
        ([1, ["NewCause"], [0, 0, 0]], True),
        ([1, ["NewCause", "EmergencyStop"], [0, 0, 0], 0, 0], True),
        ([1, ["TemperatureStop"], [0, 0, 0]], False),  # reported again if it is so
        ([1, ["TickFailed"], [0, 0, 0]], False),  # this is the restart
        ([1, [], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4, 0, "more"], False),
        ([1, [], [0, 0, 0, 0]], False),
        ([1, [], [0, 0]], True),
        ([1, []], True),
        ([1, ["EmergencyStop"]], True),
        ([1], True),
        ([1, None, [0, 0, 0]], True),
        ([1, [None, 7, ["x"]], [0, 0, 0]], True),
        ([1, [], [None, "x", 0]], False),
    ):
        c, _ = restarted(journal((kinds.HELD, payload)), "PowerUp", 2)
        assert c.evse.closings.person is person, payload
        assert ("ClosingsExceeded" in c.evse.faults) is person, payload
        stop = "EmergencyStop" in str(payload)
        assert c.connector.faults.has("EmergencyStop") is stop, payload
        assert c.station.reset_faults() or not person, payload
        run(c.work())
        c, _ = restarted(c, "SoftRestart", 3)
        assert not c.evse.closings.person, payload


def test_a_cause_that_ends_by_itself_is_not_restored():
    record = [1, ["TemperatureStop", "TickFailed"], [0, 0, 0], 4, 0]
    c, _ = restarted(journal((kinds.HELD, record)), "PowerUp", 2)
    assert not c.connector.faults.has("TemperatureStop")
    assert not c.connector.faults.has("TickFailed") and c.connector.usable
    assert held(c)[0][1] == [], "the record says what holds now"
    assert held(c)[0][3] == 4


def test_a_restored_fault_is_shown_for_five_seconds():
    for cause in ("EmergencyStop", "RcdTripped"):
        c, _ = restarted(journal((kinds.HELD, [1, [cause], [0, 0, 0], 0, 0])), "PowerUp", 2)
        faults = c.connector.faults
        faults.reset()
        faults.step(4999, False)
        assert faults.has(cause)
        faults.step(5000, False)
        assert not faults.has(cause)


def test_a_record_that_says_what_holds_is_not_written_again():
    """Each start would cost flash."""
    for record in ([1, ["RcdTripped"], [0, 0, 0], 0, 0], [1, [], [0, 0, 0], 7, 0],
                   [1, [], [0, 0, 0], 0, 1], [1, ["EmergencyStop"], [0, 0, 0], 7, 1]):  # fmt: skip
        c = Charger(journal((kinds.HELD, record)).flash, boot=2)
        kept = []
        c.journal.keep = lambda *arguments: kept.append(arguments)  # noqa: B023
        c.evse.plug()
        recovery.restore(c.station, c.journal, "PowerUp")
        run(c.work())
        assert [k for k in kept if k[0] == kinds.HELD] == [], record


def test_a_record_without_its_last_fields_is_read_as_far_as_it_goes():
    for tail, counted, finished in (
        ([], 0, False), ([4], 4, False), ([4, 0], 4, False), ([4, 1], 4, True),
        ([None, 1], 0, True), (["4", 0], 0, False), ([4, None], 4, True), ([4, "x"], 4, True),
    ):  # fmt: skip
        c = journal((kinds.HELD, [1, [], [0, 0, 0]] + tail), start(4), asking(4))
        c, _ = restarted(c, "PowerUp", 2)
        assert cuts(c) == (0 if counted == 4 else 1), (tail, "session 4 was counted before")
        assert c.connector.sequence.held.counted == 4
        assert c.connector.unplugged_since_stop is not finished, tail
        assert not c.evse.closings.person, tail


def test_the_record_says_that_free_mode_waits():
    c, _ = restarted(journal(start(3)), "PowerUp", 2, True)
    assert held(c)[0][3:] == [3, 1]
    c, _ = restarted(c, "PowerUp", 3, True)
    assert held(c)[0][3:] == [3, 1]


def test_a_stop_that_breaks_the_supply_is_no_power_cut_to_resume_after():
    for cause, stops, finished in (
        ("PowerUp", True, True), ("PowerUp", False, False), ("Watchdog", True, False)
    ):  # fmt: skip
        c, _ = restarted(journal(start(3)), cause, 2, stops)
        assert c.connector.unplugged_since_stop is not finished, (cause, stops)
    c, _ = restarted(journal(), "PowerUp", 2, True)
    assert c.connector.unplugged_since_stop, "nothing was cut"
    c, _ = restarted(journal(start(3)), "PowerUp", 2, True)
    c.journal.append(*stop(3))
    for boot, cause in ((3, "PowerUp"), (4, "SoftRestart"), (5, "Crash")):
        c, _ = restarted(c, cause, boot, True)
        assert not c.connector.unplugged_since_stop, (
            "until the cable has been out, over any restart"
        )
    c.evse.plug()
    run(c.work())
    assert not c.connector.unplugged_since_stop
    c.evse.unplug()
    c.evse.closings.unplugged(0)  # as the state machine does it
    run(c.work())
    assert c.connector.unplugged_since_stop
    c, _ = restarted(c, "PowerUp", 6, True)
    assert c.connector.unplugged_since_stop


# -- the start of a station --------------------------------------------------------------


def test_a_start_without_a_cut_session_is_over_at_once():
    async def story(*records):
        c = journal(*records)
        c.station.recover("PowerUp")
        return c.station.recovering

    assert run(story()) is False
    assert run(story(start(3), stop(3))) is False
    assert run(story(start(3))) is True


def test_what_a_start_alone_needs_does_not_stay_in_memory():
    """On the chip a module is let go of; elsewhere it stays."""
    station = sys.modules["station.station"]
    real, released = station.release, []
    station.release = released.append
    try:
        run(journal().recover("PowerUp"))
    finally:
        station.release = real
    assert released == ["station.recovery"]
