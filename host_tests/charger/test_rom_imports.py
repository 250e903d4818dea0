# A car lets go while a module is loaded from a ROMFS slot: the contacts open in 100 ms.
# MIT license; part of microevse
"""The whole firmware runs from a slot of the base image's ROMFS, and each load takes 15 ms for a
KB of .mpy: an upper bound, nobody has measured it. What is loaded while a contactor is closed is
listed in support/rom_loads.py; here the list is held against what really happens."""

import contextlib
import pathlib
import tempfile

import compiled
import pytest
import rom_loads
import update_kit
from bench import scenario
from bench2 import scenario2
from fakeboard.board import flashed
from page_request import BASIC, PASSWORD, request
from secure import scenario as secure_scenario

LIMIT_MS = 100
NEW_KEY = "0123456789abcdef0123456789abcdef"
PAGE_GONE_S = 310
FAR = "2027-06-01T00:00:00Z"
_LOG_STATUS = "LogStatusNotification"
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "startSchedule": "2027-01-01T00:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
    },
}
TOKENS = [{"idTag": "A%d" % i, "idTagInfo": {"status": "Accepted"}} for i in range(20)]


def _call(action, payload=None):
    return lambda b: b.call(action, payload)


def _page(path):
    return lambda b: request(b, "GET", path, BASIC)


async def _again(b):
    await b.offline()
    await b.online()


async def _secret(b, key="AuthorizationKey", value=NEW_KEY):
    """What stores a secret would be too long a stall."""
    answer = await b.call("ChangeConfiguration", {"key": key, "value": value})
    assert answer == {"status": "Rejected"} and b.logged(key + " has to wait: a car charges")


# (what is loaded when the car lets go, what makes it be loaded)
CASES = (
    ("web/login", _page("/api/v1/state")),
    ("web/connections", _page("/api/v1/state")),
    ("web/server", _page("/api/v1/state")),
    ("web/view", _page("/api/v1/state")),
    ("evse_base/redaction", _page("/api/v1/log")),
    ("ocpp16/local_list", _call("GetLocalListVersion")),
    (
        "store/tagwriter",
        _call(
            "SendLocalList",
            {"listVersion": 1, "updateType": "Full", "localAuthorizationList": TOKENS},
        ),
    ),
    (
        "ocpp16/smart_charging",
        _call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}),
    ),
    ("station/composite", _call("GetCompositeSchedule", {"connectorId": 1, "duration": 60})),
    ("ocpp16/trigger", _call("TriggerMessage", {"requestedMessage": "MeterValues"})),
    ("ocpp16/configuration", _call("GetConfiguration", {"key": ["HeartbeatInterval"]})),
    ("station/setting_forms", _secret),
    ("station/upload", _call("GetDiagnostics", {"location": "http://127.0.0.1:1/"})),
    (
        "station/log_upload",
        _call(
            "GetLog",
            {
                "logType": "SecurityLog",
                "requestId": 1,
                "log": {"remoteLocation": "http://127.0.0.1:1/"},
            },
        ),
    ),
    (
        "station/update",
        _call("UpdateFirmware", {"location": "http://127.0.0.1:1/x", "retrieveDate": FAR}),
    ),
    ("ocppj/handshake", _again),
)


@contextlib.contextmanager
def in_a_slot():
    """Options of a scenario whose charger runs from a slot."""
    with tempfile.TemporaryDirectory() as folder:
        flashed(folder, update_kit.application("0.1.0"), "romfs", {})
        vfs = pathlib.Path(folder, "vfs")
        yield {"data": folder, "firmware": [vfs, vfs / "lib"], "options": {"rom_log": True}}


class Watch:
    """What was loaded while the relay was on, and when the contacts and S2 moved."""

    def __init__(self, b):
        self.closed = False
        self.loads = []  # [(file, begin in ms, ms)]
        self.moved = {}
        b.twin.listeners.append(self._on)

    def _on(self, event):
        what = event.get("event")
        if what == "relay":  # the contacts follow some ms later; nothing can keep them then
            self.closed = event["value"]
        if what in ("contactor", "s2") and event["value"] is False:
            self.moved[what] = 1000 * event["t"]
        if what == "import" and self.closed:
            self.loads.append((event["file"][1:-4], 1000 * event["t"], event["ms"]))

    def longest(self):
        """(ms, files) of the longest stall: loads that follow each other at once."""
        worst, row, end = (0, []), [], None
        for name, begin, ms in self.loads:
            row = row if end is not None and begin - end < 0.01 else []
            row.append((name, ms))
            end = begin + ms
            worst = max(worst, (sum(ms for _, ms in row), [name for name, _ in row]))
        return worst


