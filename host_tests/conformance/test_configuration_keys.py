# Every Core configuration key: there, with the right access, and acting at once.
# MIT license; part of microevse
"""The keys of OCPP 1.6 edition 2 section 9.1 and errata 4.0, listed in ocpp16_core_keys.tsv.
RemoteTrigger has none. Every key that is written here acts without a reboot: a running session
and a running connection are not interrupted."""

import csv
import pathlib

from bench import EPOCH, scenario, script
from csms.checks import unix

with open(pathlib.Path(__file__).with_name("ocpp16_core_keys.tsv"), encoding="utf-8") as _file:
    KEYS = list(csv.DictReader(_file, delimiter="\t"))

# Optional keys that are left out: two for lights that signal a start, which this charger does not
# do, and one without a use (errata 3.80).
ABSENT = ("BlinkRepeat", "LightIntensity", "SupportedFeatureProfilesMaxLength")

# A value that is allowed and is not the default, for every key that can be written.
ANOTHER = {
    "AllowOfflineTxForUnknownId": "true",
    "AuthorizationCacheEnabled": "false",
    "AuthorizeRemoteTxRequests": "true",
    "ClockAlignedDataInterval": "900",
    "ConnectionTimeOut": "45",
    "ConnectorPhaseRotation": "0.RST,1.RST",
    "HeartbeatInterval": "120",
    "LocalAuthorizeOffline": "false",
    "LocalPreAuthorize": "true",
    "MaxEnergyOnInvalidId": "500",
    "MessageTimeout": "20",
    "MeterValuesAlignedData": "Energy.Active.Import.Register,Voltage",
    "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import",
    "MeterValueSampleInterval": "30",
    "MinimumStatusDuration": "2",
    "ResetRetries": "3",
    "StopTransactionOnEVSideDisconnect": "false",
    "StopTransactionOnInvalidId": "false",
    "StopTxnAlignedData": "Energy.Active.Import.Register",
    "StopTxnSampledData": "Energy.Active.Import.Register",
    "TransactionMessageAttempts": "5",
    "TransactionMessageRetryInterval": "10",
    "UnlockConnectorOnEVSideDisconnect": "false",
    "WebSocketPingInterval": "15",
}


async def change(b, key, value):
    return (await b.call("ChangeConfiguration", {"key": key, "value": value}))["status"]


async def walk(b):
    """Every key of the list against the charger; returns the names of those written."""
    answer = await b.call("GetConfiguration")
    there = {item["key"]: item for item in answer["configurationKey"]}
    written = []
    for row in KEYS:
        key = row["key"]
        if key in ABSENT:
            assert row["required"] == "optional" and key not in there
            assert await change(b, key, "1") == "NotSupported"
            continue
        item = there[key]
        if row["access"] == "R":
            assert item["readonly"] is True, item
        elif row["access"] == "RW":
            assert item["readonly"] is False, item
        if item["readonly"]:
            assert await change(b, key, item["value"]) == "Rejected", key
            continue
        value = ANOTHER[key]
        assert item["value"] != value, f"{key}: {value} is the default"
        assert await change(b, key, value) == "Accepted", key
        assert await b.configuration(key) == {key: value}
        written.append(key)
    return written


@scenario
async def test_every_core_key_is_there_with_its_access_and_needs_no_reboot(b):
    await b.boot()
    written = await walk(b)
    # A fixed cable is never unlocked: that key can only be read there (errata 4.0).
    assert set(ANOTHER) - set(written) == {"UnlockConnectorOnEVSideDisconnect"}
    assert b.twin.boots == 1 and len(b.csms.connections) == 1


@scenario(board="esp32s2_diy_alpha")
async def test_every_core_key_of_a_charger_with_a_socket(b):
    await b.boot()
    assert set(await walk(b)) == set(ANOTHER)
    assert b.twin.boots == 1 and len(b.csms.connections) == 1


def gaps(calls):
    return [round(b.t - a.t, 1) for a, b in zip(calls, calls[1:])]


@scenario
async def test_sample_interval_and_measurands_change_during_a_session(b):
    await b.boot(MeterValueSampleInterval=300)
    await b.charging()
    mark = b.mark()
    await b.configure(MeterValueSampleInterval=10)
    await b.advance(35)
    samples = b.calls("MeterValues", mark)
    assert len(samples) == 3 and all(abs(gap - 10) <= 1 for gap in gaps(samples))
    await b.configure(MeterValuesSampledData="Power.Active.Import,Voltage")
    mark = b.mark()
    await b.advance(12)
    values = b.calls("MeterValues", mark)[0]["meterValue"][0]["sampledValue"]
    assert {v["measurand"] for v in values} == {"Power.Active.Import", "Voltage"}
    await b.configure(MeterValueSampleInterval=0)
    await b.none("MeterValues", for_=60, since=b.mark())


