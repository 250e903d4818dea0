# OCPP 2.0.1 certification cases: authorization.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv. The cards that the
reader of the bench reads have the kind Local."""

import pytest
from bench import TAGS
from bench2 import scenario2

SOCKET = "esp32s2_diy_alpha"
DUAL = "esp32_dual"
CARDS = dict(
    TAGS,
    INVALID={"status": "Invalid"},
    EXPIRED={"status": "Expired"},
    MASTER={"parentIdTag": "MASTERS"},
    KIN={"parentIdTag": "FAMILY"},
    BADKIN={"status": "Invalid", "parentIdTag": "FAMILY"},
)
CARDS = {tag: dict(info) for tag, info in CARDS.items()}
CACHE = {"LocalPreAuthorize": "true"}


def entry(tag, status="Accepted", group=None, **info):
    """AuthorizationData of a local list."""
    info["status"] = status
    if group:
        info["groupIdToken"] = {"idToken": group, "type": "Central"}
    return {"idToken": {"idToken": tag, "type": "Local"}, "idTokenInfo": info}


async def send_list(b, *entries, version=1):
    payload = {
        "versionNumber": version,
        "updateType": "Full",
        "localAuthorizationList": list(entries),
    }
    assert (await b.call("SendLocalList", payload))["status"] == "Accepted"


async def refused(b, tag, asked=True, online=True):
    """The card starts nothing; `asked`: after the central system was asked about it."""
    mark = b.mark()
    await b.tap(tag)
    await b.none("TransactionEvent", for_=3, since=mark)
    if online:
        assert bool(b.calls("Authorize", mark)) is asked, tag
    assert (await b.status())["contactor"] is False


async def start(b, tag, asked=True):
    """Cable, card, energy; returns the Transaction."""
    mark = b.mark()
    await b.do("plug")
    await b.expect_status("Occupied")
    await b.do("request")
    await b.tap(tag)
    started = await b.expect_event("Started", "Authorized")
    assert started["idToken"] == {"idToken": tag, "type": "Local"}
    await charging(b)
    assert bool(b.calls("Authorize", mark)) is asked, tag
    return list(b.csms.transactions.values())[-1]


async def charging(b, state="Charging", within=15):
    await b.expect_event(
        "Updated",
        within=within,
        transactionInfo=lambda info: info.get("chargingState") == state,
    )


async def end(b, tag, asked=None):
    """The card ends the session, the car goes."""
    mark = b.mark()
    await b.tap(tag)
    ended = await b.expect_event("Ended", "StopAuthorized")
    if asked is not None:
        assert bool(b.calls("Authorize", mark)) is asked, tag
    await b.leave()
    return ended


async def known(b, *tags):
    """The cards are shown once, so that the cache has the answers about them."""
    for tag in tags:
        mark = b.mark()
        await b.tap(tag)
        await b.expect("Authorize")
        assert b.calls("Authorize", mark)
        await b.advance(6)  # an accepted card without a cable is forgotten


# --- asked -------------------------------------------------------------------------------


@scenario2(tags=CARDS)
async def test_TC_C_02_CS_and_TC_C_06_CS_and_TC_C_07_CS_and_TC_C_56_CS(b):
    """Cards that the central system does not accept."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    for tag in ("INVALID", "BLOCKED", "EXPIRED", "NOBODY"):
        await refused(b, tag)