async def let_go(b, watch, file, act):
    """S2 opens when `file` begins to be loaded, for `act`: ms until the contacts are open."""
    watch.moved.clear()
    await b.twin.at_import("/" + file + ".mpy", do="release")
    await act(b)
    await b.advance(1)
    assert set(watch.moved) == {"s2", "contactor"}, (file, watch.moved)
    # The car asks again.
    await b.advance(6)
    await b.do("request")
    await b.contactor(True, 20)
    await b.advance(10)
    return watch.moved["contactor"] - watch.moved["s2"]


def test_the_contacts_open_in_100_ms_whatever_is_loaded_when_the_car_lets_go():
    took = {}

    async def story(b):
        watch = Watch(b)
        await b.boot()
        await b.configure(MeterValueSampleInterval=0, LocalAuthListEnabled="true")
        await b.charging()
        for file, act in CASES:
            if file.startswith("web/"):
                await b.advance(PAGE_GONE_S)  # a visitor loads its code anew
            took[file] = await let_go(b, watch, file, act)
        # What works on certificates would be too long a stall: the question comes before it.
        answer = await b.call("CertificateSigned", {"certificateChain": "x"})
        assert answer == {"status": "Rejected"} and b.logged("certificates have to wait")
        await _secret(b, "SecurityProfile", "1")
        # Reset ends the session, and opens by itself.
        await b.call("Reset", {"type": "Soft"})
        await b.contactor(False)
        allowed = [name.partition("/")[2] for name in rom_loads.ALONE + rom_loads.AMID]
        loaded = sorted({name.removeprefix("lib/") for name, _, _ in watch.loads})
        took["longest stall"], files = watch.longest()
        print("while closed: %s\nlongest %.1f ms: %s" % (loaded, took["longest stall"], files))
        assert set(loaded) <= set(allowed), sorted(set(loaded) - set(allowed))

    with in_a_slot() as options:
        scenario(settings={"WebPassword": PASSWORD}, **options)(story)()
    for file, ms in sorted(took.items(), key=lambda item: -item[1]):
        print("%6.1f ms  %s" % (ms, file))
    worst = max(ms for name, ms in took.items() if name != "longest stall")
    assert 45 < worst <= LIMIT_MS
    # No two large ones make one stall.
    assert took["longest stall"] <= rom_loads.LEFT_MS


_LOG = {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "http://127.0.0.1:1/"}}
_FIRMWARE = {"location": "http://127.0.0.1:1/x", "retrieveDateTime": FAR}
_SIGNED = dict(_FIRMWARE, signature="AAAA", signingCertificate="x")
_CUSTOMER = {"requestId": 1, "report": True, "clear": True}
_TOKEN = {"idToken": {"idToken": "CARD9", "type": "Central"}}
_ROOT = {"certificateType": "CSMSRootCertificate", "certificate": "x"}
# Of 2.x: as CASES.
CASES2 = (
    ("ocpp2/logs", _call("GetLog", _LOG)),
    ("ocppj/file_messages", _call("GetLog", dict(_LOG, requestId=2))),
    ("ocpp2/firmware", _call("UpdateFirmware", {"requestId": 3, "firmware": _FIRMWARE})),
    ("station/signed_update", _call("UpdateFirmware", {"requestId": 4, "firmware": _SIGNED})),
    ("ocpp2/customer", _call("CustomerInformation", dict(_CUSTOMER, **_TOKEN))),
    ("station/customer", _call("CustomerInformation", dict(_CUSTOMER, **_TOKEN))),
    ("ocpp2/certificates", _call("InstallCertificate", _ROOT)),
    ("station/certificate_requests", _call("InstallCertificate", _ROOT)),
    ("ocppj/security_messages", _call("TriggerMessage", {"requestedMessage": _LOG_STATUS})),
)


def test_in_2x_the_contacts_open_in_100_ms_as_well():
    took = {}

    async def story(b):
        watch = Watch(b)
        await b.boot()
        await b.charging()
        for file, act in CASES2:
            took[file] = await let_go(b, watch, file, act)
        allowed = [name.partition("/")[2] for name in rom_loads.ALONE + rom_loads.AMID]
        loaded = {name.removeprefix("lib/") for name, _, _ in watch.loads}
        took["longest stall"], files = watch.longest()
        print("while closed: %s\nlongest %.1f ms: %s" % (loaded, took["longest stall"], files))
        loaded -= {"ocpp16/__init__", "ocpp16/names"}  # the twin tells a status in words of 1.6
        assert loaded <= set(allowed), sorted(loaded - set(allowed))
        assert not b.calls("FirmwareStatusNotification", status="Downloading")

    with in_a_slot() as options:
        scenario2(**options)(story)()
    print(sorted(took.items(), key=lambda item: -item[1]))
    assert max(took.values()) <= LIMIT_MS and took["longest stall"] <= rom_loads.LEFT_MS


