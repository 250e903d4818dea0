# StatusNotification: order, coalescing, MinimumStatusDuration; and 1.6 spelling of values.
# MIT license; part of microevse

import asyncio

from helpers import run
from ocpp16 import names
from ocpp16 import status as status16
from ocppj.messages import CallError
from ocppj.status_queue import MAX_QUEUED, StatusQueue
from station import faults as causes


class FakeClock:
    def __init__(self):
        self.ms = 0

    def uptime_ms(self):
        return self.ms

    def now(self):
        return 1798761600 + self.ms // 1000


class Thing:
    def __init__(self):
        self.status = "available"
        self.fault = None
        self.info = None


class FakeStation(Thing):
    def __init__(self, count=1):
        Thing.__init__(self)
        self.connectors = [Thing() for _ in range(count)]


class FakeSettings:
    def __init__(self, minimum=0):
        self.minimum = minimum

    def get(self, name):
        assert name == "MinimumStatusDuration"
        return self.minimum


def queue(call, station, settings, clock):
    return StatusQueue(
        call, settings, clock,
        lambda: range(len(station.connectors) + 1),
        lambda connector: status16.render(station, clock, connector),
        status16.FIELDS,
    )  # fmt: skip


def make(minimum=0, count=1):
    sent = []

    async def call(action, payload):
        assert action == "StatusNotification"
        sent.append((payload["connectorId"], payload["status"]))
        return {}

    clock, station = FakeClock(), FakeStation(count)
    return queue(call, station, FakeSettings(minimum), clock), station, clock, sent


def drain(status):
    while status.due_in_ms() == 0:
        run(status.step())


def change(status, station, word):
    station.connectors[0].status = word
    status.changed(1)


def test_after_boot_every_connector_and_the_charge_point_is_told_once():
    status, _, _, sent = make(count=2)
    status.everything()
    drain(status)
    assert sent == [(0, "Available"), (1, "Available"), (2, "Available")]


def test_changes_are_told_in_order_while_online():
    status, station, _, sent = make()
    for word in ("preparing", "charging", "finishing"):
        change(status, station, word)
    drain(status)
    assert [s for _, s in sent] == ["Preparing", "Charging", "Finishing"]


def test_the_same_state_is_not_told_twice():
    status, station, _, sent = make()
    change(status, station, "preparing")
    drain(status)
    change(status, station, "preparing")
    drain(status)
    assert sent == [(1, "Preparing")]


def test_after_an_outage_only_the_current_state_is_told():
    status, station, _, sent = make()
    for word in ("preparing", "charging", "finishing"):
        change(status, station, word)
    status.everything()
    drain(status)
    assert sent == [(0, "Available"), (1, "Finishing")]


def test_what_is_told_after_a_boot_is_what_holds_when_it_is_sent():
    # A change between the first two messages of a boot was once told stale first, then right.
    for first, then in (("unavailable", "available"), ("available", "faulted")):
        status, station, _, sent = make(count=2)
        station.connectors[0].status = station.connectors[1].status = first
        status.everything()
        run(status.step())
        for connector in (1, 2):
            station.connectors[connector - 1].status = "preparing"
            status.changed(connector)
            station.connectors[connector - 1].status = then
            status.changed(connector)
        station.status = "unavailable"
        status.changed(0)
        drain(status)
        told = names.connector_status(then)
        assert sent == [(0, "Available"), (1, told), (2, told), (0, "Unavailable")]


def test_changes_that_come_while_the_first_word_is_on_its_way_follow_it():
    status, station, _, sent = make()
    status.everything()
    run(status.step())

    async def call(action, payload):
        sent.append((payload["connectorId"], payload["status"]))
        if len(sent) == 2:
            for word in ("preparing", "charging"):
                change(status, station, word)
        return {}

    status._call = call
    drain(status)
    assert [s for c, s in sent if c] == ["Available", "Preparing", "Charging"]


def test_a_status_that_nobody_answered_is_looked_up_again():
    status, station, clock, sent = make()
    status.everything()
    run(status.step())
    good = status._call

    async def lost(action, payload):
        station.connectors[0].status = "unavailable"
        status.changed(1)
        station.connectors[0].status = "preparing"
        raise asyncio.TimeoutError

    async def quiet(action, payload):
        raise asyncio.TimeoutError

    for call in (quiet, quiet):
        status._call = call
        try:
            run(status.step())
            raise AssertionError("no timeout")
        except asyncio.TimeoutError:
            station.connectors[0].status = "preparing"
            status.changed(1)
    status._call = good
    drain(status)
    assert [s for c, s in sent if c] == ["Preparing"]
    status.everything()
    run(status.step())
    status._call = lost
    try:
        run(status.step())
        raise AssertionError("no timeout")
    except asyncio.TimeoutError:
        status._call = good
    drain(status)
    assert [s for c, s in sent if c] == ["Preparing", "Preparing", "Unavailable"]


