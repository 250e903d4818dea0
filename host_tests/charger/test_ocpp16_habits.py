# Habits of real central systems, against the whole firmware.
# MIT license; part of microevse
"""Things that central systems do, send and expect beside the certification cases."""

from bench import Payload, scenario
from csms import stamp

METER = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"


@scenario
async def test_a_reset_says_goodbye_before_the_line_goes_dead(b):
    """The line was once dropped without a close frame (1006 at the central system)."""
    await b.boot()
    for kind in ("Soft", "Hard"):
        await b.charging()
        line = b.csms.wire
        answer = await b.call("Reset", {"type": kind})
        assert answer["status"] == "Accepted"
        await b.contactor(False, within=10)
        await b.start_of_day(within=90)
        assert line.close_code == 1001, line.close_code
        await b.leave()


@scenario
async def test_the_default_samples_what_the_meter_measures_by_phase(b):
    """Power, current and voltage once stayed unknown in home systems, which read the default
    back, and the current of a single phase had no name that energy managers look for."""
    await b.boot(MeterValueSampleInterval=10)
    for key in ("MeterValuesSampledData", "MeterValuesAlignedData"):
        assert (await b.configuration(key))[key] == METER
    everything = METER + ",Frequency,SoC,Temperature,RPM,Power.Factor"
    answer = await b.call(
        "ChangeConfiguration", {"key": "MeterValuesSampledData", "value": everything}
    )
    assert answer["status"] == "Rejected"
    key = "MeterValuesSampledData"
    assert (await b.configuration(key))[key] == METER, "a refused list changes nothing"
    await b.charging()
    sent = await b.expect("MeterValues", within=15)
    found = {(v["measurand"], v.get("phase")) for v in sent["meterValue"][0]["sampledValue"]}
    assert {(name, None) for name in METER.split(",")[:2]} <= found
    assert ("Current.Import", "L1") in found and ("Voltage", "L1-N") in found, found
    assert ("Current.Import", None) not in found and ("Voltage", None) not in found


@scenario
async def test_an_odd_answer_registers_and_the_time_is_right_to_the_second(b):
    """ "+00" and an interval in quotes once kept a charger from registering for ever."""
    b.csms.reply(
        "BootNotification",
        Payload(
            {
                "status": "Accepted",
                "currentTime": stamp(int(b.unix())).replace(".000Z", ".5+00"),
                "interval": "300",
            }
        ),
    )
    b.allow_violations = True
    await b.boot()
    assert (await b.configuration("HeartbeatInterval"))["HeartbeatInterval"] == "300"
    assert not b.logged("time of the central system not used")


@scenario
async def test_a_refusal_without_a_transaction_id_stops_the_car(b):
    """It once counted as no answer: the car charged on, under the id -1."""
    await b.boot()
    b.allow_violations = True
    refusal = Payload({"transactionId": None, "idTagInfo": {"status": "Invalid"}})
    b.csms.always("StartTransaction", refusal)
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    await b.expect("StartTransaction")
    await b.expect("StopTransaction", reason="DeAuthorized", within=15)
    await b.contactor(False, within=10)
    assert len(b.calls("StartTransaction")) == 1
