# OCPP 1.6 LocalAuthListManagement certification cases, and other uses of a local list.
# MIT license; part of microevse
"""Each test_TC_ is the case it is named after; titles in octt16_cases.tsv.

A charger without the profile is one where the owner has switched it off (FeaturesOff), or
whose board has no partition for lists.
"""

import asyncio
import pathlib
import shutil
import tempfile

from bench import EPOCH, Bench, CallError, scenario
from csms.checks import unix

OFF = {"FeaturesOff": "LocalAuthListManagement"}
LISTS_AT = 0x380000
KEYS = ("LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength")


def entry(tag, status="Accepted", **info):
    return {"idTag": tag, "idTagInfo": {"status": status, **info}}


async def send(b, version, *entries, kind="Full", **kw):
    payload = {"listVersion": version, "updateType": kind}
    if entries:
        payload["localAuthorizationList"] = list(entries)
    return (await b.call("SendLocalList", payload, **kw))["status"]


async def version(b):
    return (await b.call("GetLocalListVersion"))["listVersion"]


async def start(b, tag, remote=False):
    """Plug in and start with `tag`; True if an Authorize was sent for it."""
    mark = b.mark()
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.do("request")
    if remote:
        answer = await b.call("RemoteStartTransaction", {"idTag": tag, "connectorId": 1})
        assert answer["status"] == "Accepted"
    else:
        await b.tap(tag)
    await b.expect_all(
        ("StartTransaction", {"connectorId": 1, "idTag": tag}),
        ("StatusNotification", {"connectorId": 1, "status": "Charging"}),
    )
    await b.contactor(True)
    return bool(b.calls("Authorize", mark))


async def refused(b, tag, asked):
    """Tap with the cable in: no transaction; was the central system asked?"""
    mark = b.mark()
    await b.tap(tag)
    await b.none("StartTransaction", for_=5, since=mark)
    assert bool(b.calls("Authorize", mark, idTag=tag)) is asked
    assert (await b.status())["contactor"] is False


# --- the cases ---------------------------------------------------------------------------


@scenario(settings=OFF)
async def test_TC_042_1_CS(b):
    """GetLocalListVersion where there is no local list: -1; and the same when switched off."""
    await b.boot()
    assert await version(b) == -1
    read = await b.configuration("SupportedFeatureProfiles", *KEYS)
    assert "LocalAuthListManagement" not in read["SupportedFeatureProfiles"]
    assert [read[key] for key in KEYS] == ["false", "0", "0"]


@scenario
async def test_TC_042_2_CS(b):
    """A Full list without entries: version 0."""
    await b.boot()
    assert await send(b, 1) == "Accepted"
    assert await version(b) == 0


@scenario
async def test_TC_043_CS(b):
    """Full, then Differential: both in force."""
    await b.boot(LocalPreAuthorize=True, AuthorizationCacheEnabled=False)
    assert await send(b, 1, entry("CARD1"), entry("CARD3")) == "Accepted"
    assert await version(b) == 1
    changes = (entry("CARD4"), entry("CARD1", "Blocked"), {"idTag": "CARD3"})
    assert await send(b, 2, *changes, kind="Differential") == "Accepted"
    assert await version(b) == 2
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.do("request")
    await refused(b, "CARD1", asked=False)  # the list is the last word
    mark = b.mark()
    await b.tap("CARD4")
    await b.expect("StartTransaction", idTag="CARD4")
    assert not b.calls("Authorize", mark)
    await b.tap("CARD4")
    await b.expect("StopTransaction")
    await b.leave()
    assert await start(b, "CARD3") is True, "taken out of the list"


@scenario(settings=OFF)
async def test_TC_043_1_CS(b):
    """SendLocalList where there is no local list."""
    await b.boot()
    assert await send(b, 1, entry("CARD1")) == "NotSupported"
    assert await send(b, 2, entry("CARD1"), kind="Differential") == "NotSupported"


