# Faults that other chargers had in the field, each as a test against the whole firmware.
# MIT license; part of microevse
"""Where each of the known faults, rules and traps is tested. `here` is this file.

Faults reproduced in other firmware
    lost status answer, then an outage     test_bad_input: lost_status_answer_and_outage
    silence on StartTransaction for 20 min test_bad_input: silence_on_start_transaction
    ClearCache with sessions queued        test_bad_input: clear_cache_does_not_touch
    unrelated CALLRESULT                   test_bad_input: an_unrelated_answer
    stale statuses before transactions     test_bad_input: after_an_outage_transactions
    malformed frames                       test_bad_input: text_that_is_no_message, wrong_calls
Rules for a client
    1  one CALL in flight                  test_bad_input: a_wrong_or_missing_answer; test_rpc
    2  on flash before sent, attempts      here: rule_02_*; test_power_cut_sweep
    3  id -1                               here: rule_03
    4  unique ids                          here: rule_04; test_power_cut_sweep
    5  ping, back-off, clean close         test_bad_input: a_line_that_died, bad_answers_to_the
                                           _upgrade; here: rule_05
    6  stamps, never 1970                  here: rule_06, rule_06_15
    7  torn writes, no silent reformat     test_journal_powercut; here: rule_07
    8  running transaction at boot         test_octt16_core_boot: TC_032_2; unit/test_station
    9  typed checks, size cap              test_bad_input; test_fuzz
    10 coalesced status                    here: rule_10; unit/test_ocpp16_status
    11 optional messages, honest profiles  here: rule_11; TC_061
    12 metering keys act at once           here: rule_12
    13 AuthorizationKey                    here: rule_13; unit/test_settings (hex, redaction)
    14 TriggerMessage, values as strings   TC_054; csms/checks.py on every message
    15 offline start from cold boot        here: rule_06_15
    16 safety apart from OCPP              here: rule_16
Traps of real central systems
    calls before and right after boot      test_bad_input: a_burst_of_calls
    upgrade without sub-protocol           test_bad_input: bad_answers_to_the_upgrade
    refusals in every form                 the same; test_ws_real_server; test_tls_sessions
    one bad payload, many error codes      here: trap_error_codes
    timestamps in every form               here: trap_timestamps
    "Hertz", empty sampledValue            here: trap_hertz; csms/checks.py on every message
    strict about fields and actions        schemas and rules of csms/ on every message
"""

from bench import EPOCH, ID, scenario, script
from csms.checks import unix
from csms.server import ERROR_CODES, stamp
from power_cut import BLOCK, JOURNAL_AT, JOURNAL_SIZE
from station import measurands
from store import kinds
from store.journal import Journal, JournalFull
from store.norlog import NorLog
from store.ramflash import RamFlash

FAST = {"TransactionMessageRetryInterval": 2, "MessageTimeout": 10}


async def _stop(b, entry, tag="CARD1"):
    await b.tap(tag)
    await b.until(lambda: entry.stop, 60, "StopTransaction")
    await b.contactor(False)


@scenario
async def test_rule_02_only_errors_count_as_attempts_and_what_follows_is_sent(b):
    await b.boot(TransactionMessageAttempts=2, MeterValueSampleInterval=20, **FAST)
    entry = await b.charging()
    b.csms.reply("MeterValues", script.Drop(), script.Drop(), script.Drop())
    await b.until(lambda: len(entry.samples) >= 2, 90, "samples after three time-outs")
    assert len(b.calls("MeterValues")) >= 5, "each time-out was followed by the same message"
    mark = b.mark()
    b.csms.reply("MeterValues", script.Error(), script.Error())
    before = len(entry.samples)
    await b.until(lambda: len(entry.samples) > before, 90, "the sample behind the refused one")
    tries = b.calls("MeterValues", mark)
    assert tries[0] == tries[1] != tries[2], "given up after two attempts"
    assert b.logged("given up")
    await _stop(b, entry)


@scenario
async def test_rule_02_a_journal_full_of_queued_sessions_stops_nothing(b):
    """Offline for months: the flash is full. Everything is delivered, and charging goes on."""
    await b.boot()
    await b.twin.power_cut(1)
    sessions = _fill(b.twin.data / "flash.bin")
    await b.advance(1.5)
    await b.start_of_day()
    await b.until(lambda: len(b.csms.transactions) == sessions, 600, "all the sessions")
    assert [t.starts for t in b.csms.transactions.values()] == [1] * sessions
    await b.until(lambda: not b.csms.ledger.running(), 60, "all the ends")
    b.skip()
    await b.advance(30)
    entry = await b.charging()
    await b.advance(130)
    await _stop(b, entry)
    assert len(entry.samples) >= 2


