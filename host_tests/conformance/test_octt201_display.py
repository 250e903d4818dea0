# Certification cases of OCPP 2.0.1 and 2.1: messages on the display (block O).
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv. The display is the page:
its line is asked for over HTTP."""

import json

from bench2 import scenario2
from csms.frames import stamp
from page_request import request


def iso(b, seconds):
    """A time so many seconds from now."""
    return stamp(b.unix() + seconds)


async def put(b, number, priority="NormalCycle", text=None, check=True, **fields):
    """The status of SetDisplayMessage; check: it is as the schemas want it."""
    content = {"format": fields.pop("format", "UTF8"), "content": text or "message %d" % number}
    message = dict(fields, id=number, priority=priority, message=content)
    return (await b.call("SetDisplayMessage", {"message": message}, check=check))["status"]


async def ask(b, request, **criteria):
    """MessageInfos by id, or the status Unknown."""
    answer = await b.call("GetDisplayMessages", dict(criteria, requestId=request))
    if answer["status"] != "Accepted":
        return answer["status"]
    found = {}
    while True:
        part = await b.expect("NotifyDisplayMessages", requestId=request)
        found.update((one["id"], one) for one in part["messageInfo"])
        if not part.get("tbc"):
            return found


async def clear(b, number):
    return (await b.call("ClearDisplayMessage", {"id": number}))["status"]


async def line(b):
    """What the page shows to drivers."""
    status, body = await request(b, "GET", "/api/v1/state")
    assert status == 200
    return json.loads(body)["notice"]


@scenario2
async def test_TC_O_01_CS_and_TC_O_02_CS_and_TC_O_03_CS_and_TC_O_12_CS_and_TC_O_33_CS(b):
    """None configured, one, several; one is replaced; they outlive a restart."""
    await b.boot()
    assert await ask(b, 1) == "Unknown" == await ask(b, 2, id=[1])
    assert await line(b) == ""
    assert await put(b, 1, text="Welcome <b>", format="ASCII", state="Idle") == "Accepted"
    assert await ask(b, 3) == {
        1: {
            "id": 1, "priority": "NormalCycle", "state": "Idle",
            "message": {"format": "ASCII", "content": "Welcome <b>"},
        }
    }  # fmt: skip
    assert await line(b) == "Welcome <b>"
    for number in (2, 3, 4, 5):
        assert await put(b, number, "InFront") == "Accepted"
    assert sorted(await ask(b, 4)) == [1, 2, 3, 4, 5]
    assert await put(b, 3, "AlwaysFront", "replaced") == "Accepted"
    assert (await ask(b, 5))[3]["message"]["content"] == "replaced"
    assert await line(b) == "replaced"
    assert await put(b, 6, text="<p>no</p>", format="HTML") == "NotSupportedMessageFormat"
    assert await put(b, 6, text="http://a.b/c", format="URI") == "NotSupportedMessageFormat"
    await b.do("power_cut", seconds=1)
    await b.expect_status("Available", within=60)
    assert sorted(await ask(b, 6)) == [1, 2, 3, 4, 5]
    assert await line(b) == "replaced"
    for number in range(6, 11):
        assert await put(b, number, text="x" * 512) == "Accepted"
    assert await put(b, 11) == "Rejected"


@scenario2
async def test_TC_O_04_CS_and_TC_O_05_CS_and_TC_O_07_CS_and_TC_O_08_CS_and_TC_O_09_CS(b):
    """Cleared, not known; asked for by id, by priority, by state."""
    await b.boot()
    assert await put(b, 1, "InFront", state="Charging") == "Accepted"
    assert await put(b, 2, "NormalCycle", state="Idle") == "Accepted"
    assert await put(b, 3, "NormalCycle") == "Accepted"
    assert sorted(await ask(b, 1, id=[1, 3, 99])) == [1, 3]
    assert sorted(await ask(b, 2, priority="NormalCycle")) == [2, 3]
    assert sorted(await ask(b, 3, state="Charging")) == [1]
    await _no_match(b)
    assert await clear(b, 1) == "Accepted" and await clear(b, 1) == "Unknown"
    assert await clear(b, 99) == "Unknown"
    assert await ask(b, 4, id=[1]) == "Unknown"
    assert sorted(await ask(b, 5)) == [2, 3]


async def _no_match(b):
    assert await ask(b, 10, id=[99]) == "Unknown"
    assert await ask(b, 11, priority="AlwaysFront") == "Unknown"
    assert await ask(b, 12, state="Faulted") == "Unknown"
    assert await ask(b, 13, id=[1], state="Idle") == "Unknown"
    assert await ask(b, 14, id=[1], priority="NormalCycle") == "Unknown"


@scenario2
async def test_TC_O_11_CS_and_TC_O_34_CS_and_TC_O_35_CS(b):
    """Parameters that no message meets, each and together."""
    await b.boot()
    assert await put(b, 1, "InFront", state="Charging") == "Accepted"
    await _no_match(b)
    assert sorted(await ask(b, 2, id=[1], priority="InFront", state="Charging")) == [1]


@scenario2(version="2.1")
async def test_TC_O_13_CS_and_TC_O_14_CS_and_TC_O_17_CS_and_TC_O_18_CS(b):
    """Shown from the start time on, gone after the end time; a priority and a state that there are
    not here."""
    await b.boot()
    assert await put(b, 1, "UnsupportedPriority", check=False) == "NotSupportedPriority"
    assert await put(b, 1, state="UnsupportedState", check=False) == "NotSupportedState"
    assert await ask(b, 9) == "Unknown"
    times = {"startDateTime": iso(b, 20), "endDateTime": iso(b, 40)}
    assert await put(b, 1, text="now", **times) == "Accepted"
    found = (await ask(b, 1))[1]
    assert found["startDateTime"][:19] == times["startDateTime"][:19]
    assert found["endDateTime"][:19] == times["endDateTime"][:19]
    assert await line(b) == ""
    await b.advance(22)
    assert await line(b) == "now"
    await b.advance(20)
    assert await line(b) == "" and await ask(b, 2) == "Unknown"
    assert await put(b, 2, endDateTime=iso(b, -5)) == "Rejected"
    assert await put(b, 3, state="Discharging") == "NotSupportedState"
    assert await put(b, 4, text="QR", format="QRCODE") == "NotSupportedMessageFormat"
    assert await put(b, 5, text="x" * 513) == "Rejected"
    assert await put(b, 6, state="Suspended") == "Accepted"


@scenario2
async def test_TC_O_06_CS_and_TC_O_10_CS_and_TC_O_27_CS_and_TC_O_28_CS(b):
    """Messages of a transaction: with start, with end, gone with it; an unknown transaction."""
    await b.boot()
    assert await put(b, 1, transactionId="nobody's") == "UnknownTransaction"
    mine = {"transactionId": (await b.charging()).id}
    assert await put(b, 1, text="yours", **mine) == "Accepted"
    assert (await ask(b, 1))[1]["transactionId"] == mine["transactionId"]
    assert await line(b) == "yours"
    assert await put(b, 2, "InFront", "later", startDateTime=iso(b, 15), **mine) == "Accepted"
    assert (
        await put(b, 3, "AlwaysFront", "soon over", endDateTime=iso(b, 10), **mine) == "Accepted"
    )
    assert await line(b) == "soon over"
    await b.advance(12)
    assert await line(b) == "yours" and sorted(await ask(b, 2)) == [1, 2]
    await b.advance(6)
    assert await line(b) == "later"
    await _several_in_front(b, mine)
    await b.tap("CARD1")
    await b.expect_event("Ended")
    await b.advance(2)
    assert await line(b) == "" and await ask(b, 9) == "Unknown"


async def _several_in_front(b, mine):
    assert await put(b, 4, "InFront", "another", **mine) == "Accepted"
    lines = set()
    for _ in range(5):
        lines.add(await line(b))
        await b.advance(4)
    assert lines == {"later", "another"}, lines


@scenario2
async def test_TC_O_30_CS_and_TC_O_32_CS(b):
    """Several in front are shown in turn; a second that is always in front replaces the first."""
    await b.boot()
    mine = {"transactionId": (await b.charging()).id}
    assert await put(b, 1, "InFront", "later", **mine) == "Accepted"
    await _several_in_front(b, mine)
    assert await put(b, 5, "AlwaysFront", "first", **mine) == "Accepted"
    assert await put(b, 6, "AlwaysFront", "second", **mine) == "Accepted"
    assert await ask(b, 1, id=[5]) == "Unknown"
    assert await line(b) == "second"