@scenario
async def test_TC_043_2_CS(b):
    """A Differential update older than the list changes nothing."""
    await b.boot(LocalPreAuthorize=True)
    assert await send(b, 2, entry("CARD1")) == "Accepted"
    assert await version(b) == 2
    assert await send(b, 5, entry("CARD3"), kind="Differential") == "Accepted"
    assert await version(b) == 5
    for old in (4, 5):
        assert await send(b, old, entry("CARD4"), kind="Differential") == "VersionMismatch"
        assert await version(b) == 5
    assert await start(b, "CARD4") is True
    await b.tap("CARD4")
    await b.expect("StopTransaction")
    await b.leave()
    # A Full list may have any version, whatever the list before had.
    assert await send(b, 3, entry("CARD4")) == "Accepted"
    assert await version(b) == 3


@scenario
async def test_TC_043_3_CS(b):
    """While a contactor is closed a list cannot be stored: Failed, the old one stays."""
    await b.boot()
    assert await send(b, 1, entry("CARD1")) == "Accepted"
    await b.charging("CARD3")
    assert await send(b, 2, entry("CARD4")) == "Failed"
    assert await send(b, 2, entry("CARD4"), kind="Differential") == "Failed"
    assert await version(b) == 1
    assert (await b.status())["contactor"] is True
    await b.tap("CARD3")
    await b.contactor(False)
    assert await send(b, 2, entry("CARD4")) == "Accepted"
    assert await version(b) == 2


TC_008 = {
    "AuthorizationCacheEnabled": False,
    "LocalPreAuthorize": True,
    "AuthorizeRemoteTxRequests": True,
}


@scenario
async def test_TC_008_CS(b):
    """A listed card, the cache off: remote and local start without Authorize."""
    await b.boot(**TC_008)
    assert await send(b, 1, entry("CARD1", parentIdTag="FAMILY")) == "Accepted"
    assert await start(b, "CARD1", remote=True) is False
    await b.tap("CARD1")
    await b.expect("StopTransaction")
    await b.leave()
    assert await start(b, "CARD1") is False


@scenario
async def test_TC_008_1_CS(b):
    """Local start of a listed card."""
    await b.boot(**TC_008)
    assert await send(b, 1, entry("CARD1")) == "Accepted"
    assert await start(b, "CARD1") is False


@scenario
async def test_TC_008_2_CS(b):
    """Remote start of a listed card."""
    await b.boot(**TC_008)
    assert await send(b, 1, entry("CARD1")) == "Accepted"
    assert await start(b, "CARD1", remote=True) is False


# --- the list ----------------------------------------------------------------------------


@scenario
async def test_the_profile_and_its_keys_are_there(b):
    await b.boot()
    read = await b.configuration("SupportedFeatureProfiles", *KEYS)
    assert "LocalAuthListManagement" in read["SupportedFeatureProfiles"].split(",")
    assert read["LocalAuthListEnabled"] == "true"
    assert int(read["LocalAuthListMaxLength"]) >= 1000
    assert int(read["SendLocalListMaxLength"]) >= 20


@scenario
async def test_switched_off_by_the_central_system_the_list_is_not_there(b):
    await b.boot(LocalPreAuthorize=True, AuthorizationCacheEnabled=False)
    assert await send(b, 7, entry("CARD1")) == "Accepted"
    await b.configure(LocalAuthListEnabled=False)
    assert await version(b) == -1
    assert await send(b, 8, entry("CARD3")) == "NotSupported"
    assert await start(b, "CARD1") is True
    await b.configure(LocalAuthListEnabled=True)
    assert await version(b) == 7


@scenario
async def test_what_is_wrong_in_a_list_changes_nothing(b):
    await b.boot()
    assert await send(b, 1, entry("CARD1")) == "Accepted"
    assert await send(b, 2, entry("CARD3"), entry("card3")) == "Failed", "a token twice"
    assert await send(b, 2, entry("CARD3"), entry("card3"), kind="Differential") == "Failed"
    assert await send(b, 2, {"idTag": "CARD3"}) == "Failed", "a Full list takes nothing out"
    assert await send(b, 0, entry("CARD3")) == "Failed", "0 is the version of an empty list"
    many = [entry(f"T{i}") for i in range(101)]
    assert await send(b, 2, *many) == "Failed", "more than SendLocalListMaxLength"
    for bad in (
        {"listVersion": 2, "updateType": "Partly"},
        {"listVersion": 2, "updateType": "Full", "localAuthorizationList": [{"idTag": "X" * 21}]},
        {"listVersion": 2},
    ):
        await b.call_error("SendLocalList", bad, check=False)
    assert await version(b) == 1
    assert await start(b, "CARD1") is True  # LocalPreAuthorize is off


