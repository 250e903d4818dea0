# OCPP 2.0.1 certification cases of block C about the master pass.
# MIT license; part of microevse
"""Each test is the cases it is named after; titles in octt201_cases.tsv."""

import pytest
from bench2 import scenario2

TAGS = {
    "CARD1": {"parentIdTag": "FAMILY"},
    "CARD4": {},
    "MASTER": {"parentIdTag": "MASTERS"},
}
SET = {"AuthCtrlr.MasterPassGroupId": "MASTERS"}


@scenario2(tags=TAGS)
async def test_TC_C_45_CS(b):
    """A token of the master group begins no session, neither at the reader nor remotely."""
    await b.boot(**SET)
    await b.do("plug")
    await b.expect_status("Occupied")
    await b.tap("MASTER")
    await b.expect("Authorize")
    await b.none("TransactionEvent", for_=10)
    await b.set_variable("AuthCtrlr.AuthorizeRemoteStart", "true")
    token = {"idToken": "MASTER", "type": "ISO14443"}
    await b.call("RequestStartTransaction", {"idToken": token, "remoteStartId": 1, "evseId": 1})
    await b.none("TransactionEvent", for_=10)
    await b.contactor(False)


@scenario2(tags=TAGS, board="esp32_dual")
async def test_TC_C_49_CS(b):
    """Without a choice on the station a master pass ends the sessions of all EVSEs."""
    await b.boot(**SET)
    for number, tag in ((1, "CARD1"), (2, "CARD4")):
        await b.do("plug", connector=number)
        await b.do("request", connector=number)
        await b.expect_status("Occupied", evse=number)
        await b.tap(tag)
        await b.expect_event("Started")
    mark = b.mark()
    await b.tap("MASTER")
    await b.expect("Authorize")
    await b.until(lambda: len(b.calls("TransactionEvent", mark, eventType="Ended")) == 2, 20)
    for ended in b.calls("TransactionEvent", mark, eventType="Ended"):
        assert ended["triggerReason"] == "StopAuthorized"
        assert ended["transactionInfo"]["stoppedReason"] == "MasterPass"
        assert ended["idToken"]["idToken"] == "MASTER"


@pytest.mark.parametrize("case", ["TC_C_47_CS", "TC_C_48_CS"])
def test_TC_C_47_CS_and_TC_C_48_CS(case):
    pytest.skip("the station has no screen on which a person chooses a session")
