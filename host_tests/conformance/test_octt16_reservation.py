# OCPP 1.6 Reservation certification cases, and events that a reservation must survive.
# MIT license; part of microevse
"""Each test_TC_ is the case it is named after; titles in octt16_cases.tsv.

A charger without the profile is one where the owner has switched it off (FeaturesOff).
"""

from bench import scenario
from whole_seconds import iso

OFF = {"FeaturesOff": "Reservation"}


async def reserve(b, number=7, connector=1, tag="CARD1", seconds=600, **more):
    payload = {
        "connectorId": connector,
        "expiryDate": iso(b.unix() + seconds),
        "idTag": tag,
        "reservationId": number,
        **more,
    }
    return (await b.call("ReserveNow", payload))["status"]


async def cancel(b, number=7):
    return (await b.call("CancelReservation", {"reservationId": number}))["status"]


async def remote(b, tag, **more):
    payload = {"idTag": tag, **({"connectorId": 1} if not more else more)}
    return (await b.call("RemoteStartTransaction", payload))["status"]


async def reserved(b, **kw):
    assert await reserve(b, **kw) == "Accepted"
    await b.expect_status("Reserved")


async def refused(b, tag):
    """A card without the reservation: no transaction, still Reserved."""
    mark = b.mark()
    await b.tap(tag)
    await b.none("StartTransaction", for_=5, since=mark)
    assert not b.calls("StatusNotification", mark, connectorId=1)
    status = await b.status()
    assert status["contactor"] is False and status["connector_status"] == "Reserved"


async def charge(b, tag="CARD1", **fields):
    """Tap, plug, charge: Preparing and a StartTransaction with these fields."""
    await b.tap(tag)
    await b.expect_status("Preparing")
    await b.do("plug")
    await b.do("request")
    return await charging(b, tag, **fields)


async def charging(b, tag, **fields):
    start, _ = await b.expect_all(
        ("StartTransaction", {"connectorId": 1, "idTag": tag, **fields}),
        ("StatusNotification", {"connectorId": 1, "status": "Charging"}),
    )
    await b.contactor(True)
    return start


async def end(b, tag):
    await b.tap(tag)
    await b.expect("StopTransaction")
    await b.leave()


# --- the cases ---------------------------------------------------------------------------


@scenario
async def test_TC_046_1_CS(b):
    """Another card is refused; the right one starts with the reservationId."""
    await b.boot()
    await reserved(b)
    await refused(b, "CARD3")
    await charge(b, "CARD1", reservationId=7)
    await end(b, "CARD1")
    # It is used up.
    start = await charge(b, "CARD3")
    assert "reservationId" not in start


@scenario
async def test_TC_046_2_CS(b):
    """RemoteStart with the reserved card."""
    await b.boot()
    await reserved(b)
    assert await remote(b, "CARD3") == "Rejected"
    assert await remote(b, "CARD1") == "Accepted"
    await b.expect_status("Preparing")
    await b.do("plug")
    await b.do("request")
    await charging(b, "CARD1", reservationId=7)


@scenario
async def test_TC_047_CS(b):
    """After the expiry it is Available, for another card too."""
    await b.boot()
    mark = await reserve(b, seconds=30)
    assert mark == "Accepted"
    held = await b.expect_status("Reserved")
    free = await b.expect_status("Available", within=40)
    assert abs(free.t - held.t - 30) <= 3
    start = await charge(b, "CARD3")
    assert "reservationId" not in start


@scenario
async def test_TC_048_1_CS(b):
    """A connector with a fault."""
    await b.boot()
    await b.do("fault", kind="rcd", on=True)
    await b.expect_status("Faulted")
    assert await reserve(b) == "Faulted"


