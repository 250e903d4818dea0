# OCPP 2.0.1 certification cases: reservation.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv."""

import pytest
from bench2 import VERSIONS, scenario2
from whole_seconds import iso

DUAL = "esp32_dual"
SOCKET = "esp32s2_diy_alpha"
FAMILY = {"idToken": "FAMILY", "type": "Central"}


async def reserve(b, number=7, evse=1, tag="CARD1", seconds=600, **more):
    """The status of the answer to a ReserveNow. evse None: any."""
    token = {"idToken": tag, "type": "Local"}
    payload = {"id": number, "expiryDateTime": iso(b.unix() + seconds), "idToken": token, **more}
    if evse:
        payload["evseId"] = evse
    return (await b.call("ReserveNow", payload))["status"]


async def cancel(b, number=7):
    return (await b.call("CancelReservation", {"reservationId": number}))["status"]


async def change(b, operative, evse=1):
    payload = {"operationalStatus": "Operative" if operative else "Inoperative"}
    if evse:
        payload["evse"] = {"id": evse}
    return (await b.call("ChangeAvailability", payload))["status"]


async def reserved(b, within=10, **kw):
    assert await reserve(b, **kw) == "Accepted"
    await b.expect_status("Reserved", within=within)


async def remote(b, tag, **more):
    token = {"idToken": tag, "type": "Local"}
    payload = {"idToken": token, "remoteStartId": 1, **more}
    return (await b.call("RequestStartTransaction", payload))["status"]


async def refused(b, tag):
    """A card without the reservation: no transaction, still Reserved."""
    mark = b.mark()
    await b.tap(tag)
    await b.none("TransactionEvent", for_=3, since=mark)
    assert (await b.status())["connector_status"] == "Reserved"


async def charge(b, tag="CARD1", number=None):
    """Card, cable: a session that uses reservation `number`, or none."""
    await b.tap(tag)
    await b.do("plug")
    started = await b.expect_event("Started")
    assert started.get("reservationId") == number
    return started


async def end(b, tag="CARD1"):
    await b.tap(tag)
    await b.expect_event("Ended")
    await b.leave()


async def ended(b, word, number=7, within=10):
    """The central system is told that the reservation has ended."""
    fields = {"reservationId": number, "reservationUpdateStatus": word}
    return await b.expect("ReservationStatusUpdate", within, **fields)


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_H_01_CS_and_TC_H_02_CS_and_TC_H_03_CS_and_TC_H_04_CS_and_TC_H_06_CS(version):
    """One EVSE: used by its card alone; occupied by reservation and session; out of service."""

    @scenario2(version=version)
    async def story(b):
        await b.boot()
        await reserved(b)
        await refused(b, "CARD3")
        assert await remote(b, "CARD3", evseId=1) == "Rejected"
        assert await reserve(b, number=8, tag="CARD3") == "Occupied"
        await charge(b, number=7)
        assert await reserve(b, number=9) == "Occupied"
        await end(b)
        await charge(b, "CARD3")
        await end(b, "CARD3")
        # The end by use is told by the transaction alone.
        assert not b.calls("ReservationStatusUpdate")
        assert await change(b, False) == "Accepted"
        await b.expect_status("Unavailable")
        assert await reserve(b) == "Unavailable"

    story()


@scenario2(board=DUAL)
async def test_TC_H_13_CS(b):
    """Where no reservation may be for any EVSE: of none, of a kind of connector; one of an EVSE
    is made as before, also after a restart."""
    await b.boot(**{"ReservationCtrlr.NonEvseSpecific": False})
    assert await reserve(b, number=7, evse=None) == "Rejected"
    assert await reserve(b, number=7, evse=None, connectorType="cType2") == "Rejected"
    await reserved(b, number=8)
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    await b.expect_status("Reserved", within=30)
    assert await reserve(b, number=9, evse=None, tag="CARD3") == "Rejected"
    assert await reserve(b, number=9, evse=2, tag="CARD3") == "Accepted"


