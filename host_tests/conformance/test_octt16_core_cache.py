# OCPP 1.6 Core certification cases: authorization cache and configuration keys.
# MIT license; part of microevse
"""Each test is the case it is named after; titles in octt16_cases.tsv."""

from bench import CallError, scenario

# Core keys that must exist after the errata, and whether the CSMS may write them: R, RW, or
# either. StopTransactionOnEVSideDisconnect is optional since errata 4.0.
REQUIRED = {
    "AuthorizeRemoteTxRequests": None,
    "ClockAlignedDataInterval": "RW",
    "ConnectionTimeOut": "RW",
    "ConnectorPhaseRotation": "RW",
    "GetConfigurationMaxKeys": "R",
    "HeartbeatInterval": "RW",
    "LocalAuthorizeOffline": "RW",
    "LocalPreAuthorize": "RW",
    "MeterValuesAlignedData": "RW",
    "MeterValuesSampledData": "RW",
    "MeterValueSampleInterval": "RW",
    "NumberOfConnectors": "R",
    "ResetRetries": "RW",
    "StopTransactionOnInvalidId": "RW",
    "StopTxnAlignedData": "RW",
    "StopTxnSampledData": "RW",
    "SupportedFeatureProfiles": "R",
    "TransactionMessageAttempts": "RW",
    "TransactionMessageRetryInterval": "RW",
    "UnlockConnectorOnEVSideDisconnect": None,
}


async def remote_start(b, tag):
    answer = await b.call("RemoteStartTransaction", {"idTag": tag, "connectorId": 1})
    return answer["status"]


async def _cache(b, tag):
    """A whole session of `tag`, which puts it into the cache."""
    entry = await b.charging(tag)
    await b.tap(tag)
    await b.expect("StopTransaction", transactionId=entry.id)
    await b.leave()
    b.skip()


async def _start(b, tag, remote):
    """Plug in and start; returns whether an Authorize came before the StartTransaction."""
    mark = b.mark()
    await b.do("plug")
    await b.expect_status("Preparing")
    await b.do("request")
    if remote:
        assert await remote_start(b, tag) == "Accepted"
    else:
        await b.tap(tag)
    await b.expect_all(
        ("StartTransaction", {"connectorId": 1, "idTag": tag}),
        ("StatusNotification", {"connectorId": 1, "status": "Charging"}),
    )
    await b.contactor(True)
    return bool(b.calls("Authorize", mark, idTag=tag))


CACHE = {
    "AuthorizationCacheEnabled": True,
    "LocalPreAuthorize": True,
    "AuthorizeRemoteTxRequests": True,
}


@scenario
async def test_TC_007_CS(b):
    """RemoteStart with a cached idTag: no Authorize."""
    await b.boot(**CACHE)
    await _cache(b, "CARD1")
    assert await _start(b, "CARD1", remote=True) is False


@scenario
async def test_TC_007_1_CS(b):
    """Local start with a cached idTag: no Authorize."""
    await b.boot(**CACHE)
    await _cache(b, "CARD1")
    assert await _start(b, "CARD1", remote=False) is False


@scenario
async def test_TC_007_2_CS(b):
    """Remote start with a cached idTag, the cache having survived a power cut: no Authorize."""
    await b.boot(**CACHE)
    await _cache(b, "CARD1")
    await b.do("power_cut", seconds=2)
    await b.boot()
    assert await _start(b, "CARD1", remote=True) is False


async def _clear(b, remote):
    await b.boot(**CACHE)
    await _cache(b, "CARD1")
    assert (await b.call("ClearCache"))["status"] == "Accepted"
    assert await _start(b, "CARD1", remote) is True


@scenario
async def test_TC_061_CS(b):
    """ClearCache: the formerly cached card must be asked about again."""
    await _clear(b, remote=False)


