# Faults under their causes: every pair of them, levels and events, and what may end each.
# MIT license; part of microevse

from helpers import run
from iec61851 import levels
from station import faults
from station.faults import AUTO, END, HOLD_MS, OPEN, PAUSE, PERSON, RESTART, UNPLUG, Faults
from station_parts import Charger, FakeEvse
from store import kinds
from store.journal import JournalFull

CAUSES = [line.split("|")[0] for line in faults._TABLE.strip().split("\n")]
HOUR_MS = 3600000


def closed():
    """An EVSE with its contactor closed."""
    evse = FakeEvse()
    evse.permit(16000)
    evse.plug()
    evse.request()
    assert evse.closed
    return evse


def test_every_cause_acts_and_ends_in_a_way_that_there_is():
    assert len(CAUSES) > 30 and len(set(CAUSES)) == len(CAUSES)
    for cause in CAUSES:
        assert faults.action(cause) in (0, PAUSE, OPEN, END), cause
        assert faults.clearing(cause) in (AUTO, UNPLUG, RESTART, PERSON), cause
        assert len(faults.sentence(cause)) > 10, cause
    assert faults.action("NoSuchCause") == END and faults.clearing("NoSuchCause") == RESTART


def _reported(watched):
    """For each pair: a is reported, then b, and b is gone long ago and may be forgotten."""
    for a in CAUSES:
        for b in CAUSES:
            if a == b:
                continue
            evse = closed()
            book = Faults(evse)
            book.report(a, "a", 0, watched)
            book.report(b, "b", 0, watched)
            book.gone(b)
            book.reset()
            yield a, b, evse, book