@scenario2(board=DUAL)
async def test_TC_H_08_CS_and_TC_H_09_CS_and_TC_H_10_CS_and_TC_H_12_CS_and_TC_H_14_CS(b):
    """Any EVSE: as many as there are; occupied by reservations and sessions; out of service."""
    await b.boot()
    assert await reserve(b, number=7, evse=None) == "Accepted"
    await b.none("StatusNotification", for_=3, connectorStatus="Reserved")
    assert await reserve(b, number=8, evse=None, tag="CARD3") == "Accepted"
    await b.expect_all(
        ("StatusNotification", {"evseId": 1, "connectorStatus": "Reserved"}),
        ("StatusNotification", {"evseId": 2, "connectorStatus": "Reserved"}),
    )
    assert await reserve(b, number=9, evse=None, tag="CARD4") == "Occupied"
    await refused(b, "CARD4")
    await charge(b, number=7)
    assert await cancel(b, 8) == "Accepted"
    await b.do("plug", connector=2)
    await b.expect_status("Occupied", evse=2)
    assert await remote(b, "CARD3", evseId=2) == "Accepted"
    await b.expect_event("Started")
    assert await reserve(b, number=9, evse=None) == "Occupied"
    await b.tap("CARD1")
    await b.expect_event("Ended")
    await b.leave()
    entry = list(b.csms.transactions.values())[-1]
    await b.call("RequestStopTransaction", {"transactionId": entry.id})
    await b.expect_event("Ended")
    await b.do("unplug", connector=2)
    await b.expect_status("Available", evse=2)
    assert await change(b, False, evse=None) == "Accepted"
    await b.expect_status("Unavailable")
    assert await reserve(b, evse=None) == "Unavailable"


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_H_07_CS_and_TC_H_21_CS_and_TC_H_17_CS_and_TC_H_18_CS_and_TC_H_23_CS(version):
    """Expired and removed are told, cancelled is not; one takes the place of another."""

    @scenario2(version=version)
    async def story(b):
        await b.boot()
        await reserved(b, seconds=10)
        await b.expect_status("Available", within=15)
        assert len(b.calls("ReservationStatusUpdate")) <= 1
        await b.until(lambda: b.calls("ReservationStatusUpdate"), 10, "told")
        (told,) = b.calls("ReservationStatusUpdate")
        assert told == {"reservationId": 7, "reservationUpdateStatus": "Expired"}
        await reserved(b, number=8)
        # The same number: another token, another time.
        assert await reserve(b, number=8, tag="CARD3") == "Accepted"
        await refused(b, "CARD4")
        assert await cancel(b, 7) == "Rejected"
        assert await cancel(b, 8) == "Accepted"
        await b.expect_status("Available")
        assert await cancel(b, 8) == "Rejected"
        await reserved(b, number=9)
        assert await change(b, False) == "Accepted"
        await b.expect_all(
            ("StatusNotification", {"evseId": 1, "connectorStatus": "Unavailable"}),
            ("ReservationStatusUpdate", {"reservationId": 9}),
        )
        assert b.calls("ReservationStatusUpdate")[-1]["reservationUpdateStatus"] == "Removed"
        assert await change(b, True) == "Accepted"
        await b.expect_status("Available")
        assert len(b.calls("ReservationStatusUpdate")) == 2

    story()


@scenario2
async def test_TC_H_19_CS_and_TC_H_24_CS(b):
    """A card of the group may use it: at one EVSE and at any."""
    await b.boot()
    for evse in (1, None):
        assert await reserve(b, 7, evse, groupIdToken=FAMILY) == "Accepted"
        await b.expect_status("Reserved")
        await refused(b, "CARD3")
        await charge(b, "CARD2", number=7)
        await end(b, "CARD2")


@scenario2(board=SOCKET)
async def test_TC_H_15_CS_and_TC_H_16_CS(b):
    """A type of connector: that of the socket, and one that is not here."""
    await b.boot()
    assert await reserve(b, connectorType="cCCS2") == "Rejected"
    assert await reserve(b, connectorType="cType2") == "Rejected", "it is a socket"
    await reserved(b, evse=None, connectorType="sType2")
    assert await reserve(b, 8, None, "CARD3", connectorType="sType2") == "Occupied"


@scenario2(settings={"FeaturesOff": "Reservation"})
async def test_TC_H_22_CS(b):
    """A station that takes no reservations."""
    await b.boot()
    assert await reserve(b) == "Rejected" and await cancel(b) == "Rejected"


@scenario2
async def test_TC_B_24_CS(b):
    """A reservation is there after a reset."""
    await b.boot()
    await reserved(b)
    assert (await b.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
    await b.expect("BootNotification", within=60)
    await b.expect_status("Reserved", within=30)
    await charge(b, number=7)


@scenario2
async def test_ends_of_an_outage_are_told_once_also_after_a_power_cut(b):
    """Expired while the link was gone; a refusal by the central system is an answer."""
    await b.boot()
    await reserved(b, seconds=200)
    await b.offline()
    await b.advance(200)
    await b.do("power_cut", seconds=5)
    await b.do("network", up=True)
    await ended(b, "Expired", within=120)
    await b.do("power_cut", seconds=5)
    await b.expect("BootNotification", within=90)
    await b.advance(10)
    assert len(b.calls("ReservationStatusUpdate")) == 1
    assert await reserve(b) == "Accepted"
    assert await reserve(b, number=99, evse=4) == "Rejected"