@scenario2(board=SOCKET, tags=CARDS)
async def test_TC_C_05_CS(b):
    """A card that is refused leaves the cable to its owner."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    await refused(b, "INVALID")
    await b.do("unplug")
    await b.expect_status("Available")


@scenario2(tags=CARDS)
async def test_TC_C_04_CS_and_TC_C_36_CS_and_TC_C_39_CS_and_TC_C_42_CS(b):
    """Another card: without a group, of another group, of the same group. Not from the cache."""
    await b.boot()
    entry = await start(b, "CARD1")
    for tag in ("CARD3", "MASTER"):
        await b.tap(tag)
        await b.none("TransactionEvent", for_=3, eventType="Ended")
    assert entry.stops == 0 and (await b.status())["contactor"] is True
    ended = await end(b, "KIN", asked=True)
    assert ended["idToken"] == {"idToken": "KIN", "type": "Local"}
    assert entry.reason == "Local"
    await start(b, "CARD1", asked=True)


# --- the cache ---------------------------------------------------------------------------


@scenario2(tags=CARDS, settings=dict(CACHE, ConnectionTimeOut="5"))
async def test_TC_C_08_CS_and_TC_C_33_CS_and_TC_C_13_CS_and_TC_C_32_CS_and_TC_C_37_CS(b):
    """An accepted card in the cache: cable first, card first, after a restart, cache cleared."""
    await b.boot()
    await known(b, "CARD1")
    await start(b, "CARD1", asked=False)
    await end(b, "CARD1", asked=False)
    mark = b.mark()
    await b.tap("CARD1")
    await b.advance(3)
    await b.do("plug")
    await b.expect_event("Started", "CablePluggedIn", idToken=lambda t: t["idToken"] == "CARD1")
    await b.do("request")
    await charging(b)
    await end(b, "CARD1")
    assert not b.calls("Authorize", mark)
    assert (await b.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
    await b.expect("BootNotification", within=60)
    await b.expect_status("Available", within=30)
    await start(b, "CARD1", asked=False)
    await end(b, "CARD1")
    assert (await b.call("ClearCache"))["status"] == "Accepted"
    await start(b, "CARD1", asked=True)


@scenario2(tags=CARDS, settings=CACHE)
async def test_TC_C_09_CS_and_TC_C_10_CS_and_TC_C_11_CS_and_TC_C_12_CS_and_TC_C_34_CS(b):
    """Cards that the cache knows as refused are asked about; an event's answer is learnt, too."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    for tag in ("INVALID", "BLOCKED", "EXPIRED"):
        await refused(b, tag)
        await refused(b, tag)
    await b.do("unplug")
    await b.expect_status("Available")
    b.csms.id_tags["INVALID"] = {}
    await start(b, "INVALID", asked=True)
    # The answer to the event that ends it is about the token, too.
    b.csms.id_tags["INVALID"] = {"status": "Blocked"}
    await end(b, "INVALID", asked=False)
    await b.do("plug")
    await refused(b, "INVALID", asked=True)


@scenario2(tags=CARDS, settings=dict(CACHE, ConnectionTimeOut="5"))
async def test_TC_C_41_CS_and_TC_C_44_CS(b):
    """Groups in the cache: a card of the group ends the session, a refused one does not."""
    await b.boot()
    await known(b, "CARD1", "KIN", "BADKIN")
    entry = await start(b, "CARD1", asked=False)
    mark = b.mark()
    await b.tap("BADKIN")
    await b.expect("Authorize")
    await b.none("TransactionEvent", for_=3, since=mark, eventType="Ended")
    assert entry.stops == 0
    await end(b, "KIN", asked=False)


@scenario2(tags=CARDS, settings={"AuthorizationCacheEnabled": "false"})
async def test_TC_C_38_CS(b):
    """There is no cache to clear."""
    await b.boot()
    assert (await b.call("ClearCache"))["status"] == "Rejected"


