# The records of a session: numbers without gaps, changes with their triggers, and their bound.
# MIT license; part of microevse

import asyncio
import sys

from helpers import run
from ocpp16 import names
from station import faults, session
from station_parts import Charger
from store import kinds, norlog
from store.journal import Journal, JournalFull
from store.kinds import CHANGE, SAMPLE, START, STOP
from store.ramflash import RamFlash

SETTINGS = {
    "MeterValueSampleInterval": "10",
    "StopTransactionOnEVSideDisconnect": "false",
    "StopTransactionOnInvalidId": "false",
}
# The union of those of OCPP 1.6, 2.0.1 and 2.1, in the station's words.
REASONS = """
local master_pass remote ev_disconnected deauthorized unlock hard_reset soft_reset power_loss
reboot
emergency_stop ground_fault overcurrent_fault other energy_limit time_limit cost_limit timeout
stopped_by_ev soc_limit local_out_of_credit energy_transfer_rejected power_quality
"""
AT = {SAMPLE: 5, CHANGE: 5, STOP: 7}  # where a record has its number


def events(c):
    found, after = [], 0
    while True:
        entry = c.journal.pending(after)
        if entry is None:
            return found
        after = entry[0]
        found.append(entry[1:])


def numbers(c, number=1):
    """The numbers of all undelivered records of a session, in their order on flash."""
    return [
        0 if kind == START else payload[AT[kind]]
        for kind, payload in events(c)
        if payload[0] == number
    ]


def changes(c):
    return [(p[2], p[3]) for p in c.records(CHANGE)]


def test_a_session_tells_each_change_with_its_trigger():
    async def story():
        c = Charger(settings=SETTINGS)
        await c.charge()
        await c.pass_s(3)
        c.evse.release()
        await c.pass_s(3)
        c.evse.request()
        await c.pass_s(3)
        c.limits.claim("api", 50, 0)
        await c.pass_s(3)
        c.limits.claim("api", 50, 10000)
        await c.pass_s(3)
        c.evse.unplug()
        await c.pass_s(3)
        c.evse.plug()
        await c.pass_s(3)
        assert c.connector.session is not None
        c.station.deauthorized(1)
        await c.pass_s(3)
        return c

    c = run(story())
    assert [trigger for trigger, _ in changes(c)].count("deauthorized") == 1
    told = changes(c)
    assert told[0] == ("charging_state", "charging")
    assert told[1] == ("charging_state", "suspended_ev")
    assert ("charging_state", "suspended_evse") in told
    assert ("unplugged", "idle") in told and [t for t, _ in told].count("plugged") == 1
    assert numbers(c) == list(range(len(numbers(c))))


def test_a_change_is_recorded_by_the_look_that_sees_it():
    async def story():
        c = Charger(settings=SETTINGS)
        await c.charge()
        told = len(c.records(CHANGE))
        c.evse.release()
        c.connector.metering.tick(c.clock.ms)
        assert len(c.records(CHANGE)) == told, "metering has nothing to do with it"
        c.clock.ms += 20
        c.connector.look(c.clock.ms)
        assert changes(c)[-1] == ("charging_state", "suspended_ev")
        # The listeners of the station hear of the change before its record is announced.
        kinds_of = [kind for kind, _, data in c.events if kind in ("changed", "journal")]
        assert kinds_of[-2:] == ["changed", "journal"] and c.events[-1][2] == CHANGE
        c.evse.request()
        c.limits.claim("api", 50, 8000)
        await c.work()
        assert changes(c)[-1] == ("charging_state", "charging")
        assert c.records(CHANGE)[-1][6] == [8000, 0]
        c.station.deauthorized(1)
        await c.work()
        assert changes(c)[-1] == ("deauthorized", "suspended_evse")
        c.connector.request_stop("remote")
        await c.work()
        return c

    c = run(story())
    told = changes(c)
    assert numbers(c) == list(range(len(numbers(c)))) and len(c.records(STOP)) == 1
    assert len(told) == len(set(told)) + told.count(("charging_state", "charging")) - 1, told


def test_a_journal_that_cannot_be_written_holds_up_no_permission():
    """The contactor is told first, then the flash is."""

    async def story():
        c = Charger(settings=SETTINGS)
        await c.charge()

        def broken(kind, payload):
            assert "forbid" in c.evse.calls, "the journal was asked first"
            raise OSError("flash")

        c.journal.append = broken
        c.evse.calls = []
        c.limits.claim("api", 50, 0)
        c.connector.look(c.clock.ms)
        assert not c.evse.closed and c.connector.status == "suspended_evse"

    run(story())


