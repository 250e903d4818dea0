# OCPP 1.6 FirmwareManagement certification cases, and what happens around them.
# MIT license; part of microevse
"""Each test is the case it is named after, or says what it is about. The servers are real
ones on the loopback interface, in lockstep with the charger."""

import asyncio
import contextlib
import hashlib

import certs
from bench import EPOCH, Bench, scenario, script
from firmware_files import (
    DIAGNOSTICS,
    FIRMWARE,
    IMAGE,
    diagnostics,
    http,
    iso,
    statuses,
    update,
    with_slots,
)
from ftp_server import FtpServer
from slots import bundle
from twin.host import free_port

PASSWORD = "s3cret-of-the-server"


@contextlib.asynccontextmanager
async def ftp(b, **more):
    server = await FtpServer(b.csms.count, **more).start()
    try:
        yield server
    finally:
        server.stop()


def some_bundle():
    """Header and image of a bundle that is never started."""
    image = bytes(98 * 512)
    digest = hashlib.sha256(image).digest()
    text = bundle.text("9.9", "esp32_devkitc", "lfs2", 512, len(image), digest)
    return bundle.header(text) + image


def check_report(data):
    """The report has what a service person needs, and no secret."""
    text = data.decode()
    for part in (
        "[state]",
        "[settings]",
        "[log]",
        "journal_queued: ",
        "journal_foreign: 0",
        "events_given_up: 0",
        "connection_attempts: ",
        "HeartbeatInterval: ",
        "ocpp: ",
    ):
        assert part in text, part
    for secret in ("twin-password", PASSWORD):
        assert secret not in text
    return text


# -- the certification cases ---------------------------------------------------------------


@with_slots
async def test_TC_044_1_CS(b):
    """Download and install, with the reboot between; the new program says so itself."""
    boot = await b.boot()
    assert boot["firmwareVersion"] == "0.1.0"
    async with http(b) as server:
        server.files["/fw.bin"] = IMAGE
        await update(b, server.url + "/fw.bin")
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
        boot = await b.start_of_day()
    assert boot["firmwareVersion"] == "2.0.0"
    await b.expect_all(
        ("StatusNotification", {"connectorId": 1, "status": "Available"}),
        (FIRMWARE, {"status": "Installed"}),
    )
    assert b.logged("last reset: FirmwareUpdate")
    await b.none(FIRMWARE, for_=30)
    await b.do("reboot")
    await b.start_of_day()
    await b.none(FIRMWARE, for_=30)  # told once, not at every start


@scenario
async def test_TC_044_2_CS(b):
    """No server there: DownloadFailed, and everything as before."""
    await b.boot()
    await update(b, f"http://127.0.0.1:{free_port('127.0.0.1')}/fw.bin", retries=0)
    await statuses(b, FIRMWARE, "Downloading", "DownloadFailed")
    await b.none("BootNotification", for_=60)
    await b.none(FIRMWARE, for_=0)
    await b.charging()


@scenario
async def test_TC_044_3_CS(b):
    """A file that is no firmware, and one that is damaged: InstallationFailed."""
    await b.boot()
    damaged = bytearray(some_bundle())
    damaged[15000] ^= 1
    async with http(b) as server:
        server.files["/holiday.jpg"] = b"\xff\xd8\xff\xe0" * 5000
        server.files["/damaged"] = bytes(damaged)
        for path, why in (("/holiday.jpg", "not a microevse"), ("/damaged", "checksum")):
            await update(b, server.url + path)
            await statuses(
                b, FIRMWARE, "Downloading", "Downloaded", "Installing", "InstallationFailed"
            )
            assert b.logged(why)
    await b.none("BootNotification", for_=30)
    await b.do("reboot")
    assert (await b.start_of_day())["firmwareVersion"] == "0.1.0"


@scenario
async def test_TC_045_1_CS(b):
    """By HTTP into a directory, by HTTP to an address, and by FTP."""
    await _diagnostics_everywhere(b)


@scenario(runtime="cpython")
async def test_diagnostics_on_the_fallback_runtime(b):
    await _diagnostics_everywhere(b)