@scenario2(tags=CARDS, settings=dict(CACHE, AuthCacheDisablePostAuthorize="true"))
async def test_TC_C_57_CS(b):
    """A card that the cache knows as refused is refused without a question."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    await refused(b, "INVALID", asked=True)
    b.csms.id_tags["INVALID"] = {}
    await refused(b, "INVALID", asked=False)


@scenario2(tags=CARDS, settings=dict(CACHE, AuthCacheLifeTime="60"))
async def test_TC_C_46_CS(b):
    """What the cache knows without an expiry holds for LifeTime."""
    await b.boot()
    await start(b, "CARD1", asked=True)
    await end(b, "CARD1")
    await start(b, "CARD1", asked=False)
    await end(b, "CARD1")
    await b.advance(70)
    await start(b, "CARD1", asked=True)


# --- the master pass ---------------------------------------------------------------------


@scenario2(board=DUAL, tags=CARDS, settings=dict(CACHE, MasterPassGroupId="MASTERS"))
async def test_TC_C_45_CS_and_TC_C_49_CS_and_TC_C_14_CS(b):
    """A master pass begins nothing; it ends all sessions, of cards and of remote starts."""
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    await refused(b, "MASTER", asked=True)
    token = {"idToken": "APP", "type": "Central"}
    group = {"idToken": "MASTERS", "type": "Central"}
    remote = {"idToken": token, "remoteStartId": 1, "evseId": 1, "groupIdToken": group}
    assert (await b.call("RequestStartTransaction", remote))["status"] == "Rejected"
    b.csms.id_tags["APP"] = {}
    for evse, tag in ((1, "CARD3"), (2, "APP")):
        if evse == 2:
            await b.do("plug", connector=evse)
            await b.expect_status("Occupied", evse=evse)
        await b.do("request", connector=evse)
        token = {"idToken": tag, "type": "Central"}
        remote = {"idToken": token, "remoteStartId": evse, "evseId": evse}
        assert (await b.call("RequestStartTransaction", remote))["status"] == "Accepted"
        await charging(b)
    mark = b.mark()
    await b.tap("MASTER")  # the cache knows it
    for _ in range(2):
        ended = await b.expect_event("Ended", "StopAuthorized")
        assert ended["transactionInfo"]["stoppedReason"] == "MasterPass"
        assert ended["idToken"] == {"idToken": "MASTER", "type": "Local"}
    assert not b.calls("Authorize", mark)
    assert [entry.reason for entry in b.csms.transactions.values()] == ["MasterPass"] * 2


@scenario2(tags=CARDS, settings={"DisableRemoteAuthorization": "true"})
async def test_TC_E_52_CS(b):
    """The central system is not asked; what the list has is enough."""
    await b.boot()
    await send_list(b, entry("CARD1"))
    await b.do("plug")
    await b.expect_status("Occupied")
    await refused(b, "CARD3", asked=False)
    await b.do("unplug")
    await b.expect_status("Available")
    await start(b, "CARD1", asked=False)


# --- refused after an offline start ------------------------------------------------------

OFFLINE = {"LocalPreAuthorize": "true", "AllowOfflineTxForUnknownId": "true"}


async def offline_start(b, tag):
    """A session of `tag` begins offline; then the link is back, with the Started event."""
    await b.do("plug")
    await b.expect_status("Occupied")
    await b.do("request")
    await b.offline()
    await b.tap(tag)
    await b.contactor(True)
    await b.advance(10)
    await b.online()
    started = await b.expect_event("Started", "Authorized", within=60)
    assert started["offline"] is True and started["idToken"]["idToken"] == tag
    return list(b.csms.transactions.values())[-1]


@pytest.mark.parametrize("energy", (0, 50))
def test_TC_C_15_CS_and_TC_C_17_CS_and_TC_C_26_CS(energy):
    """Refused afterwards, the transaction goes on without energy, or with MaxEnergyOnInvalidId."""
    settings = dict(OFFLINE, StopTransactionOnInvalidId="false", MaxEnergyOnInvalidId=str(energy))

    @scenario2(tags=CARDS, settings=settings)
    async def story(b):
        await b.boot()
        entry = await offline_start(b, "NOBODY")
        if energy:
            await b.expect_event("Updated", "Deauthorized")
            await b.contactor(True)
        await charging(b, "SuspendedEVSE", within=120)
        await b.contactor(False)
        wh = (await b.status())["wh"]
        assert wh >= energy and wh - energy < 10
        await b.none("TransactionEvent", for_=20, eventType="Ended")
        assert entry.stops == 0 and (await b.status())["wh"] == wh

    story()


@pytest.mark.parametrize("energy", (0, 50))
def test_TC_C_16_CS_and_TC_C_18_CS_and_TC_E_16_CS(energy):
    """Refused afterwards, the transaction ends, at once or with MaxEnergyOnInvalidId."""
    settings = dict(OFFLINE, StopTransactionOnInvalidId="true", MaxEnergyOnInvalidId=str(energy))

    @scenario2(tags=CARDS, settings=settings)
    async def story(b):
        await b.boot()
        entry = await offline_start(b, "NOBODY")
        if energy:
            await b.expect_event("Updated", "Deauthorized")
        ended = await b.expect_event("Ended", "Deauthorized", within=120)
        assert ended["transactionInfo"]["stoppedReason"] == "DeAuthorized"
        await b.contactor(False)
        assert energy <= entry.wh < energy + 10

    story()


@scenario2(tags=CARDS)
async def test_a_later_event_can_take_the_authorization_back(b):
    """An answer to an Updated event, which has no token, is about that of the transaction."""
    await b.boot()
    await start(b, "CARD1")
    b.csms.reply("TransactionEvent", {"idTokenInfo": {"status": "Blocked"}})
    await b.do("release")
    ended = await b.expect_event("Ended", "Deauthorized", within=30)
    assert ended["transactionInfo"]["stoppedReason"] == "DeAuthorized"


@scenario2(board=DUAL, tags=dict(CARDS, ONLY2={"evseId": [2]}), settings=CACHE)
async def test_a_card_that_is_accepted_at_some_evses_only(b):
    await b.boot()
    await b.do("plug")
    await b.expect_status("Occupied")
    await refused(b, "ONLY2")
    # It is not in the cache, which knows no EVSEs.
    await refused(b, "ONLY2", asked=True)


# --- the local list ----------------------------------------------------------------------

LIST = dict(CACHE, LocalAuthListDisablePostAuthorize="false")
BAD = ("INVALID", "BLOCKED", "EXPIRED")


def bad_entries():
    return [entry(tag, tag.capitalize()) for tag in BAD]


@scenario2(tags=CARDS, settings=LIST)
async def test_TC_C_21_CS_and_TC_C_22_CS_and_TC_C_23_CS_and_TC_C_24_CS_and_TC_C_25_CS(b):
    """Offline: the list alone decides, also against the cache."""
    await b.boot()
    await start(b, "CARD3", asked=True)  # the cache has it as accepted
    await end(b, "CARD3")
    await send_list(b, entry("CARD1"), entry("CARD3", "Invalid"), *bad_entries())
    await b.do("plug")
    await b.expect_status("Occupied")
    await b.do("request")
    await b.offline()
    for tag in (*BAD, "CARD3"):
        await refused(b, tag, online=False)
    await b.tap("CARD1")
    await b.contactor(True)
    await b.advance(10)
    await b.tap("CARD1")
    await b.contactor(False)
    await b.online()
    started = await b.expect_event("Started", "Authorized", within=60)
    ended = await b.expect_event("Ended", "StopAuthorized", within=60)
    assert started["offline"] is ended["offline"] is True
    assert ended["idToken"]["idToken"] == "CARD1"


@scenario2(tags=CARDS, settings=LIST)
async def test_TC_C_27_CS_and_TC_C_28_CS_and_TC_C_29_CS_and_TC_C_30_CS_and_TC_C_31_CS(b):
    """Online: an accepted card is not asked about, the others are, and the answer counts."""
    await b.boot()
    await send_list(b, entry("CARD1"), *bad_entries())
    await start(b, "CARD1", asked=False)
    await end(b, "CARD1")
    await b.do("plug")
    await b.expect_status("Occupied")
    for tag in BAD:
        await refused(b, tag, asked=True)
    await b.do("unplug")
    await b.expect_status("Available")
    b.csms.id_tags["INVALID"] = {}
    await start(b, "INVALID", asked=True)


@scenario2(tags=CARDS, settings=LIST)
async def test_TC_C_40_CS_and_TC_C_43_CS(b):
    """Groups in the list: a card of the group ends the session, a refused one does not."""
    await b.boot()
    await send_list(
        b,
        entry("CARD1", group="LISTED"),
        entry("KIN", group="LISTED"),
        entry("BADKIN", "Invalid", group="LISTED"),
    )
    for tag in ("CARD1", "KIN"):
        b.csms.id_tags[tag] = {"parentIdTag": "LISTED"}
    session = await start(b, "CARD1", asked=False)
    mark = b.mark()
    await b.tap("BADKIN")
    await b.expect("Authorize")
    await b.none("TransactionEvent", for_=3, since=mark, eventType="Ended")
    assert session.stops == 0
    await end(b, "KIN", asked=False)


@scenario2(tags=CARDS, settings=CACHE)
async def test_TC_C_58_CS(b):
    """A card that the list refuses is refused without a question."""
    await b.boot()
    await send_list(b, entry("CARD1", "Invalid"))
    await b.do("plug")
    await b.expect_status("Occupied")
    await refused(b, "CARD1", asked=False)