def test_the_start_has_a_uuid_of_its_own_and_its_token_s_kind():
    c = Charger()
    run(c.charge("CARD"))
    [start] = c.records(START)
    uuid = start[6]
    assert len(uuid) == 16 and uuid[6] >> 4 == 4 and uuid[8] >> 6 == 2
    assert start[7] in ("Central", "ISO14443") and start[8] is None
    other = Charger()
    run(other.charge("CARD"))
    assert other.records(START)[0][6] != uuid


def test_numbers_go_on_behind_a_power_cut():
    for delivered in (0, 3, 99):

        async def story():
            c = Charger(settings=SETTINGS)
            await c.charge()
            await c.pass_s(35)
            c.evse.release()
            await c.pass_s(2)
            count = len(numbers(c))
            for _ in range(min(delivered, count)):  # noqa: B023
                c.journal.done(c.journal.pending()[0])
            c.journal.prepare()
            again = Charger(c.flash, boot=2)
            await again.recover("PowerUp")
            return count, again.records(STOP)[0]

        count, stop = run(story())
        assert stop[7] == count and stop[8] == "abnormal", (delivered, stop)


def test_a_record_that_is_refused_takes_no_number():
    async def story():
        c = Charger(settings=SETTINGS)
        await c.charge()
        append = c.journal.append

        def full(kind, payload):
            if kind in (SAMPLE, CHANGE):
                raise JournalFull("no room")
            return append(kind, payload)

        c.journal.append = full
        await c.pass_s(35)
        c.evse.release()
        await c.pass_s(5)
        c.journal.append = append
        await c.pass_s(15)
        c.connector.request_stop("remote")
        await c.pass_s(3)
        return c

    c = run(story())
    assert numbers(c) == list(range(len(numbers(c))))
    # Changes that could not be recorded for lack of room are recorded once there is room.
    assert ("charging_state", "suspended_ev") in changes(c)


def test_a_car_that_toggles_has_twenty_changes_and_one_more_each_minute():
    async def story(seconds):
        c = Charger(settings={"MeterValueSampleInterval": "0"})
        await c.charge()
        for i in range(seconds // 4):
            await c.pass_s(2)
            c.evse.calls = []
            c.evse.release() if i % 2 == 0 else c.evse.request()
            await c.pass_s(2)
        c.evse.release()
        await c.pass_s(70)
        return c

    c = run(story(1800))
    records = c.records(CHANGE)
    assert 45 <= len(records) <= 20 + 30 + 2
    # Each change is either recorded or counted in the next record.
    assert sum([p[6][1] + 1 for p in records]) >= 445
    assert records[-1][3] == "suspended_ev", "the last one tells how it stayed"
    size = sum([norlog.record_size(len(cbor_of(p))) for p in records])
    print("%d changes in half an hour: %d bytes" % (len(records), size))
    assert size < 52 * 64


def cbor_of(payload):
    from store import cbor

    return cbor.dumps(payload)


def test_a_limit_that_changes_each_second_is_recorded_once_a_minute():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "0"})
        await c.charge()
        await c.pass_s(60)
        before = len(c.records(CHANGE))
        for i in range(600):
            c.limits.claim("api", 50, 6000 + 2000 * (i % 5))
            c.evse.calls = []
            await c.pass_s(1)
        return c.records(CHANGE)[before:]

    records = run(story())
    assert 5 <= len(records) <= 11
    assert {p[2] for p in records} == {"limit"} and all(p[6][1] > 30 for p in records[1:])


def test_changes_leave_the_reserves_alone_and_go_behind_the_samples():
    """The journal fills with changes: every end still fits, and samples are given up first."""
    flash = RamFlash(16, 1024)
    j = Journal(norlog.NorLog(flash))
    j.prepare()
    refused = 0
    for number in range(1, 77):
        j.append(START, [number, 1, "CARD", 0, None, [1, number, 0], b"u" * 16, "Local", None])
        for i in range(1, 30):
            try:
                kind = CHANGE if i % 2 else SAMPLE
                more = ["limit", "charging", [1, i, 0], i, [16000, 0]]
                if kind == SAMPLE:
                    more = ["Sample.Periodic", [1, i, 0], [[1, 0, i]], i]
                j.append(kind, [number, 1] + more)
            except JournalFull:
                refused += 1
        j.append(STOP, [number, 1, 5, "local", None, [1, 99, 0], None, 30, "remote_stop", None])
        j.prepare()
    found = []
    after = 0
    while j.pending(after):
        after, kind, payload = j.pending(after)
        found.append(kind)
    assert found.count(START) == found.count(STOP) == 76
    assert found.count(CHANGE) > found.count(SAMPLE) and j.samples_dropped > 100
    again = Journal(norlog.NorLog(flash))
    assert again.queued == len(found) and not again.running