async def _diagnostics_everywhere(b):
    await b.boot()
    async with http(b) as server, ftp(b, logins={"cp": PASSWORD}) as other:
        other.directories.add("in")
        ftp_url = other.url.replace("//", f"//cp:{PASSWORD}@") + "/in"
        for location in (server.url + "/in/", server.url + "/put?sig=1", ftp_url):
            name = await diagnostics(b, location, startTime=iso(-3600), stopTime=iso(0))
            await statuses(b, DIAGNOSTICS, "Uploading", "Uploaded")
            if location == ftp_url:
                check_report(other.stored["in/" + name])
            elif location.endswith("/"):
                text = check_report(server.uploads["/in/" + name])
                assert "connector_1: available" in text
            else:
                check_report(server.uploads["/put?sig=1"])
            assert server.requests[-1][2].get("transfer-encoding") is None
    await b.none(DIAGNOSTICS, for_=30)
    assert not b.logged(PASSWORD)


@scenario(runtime="cpython")
async def test_a_download_on_the_fallback_runtime(b):
    await b.boot()
    async with http(b) as server:
        server.files["/f"] = some_bundle()[:-1] + b"x"
        server.cut = {"/f": [20000]}
        server.ranges = False
        server.moved["/there"] = "f"
        await update(b, server.url + "/there")
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
        await statuses(b, FIRMWARE, "InstallationFailed")
        assert b.logged("checksum is wrong") and b.logged("52224 bytes")


@scenario
async def test_TC_045_2_CS(b):
    """A bad location: UploadFailed, and the charger goes on."""
    await b.boot()
    port = free_port("127.0.0.1")
    for location in (f"ftp://127.0.0.1:{port}/x", "gopher://nowhere", "http://nobody.invalid/x"):
        await diagnostics(b, location, retries=0)
        await statuses(b, DIAGNOSTICS, "Uploading", "UploadFailed")
    await b.charging()


# -- around them ---------------------------------------------------------------------------


@with_slots
async def test_an_image_that_is_taken_back_is_an_installation_that_failed(b):
    await b.boot()
    async with ftp(b) as server:
        server.files["fw"] = b"test-image broken\n"
        await update(b, server.url + "/fw")
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
        boot = await b.start_of_day()
        assert boot["firmwareVersion"] == "0.1.0"
        await statuses(b, FIRMWARE, "InstallationFailed")
        await b.none(FIRMWARE, for_=120)


@with_slots
async def test_without_an_installer_an_update_is_refused_and_nothing_is_fetched(b):
    (b.folder / "no_installer").write_text("")
    await b.boot()
    async with http(b) as server:
        server.files["/fw.bin"] = IMAGE
        await update(b, server.url + "/fw.bin")
        await statuses(b, FIRMWARE, "InstallationFailed")
        await b.none(FIRMWARE, for_=60)
        assert server.requests == []
    assert b.logged("no installer")


@with_slots
async def test_a_download_that_breaks_goes_on_where_it_was(b):
    await b.boot()
    for make in (http, ftp):
        async with make(b) as server:
            server.files["/fw.bin"] = server.files["fw.bin"] = b"test-image 2.0.0\n" * 3000
            cuts = [7000, 20000]
            server.cut = {"/fw.bin": cuts} if make is http else cuts
            (b.folder / "no_installer").unlink(missing_ok=True)
            await update(b, server.url + "/fw.bin", retries=0)
            await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")
            await b.start_of_day()
            await statuses(b, FIRMWARE, "Installed")
            assert not cuts
            if make is http:
                ranges = [headers.get("range") for _, _, headers in server.requests]
                assert ranges == [None, "bytes=7000-", "bytes=27000-"]
            else:
                rests = [line for line in server.commands if line.startswith("REST")]
                assert rests == ["REST 7000", "REST 27000"]


@with_slots
async def test_the_retrieve_date_is_waited_for_over_a_reboot(b):
    await b.boot()
    async with http(b) as server:
        server.files["/fw.bin"] = IMAGE
        await update(b, server.url + "/fw.bin", at=iso(b.now + 600))
        await b.advance(100)
        await b.do("power_cut", seconds=20)
        await b.start_of_day(within=90)
        await b.none(FIRMWARE, for_=200)
        told = await b.expect(FIRMWARE, within=400, status="Downloading")
        assert 600 <= told.t - EPOCH <= 760
        await statuses(b, FIRMWARE, "Downloaded", "Installing", "Installed", within=90)


@scenario
async def test_tries_are_as_many_and_as_far_apart_as_asked_for(b):
    await b.boot()
    async with http(b) as server:
        await update(b, server.url + "/missing", retries=2, retryInterval=50)
        start = await b.expect(FIRMWARE, status="Downloading")
        await b.none(FIRMWARE, for_=90)
        failed = await b.expect(FIRMWARE, within=60, status="DownloadFailed")
        assert 100 <= failed.t - start.t <= 110
        assert len(server.requests) == 3
        server.status["/up"] = 503
        await diagnostics(b, server.url + "/up", retries=1, retryInterval=20)
        await statuses(b, DIAGNOSTICS, "Uploading")
        await b.advance(10)
        server.status.clear()
        await statuses(b, DIAGNOSTICS, "Uploaded")