def test_a_password_that_works_while_a_car_charges_is_kept_when_it_has_gone():
    """The end of its trial was one stall of 155 ms."""

    async def story(b):
        watch, after = Watch(b), []

        def on(event):
            if event.get("event") == "import" and not watch.closed:
                after.append(event["file"])

        await b.boot()
        await b.configure(MeterValueSampleInterval=0, AllowOfflineTxForUnknownId="true")
        answer = await b.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": NEW_KEY})
        assert answer == {"status": "Accepted"}
        await b.offline()
        await b.do("plug")
        await b.do("request")
        await b.tap("CARD1")
        await b.contactor(True, 30)
        await b.online()
        await b.expect("StartTransaction")
        await b.advance(5)
        b.twin.listeners.append(on)
        took, files = watch.longest()
        print("while closed: %s\nlongest %.1f ms: %s" % (watch.loads, took, files))
        assert watch.closed and watch.loads and took <= rom_loads.LEFT_MS
        await b.do("unplug")
        await b.contactor(False)
        await b.advance(3)
        after = [file for file in after if "access_end" in file or file == "/lib/store/vault.mpy"]
        assert after == ["/upkeep/access_end.mpy", "/lib/store/vault.mpy"], "once for all of it"

    with in_a_slot() as options:
        scenario(**options)(story)()


def test_what_tls_needs_is_loaded_only_while_nothing_can_close():
    """A car asks just before: what TLS needs, and what explains errors, was loaded for 155 ms and
    more after the contactor had closed."""

    async def story(b):
        watch = Watch(b)
        await b.boot()
        await b.charging()
        host, begun = True, []
        b.twin.listeners.append(
            lambda e: begun.append(e) if e.get("file", "").endswith("ocppj/tls.mpy") else None
        )
        lead_ms = None
        for before_ms in (None, 140, 100, 60, 20):
            await b.do("release")
            await b.contactor(False, 15)
            await b.until(lambda: b.csms.wire and b.csms.wire.open, 300)
            await b.advance(20)
            at, _ = 1000 * b.now, begun.clear()
            watch.loads.clear()
            host = not host
            url = b._twin_options["csms"].replace(
                "localhost", "localhost" if host else "LOCALHOST"
            )
            await b.do("set", key="CentralSystemURI", value=url)
            if lead_ms is not None:
                # It closes 530 ms after it was asked.
                await b.advance((lead_ms - 530 - before_ms) / 1000)
                await b.do("request")
            await b.advance(9)
            if lead_ms is None:
                lead_ms = 1000 * begun[0]["t"] - at
            else:
                assert watch.closed, "nothing is held for longer"
                loaded = {name for name, _, _ in watch.loads}
                print(before_ms, sorted(loaded))
                # An event of the third change of an address is written a minute after the first.
                allowed = {"lib/ocppj/url", *rom_loads.EVENT_LOG}
                assert loaded <= allowed, (before_ms, loaded)

    with in_a_slot() as options:
        secure_scenario(**options)(story)()


@pytest.mark.parametrize("kind", ("ALONE", "AMID"))
def test_modules_that_are_loaded_while_closed_are_small(kind):
    firmware, _ = compiled.directories()
    most = getattr(rom_loads, kind + "_MAX")
    sizes = {n: (firmware.parent / (n + ".mpy")).stat().st_size for n in getattr(rom_loads, kind)}
    print("\n".join("%5d  %s" % (size, name) for name, size in sorted(sizes.items())))
    assert {name: size for name, size in sizes.items() if size > most} == {}


def test_a_load_takes_its_time_in_the_twin_and_a_car_that_lets_go_in_a_long_one_is_late():
    """The test above can fail: with a cost four times as high the contacts are too late."""

    async def story(b):
        watch = Watch(b)
        await b.boot()
        await b.charging()
        file, act = "ocpp16/smart_charging", CASES[7][1]
        assert await let_go(b, watch, file, act) > LIMIT_MS

    with in_a_slot() as options:
        options["options"]["import_ms_per_kb"] = 60
        scenario(**options)(story)()