def test_the_newest_change_of_an_open_session_stays_whatever_is_reclaimed():
    flash = RamFlash(16, 1024)
    j = Journal(norlog.NorLog(flash))
    j.prepare()
    j.done(j.append(START, [7, 1, "CARD", 0, None, [1, 1, 0], b"u" * 16, "Local", None]))
    j.done(j.append(SAMPLE, [7, 1, "Sample.Periodic", [1, 2, 0], [[1, 0, 5]], 1]))
    for i in range(2, 40):
        j.done(j.append(CHANGE, [7, 1, "limit", "charging", [1, i, 0], i, [6000, 0]]))
    for other in range(100, 260):
        for kind, rest in (
            (START, ["C", 0, None, [1, 1, 0]]),
            (STOP, [0, "x", None, [1, 1, 0], None]),
        ):
            j.done(j.append(kind, [other, 1] + rest))
        j.prepare()
    for journal in (j, Journal(norlog.NorLog(flash))):
        seen = []
        journal.replay(lambda seq, kind, payload, done: seen.append((kind, payload)))  # noqa: B023
        seen = [(kind, p) for kind, p in seen if p[0] == 7]
        assert [kind for kind, _ in seen][:2] == [START, SAMPLE]
        assert seen[-1] == (CHANGE, [7, 1, "limit", "charging", [1, 39, 0], 39, [6000, 0]])


def test_every_reason_has_a_trigger_and_a_word_of_1_6():
    told = set(
        "EmergencyStop EVDisconnected HardReset Local Other PowerLoss Reboot Remote SoftReset "
        "UnlockCommand DeAuthorized".split()
    )
    reasons = REASONS.split()
    if sys.implementation.name == "cpython":  # MicroPython does not keep the name of the table
        assert [line.split()[0] for line in session._ENDS.split("\n") if line] == reasons
    assert len(reasons) == 23
    assert {names.stop_reason(reason) for reason in reasons} == told
    for reason in reasons:
        assert session.trigger_of(reason) == session.trigger_of(reason).strip() != ""
    assert session.trigger_of("remote") == "remote_stop"
    assert session.trigger_of("ev_disconnected") == "unplugged"
    assert session.trigger_of("no such word") == session.trigger_of("other") == "abnormal"
    assert session.trigger_of("local") == session.trigger_of("master_pass") == "stop_authorized"


def test_a_fault_ends_a_session_for_its_own_reason():
    async def story(cause):
        c = Charger()
        await c.charge()
        c.connector.report_fault(cause)
        await c.pass_s(2)
        return c.records(STOP)[0]

    for cause, reason in (
        ("EmergencyStop", "emergency_stop"), ("RcdTripped", "ground_fault"),
        ("ProtectiveEarthLost", "ground_fault"), ("OverCurrentHard", "overcurrent_fault"),
        ("OverCurrentSoft", "overcurrent_fault"), ("ContactorWelded", "other"),
    ):  # fmt: skip
        assert faults.action(cause) == faults.END
        stop = run(story(cause))
        assert stop[3] == reason and stop[8] == "abnormal", cause


def test_1_6_hears_nothing_of_changes_and_waits_for_none():
    from ocpp16.transactions import Transactions

    asked = []

    async def call(action, payload):
        asked.append(action)
        return {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}

    async def story():
        c = Charger(settings=SETTINGS)
        c.station.delivery.attach(Transactions(call, c.station))
        await c.charge()
        c.evse.release()
        await c.pass_s(3)
        assert len(c.records(CHANGE)) >= 2
        while c.station.delivery.due_in_ms() is not None:
            assert c.station.delivery.due_in_ms() == 0
            await c.station.delivery.step()
        assert asked == ["StartTransaction"] and c.journal.queued == 0
        assert c.journal.foreign == 0
        await asyncio.sleep(0)

    run(story())
    assert kinds.LAST_EVENT == CHANGE


def test_a_small_change_of_the_limit_is_not_significant():
    async def story(percent):
        c = Charger(settings={"LimitChangeSignificance": percent})
        await c.charge()
        await c.pass_s(60)
        before = len(c.records(CHANGE))
        for ma in (16000, 14000, 8000):
            c.limits.claim("api", 50, ma)
            await c.pass_s(90)
        return [record[6][0] for record in c.records(CHANGE)[before:]]

    assert run(story("0"))[-2:] == [14000, 8000]
    assert run(story("20"))[-1:] == [8000] and 14000 not in run(story("20"))