@with_slots
async def test_nothing_of_it_happens_while_a_car_charges(b):
    await b.boot()
    entry = await b.charging()
    async with http(b) as server:
        server.files["/fw.bin"] = IMAGE
        await update(b, server.url + "/fw.bin")
        await diagnostics(b, server.url + "/in/")
        mark = b.mark()
        await b.none(FIRMWARE, for_=60, since=mark)
        await b.none(DIAGNOSTICS, for_=0, since=mark)
        assert b.logged("waits until no car is charging")
        assert (await b.status())["contactor"] is True and server.requests == []
        await b.call("RemoteStopTransaction", {"transactionId": entry.id})
        await b.expect_all(
            (DIAGNOSTICS, {"status": "Uploaded"}),
            (FIRMWARE, {"status": "Installing"}),
            within=60,
        )
    assert entry.stop
    await b.start_of_day()
    await b.expect(FIRMWARE, within=60, status="Installed")


@scenario
async def test_a_session_that_begins_during_a_stalled_download_is_served(b):
    await b.boot()
    async with http(b) as server:
        server.stall = ("/fw.bin",)
        await update(b, server.url + "/fw.bin", retries=0)
        await statuses(b, FIRMWARE, "Downloading")
        entry = await b.charging()
        asked = await b.call("TriggerMessage", {"requestedMessage": FIRMWARE})
        assert asked["status"] == "Accepted"
        await statuses(b, FIRMWARE, "Downloading")
        await statuses(b, FIRMWARE, "DownloadFailed", within=120)
        assert (await b.status())["contactor"] is True and entry.stop is None


@with_slots
async def test_what_was_told_last_is_told_after_an_outage(b):
    """The CSMS does not hear Installed: it is told at the next connection, or the next start."""
    await b.boot()
    async with http(b) as server:
        server.files["/fw.bin"] = IMAGE
        b.csms.always(FIRMWARE, script.Drop())
        await update(b, server.url + "/fw.bin")
        await b.start_of_day(within=120)
        await b.expect(FIRMWARE, within=60, status="Installed")
        await b.do("power_cut", seconds=5)
        b.csms.usual()
        await b.start_of_day(within=90)
        await b.expect(FIRMWARE, within=60, status="Installed")
        await b.none(FIRMWARE, for_=120)


@scenario
async def test_a_power_cut_during_an_upload_is_an_upload_that_failed(b):
    await b.boot()
    async with http(b) as server:
        server.stall = ("/up",)
        await diagnostics(b, server.url + "/up")
        await statuses(b, DIAGNOSTICS, "Uploading")
        await b.advance(2)
        await b.do("power_cut", seconds=5)
        await b.start_of_day(within=90)
        await statuses(b, DIAGNOSTICS, "UploadFailed")


@scenario
async def test_a_long_signed_location_is_fetched(b):
    """Locations above 700 characters were once refused, though the schema sets no limit."""
    await b.boot()
    async with http(b) as server:
        path = "/fw" + "".join("/k%d-%s" % (i, "s" * 90) for i in range(22))
        assert len(path) > 2000
        server.files[path] = IMAGE
        await update(b, server.url + path)
        await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing")


@scenario
async def test_the_features_are_told(b):
    await b.boot()
    keys = await b.configuration("SupportedFeatureProfiles", "SupportedFileTransferProtocols")
    assert "FirmwareManagement" in keys["SupportedFeatureProfiles"].split(",")
    assert sorted(keys["SupportedFileTransferProtocols"].split(",")) == ["FTP", "HTTP", "HTTPS"]


def test_https_is_checked_by_the_ca_of_the_charger():
    """A file server with our CA's certificate is believed, one with another name is not."""

    async def play():
        paths = certs.paths()
        async with Bench(ca=paths.ca) as b:
            await b.boot()
            for name, status in (("server", "Uploaded"), ("wrong_host", "UploadFailed")):
                async with http(b, context=certs.server_context(name)) as server:
                    login = server.url.replace("//", "//cp:%s@" % PASSWORD)
                    server.login = "cp:" + PASSWORD
                    file = await diagnostics(b, login + "/in/", retries=0)
                    await statuses(b, DIAGNOSTICS, "Uploading", status)
                    assert ("/in/" + file in server.uploads) is (status == "Uploaded")

    asyncio.run(asyncio.wait_for(play(), 120))