def test_a_state_shorter_than_minimum_status_duration_is_not_told():
    status, station, clock, sent = make(minimum=10)
    status.everything()
    drain(status)
    change(status, station, "preparing")
    clock.ms += 4000
    change(status, station, "available")
    clock.ms += 20000
    drain(status)
    # It was Available before and is Available now: there is nothing to say.
    assert sent == [(0, "Available"), (1, "Available")]


def test_minimum_status_duration_delays_a_state_that_lasts():
    status, station, clock, sent = make(minimum=10)
    change(status, station, "preparing")
    assert status.due_in_ms() == 10000
    clock.ms += 9999
    assert status.due_in_ms() == 1
    clock.ms += 1
    drain(status)
    assert sent == [(1, "Preparing")]


def test_a_slow_link_does_not_let_the_queue_grow():
    status, station, _, sent = make()
    for i in range(50):
        change(status, station, "charging" if i % 2 else "suspended_ev")
    drain(status)
    assert len(sent) == MAX_QUEUED
    assert sent[-1] == (1, "Charging")


def test_a_refused_status_does_not_block_the_next():
    async def call(action, payload):
        raise CallError("InternalError", "")

    station = FakeStation()
    status = queue(call, station, FakeSettings(), FakeClock())
    change(status, station, "preparing")
    run(status.step())
    assert status.due_in_ms() is None


def test_a_fault_is_told_with_code_and_text_within_the_limits():
    status, station, _, _ = make()
    station.connectors[0].status = "faulted"
    station.connectors[0].fault = ("RcdTripped", "x" * 80)
    payload = status.current(1)
    assert payload["errorCode"] == "GroundFailure" and len(payload["info"]) == 50
    assert payload["vendorErrorCode"] == "RcdTripped"
    station.connectors[0].fault = ("SomethingNew", "")
    payload = status.current(1)
    assert payload["errorCode"] == "OtherError"
    assert payload["vendorErrorCode"] == "SomethingNew"


# errorCode -> the causes that it stands for.
CAUSES = {
    "ConnectorLockFailure": "LockJammed LockLost",
    "EVCommunicationError": "PilotWrong DiodeLost PilotUnsteady",
    "GroundFailure": "RcdTripped RcdTestFailed ProtectiveEarthLost",
    "HighTemperature": "TemperatureStop TemperatureSensor",
    "InternalError": "PilotOutput PilotDuty PilotBlind PilotFrontEnd Uncalibrated GuardDisagrees "
    "GuardFailed TickFailed ClockStopped TaskFailed ConsoleStop StorageFailed",
    "OverCurrentFailure": "OverCurrentSoft OverCurrentHard",
    "PowerMeterFailure": "MeterLost CurrentBlind",
    "PowerSwitchFailure": "ContactorWelded ContactorNotClosing ClosingsExceeded",
    "ReaderFailure": "ReaderLost",
    "OtherError": "CableUnreadable ResetRequested NoRecordSpace EmergencyStop",
}


def test_each_cause_has_its_error_code_and_is_named_to_the_vendor():
    seen = set()
    for code in CAUSES:
        for cause in CAUSES[code].split():
            seen.add(cause)
            assert names.error_code(cause) == code, cause
            plain = cause in ("MeterLost", "ReaderLost")
            assert names.vendor_code(cause) == (None if plain else cause)
    rows = {line.split("|")[0] for line in causes._TABLE.strip().split("\n")}
    assert rows == seen, rows ^ seen
    assert names.error_code(None) == "NoError" and names.vendor_code(None) is None


def test_values_are_text_without_float_rounding():
    assert names.decimal(16777217, 1) == "16777217"
    assert names.decimal(16000, 1000) == "16.000"
    assert names.decimal(-1, 1000) == "-0.001"
    assert names.decimal(-215, 10) == "-21.5"


def test_sampled_values_name_measurand_unit_and_phase():
    out = names.sampled_values([[1, 0, 1234], [3, "L1", 15999]], "Sample.Periodic")
    assert out[0] == {
        "value": "1234",
        "context": "Sample.Periodic",
        "measurand": "Energy.Active.Import.Register",
        "unit": "Wh",
    }
    assert out[1]["value"] == "15.999" and out[1]["phase"] == "L1" and out[1]["unit"] == "A"


def test_after_a_short_outage_only_what_has_changed_is_told():
    status, station, _, sent = make(count=2)
    status.everything()
    drain(status)
    del sent[:]
    station.connectors[0].status = "preparing"
    status.everything(False)
    drain(status)
    assert sent == [(1, "Preparing")]
    status.everything()
    drain(status)
    assert len(sent) == 4