def test_no_cause_ends_or_hides_another():
    """A failed self-test of the RCD erased a lost protective earth once, because both had the
    same error code: the car was charged without earth."""
    for a, b, evse, book in _reported(True):
        for now in range(0, HOUR_MS, HOUR_MS // 10):
            book.step(now, False)
        assert book.has(a), (a, b)
        if faults.clearing(b) in (AUTO, UNPLUG):
            assert not book.has(b), (a, b)
        # It still acts, as bad as it is: alone, and against a contactor that closes again.
        assert book.action >= faults.action(a)
        if faults.action(a) >= OPEN:
            assert not evse.closed and a in evse.faults, (a, b)
            evse.faults.clear()
            evse.permit(16000)
            evse.request()
            book.step(HOUR_MS, False)
            assert not evse.closed and (a in evse.faults or b in evse.faults), (a, b)


def test_no_latched_cause_ends_or_hides_another():
    """The same for what the EVSE has found out by itself."""
    for a in CAUSES:
        for b in CAUSES:
            evse = closed()
            book = Faults(evse)
            evse.trip(b)
            evse.trip(a)
            evse.causes.add(a)  # still seen
            for now in range(0, HOUR_MS, HOUR_MS // 10):
                book.step(now, False)
            assert book.has(a) and a in evse.faults, (a, b)
            assert book.action >= faults.action(a), (a, b)
            if a != b and faults.clearing(b) in (AUTO, UNPLUG):
                assert not book.has(b), (a, b)


def test_the_order_of_reports_does_not_matter():
    for a, b, _, book in _reported(False):
        other = Faults(closed())
        other.report(b, "b", 0)
        other.report(a, "a", 0)
        assert other.action == max(faults.action(a), faults.action(b))
        assert other.has(a) and other.has(b) and book.has(a)


def test_a_report_opens_at_once_and_waits_for_no_step():
    """The steps of a connector come later, and its task may hang."""
    for cause in CAUSES:
        for watched in (False, True):
            evse = closed()
            Faults(evse).report(cause, "", 0, watched)
            opens = faults.action(cause) >= OPEN
            assert evse.closed != opens and (cause in evse.faults) == opens, cause
            # Again, while it is known already and no news.
            book = Faults(evse)
            book.report(cause, "", 0, watched)
            again = closed()
            book._evse = again
            book.report(cause, "", 500, watched)
            assert again.closed != opens, cause


def test_a_step_opens_what_has_closed_in_spite_of_a_known_cause():
    """No part reports it anew: an event comes once, and a part that has died reports no more."""
    for cause in CAUSES:
        for watched in (False, True):
            evse = closed()
            book = Faults(evse)
            book.report(cause, "", 0, watched)
            opens = faults.action(cause) >= OPEN
            for pwm_only in (False, True):
                evse.faults.clear()  # the latch lost it
                evse.release()
                evse.permit(16000)
                if not pwm_only:
                    evse.request()
                    assert evse.closed
                assert evse.pwm
                book.step(500, True)
                assert not evse.closed or not opens, cause
                assert evse.pwm != opens and (cause in evse.faults) == opens, cause


def test_what_the_evse_alone_has_found_is_acted_on_by_the_next_step():
    """It is tripped by the tick, and something lets it close again while the cause is latched."""
    for cause in CAUSES:
        evse = closed()
        book = Faults(evse)
        evse.trip(cause)
        evse.causes.add(cause)
        evse.closed = evse.pwm = True
        book.step(0, True)
        assert evse.closed == (faults.action(cause) < OPEN), cause


def test_a_level_that_is_reported_at_every_look_is_news_once():
    book = Faults(closed())
    assert book.report("ProtectiveEarthLost", "", 0, True)
    for now in range(500, 60000, 500):
        assert not book.report("ProtectiveEarthLost", "", now, True)
        book.step(now, False)
    assert book.changes() == [("ProtectiveEarthLost", "", True)] and book.changes() == []
    book.gone("ProtectiveEarthLost")
    book.step(60000, False)
    assert book.changes() == [("ProtectiveEarthLost", "", False)]


def test_an_event_does_not_end_the_level_of_the_same_cause():
    """An RCD that stays tripped, and one more edge of its output."""
    book = Faults(closed())
    book.report("RcdTripped", "", 0, True)
    book.report("RcdTripped", "", 100)
    book.step(HOUR_MS, False)
    assert book.has("RcdTripped")
    book.gone("RcdTripped")
    book.step(HOUR_MS, False)
    assert not book.has("RcdTripped")


def test_what_each_way_of_ending_needs():
    for cause in CAUSES:
        book = Faults(closed())
        book.report(cause, "", 0, True)
        book.gone(cause)
        book.step(HOLD_MS - 1, False)
        assert book.has(cause), "shown for a moment at least"
        how = faults.clearing(cause)
        book.step(HOLD_MS, True)
        assert book.has(cause) == (how != AUTO), cause
        book.step(HOUR_MS, False)
        assert book.has(cause) == (how in (RESTART, PERSON)), cause
        assert book.reset() == (how == PERSON)
        book.step(HOUR_MS, False)
        assert book.has(cause) == (how == RESTART), cause


def test_a_person_cannot_reset_what_is_still_there():
    book = Faults(closed())
    book.report("EmergencyStop", "", 0, True)
    assert not book.reset()
    book.gone("EmergencyStop")
    book.step(HOUR_MS, False)
    assert book.for_person() == ["EmergencyStop"]
    assert book.reset()
    # Pressed again before the reset was carried out.
    book.report("EmergencyStop", "", HOUR_MS, True)
    book.gone("EmergencyStop")
    book.step(2 * HOUR_MS, False)
    assert book.has("EmergencyStop")


def test_each_cause_that_comes_and_goes_is_an_event():
    async def story():
        c = Charger()
        await c.charge()
        c.events = []
        c.connector.report_fault("ProtectiveEarthLost", "", True)
        c.connector.report_fault("RcdTestFailed")
        c.connector.report_fault("ReaderLost", "no answer")
        c.evse.unplug()
        await c.pass_s(10)
        c.connector.clear_fault("ReaderLost")
        await c.pass_s(10)
        told = [(d["cause"], d["on"]) for kind, _, d in c.events if kind == "fault"]
        assert told == [
            ("ProtectiveEarthLost", True),
            ("RcdTestFailed", True),
            ("ReaderLost", True),
            ("RcdTestFailed", False),
            ("ReaderLost", False),
        ], told
        assert c.connector.fault[0] == "ProtectiveEarthLost" and c.connector.status == "faulted"

    run(story())


async def _too_many(cause):
    """A charging Charger that `cause` has opened three times before."""
    c = Charger()
    await c.charge()
    for _ in range(3):
        c.evse.closings.ended(c.clock.ms, cause)
    return c


def test_what_waits_for_a_person_outlives_a_restart_and_only_a_person_ends_it():
    async def story():
        c = await _too_many("RcdTripped")
        assert c.evse.closings.person
        c.connector.report_fault("EmergencyStop")
        await c.pass_s(3)
        assert not c.evse.closed and not c.evse.closings.news, "on flash"
        later = Charger(c.flash, boot=2)
        await later.recover("HardRestart")
        assert later.evse.closings.person and "ClosingsExceeded" in later.evse.faults
        assert later.connector.faults.has("EmergencyStop")
        await later.pass_s(60)
        assert later.connector.status == "faulted"
        assert later.station.reset_faults()
        await later.pass_s(10)
        assert later.connector.status == "available", later.connector.fault
        assert not later.station.reset_faults(), "nothing waits any more"
        last = Charger(c.flash, boot=3)
        await last.recover("PowerUp")
        await last.pass_s(1)
        assert last.connector.fault is None and last.evse.closings.why is None

    run(story())


def _waits(c):
    """As the page sees it (web.view)."""
    return bool(c.evse.closings.person or c.connector.faults.for_person())


def test_the_bound_of_closings_is_not_reset_while_a_cause_that_opens_is_seen():
    """A click forgot three trips of an RCD that was still tripped once."""

    async def story():
        c = await _too_many("RcdTripped")
        c.connector.report_fault("RcdTripped", "", True)
        c.connector.report_fault("ReaderLost", "", True)  # stops nothing, hinders nothing
        c.evse.unplug()
        await c.pass_s(10)
        assert _waits(c)
        assert not c.station.reset_faults()
        assert c.evse.closings.why == "rcd" and _waits(c)
        c.connector.clear_fault("RcdTripped")
        assert c.station.reset_faults()
        assert c.evse.closings.why is None and not _waits(c)

    run(story())


def test_the_bound_of_closings_is_not_reset_while_the_pilot_is_still_shorted():
    async def story():
        c = await _too_many("PilotWrong")
        c.evse.trip("PilotWrong")
        c.evse.causes.add("PilotWrong")
        await c.pass_s(1)
        assert not c.station.reset_faults() and c.evse.closings.why == "fault"
        c.evse.causes.clear()
        assert c.station.reset_faults() and c.evse.closings.why is None

    run(story())


def test_a_held_emergency_stop_keeps_the_bound_of_closings_too():
    """The answer was "Reset." once, and half of it was true."""

    async def story():
        c = await _too_many("RcdTripped")
        c.connector.report_fault("EmergencyStop", "", True)
        await c.pass_s(10)
        assert not c.station.reset_faults() and c.evse.closings.person
        c.connector.clear_fault("EmergencyStop")
        assert _waits(c)
        assert c.station.reset_faults()
        assert not _waits(c), "released, if shown for a while"
        assert c.connector.faults.has("EmergencyStop") and not c.evse.closings.person
        assert not _waits(Charger())

    run(story())


def test_trips_of_the_rcd_are_counted_over_restarts():
    """Two before the restart, one after it: the third one is one too many."""

    async def story():
        c = Charger()
        await c.charge()
        c.evse.release()
        for _ in range(2):
            c.evse.closings.ended(c.clock.ms, "RcdTripped")
        await c.pass_s(2)
        later = Charger(c.flash, boot=2)
        await later.recover("PowerUp")
        assert not later.evse.closings.person
        assert later.evse.closings.ended(later.clock.ms, "RcdTripped") == "rcd"

    run(story())


def test_what_waits_for_the_cable_outlives_a_restart():
    """A reset by the central system closed again on a tripped RCD, the cable still in."""

    async def story(cause, reset):
        c = Charger()
        await c.charge()
        c.evse.trip(cause)
        await c.pass_s(1)
        later = Charger(c.flash, boot=2)
        await later.recover(reset)
        later.evse.state = levels.UNKNOWN
        assert later.connector.faults.has(cause) and not later.connector.usable
        await later.pass_s(30)
        assert later.connector.faults.has(cause), "state A has not been seen yet"
        later.evse.plug()
        await later.pass_s(30)
        assert later.connector.faults.has(cause) and later.connector.status == "faulted"
        again = Charger(c.flash, boot=3)
        await again.recover(reset)
        assert again.connector.faults.has(cause)
        later.evse.unplug()
        await later.pass_s(2)
        assert later.connector.status == "available"
        last = Charger(c.flash, boot=4)
        await last.recover(reset)
        assert not last.connector.faults.has(cause)

    for cause in ("RcdTripped", "RcdTestFailed", "OverCurrentHard", "LockLost"):
        for reset in ("SoftRestart", "HardRestart", "PowerUp", "Watchdog"):
            run(story(cause, reset))


def test_a_fault_waits_for_an_absence_of_the_cable_that_has_lasted():
    async def story():
        c = Charger()
        await c.charge()
        c.evse.trip("OverCurrentHard")
        await c.pass_s(10)
        c.evse.plugged, c.evse.state = False, levels.A
        FakeEvse.away = property(lambda evse: away)
        for away in (False, True):
            await c.pass_s(5)
            assert c.connector.faults.has("OverCurrentHard") is not away

    real = FakeEvse.away
    try:
        run(story())
    finally:
        FakeEvse.away = real


def test_the_bounds_of_a_plug_in_outlive_a_restart():
    async def story():
        c = Charger()
        await c.charge()
        c.evse.release()
        for _ in range(2):
            c.evse.closings.ended(c.clock.ms, "OverCurrentSoft")
        await c.pass_s(2)
        later = Charger(c.flash, boot=2)
        await later.recover("SoftRestart")
        assert later.evse.closings.left == (48, 1) and later.evse.closings.why is None
        assert later.evse.closings.ended(later.clock.ms, "OverCurrentSoft") == "fault"
        await later.pass_s(1)
        last = Charger(c.flash, boot=3)
        await last.recover("SoftRestart")
        assert "ClosingsExceeded" in last.evse.faults and not last.connector.usable

    run(story())


def test_what_is_held_is_on_flash_before_anything_that_takes_time():
    """An emergency stop was forgotten if the supply went while the meter was asked."""

    async def story():
        c = Charger()
        await c.charge()
        c.evse.trip("EmergencyStop")
        seen = []

        async def refresh():
            seen.append([record[1] for _, record in c.journal.state(kinds.HELD)])
            return True

        c.connector.metering.refresh = refresh
        await c.work()
        assert seen[0] == [["EmergencyStop"]], seen

    run(story())


def test_what_could_not_be_kept_is_kept_at_the_next_look():
    async def story(failure):
        c = Charger()
        await c.charge()
        keep, tries = c.journal.keep, []

        def fails(kind, key, payload):
            if kind == kinds.HELD and len(tries) < 3:
                tries.append(payload)
                raise failure
            return keep(kind, key, payload)

        c.journal.keep = fails
        c.evse.trip("EmergencyStop")
        c.evse.closings.ended(0, "RcdTripped")
        await c.pass_s(1)
        assert tries and c.evse.closings.news and not list(c.journal.state(kinds.HELD))
        await c.pass_s(3)
        assert len(tries) == 3 and not c.evse.closings.news
        [(_, [_, causes, counts, _, _])] = list(c.journal.state(kinds.HELD))
        assert causes == ["EmergencyStop"] and counts[1] == 86400

    for failure in (JournalFull(), OSError(5)):
        run(story(failure))


class Evse:
    """The faults that an EVSE has latched; `clear` is done by a later window, as by the real one.
    `seen`: causes that it still sees."""

    closed = False
    pwm = False

    def __init__(self, *latched, seen=()):
        self.faults = list(latched)
        self.seen = seen

    def trip(self, cause):
        if cause not in self.faults:
            self.faults.append(cause)

    def may_clear(self, cause):
        return cause not in self.seen

    clear = may_clear


def test_a_fault_is_told_to_be_over_once_when_the_evse_has_forgotten_it():
    evse = Evse("PilotWrong")
    book = Faults(evse)
    book.step(0, True)
    assert [(c, on) for c, _, on in book.changes()] == [("PilotWrong", True)]
    for now in range(HOUR_MS, HOUR_MS + 5):
        book.step(now, False)
        assert book.changes() == [] and book.has("PilotWrong")
    evse.faults.clear()
    book.step(HOUR_MS + 5, False)
    assert [(c, on) for c, _, on in book.changes()] == [("PilotWrong", False)]


def test_another_fault_that_lasts_is_no_reason_not_to_reset_one():
    book = Faults(Evse())
    book.report("EmergencyStop", "", 0, True)
    book.report("TemperatureStop", "", 0)
    assert not book.reset(), "the button is still pressed"
    book.gone("EmergencyStop")
    assert book.reset() and book.for_person() == []
    # The bound of closings is about all of them.
    assert not book.reset(True)
    book.gone("TemperatureStop")
    assert book.reset(True)


def test_what_the_evse_still_sees_is_no_reason_not_to_reset_another():
    book = Faults(Evse("RcdTripped", seen=("RcdTripped",)))
    book.report("EmergencyStop", "", 0, True)
    book.gone("EmergencyStop")
    assert not book.reset(True), "the bound of closings is about all of them"
    assert book.reset()


def test_the_bound_of_closings_itself_is_no_cause_that_is_still_there():
    for latched, seen, may in (
        (("ClosingsExceeded",), ("ClosingsExceeded",), True),
        (("ClosingsExceeded", "RcdTripped"), ("ClosingsExceeded",), True),
        (("ClosingsExceeded", "RcdTripped"), ("RcdTripped",), False),
        (("RcdTripped",), ("RcdTripped",), False),
    ):
        assert Faults(Evse(*latched, seen=seen)).reset(True) is may, latched


def test_of_equal_causes_the_first_of_the_table_is_the_worst():
    for i, a in enumerate(CAUSES):
        assert faults.is_known(a)
        for b in CAUSES[i + 1 :]:
            worse = b if faults.action(b) > faults.action(a) else a
            assert faults.worst([a, b]) == faults.worst([b, a]) == worse, (a, b)
    assert faults.worst([]) is None
    assert faults.worst(["NotKnown", CAUSES[0], "NotKnownEither"]) == "NotKnown"
    for unknown in ("NoSuchCause", "", "|", None, 7, ["EmergencyStop"]):
        assert not faults.is_known(unknown)
