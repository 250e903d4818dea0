# Journals as other programs left them on flash: read whole, delivered whole.
# MIT license; part of microevse
"""IMAGE was written by the program as it was before records had more than their first fields, with
three sessions: one that the central system knows and whose end it has not heard, one that it knows
nothing of, and one that is open. Never make it anew: such journals lie in chargers in the field.
"""

import asyncio
from binascii import unhexlify

from helpers import run
from ocpp16.transactions import Transactions
from station_parts import Charger
from store.ramflash import RamFlash

BLOCKS = 12
# A block that was erased and never written.
ERASED = "6d45566a01000000000000008fe3dadb"
IMAGE = (
    (
        0x00000,
        "6d45566a01000000000000008fe3dadb0100000001000000010000000100000050f160adffffffff0100"
        "000001000000010000000100000050f160adffffffff13001501000000b0e40f820f7ae03b3881846546"
        "49525354686163636570746564f6f6ff0f0016030000001bdffa0400a95a1789818401011903e8830102"
        "1a6b379542ff060012040000001bdf0aa60f17fe8d40818201191267ffff14001508000000edd134590f"
        "16f6f7368184665345434f4e44686163636570746564f6f61000160a0000001bdf92d8005d9d677e8184"
        "01021905148301188b1a6b3795cb1300150d000000832af3c80f51d4362f818465544849524468616363"
        "6570746564f6f6ff1000160f0000001bdf2149007f233ee181840103190578830118e11a6b3796211100"
        "16150000001bdf9f7c0f70a6f7418184010319084f830119020d1a6b37974d",
    ),
    (
        0x01000,
        "6d45566a01000000000000008fe3dadb000000000200000002000000020000003c1aace8ffffffff0000"
        "00000200000002000000020000003c1aace8ffffffff150001020000001bdff0bd00e0107ba286010165"
        "46495253541903e8f68301021a6b379542ffffff270002050000001bdf817f0f64ecd2f78501016f5361"
        "6d706c652e506572696f6469638301183e1a6b37957e8283010019047083020000ff270002060000001b"
        "df2f0d0f969ba34e8501016f53616d706c652e506572696f6469638301187a1a6b3795ba828301001904"
        "fa83020000ff9d0003070000001bdf3d9f0f90f0fc358701011905146672656d6f7465f6830118861a6b"
        "3795c68483715472616e73616374696f6e2e426567696e8301021a6b379542818301001903e8836f5361"
        "6d706c652e506572696f6469638301183e1a6b37957e81830100190470836f53616d706c652e50657269"
        "6f6469638301187a1a6b3795ba818301001904fa836f5472616e73616374696f6e2e456e64830118861a"
        "6b3795c681830100190514ffffff17000109000000a18ee5420f68c29da8860201665345434f4e441905"
        "14f68301188b1a6b3795cbff2700020b000000a18ea1390f62b2d3b48502016f53616d706c652e506572"
        "696f646963830118c71a6b3796078283010019056883020000ff7c00030c000000a18e06dd0fc95433ec"
        "870201190578656f74686572f6830118d31a6b3796138383715472616e73616374696f6e2e426567696e"
        "8301188b1a6b3795cb81830100190514836f53616d706c652e506572696f646963830118c71a6b379607"
        "81830100190568836f5472616e73616374696f6e2e456e64830118d31a6b379613818301001905781600"
        "010e00000037be2e7bff2f61a224860301655448495244190578f6830118e11a6b379621ffff28000210"
        "00000037be18190fb1b7737c8503016f53616d706c652e506572696f646963830119011d1a6b37965d82"
        "830100190607830200002800021100000037bebdca0f071460108503016f53616d706c652e506572696f"
        "64696383011901591a6b37969982830100190699830200002800021200000037be13b80f5f0cda768503"
        "016f53616d706c652e506572696f64696383011901951a6b3796d58283010019072b8302000028000213"
        "00000037beb66b0fad3d2ff78503016f53616d706c652e506572696f64696383011901d11a6b37971182"
        "8301001907bd830200002800021400000037be0e5b0f22ddf4268503016f53616d706c652e506572696f"
        "646963830119020d1a6b37974d8283010019084f830200002800021600000037be05fa0fa76a9c6b8503"
        "016f53616d706c652e506572696f64696383011902491a6b379789828301001908e183020000",
    ),
)


def old_flash():
    flash = RamFlash(BLOCKS)
    for block in range(BLOCKS):
        data = unhexlify(ERASED)
        flash.image[block * flash.block_size : block * flash.block_size + len(data)] = data
    for at, text in IMAGE:
        data = unhexlify(text)
        flash.image[at : at + len(data)] = data
    return flash


async def delivered(flash):
    """(charger, what the central system hears) after a power cut."""
    c = Charger(flash, boot=2)
    asked = []

    async def call(action, payload):
        asked.append((action, payload))
        if action == "StartTransaction":
            return {"transactionId": 5000 + len(asked), "idTagInfo": {"status": "Accepted"}}
        return {}

    sender = c.station.delivery
    sender.attach(Transactions(call, c.station))
    c.station.recover("PowerUp")
    while c.station.recovering:
        await asyncio.sleep(0.01)
    for _ in range(50):
        if sender.due_in_ms() is not None:
            await sender.step()
    return c, asked


def energies(asked):
    return [
        (p["transactionId"], p["meterValue"][0]["sampledValue"][0]["value"])
        for a, p in asked
        if a == "MeterValues"
    ]


def check(asked):
    """Nothing is lost of what the old program had recorded, and nothing told twice."""
    told = ["".join(c for c in action if c.isupper()) for action, _ in asked]
    assert " ".join(told) == "MV MV ST ST MV ST ST MV MV MV MV MV MV ST"
    starts = [p for a, p in asked if a == "StartTransaction"]
    assert [(p["idTag"], p["meterStart"]) for p in starts] == [("SECOND", 1300), ("THIRD", 1400)]
    second, third = 5004, 5007
    assert energies(asked) == [
        (4711, "1136"), (4711, "1274"), (second, "1384"), (third, "1543"), (third, "1689"),
        (third, "1835"), (third, "1981"), (third, "2127"), (third, "2273"),
    ]  # fmt: skip
    stops = [p for a, p in asked if a == "StopTransaction"]
    assert [(p["transactionId"], p["meterStop"], p["reason"]) for p in stops] == [
        (4711, 1300, "Remote"), (second, 1400, "Other"), (third, 2273, "PowerLoss"),
    ]  # fmt: skip
    assert [len(p.get("transactionData", ())) for p in stops] == [4, 3, 0]
    assert stops[0]["timestamp"] == "2027-01-01T12:02:14Z"


def test_a_journal_of_an_old_version_is_delivered_whole():
    c, asked = run(delivered(old_flash()))
    check(asked)
    assert c.journal.pending() is None and c.journal.queued == 0


def test_a_new_session_begins_on_it_with_a_number_of_its_own():
    c, _ = run(delivered(old_flash()))
    assert run(c.charge("FOURTH")).id == 4
