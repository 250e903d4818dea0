# The heap that the device model of OCPP 2.x takes while it answers.
# MIT license; part of microevse
"""With the argument "peaks" it prints JSON: {action: bytes that are in use at most while it is
answered, above those before the request}. With a version: the bytes that its adapter takes,
attached and idle, beside a station.

Everything that an answer holds is counted: the text of the request, what it was parsed to, the
code that was loaded, and the piece that is being sent. Garbage is not: it is collected at each
look. Run by test_model_heap.py in the interpreter that has the application frozen in (32 bit)."""

import asyncio
import gc
import json
import sys

sys.path[:] = [".frozen", sys.argv[1]]
from ocppj import on_demand, registration, schema, status_queue  # noqa: F401, E402 (of all versions)
from ocppj.messages import call_text, dumps  # noqa: E402
from station_parts import Charger  # noqa: E402


class Look:
    def __init__(self):
        gc.collect()
        self.most = self.first = gc.mem_alloc()

    def again(self):
        gc.collect()
        self.most = max(self.most, gc.mem_alloc())

    def pieces(self, iterator):
        for _piece in iterator:
            self.again()
        self.again()


async def answered(point, look, action, text):
    """Look at each piece of the answer and of what follows it. text: in a list."""
    payload = json.loads(text[0])
    look.again()
    text.pop()
    reply = await point.get(action)(payload)
    payload = None
    look.again()
    after = None
    if isinstance(reply, tuple):
        reply, after = reply
    if not isinstance(reply, dict):
        look.pieces(reply)
    if after:
        await after()


def adapter2(charger, call, later=False):
    from ocpp2.client import Ocpp2
    from ocpp2.schemas import TABLE

    delta = None
    if later:
        from ocpp2.schemas21 import DELTA as delta
    return Ocpp2(
        call, schema.Schema(TABLE, delta), charger.station, charger.settings, charger.clock,
        {}, "PowerUp", later, None, ["Reservation", "SmartCharging"], True,
    )  # fmt: skip


def adapter16(charger, call):
    from ocpp16.client import Ocpp16

    return Ocpp16(
        call, charger.station, charger.settings, charger.clock, {}, None,
        ["Reservation", "SmartCharging"], True,
    )  # fmt: skip


async def resident(version):
    charger = Charger()
    look = Look()
    if version == "1.6":
        adapter = adapter16(charger, None)
    else:
        adapter = adapter2(charger, None, version == "2.1")
    adapter.attach(lambda: None)
    look.again()
    print(look.most - look.first)


async def peaks():
    charger = Charger()
    look = None
    parts = []

    async def call(action, payload):
        parts.append(action)
        look.pieces(call_text("1", action, payload))
        return {}

    point = adapter2(charger, call)
    point._wake = lambda: None
    point.boot.status = "Accepted"

    def item(component, name, **more):
        return dict(more, component={"name": component}, variable={"name": name})

    large = [("SampledDataCtrlr", "TxUpdatedMeasurands"), ("AlignedDataCtrlr", "Measurands")] * 4
    requests = (
        ("GetVariables", {"getVariableData": [item(*one) for one in large]}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    item("OCPPCommCtrlr", "OfflineThreshold", attributeValue=str(i))
                    for i in range(8)
                ]
            },
        ),
        ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
        (
            "GetReport",
            {"requestId": 2, "componentVariable": [item(*one) for one in large[:4]]},
        ),
    )
    out = {}
    for action, payload in requests:
        least, most = None, 0
        for again in range(4):
            look = Look()
            await answered(point, look, action, [dumps(payload)])
            if again:  # the first time names come that stay
                # What the collector takes for an object in use raises one figure or the other.
                least = look.first if least is None else min(least, look.first)
                most = max(most, look.most)
            await asyncio.sleep(0)
        out[action] = most - least
    out["parts"] = len(parts)
    print(json.dumps(out))


asyncio.run(peaks() if sys.argv[2] == "peaks" else resident(sys.argv[2]))