@scenario
async def test_TC_048_2_CS(b):
    """A connector in use: Preparing, Charging, Finishing."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Preparing")
    assert await reserve(b) == "Occupied"
    await b.do("request")
    await b.tap("CARD1")
    await b.expect_status("Charging")
    assert await reserve(b) == "Occupied"
    await b.tap("CARD1")
    await b.expect_status("Finishing")
    assert await reserve(b) == "Occupied"
    await b.leave()
    await reserved(b)
    assert await reserve(b, number=8) == "Occupied", "by a reservation"


@scenario
async def test_TC_048_3_CS(b):
    """A connector out of service."""
    await b.boot()
    await b.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    await b.expect_status("Unavailable")
    assert await reserve(b) == "Unavailable"


@scenario(settings=OFF)
async def test_TC_048_4_CS(b):
    """Reservation is not supported: Rejected, and the profile is not named."""
    await b.boot()
    assert await reserve(b) == "Rejected"
    assert await cancel(b) == "Rejected"
    read = await b.configuration("SupportedFeatureProfiles", "ReserveConnectorZeroSupported")
    assert "Reservation" not in read["SupportedFeatureProfiles"]
    assert read["ReserveConnectorZeroSupported"] == "false"


@scenario
async def test_TC_049_CS(b):
    """The charge point is reserved: any connector, with the reservationId."""
    await b.boot()
    read = await b.configuration("SupportedFeatureProfiles", "ReserveConnectorZeroSupported")
    assert "Reservation" in read["SupportedFeatureProfiles"].split(",")
    assert read["ReserveConnectorZeroSupported"] == "true"
    await reserved(b, connector=0)
    await refused(b, "CARD3")
    await charge(b, "CARD1", reservationId=7)


@scenario
async def test_TC_050_1_CS(b):
    """All connectors have a fault."""
    await b.boot()
    await b.do("fault", kind="rcd", on=True)
    await b.expect_status("Faulted")
    assert await reserve(b, connector=0) == "Faulted"


@scenario
async def test_TC_050_2_CS(b):
    """All connectors are in use."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Preparing")
    assert await reserve(b, connector=0) == "Occupied"