@scenario(tags={tag: {"parentIdTag": "FLEET"} for tag in ("TAG00777", "TAG00123")})
async def test_a_thousand_tokens_survive_a_power_cut_and_cost_no_heap(b):
    """Sent in messages of 100, as any central system with a list this long must."""
    await b.boot(LocalPreAuthorize=True, AuthorizationCacheEnabled=False)
    for i in range(10):
        some = [entry(f"TAG{100 * i + k:05}", parentIdTag="FLEET") for k in range(100)]
        kind = "Differential" if i else "Full"
        assert await send(b, i + 1, *some, kind=kind, within=60) == "Accepted", i
        if i == 0:
            first = (await b.status())["heap_free"]
    heap = (await b.status())["heap_free"]
    # Free memory wavers by what has not been collected; 900 tokens as objects are 135 KB.
    assert heap > first - 60000, (first, heap)
    await b.do("power_cut", seconds=2)
    await b.boot()
    assert await version(b) == 10
    assert await start(b, "TAG00777") is False
    # The group is that of the list: another card of it ends the session, unasked.
    await b.tap("TAG00123")
    await b.expect("StopTransaction", idTag="TAG00123")


@scenario
async def test_the_list_goes_before_the_cache_and_knows_expiry(b):
    await b.boot(LocalPreAuthorize=True)
    assert await start(b, "CARD1") is True
    await b.tap("CARD1")
    await b.expect("StopTransaction")
    await b.leave()
    soon = "2027-01-01T00:10:00Z"
    assert (
        await send(b, 1, entry("CARD1", "Blocked"), entry("CARD4", expiryDate=soon)) == "Accepted"
    )
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.do("request")
    await refused(b, "CARD1", asked=False)  # the cache has it as Accepted
    await b.advance(unix(soon) - b.unix() + 1)
    await refused(b, "CARD4", asked=False)  # expired
    assert await send(b, 2, {"idTag": "CARD1"}, kind="Differential") == "Accepted"
    mark = b.mark()
    await b.tap("CARD1")
    await b.expect("StartTransaction", idTag="CARD1")
    assert not b.calls("Authorize", mark), "now the cache counts again"


@scenario
async def test_a_list_with_a_date_that_is_none_is_refused_whole(b):
    """An accepted token whose expiry cannot be read would never expire."""
    await b.boot(LocalPreAuthorize=True)
    assert await send(b, 1, entry("CARD1")) == "Accepted"
    for bad in ("2027-02-30T00:00:00Z", "1969-12-31T23:59:59Z"):
        try:
            await send(b, 2, entry("CARD3"), entry("CARD4", expiryDate=bad))
        except CallError as exc:
            assert exc.code == "PropertyConstraintViolation", exc.code
        else:
            raise AssertionError("taken: %s" % bad)
        assert await version(b) == 1
    assert await send(b, 2, entry("CARD3")) == "Accepted", "the next one is taken"


