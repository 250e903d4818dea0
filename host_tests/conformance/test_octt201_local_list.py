# OCPP 2.0.1 certification cases: the local authorization list.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after; titles in octt201_cases.tsv. How the list decides:
test_octt201_authorization.py. The cards that the reader of the bench reads have the kind Local."""

import pytest
from bench2 import VERSIONS, scenario2


def entry(tag, status="Accepted", kind="Local", **info):
    """AuthorizationData of a local list; status None: without idTokenInfo."""
    out = {"idToken": {"idToken": tag, "type": kind}}
    if status:
        out["idTokenInfo"] = dict(info, status=status)
    return out


async def send(b, version, *entries, kind="Full", **more):
    payload = {"versionNumber": version, "updateType": kind, **more}
    if entries:
        payload["localAuthorizationList"] = list(entries)
    return (await b.call("SendLocalList", payload))["status"]


async def version(b):
    return (await b.call("GetLocalListVersion"))["versionNumber"]


async def listed(b, tag):
    """True if the card is accepted without a question; it is not left waiting for a cable."""
    mark = b.mark()
    await b.tap(tag)
    await b.advance(1)
    asked = bool(b.calls("Authorize", mark))
    await b.advance(5)
    return not asked


SETTINGS = {"LocalPreAuthorize": "true", "ConnectionTimeOut": "5"}
SETTINGS["AuthorizationCacheEnabled"] = "false"


@pytest.mark.parametrize("protocol", VERSIONS)
def test_TC_D_01_CS_and_TC_D_02_CS_and_TC_D_03_CS_and_TC_D_04_CS_and_TC_D_05_CS(protocol):
    """Full, changed, taken out, changed by nothing, and emptied."""

    @scenario2(version=protocol, settings=SETTINGS)
    async def story(b):
        await b.boot()
        assert await version(b) == 0
        group = {"idToken": "FAMILY", "type": "Central"}
        first = entry("CARD1", groupIdToken=group, cacheExpiryDateTime="2030-01-01T00:00:00Z")
        assert await send(b, 2, first, entry("CARD3", "Blocked")) == "Accepted"
        assert await version(b) == 2
        assert await listed(b, "CARD1") and not await listed(b, "CARD4")
        changes = (entry("CARD4"), entry("CARD3", None))
        assert await send(b, 3, *changes, kind="Differential") == "Accepted"
        assert await version(b) == 3
        assert await listed(b, "CARD4") and not await listed(b, "CARD3")
        assert await send(b, 4, kind="Differential") == "Accepted"
        assert await version(b) == 4 and await listed(b, "CARD4")
        assert await send(b, 5) == "Accepted"
        assert await version(b) == 5 and not await listed(b, "CARD4")

    story()


@scenario2(settings=SETTINGS)
async def test_TC_D_06_CS_and_TC_D_07_CS_and_TC_D_08_CS(b):
    """An update that is not newer; the list is there after a restart."""
    await b.boot()
    assert await send(b, 5, entry("CARD1")) == "Accepted"
    for old in (4, 5):
        assert await send(b, old, entry("CARD4"), kind="Differential") == "VersionMismatch"
    assert await version(b) == 5 and not await listed(b, "CARD4")
    assert (await b.call("Reset", {"type": "Immediate"}))["status"] == "Accepted"
    await b.expect("BootNotification", within=60)
    await b.expect_status("Available", within=30)
    assert await version(b) == 5 and await listed(b, "CARD1")


@scenario2(settings=dict(SETTINGS, LocalAuthListEnabled="false"))
async def test_TC_D_10_CS(b):
    """A list that is switched off."""
    await b.boot()
    assert await send(b, 5, entry("CARD1")) == "Failed"
    assert await version(b) == 0


@scenario2(settings={"FeaturesOff": "LocalAuthListManagement"})
async def test_a_station_without_the_block_has_version_0_and_takes_no_list(b):
    await b.boot()
    assert await version(b) == 0
    payload = {"versionNumber": 1, "updateType": "Full"}
    assert (await b.call_error("SendLocalList", payload)).code == "NotSupported"


@scenario2(settings=SETTINGS)
async def test_a_list_that_cannot_be_kept_changes_nothing(b):
    await b.boot()
    assert await send(b, 1, entry("CARD1")) == "Accepted"
    for wrong in (
        (entry("CARD3"), entry("CARD3")),
        (entry("CARD3", None),),
        (entry("\x07"),),
        (entry("CARD3", evseId=[2]),),
        [entry("CARD%d" % i) for i in range(101)],
    ):
        assert await send(b, 2, *wrong) == "Failed", wrong
    assert await send(b, 0) == "Failed", "2.x knows no version 0"
    bad = entry("CARD3", cacheExpiryDateTime="soon")
    payload = {"versionNumber": 2, "updateType": "Full", "localAuthorizationList": [bad]}
    error = await b.call_error("SendLocalList", payload, check=False)
    assert error.code == "PropertyConstraintViolation"
    assert await version(b) == 1 and await listed(b, "CARD1")
    # A card of another kind is another card; a kind that nobody can show here is left out.
    cards = (entry("CARD1", kind="KeyCode"), entry("CONTRACT", kind="eMAID"))
    assert await send(b, 3, *cards) == "Accepted"
    assert not await listed(b, "CARD1")
    # While a contactor is closed flash cannot be erased.
    await b.charging("CARD1")
    assert await send(b, 4, entry("CARD1")) == "Failed" and await version(b) == 3