@scenario
async def test_TC_050_3_CS(b):
    """The charge point is out of service."""
    await b.boot()
    await b.call("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    await b.expect_status("Unavailable")
    assert await reserve(b, connector=0) == "Unavailable"


@scenario(settings=OFF)
async def test_TC_050_4_CS(b):
    """Reservation is not supported."""
    await b.boot()
    assert await reserve(b, connector=0) == "Rejected"


@scenario
async def test_TC_051_CS(b):
    """Cancelled: Available, and the next transaction is an ordinary one."""
    await b.boot()
    await reserved(b)
    assert await cancel(b) == "Accepted"
    await b.expect_status("Available")
    start = await charge(b, "CARD1")
    assert "reservationId" not in start
    assert await cancel(b) == "Rejected", "it is gone"


@scenario
async def test_TC_052_CS(b):
    """Cancelling an unknown reservation leaves the others."""
    await b.boot()
    await reserved(b)
    mark = b.mark()
    assert await cancel(b, 99) == "Rejected"
    await b.none("StatusNotification", since=mark)
    await charge(b, "CARD1", reservationId=7)


@scenario
async def test_TC_053_CS(b):
    """Another card of the same group may use it."""
    await b.boot()
    await reserved(b, tag="CARD1", parentIdTag="FAMILY")
    await refused(b, "CARD3")  # of no group
    mark = b.mark()
    await charge(b, "CARD2", reservationId=7)
    assert b.calls("Authorize", mark, idTag="CARD2")


@scenario
async def test_TC_053_1_CS(b):
    """Local start of a card of the group, cable first."""
    await b.boot()
    await reserved(b, parentIdTag="FAMILY")
    await b.do("plug")
    await b.do("request")
    await b.none("StatusNotification", for_=3)  # a cable alone changes nothing
    await b.tap("CARD2")
    await charging(b, "CARD2", reservationId=7)


@scenario
async def test_TC_053_2_CS(b):
    """RemoteStart of a card of the group: the central system is asked for its group."""
    await b.boot(AuthorizeRemoteTxRequests=False)
    await reserved(b, parentIdTag="FAMILY")
    assert await remote(b, "CARD2") == "Accepted"
    await b.expect("Authorize", idTag="CARD2")
    await b.expect_status("Preparing")
    await b.do("plug")
    await b.do("request")
    await charging(b, "CARD2", reservationId=7)


# --- what else ---------------------------------------------------------------------------


@scenario
async def test_a_reservation_survives_a_power_cut_and_a_reset(b):
    await b.boot()
    await reserved(b, seconds=900)
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    await b.expect_status("Reserved")
    await b.call("Reset", {"type": "Hard"})
    await b.start_of_day()
    await b.expect_status("Reserved")
    await refused(b, "CARD3")
    await charge(b, "CARD1", reservationId=7)
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    await b.expect("StopTransaction", reason="PowerLoss", within=30)
    await b.advance(5)
    assert (await b.status())["connector_status"] != "Reserved", "it is used up"


@scenario
async def test_a_reservation_that_expires_without_power_is_gone(b):
    await b.boot()
    await reserved(b, seconds=60)
    await b.do("power_cut", seconds=120)
    await b.start_of_day(within=240)
    # Until the central system told the time, the expiry could not be known.
    await b.until(lambda: _last(b) == "Available", 20, "Available")


def _last(b):
    told = b.calls("StatusNotification", connectorId=1)
    return told[-1]["status"] if told else None


@scenario
async def test_the_same_number_replaces(b):
    await b.boot()
    await reserved(b, tag="CARD1")
    assert await reserve(b, tag="CARD3") == "Accepted"
    await refused(b, "CARD1")
    await charge(b, "CARD3", reservationId=7)


@scenario
async def test_out_of_service_ends_a_reservation(b):
    await b.boot()
    await reserved(b)
    for kind, status in (("Inoperative", "Unavailable"), ("Operative", "Available")):
        await b.call("ChangeAvailability", {"connectorId": 1, "type": kind})
        await b.expect_status(status)
    assert await cancel(b) == "Rejected"


@scenario
async def test_a_fault_ends_a_reservation(b):
    await b.boot()
    await reserved(b)
    await b.do("fault", kind="rcd", on=True)
    await b.expect_status("Faulted")
    assert await cancel(b) == "Rejected"


@scenario
async def test_nobody_comes_it_stays_reserved_after_the_connection_timeout(b):
    await b.boot(ConnectionTimeOut=10)
    await reserved(b)
    await b.tap("CARD1")
    await b.expect_status("Preparing")
    await b.expect_status("Reserved", within=20)
    await refused(b, "CARD3")


@scenario
async def test_a_remote_start_without_a_connector_finds_the_reserved_one(b):
    await b.boot()
    await reserved(b)
    assert await remote(b, "CARD3", connectorId=1) == "Rejected"
    answer = await b.call("RemoteStartTransaction", {"idTag": "CARD3"})
    assert answer["status"] == "Rejected"
    answer = await b.call("RemoteStartTransaction", {"idTag": "CARD1"})
    assert answer["status"] == "Accepted"


@scenario
async def test_what_makes_no_sense_is_rejected(b):
    await b.boot()
    assert await reserve(b, connector=2) == "Rejected", "no such connector"
    assert await reserve(b, seconds=-10) == "Rejected", "it has expired"
    for bad in ({"connectorId": 1}, {"reservationId": "7"}):
        await b.call_error("ReserveNow", bad, check=False)
    error = await b.call_error(
        "ReserveNow",
        {"connectorId": 1, "expiryDate": "tomorrow", "idTag": "CARD1", "reservationId": 7},
        check=False,
    )
    assert error.code in ("PropertyConstraintViolation", "TypeConstraintViolation")
    assert await cancel(b) == "Rejected"


@scenario
async def test_reserved_while_offline_only_the_reserved_card_starts(b):
    await b.boot(AllowOfflineTxForUnknownId=True)
    await reserved(b)
    await b.offline()
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD3")
    await b.advance(8)
    assert (await b.status())["contactor"] is False
    await b.tap("CARD1")
    await b.contactor(True)
    await b.online()
    await b.expect("StartTransaction", idTag="CARD1", reservationId=7, within=60)