@scenario
async def test_TC_061_1_CS(b):
    """ClearCache, then a local start."""
    await _clear(b, remote=False)
    entry = b.transaction()
    # The transaction put it into the cache again.
    await b.tap("CARD1")
    await b.expect("StopTransaction", transactionId=entry.id)
    await b.leave()
    assert await _start(b, "CARD1", remote=False) is False


@scenario
async def test_TC_061_2_CS(b):
    """ClearCache, then a remote start."""
    await _clear(b, remote=True)


@scenario
async def test_TC_019_CS(b):
    """GetConfiguration: one key, all keys, as many keys as one may ask for."""
    await b.boot()
    one = await b.call("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
    (item,) = one["configurationKey"]
    assert item["key"] == "SupportedFeatureProfiles" and item["readonly"] is True
    assert "Core" in item["value"].split(",")
    everything = await b.call("GetConfiguration")
    keys = {item["key"]: item for item in everything["configurationKey"]}
    assert len(keys) == len(everything["configurationKey"]), "a key twice"
    assert not everything.get("unknownKey")
    for key, access in REQUIRED.items():
        assert key in keys, f"{key} is required"
        if access:
            assert keys[key]["readonly"] is (access == "R"), keys[key]
    assert "AuthorizationKey" not in keys or "value" not in keys["AuthorizationKey"]
    assert keys["NumberOfConnectors"]["value"] == "1"
    most = int(keys["GetConfigurationMaxKeys"]["value"])
    asked = list(keys)[:most]
    answer = await b.call("GetConfiguration", {"key": asked})
    assert sorted(i["key"] for i in answer["configurationKey"]) == sorted(asked)
    assert not answer.get("unknownKey")
    answer = await b.call("GetConfiguration", {"key": ["HeartbeatInterval", "NoSuchKey"]})
    assert [i["key"] for i in answer["configurationKey"]] == ["HeartbeatInterval"]
    assert answer["unknownKey"] == ["NoSuchKey"]


@scenario
async def test_TC_021_CS(b):
    """ChangeConfiguration: accepted, read back, in force, and still there after a power cut."""
    await b.boot()
    await b.configure(MeterValueSampleInterval=14)
    read = await b.configuration("MeterValueSampleInterval")
    assert read == {"MeterValueSampleInterval": "14"}
    await b.charging()
    first = await b.expect("MeterValues", within=20)
    second = await b.expect("MeterValues", within=20)
    assert abs(second.t - first.t - 14) <= 1.5
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    read = await b.configuration("MeterValueSampleInterval")
    assert read == {"MeterValueSampleInterval": "14"}


@scenario
async def test_TC_040_1_CS(b):
    """ChangeConfiguration of a key that does not exist."""
    await b.boot()
    answer = await b.call("ChangeConfiguration", {"key": "NoSuchKey", "value": "1"})
    assert answer["status"] == "NotSupported"
    answer = await b.call("GetConfiguration", {"key": ["NoSuchKey"]})
    assert answer["unknownKey"] == ["NoSuchKey"]


@scenario
async def test_TC_040_2_CS(b):
    """ChangeConfiguration with a value that makes no sense: nothing changes."""
    await b.boot()
    before = await b.configuration()
    for key, value in (
        ("MeterValueSampleInterval", "-1"),
        ("MeterValueSampleInterval", "abc"),
        ("MeterValueSampleInterval", ""),
        ("MeterValueSampleInterval", "99999999999999999999"),
        ("HeartbeatInterval", "1.5"),
        ("LocalPreAuthorize", "maybe"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,Nonsense"),
        ("ConnectorPhaseRotation", "one.RST"),
        ("NumberOfConnectors", "2"),
    ):
        try:
            answer = await b.call("ChangeConfiguration", {"key": key, "value": value})
            assert answer["status"] == "Rejected", (key, value, answer)
        except CallError as error:
            assert error.code == "PropertyConstraintViolation", (key, value, error)
    assert await b.configuration() == before
