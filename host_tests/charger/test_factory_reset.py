# Factory reset of the whole charger: nothing personal and no key is left on the flash.
# MIT license; part of microevse

import asyncio
import base64
import json

import pytest
from bench import scenario

PASSWORD = "correct horse"
CARD = "CARD1"
SECRETS = {
    "WebPassword": PASSWORD,
    "Wifi2Password": "a second network",
    "SetupKey": "c0ffee5ec2e7c0ffee5ec2e7",
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


@scenario
async def test_a_factory_reset_leaves_nothing_of_a_person_and_no_key(b):
    b.allow_violations = True  # it begins to count its messages anew
    await used(b)
    assert set(personal(b)) == {*SECRETS.values(), CARD, "LISTCARD"}
    status, _ = await post(b, "factory_reset", {})
    assert status == 400
    boots = b.twin.boots
    status, said = await post(b, "factory_reset", OK)
    assert status == 200 and "erases everything" in said
    await erased(b)
    assert personal(b) == []
    await b.until(lambda: b.twin.boots >= boots + 2, 60, "the start after it")
    await b.advance(20)
    assert personal(b) == []
    assert (b.twin.data / "vfs" / "board.json").exists()


@scenario
async def test_a_factory_reset_is_refused_while_a_session_runs(b):
    await b.boot()
    await b.do("set", key="WebPassword", value=PASSWORD)
    await b.charging(CARD)
    boots = b.twin.boots
    status, said = await post(b, "factory_reset", OK)
    assert status == 200 and "Not while a car" in said
    await b.advance(10)
    assert b.twin.boots == boots and (await b.status())["contactor"] is True
    await b.tap(CARD)
    await b.contactor(False, 30)


@pytest.mark.parametrize("operation", (1, 33, 70))
def test_a_factory_reset_goes_on_after_a_power_cut(operation):
    @scenario
    async def story(b):
        b.allow_violations = True
        await used(b)
        boots = b.twin.boots
        b.twin._options["flash_cut_at"] = operation
        await post(b, "factory_reset", OK)
        await b.until(lambda: b.twin.boots >= boots + 2, 120, "the start that was cut")
        b.twin._options.pop("flash_cut_at")
        assert not b.logged("everything is erased")
        await erased(b)
        assert personal(b) == []

    story()
