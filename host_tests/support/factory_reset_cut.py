# A charger with a person's data on it, and its factory reset, cut at any flash operation.
# MIT license; part of microevse
"""For the test and for the bench: `cut(operation)` plays one story."""

import asyncio
import base64
import json

from bench import scenario

PASSWORD = "correct horse"
CARD = "CARD1"
SECRETS = {
    "WebPassword": PASSWORD,
    "Wifi2Password": "a second network",
    "SetupKey": "c0ffee5ec2e7c0ffee5ec2e7",
    "AccessBefore": "0tthe password before",
    "ChargePointVendor": "PERSONALVENDOR",
}
OK = {"confirm": "erase everything"}


async def post(b, path, body):
    """Status and body of a command to the page."""
    reader, writer = await asyncio.open_connection(*b.twin.web)
    text = json.dumps(body)
    login = base64.b64encode(b"admin:" + PASSWORD.encode()).decode()
    head = f"POST /api/v1/cmd/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {login}"
    head += f"\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    writer.write((head + text).encode())

    async def answer():
        return await reader.read()

    task = asyncio.ensure_future(answer())
    await b.until(task.done, within=60, what="an answer of the page")
    writer.close()
    return int(task.result().split()[1]), task.result().partition(b"\r\n\r\n")[2].decode()


async def used(b):
    """A charger with a session, a card and secrets behind it."""
    await b.boot()
    for name, value in SECRETS.items():
        await b.do("set", key=name, value=value)
    await b.call(
        "SendLocalList",
        {
            "listVersion": 1,
            "updateType": "Full",
            "localAuthorizationList": [{"idTag": "LISTCARD", "idTagInfo": {"status": "Accepted"}}],
        },
    )
    await b.charging(CARD)
    await b.advance(5)
    await b.tap(CARD)
    await b.contactor(False, 30)
    await b.leave()


def personal(b):
    """What is still on the flash, of what must not be."""
    image = (b.twin.data / "flash.bin").read_bytes()
    image += b"".join(f.read_bytes() for f in (b.twin.data / "vfs").rglob("*.json"))
    wanted = [*SECRETS.values(), CARD, "LISTCARD"]
    return [text for text in wanted if text.encode() in image]


async def erased(b, within=120):
    await b.until(lambda: b.logged("everything is erased"), within, "the factory reset")


def cut(operation):
    """Lose power at that flash operation of the start that erases. False: it had erased all before
    it came to so many."""
    came = []

    @scenario
    async def story(b):
        b.allow_violations = True  # it begins to count its messages anew
        await used(b)
        boots = b.twin.boots
        b.twin._options["flash_cut_at"] = operation
        await post(b, "factory_reset", OK)
        await b.until(lambda: b.twin.boots >= boots + 2, 120, "the start that was cut")
        b.twin._options.pop("flash_cut_at")
        came.append(not b.logged("everything is erased"))
        await erased(b)
        assert personal(b) == [], operation

    story()
    return came[0]