@scenario
async def test_clock_aligned_interval_acts_at_once_with_and_without_a_session(b):
    await b.boot(MeterValueSampleInterval=0)
    await b.none("MeterValues", for_=130)
    for session in (False, True):
        if session:
            await b.charging()
        mark = b.mark()
        await b.configure(ClockAlignedDataInterval=60)
        await b.advance(130)
        aligned = b.calls("MeterValues", mark)
        assert len(aligned) in (2, 3), aligned  # 130 s may hold three full minutes
        for call in aligned:
            (value,) = call["meterValue"]
            assert (unix(value["timestamp"]) - EPOCH) % 60 == 0
            assert value["sampledValue"][0]["context"] == "Sample.Clock"
            assert ("transactionId" in call) is session
        await b.configure(ClockAlignedDataInterval=0)
        await b.none("MeterValues", for_=90, since=b.mark())


@scenario
async def test_measurands_of_the_end_act_on_the_session_that_runs(b):
    await b.boot(MeterValueSampleInterval=20)
    entry = await b.charging()
    await b.configure(StopTxnSampledData="Energy.Active.Import.Register")
    await b.advance(50)
    await b.call("RemoteStopTransaction", {"transactionId": entry.id})
    stop = await b.expect("StopTransaction")
    contexts = [v["sampledValue"][0].get("context") for v in stop["transactionData"]]
    assert contexts.count("Sample.Periodic") == 2 and contexts[-1] == "Transaction.End"


@scenario
async def test_heartbeat_interval_acts_at_once(b):
    await b.boot()
    mark = b.mark()
    await b.configure(HeartbeatInterval=10)
    await b.advance(45)
    beats = b.calls("Heartbeat", mark)
    assert len(beats) == 4 and all(abs(gap - 10) <= 1 for gap in gaps(beats))
    await b.configure(HeartbeatInterval=0)
    await b.none("Heartbeat", for_=60, since=b.mark())


@scenario
async def test_ping_interval_acts_at_once_on_the_connection_that_is_open(b):
    def pings(mark):
        return [
            frame
            for frame in b.csms.log[mark:]
            if frame.direction == "in" and frame.type == "control" and frame.action == "ping"
        ]

    await b.boot(HeartbeatInterval=0, WebSocketPingInterval=0)
    mark = b.mark()
    await b.advance(60)
    assert pings(mark) == []
    await b.configure(WebSocketPingInterval=10)
    mark = b.mark()
    await b.advance(55)
    assert 4 <= len(pings(mark)) <= 6
    assert all(abs(gap - 10) <= 1 for gap in gaps(pings(mark)))
    assert len(b.csms.connections) == 1


@scenario
async def test_connection_timeout_holds_from_the_next_token_on(b):
    await b.boot()
    for seconds in (15, 40):
        await b.configure(ConnectionTimeOut=seconds)
        await b.call("RemoteStartTransaction", {"idTag": "CARD3", "connectorId": 1})
        waiting = await b.expect_status("Preparing")
        back = await b.expect_status("Available", within=seconds + 10)
        assert abs(back.t - waiting.t - seconds) <= 1.5


@scenario
async def test_minimum_status_duration_acts_at_once(b):
    await b.boot(MinimumStatusDuration=5)
    mark = b.mark()
    # Preparing for 2 s is not reported; for 8 s it is, after 5 of them.
    await b.do("plug")
    await b.advance(2)
    await b.do("unplug")
    await b.advance(10)
    assert b.calls("StatusNotification", mark) == []
    await b.do("plug")
    plugged = b.now
    told = await b.expect_status("Preparing", within=8)
    assert 4.5 <= told.t - EPOCH - plugged <= 6.5
    await b.configure(MinimumStatusDuration=0)
    await b.do("unplug")
    await b.expect_status("Available", within=2)


@scenario
async def test_retry_keys_act_on_the_message_that_is_being_retried(b):
    await b.boot(TransactionMessageAttempts=5, TransactionMessageRetryInterval=100)
    b.csms.always("StartTransaction", script.Error("InternalError"))
    await b.do("plug")
    await b.do("request")
    mark = b.mark()
    await b.tap("CARD3")
    await b.expect("StartTransaction")
    # The wait that has begun goes on; the attempts are counted against the new number, and
    # the next wait is of the new length.
    await b.configure(TransactionMessageAttempts=3, TransactionMessageRetryInterval=10)
    await b.advance(200)
    tries = b.calls("StartTransaction", mark)
    assert len(tries) == 3, tries
    first, second = gaps(tries)
    assert abs(first - 100) <= 2 and abs(second - 20) <= 2, (first, second)