def test_a_region_used_by_something_else_is_left_alone():
    """A board whose flash still has the older table: the file system was there."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "flash.bin"
        image = bytearray(b"\xff" * (4 << 20))
        image[LISTS_AT : LISTS_AT + 16] = b"\x01\x00\x00\x00littlefs/\xe0\x00"
        path.write_bytes(image)

        async def play():
            async with Bench(data=folder) as b:
                await b.boot()
                assert await version(b) == -1
                assert await send(b, 1, entry("CARD1")) == "NotSupported"
                read = await b.configuration("SupportedFeatureProfiles")
                assert "LocalAuth" not in read["SupportedFeatureProfiles"]
                assert b.logged("no local authorization list")

        asyncio.run(play())
        assert path.read_bytes()[LISTS_AT : LISTS_AT + 16] == bytes(image[LISTS_AT:][:16])


@scenario(options={"without_partitions": ["lists"]})
async def test_a_board_without_the_partition_does_not_offer_the_profile(b):
    await b.boot()
    assert await version(b) == -1
    read = await b.configuration("SupportedFeatureProfiles")
    assert "LocalAuth" not in read["SupportedFeatureProfiles"]


# --- being offline -----------------------------------------------------------------------


async def cold_boot_offline(b):
    """Power comes back where there is no network: the charger has never been online."""
    await b.do("network", up=False)
    await b.do("power_cut", seconds=2)
    await b.advance(20)
    await b.do("network", up=False)
    mark = b.mark()
    await b.advance(60)
    assert not b.calls("BootNotification", mark), "this was to be offline"


async def offline_start(b, tag):
    await b.do("plug")
    await b.advance(2)
    await b.do("request")
    await b.tap(tag)
    await b.contactor(True, within=20)


async def delivered(b, tag):
    """Back online: the transaction of `tag` arrives, with a time that makes sense."""
    began = b.unix()
    await b.advance(30)
    await b.online()
    begin = await b.expect("StartTransaction", idTag=tag, within=60)
    assert EPOCH < unix(begin["timestamp"]) < b.unix() + 5
    assert abs(unix(begin["timestamp"]) - began) < 30
    assert (await b.status())["contactor"] is True


@scenario
async def test_offline_start_from_cold_boot_with_the_list(b):
    await b.boot(LocalAuthorizeOffline=True, AuthorizationCacheEnabled=False)
    assert await send(b, 1, entry("CARD1"), entry("CARD3", "Blocked")) == "Accepted"
    await cold_boot_offline(b)
    await b.do("plug")
    await b.advance(2)
    await b.do("request")
    for tag in ("CARD3", "CARD4"):
        await b.tap(tag)
        await b.advance(8)
        assert (await b.status())["contactor"] is False, tag
    await b.tap("CARD1")
    await b.contactor(True, within=20)
    await delivered(b, "CARD1")


@scenario
async def test_offline_start_from_cold_boot_with_the_cache(b):
    await b.boot(LocalAuthorizeOffline=True, AuthorizationCacheEnabled=True)
    await start(b, "CARD1")
    await b.tap("CARD1")
    await b.expect("StopTransaction")
    await b.leave()
    await cold_boot_offline(b)
    await offline_start(b, "CARD1")
    await delivered(b, "CARD1")


@scenario
async def test_offline_nobody_starts_where_local_authorization_is_off(b):
    await b.boot(LocalAuthorizeOffline=False, AllowOfflineTxForUnknownId=False)
    assert await send(b, 1, entry("CARD1")) == "Accepted"
    await cold_boot_offline(b)
    await b.do("plug")
    await b.do("request")
    await b.tap("CARD1")
    await b.advance(10)
    assert (await b.status())["contactor"] is False


@scenario
async def test_unknown_cards_may_charge_offline_but_those_listed_as_bad_may_not(b):
    await b.boot(AllowOfflineTxForUnknownId=True)
    assert await send(b, 1, entry("CARD4", "Invalid")) == "Accepted"
    await cold_boot_offline(b)
    await b.do("plug")
    await b.advance(2)
    await b.do("request")
    await b.tap("CARD4")
    await b.advance(8)
    assert (await b.status())["contactor"] is False
    await b.tap("CARD3")
    await b.contactor(True, within=20)
    await delivered(b, "CARD3")


@scenario
async def test_a_card_refused_afterwards_gets_max_energy_and_no_more(b):
    """StopTransactionOnInvalidId false: MaxEnergyOnInvalidId, counted from the beginning."""
    most = 300
    await b.boot(
        AllowOfflineTxForUnknownId=True,
        StopTransactionOnInvalidId=False,
        MaxEnergyOnInvalidId=most,
    )
    await b.offline()
    await offline_start(b, "STRANGER")
    await b.advance(10)
    await b.online()
    await b.expect("StartTransaction", idTag="STRANGER", within=60)
    assert (await b.status())["contactor"] is True, "not used up yet"
    await b.contactor(False, within=900)
    await b.expect_status("SuspendedEVSE", within=20)
    given = b.csms.transactions
    (one,) = [t for t in given.values() if t.start["idTag"] == "STRANGER"]
    assert one.stop is None
    wh = (await b.status())["wh"]
    assert most <= wh < most + 60, wh
    await b.advance(60)
    assert (await b.status())["wh"] == wh


@scenario
async def test_a_card_refused_afterwards_ends_its_session_where_that_is_wanted(b):
    await b.boot(AllowOfflineTxForUnknownId=True, StopTransactionOnInvalidId=True)
    await b.offline()
    await offline_start(b, "STRANGER")
    await b.online()
    await b.expect("StopTransaction", reason="DeAuthorized", within=60)
    await b.contactor(False)


def test_free_mode_charges_in_a_garage_without_any_central_system():
    async def play():
        quiet = {"skip_ms": 4000, "coalesce_ms": 2000}
        bench = Bench(settings={"FreeMode": "true", "CentralSystemURI": ""}, options=quiet)
        async with bench as b:
            await b.advance(30)
            await b.do("plug")
            await b.do("request")
            await b.contactor(True, within=20)
            wh = (await b.status())["wh"]
            await b.advance(600)
            assert (await b.status())["wh"] > wh + 100
            await b.do("release")
            await b.until(b._unplug, 15, "the cable can be pulled")
            await b.advance(10)
            assert (await b.status())["connector_status"] == "Available"
            # After a power cut with the car in: on its own again, within the random delay.
            await b.do("set", key="ResumeRandomDelay", value="60")
            await b.do("plug")
            await b.do("request")
            await b.contactor(True, within=20)
            await b.do("power_cut", seconds=2)
            await b.advance(10)
            await b.contactor(True, within=90)
            assert not b.csms.log, "nobody was called"

    asyncio.run(asyncio.wait_for(play(), 120))


# --- power cuts --------------------------------------------------------------------------

LAST_CUT = 80  # flash operations from power-on to the end of the update are fewer than this


async def _cut_update(folder, cut):
    """Update with the power lost at flash operation `cut`; (was there a cut, version after)."""
    async with Bench(data=folder, options={"flash_cut_at": cut}) as b:
        # One cut: the next start has none.
        b.twin._options.pop("flash_cut_at")
        await b.start_of_day()
        await b.advance(5)
        listed = [entry(f"NEW{i:05}") for i in range(60)]
        try:
            if await send(b, 3, *listed) == "Accepted" and b.twin.boots == 1:
                return False, await version(b)  # the cut would come later
        except (CallError, ConnectionError, AssertionError):
            pass  # no answer: by power cut, as is seen next
        await b.advance(5)
        assert b.twin.boots == 2, "refused, or not answered, and no power was cut"
        await b.until(lambda: b.csms.connections[-1].open, 90, "connected again")
        await b.advance(2)
        now = await version(b)
        mark = b.mark()
        await b.do("plug")
        await b.do("request")
        await b.tap("NEW00059" if now == 3 else "OLD00059")
        await b.expect("StartTransaction")
        assert not b.calls("Authorize", mark), f"cut {cut}: version {now} without its tokens"
        return True, now


def test_an_update_cut_at_every_flash_operation_is_the_old_list_or_the_new_one(tmp_path):
    base = tmp_path / "base"

    async def make():
        async with Bench(data=base) as b:
            await b.boot(LocalPreAuthorize=True, AuthorizationCacheEnabled=False)
            for number in (1, 2):
                old = [entry(f"OLD{i:05}") for i in range(60)]
                assert await send(b, number, *old) == "Accepted"

    asyncio.run(make())
    seen = []
    for cut in range(1, LAST_CUT):
        folder = tmp_path / str(cut)
        shutil.copytree(base, folder)
        happened, now = asyncio.run(asyncio.wait_for(_cut_update(folder, cut), 60))
        shutil.rmtree(folder)
        assert now in (2, 3), (cut, now)
        seen.append((happened, now))
        if now == 3 and not happened:
            break
    old = sum(happened and now == 2 for happened, now in seen)
    # A cut while it starts comes before the update, which is then made: the new list.
    print(f"{len(seen) - 1} cuts: {old} left the old list, {len(seen) - 1 - old} the new one")
    assert seen[-1] == (False, 3), "the sweep ended before the update did"
    assert old >= 12, "11 pages, an erase and a header"