def _fill(path):
    """Put as many undelivered sessions on flash as it takes; returns how many."""
    data = bytearray(path.read_bytes())
    image = data[JOURNAL_AT : JOURNAL_AT + JOURNAL_SIZE]
    flash = RamFlash(JOURNAL_SIZE // BLOCK, BLOCK, image)
    journal = Journal(NorLog(flash))
    session = 0
    try:
        while True:
            session += 1
            at = [0, session, EPOCH - 90000 + 10 * session]
            journal.append(kinds.START, [session, 1, "CARD1", session, None, at])
            for _ in range(20):
                try:
                    journal.append(
                        kinds.SAMPLE,
                        [session, 1, measurands.PERIODIC, at, [[measurands.ENERGY, 0, session]]],
                    )
                except JournalFull:
                    pass  # samples are refused first: starts and ends go on
            journal.append(kinds.STOP, [session, 1, session + 1, "local", "CARD1", at, None])
    except JournalFull:
        pass
    assert session > 100
    data[JOURNAL_AT : JOURNAL_AT + JOURNAL_SIZE] = flash.image
    path.write_bytes(data)
    return session - 1


@scenario
async def test_rule_03_a_start_that_was_refused_for_good_ends_under_minus_one(b):
    await b.boot(TransactionMessageAttempts=1, MeterValueSampleInterval=10, **FAST)
    b.csms.always("StartTransaction", script.Error("InternalError", "database is down"))
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await b.contactor(True)
    await b.advance(25)
    await b.twin.power_cut(2)
    b.csms.usual("StartTransaction")
    stop = await b.expect("StopTransaction", within=120)
    assert (stop["transactionId"], stop["reason"]) == (-1, "PowerLoss")
    assert all(p["transactionId"] == -1 for p in b.calls("MeterValues"))
    assert not b.csms.transactions


@scenario
async def test_rule_04_ids_differ_over_reconnects_and_reboots(b):
    """The CSMS reports a second use of any id as a violation."""
    await b.boot()
    for cause in ("hard", "wdt", "soft"):
        b.csms.wire.close(1001)
        await b.advance(10)
        b.csms.registration.clear()
        await b.do("reboot", cause=cause)
        await b.start_of_day()
        await b.advance(120)  # or they would be three crashes in a row
    await b.twin.power_cut(1)
    b.csms.registration.clear()
    await b.start_of_day()
    sent = [p.unique_id for p in b.calls()]
    assert len(sent) == len(set(sent)) and len(sent) > 12


@scenario
async def test_rule_05_a_clean_close_is_followed_by_a_new_connection(b):
    entry_count = 0
    await b.boot()
    for code in (1000, 1001, 1012):
        wire = b.csms.wire
        wire.close(code)
        await b.until(lambda: b.csms.wire not in (None, wire), 60, f"back after {code}")
        entry_count += 1
    answer = await b.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
    assert answer["configurationKey"][0]["value"] == "300" and entry_count == 3


@scenario
async def test_rule_06_a_central_system_from_1970_is_not_believed(b):
    """Accepted with an impossible time: transaction events wait until the time is possible."""
    b.csms.always("BootNotification", {"currentTime": "1970-01-01T00:00:07Z", "interval": 30})
    b.csms.always("Heartbeat", {"currentTime": "1970-01-01T00:01:00Z"})
    await b.start_of_day()
    await b.advance(2)
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await b.contactor(True)
    began = b.unix()
    wire = b.csms.wire
    await b.advance(60)
    assert not b.calls("StartTransaction") and b.csms.wire is wire
    b.csms.usual("Heartbeat")
    start = await b.expect("StartTransaction", within=60)
    assert abs(unix(start["timestamp"]) - began) < 5, "stamped when it happened"
    await _stop(b, b.transaction())


@scenario
async def test_rule_06_15_offline_start_from_cold_boot_has_its_time_told_later(b):
    """No network since power-on, no clock, a card of the cache: charging at once."""
    await b.boot()
    first = await b.charging()
    await _stop(b, first)
    await b.leave()
    await b.do("network", up=False)
    await b.twin.power_cut(1)
    await b.advance(5)
    await b.do("plug")
    await b.do("request")
    await b.tap()
    await b.contactor(True, within=30)
    began = b.unix()
    await b.advance(60)
    # A second cold boot without the time: the session ends with the power.
    await b.twin.power_cut(1)
    await b.advance(20)
    await b.do("unplug")
    mark = b.mark()
    await b.do("network", up=True)
    await b.until(lambda: len(b.csms.transactions) == 2, 120, "the second StartTransaction")
    entry = b.transaction()
    await b.until(lambda: entry.stop, 60, "its end")
    assert entry.stop["reason"] == "PowerLoss"
    times = [unix(entry.start["timestamp"]), unix(entry.stop["timestamp"])]
    assert times == sorted(times)
    # How long the power was gone is not known: later than the first session, not in future.
    assert unix(first.stop["timestamp"]) < times[0] <= b.unix() and times[0] < began + 120
    assert b.calls("StartTransaction", mark)[0].index < b.calls("StopTransaction", mark)[0].index


@scenario
async def test_rule_07_flash_with_something_else_on_it_is_never_formatted(b):
    await b.boot()
    await b.twin.power_cut(1)
    path = b.twin.data / "flash.bin"
    data = bytearray(path.read_bytes())
    foreign = b"somebody else's file system " * (JOURNAL_SIZE // 28)
    data[JOURNAL_AT : JOURNAL_AT + len(foreign)] = foreign
    path.write_bytes(data)
    await b.advance(15)
    assert path.read_bytes()[JOURNAL_AT : JOURNAL_AT + len(foreign)] == foreign
    assert b.logged("foreign content")
    state = await b.status()
    assert state["contactor"] is False and state["connector_status"] == "Faulted"


@scenario
async def test_rule_10_a_status_that_does_not_last_is_not_told(b):
    await b.boot(MinimumStatusDuration=10)
    for _ in range(4):
        await b.do("plug")
        await b.advance(2)
        await b.do("unplug")
        await b.advance(2)
    await b.none("StatusNotification", for_=15)
    await b.do("plug")
    plugged = b.unix()
    told = await b.expect_status("Preparing", within=20)
    assert told.t - plugged >= 9.5


PROFILES = {
    "FirmwareManagement": ("UpdateFirmware", {"location": "", "retrieveDate": stamp(EPOCH)}),
    "LocalAuthListManagement": ("GetLocalListVersion", {}),
    "Reservation": ("CancelReservation", {"reservationId": 99}),
    "SmartCharging": ("GetCompositeSchedule", {"connectorId": 1, "duration": 10}),
    "RemoteTrigger": ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    "Core": ("ClearCache", {}),
}


@scenario
async def test_rule_11_what_is_claimed_is_fitted_and_what_is_not_is_refused(b):
    await b.boot()
    claimed = (await b.configuration("SupportedFeatureProfiles"))["SupportedFeatureProfiles"]
    assert "Core" in claimed.split(",")
    for profile, (action, payload) in PROFILES.items():
        if profile in claimed.split(","):
            await b.call(action, payload)
        else:
            assert (await b.call_error(action, payload)).code == "NotSupported", profile


@scenario
async def test_rule_12_metering_keys_act_at_once(b):
    await b.boot(MeterValueSampleInterval=0)
    entry = await b.charging(amps=16)
    await b.none("MeterValues", for_=30)
    await b.configure(MeterValueSampleInterval=5)
    await b.expect("MeterValues", within=8)
    await b.configure(MeterValuesSampledData="Energy.Active.Import.Register,Power.Active.Import")
    await b.advance(6)
    b.skip()
    sample = await b.expect("MeterValues", within=8)
    names = [v["measurand"] for v in sample["meterValue"][0]["sampledValue"]]
    assert set(names) == {"Energy.Active.Import.Register", "Power.Active.Import"}
    await b.configure(ClockAlignedDataInterval=10)
    await b.advance(11)
    aligned = [
        p
        for p in b.calls("MeterValues", b.cursor)
        if p["meterValue"][0]["sampledValue"][0].get("context") == "Sample.Clock"
    ]
    assert aligned and all(unix(p["meterValue"][0]["timestamp"]) % 10 == 0 for p in aligned)
    await _stop(b, entry)


OLD_KEY, NEW_KEY = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"


async def _keyed(b):
    """A charger whose key the central system has set."""
    await b.boot()
    b.csms.passwords = {ID: bytes.fromhex(OLD_KEY)}
    await b.configure(AuthorizationKey=OLD_KEY)
    b.skip()
    await b.expect("StatusNotification", within=60)
    await b.advance(5)


@scenario
async def test_rule_13_a_key_that_is_refused_gives_way_to_the_one_before(b):
    await _keyed(b)
    await b.configure(AuthorizationKey=NEW_KEY)
    await b.until(lambda: b.csms.wire is None, 60, "reconnects with the new key")
    # The central system has forgotten the key that it set: refused, and over a reboot, too.
    await b.advance(15)
    await b.do("reboot")
    await b.expect("BootNotification", within=400)
    await b.until(lambda: b.logged("what was before is in use again"), 10)
    await b.do("reboot")
    await b.expect("BootNotification", within=60)
    assert not [line for line in b.log if OLD_KEY in line or NEW_KEY in line]


@scenario
async def test_rule_13_a_key_that_works_is_the_only_one(b):
    await _keyed(b)
    b.csms.passwords[ID] = bytes.fromhex(NEW_KEY)
    await b.configure(AuthorizationKey=NEW_KEY)
    b.skip()
    await b.expect("StatusNotification", within=60)
    await b.advance(5)
    # A central system that goes back to the old key finds no charger that has kept it.
    b.csms.passwords[ID] = bytes.fromhex(OLD_KEY)
    await b.do("reboot")
    await b.advance(400)
    assert b.csms.wire is None
    b.csms.passwords[ID] = bytes.fromhex(NEW_KEY)
    await b.until(lambda: b.csms.wire, 400, "the new key still holds")


@scenario
async def test_rule_16_the_contactor_opens_in_time_whatever_the_central_system_does(b):
    await b.boot(WebSocketPingInterval=0)
    await b.charging(amps=16)
    for action in ("MeterValues", "StatusNotification", "StopTransaction", "Authorize"):
        b.csms.always(action, script.Drop())
    b.csms.send_raw("[" * 3000)
    b.csms.wire.send_frame(1, b"[2", fin=False)  # and nothing behind it
    await b.do("fault", kind="pilot_short", on=True)
    began = b.now
    await b.advance(1)
    opened = [e["t"] for e in b.twin.events if e["event"] == "contactor" and not e["value"]]
    assert opened and opened[-1] - began < 0.1 + 0.05, "100 ms and the contactor's own time"


@scenario
async def test_trap_error_codes_all_mean_the_same(b):
    await b.boot(TransactionMessageAttempts=1, MeterValueSampleInterval=10, **FAST)
    entry = await b.charging()
    codes = [*ERROR_CODES, "OccurrenceConstraintViolation", "FormatViolation", "", "Nonsense"]
    b.csms.reply("MeterValues", *[script.Error(code, "no") for code in codes])
    await b.advance(10 * len(codes) + 25)
    tries = b.calls("MeterValues")
    stamps = [p["meterValue"][0]["timestamp"] for p in tries]
    assert len(set(stamps)) == len(stamps) > len(codes), "each was tried once and given up"
    await b.until(lambda: len(entry.samples) >= 1, 30)
    await _stop(b, entry)


@scenario
async def test_trap_timestamps_of_central_systems_come_in_many_forms(b):
    forms = (
        lambda t: stamp(t),
        lambda t: stamp(t)[:-5] + "Z",
        lambda t: stamp(t)[:-1] + "123+00:00",
        lambda t: stamp(t + 7200)[:-5] + "+02:00",
    )
    await b.boot()
    for form in forms:
        b.csms.always("BootNotification", lambda _, form=form: {"currentTime": form(b.unix())})
        b.csms.registration.clear()
        # A power cut, or the clock of the boot before would still be right.
        await b.twin.power_cut(1)
        await b.start_of_day()
        await b.do("plug")
        told = await b.expect_status("Preparing", within=20)
        assert abs(unix(told["timestamp"]) - told.t) <= 2, told
        await b.do("unplug")
        await b.advance(3)
        b.skip()
    assert b.csms.registration[ID] == "Accepted"


@scenario
async def test_trap_hertz_is_never_sent_nor_a_sample_without_values(b):
    """Every measurand there is, probed one by one as some systems do; csms/checks.py looks on."""
    await b.boot(MeterValueSampleInterval=5)
    taken = []
    for name in (
        "Frequency",
        "Voltage",
        "Temperature",
        "SoC",
        "Current.Import",
        "Current.Offered",
        "Power.Active.Import",
        "Energy.Active.Import.Register",
        "Energy.Active.Import.Interval",
    ):
        call = {"key": "MeterValuesSampledData", "value": name}
        answer = await b.call("ChangeConfiguration", call)
        assert answer["status"] in ("Accepted", "Rejected"), (name, answer)
        if answer["status"] == "Accepted":
            taken.append(name)
    assert "Energy.Active.Import.Register" in taken
    await b.configure(MeterValuesSampledData=",".join(taken))
    entry = await b.charging(amps=10)
    await b.advance(12)
    await b.configure(MeterValuesSampledData="")
    before = len(b.calls("MeterValues"))
    await b.advance(20)
    assert len(b.calls("MeterValues")) <= before + 1
    await b.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    await b.advance(5)
    assert entry.samples
    await _stop(b, entry)
