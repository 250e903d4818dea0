# The adapter of the running charger: there with the connection, gone with it.
# MIT license; part of microevse
"""The whole firmware; what one adapter leaves to another is tested in unit/test_central.py."""

from bench import scenario


@scenario
async def test_while_a_car_charges_lost_connections_come_back_and_events_are_told_once(b):
    await b.boot(MeterValueSampleInterval=10)
    entry = await b.charging()
    boots = len(b.calls("BootNotification"))
    for _ in range(10):
        await b.offline()
        await b.online()
        await b.expect("StatusNotification", within=30, connectorId=1, status="Charging")
    assert len(b.calls("BootNotification")) == boots, "1.6 registers once after a start"
    # Samples of the outages are delivered, each once: no two have one time.
    await b.advance(30)
    times = [call["meterValue"][0]["timestamp"] for call in b.calls("MeterValues")]
    assert len(times) == len(set(times)) > 10, times
    # One event, one message.
    mark = b.mark()
    await b.do("release")
    await b.advance(5)
    told = b.calls("StatusNotification", mark, connectorId=1)
    assert [call["status"] for call in told] == ["SuspendedEV"], told
    assert not entry.stop and b.twin.boots == 1
    opened = [e for e in b.twin.events if e.get("event") == "contactor" and not e["value"]]
    assert len(opened) == 1, "only when the EV let go"


@scenario(settings={"FeaturesOff": "ocpp1.6, Reservation"})
async def test_a_version_of_ocpp_is_no_feature(b):
    await b.boot()
    assert (
        "Reservation"
        not in (await b.configuration("SupportedFeatureProfiles"))["SupportedFeatureProfiles"]
    )
