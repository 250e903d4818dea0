# Every board that is shipped charges a car: its own profile, the whole firmware, a session.
# MIT license; part of microevse
"""A profile that loads may still name a part that the firmware cannot make. Drafts are tested,
too: their front end keeps them off a board, not their pins."""

import asyncio

import pytest
from bench import Bench
from tools_paths import ROOT

NAMES = sorted(path.stem for path in (ROOT / "boards").glob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_board_charges_a_car(name):
    asyncio.run(_session(name))


async def _session(name):
    async with Bench(board=name) as b:
        count = len(b.twin.board["connectors"])
        await b.start_of_day()
        await b.expect_all(
            *(
                ("StatusNotification", {"connectorId": n, "status": "Available"})
                for n in range(count + 1)
            )
        )
        for number in range(1, count + 1):
            await b.do("plug", connector=number)
            await b.expect_status("Preparing", connector=number)
            await b.do("request", connector=number)
            start = {"idTag": "CARD3", "connectorId": number}
            assert (await b.call("RemoteStartTransaction", start))["status"] == "Accepted"
            sent, _ = await b.expect_all(
                ("StartTransaction", {"connectorId": number, "idTag": "CARD3"}),
                ("StatusNotification", {"connectorId": number, "status": "Charging"}),
                within=20,
            )
            entry = b.transaction(sent)
            await b.advance(60)
            status = await b.status(number)
            assert status["contactor"] and status["amps"] > 5, status
            await b.call("RemoteStopTransaction", {"transactionId": entry.id})
            await b.expect("StopTransaction", transactionId=entry.id, within=20)
            status = await b.status(number)
            assert not status["contactor"]
            if "meter" in b.twin.board["connectors"][number - 1]:
                assert abs(entry.wh - status["wh"]) <= 3, (entry.wh, status)
            else:
                assert entry.wh == 0
