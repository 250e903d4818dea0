# Certification cases of OCPP 2.0.1 and 2.1: monitoring and events (block N).
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv."""

from bench2 import scenario2
from csms.checks import unix


def name(event):
    return event["component"]["name"] + "." + event["variable"]["name"]


def told(b, since=0):
    """Events that the charger has told since a mark."""
    return [e for call in b.calls("NotifyEvent", since) for e in call["eventData"]]


BOARD = "smartevse_v30"  # it has a thermometer
HOT = "TemperatureSensor.Tripped"


@scenario2(board=BOARD)
async def test_TC_N_21_CS_and_TC_N_22_CS_and_TC_N_23_CS(b):
    """A hard-wired notification online; offline the severe one is queued, the other is not."""
    await b.boot()
    await b.do("plug")
    (data,) = (await b.expect("NotifyEvent"))["eventData"]
    assert name(data) == "Connector.AvailabilityState" and data["actualValue"] == "Occupied"
    await b.do("fault", kind="overtemp", celsius=75)
    event = await b.expect("NotifyEvent", eventData=lambda found: name(found[0]) == HOT)
    data = event["eventData"][0]
    assert data["trigger"] == "Alerting" and data["actualValue"] == "true"
    assert data["eventNotificationType"] == "HardWiredNotification"
    assert data["component"]["evse"] == {"id": 1} and data["techCode"] == "TemperatureStop"
    await b.do("fault", kind="overtemp", on=False)
    await b.expect("NotifyEvent", 60, eventData=lambda found: found[0].get("cleared") is True)

    await b.offline()
    since, gone = b.mark(), b.unix()
    await b.do("fault", kind="overtemp", celsius=75)
    await b.advance(5)
    await b.do("fault", kind="overtemp", on=False)
    await b.advance(10)
    await b.until(b._unplug, 20, "unplugged")
    await b.advance(5)
    await b.online()
    await b.expect("NotifyEvent", within=60)
    await b.advance(5)
    events = told(b, since)
    assert [(name(e), e["actualValue"]) for e in events] == [(HOT, "true"), (HOT, "false")]
    assert all(gone - 1 <= unix(e["timestamp"]) < b.unix() - 10 for e in events)
    ids = [e["eventId"] for e in told(b)]
    assert len(set(ids)) == len(ids)
