# File servers that never come to an end, against the whole firmware.
# MIT license; part of microevse
"""Once such a server blocked updates and diagnostics until somebody restarted the charger: it
still said Downloading after 20 minutes."""

import contextlib

import pytest
from bench import scenario
from file_servers import ENDLESS_FTP, ENDLESS_HTTP, EndlessServer
from firmware_files import (
    DIAGNOSTICS,
    FIRMWARE,
    IMAGE,
    diagnostics,
    http,
    statuses,
    update,
    with_slots,
)

# The limit of one transfer, and the time to notice and report its end.
LIMIT_S = 300 + 15


@contextlib.asynccontextmanager
async def endless(b, start, again, **more):
    server = await EndlessServer(b.csms.count, start, again, **more).start()
    try:
        yield server
    finally:
        server.stop()


async def both_still_work(b):
    """Updates and diagnostics work without a restart of the charger."""
    async with http(b) as server:
        await diagnostics(b, server.url + "/in/")
        await statuses(b, DIAGNOSTICS, "Uploading", "Uploaded", within=20)
        await update(b, server.url + "/missing", retries=0)
        await statuses(b, FIRMWARE, "Downloading", "DownloadFailed", within=20)


@pytest.mark.parametrize("way", [*ENDLESS_HTTP, *["FTP: " + way for way in ENDLESS_FTP]])
def test_an_endless_server_fails_the_transfer_and_nothing_else(way):
    ftp = way.startswith("FTP: ")
    start, again = ENDLESS_FTP[way[5:]] if ftp else ENDLESS_HTTP[way]

    async def test_it(b):
        await b.boot()
        async with endless(b, start, again, greets=ftp) as server:
            await update(b, server.url + "/f", retries=0)
            if way == "trailers":
                # The file is complete, but it is no image.
                await statuses(
                    b,
                    FIRMWARE,
                    "Downloading",
                    "Downloaded",
                    "Installing",
                    "InstallationFailed",
                    within=90,
                )
            else:
                await statuses(b, FIRMWARE, "Downloading", "DownloadFailed", within=90)
            await diagnostics(b, server.url + "/up", retries=0)
            await b.expect(DIAGNOSTICS, status="Uploading")
            ended = await b.expect(DIAGNOSTICS, within=90)
            if way in ("the body", "trailers", "a chunk's size", "a chunk's extension"):
                assert ended["status"] == "Uploaded"  # the answer's status is all that counts
            else:
                assert ended["status"] == "UploadFailed"
        await both_still_work(b)

    with_slots(test_it)()


@pytest.mark.parametrize("way", ["the same header", "the body", "FTP: a greeting"])
def test_a_byte_each_half_second_is_no_transfer(way):
    ftp = way.startswith("FTP: ")
    start, again = ENDLESS_FTP[way[5:]] if ftp else ENDLESS_HTTP[way]

    async def test_it(b):
        await b.boot()
        async with endless(b, start, again, greets=ftp, drips=True) as server:
            await update(b, server.url + "/f", retries=0)
            told = await b.expect(FIRMWARE, status="Downloading")
            mark, begun = b.mark(), b.now
            while not b.calls(FIRMWARE, since=mark):
                assert b.now - begun < LIMIT_S, "still Downloading"
                await b.advance(0.5)
                server.drip()
            assert b.now - begun > 60, "a slow server gets its time"
            await statuses(b, FIRMWARE, "DownloadFailed")
            assert told
        await both_still_work(b)

    with_slots(test_it)()


@with_slots
async def test_a_new_update_replaces_one_that_hangs(b):
    await b.boot()
    async with endless(b, b"", b"") as hung, http(b) as good:
        good.files["/fw.bin"] = IMAGE
        for url in (hung.url, hung.url.replace("http", "ftp")):
            await update(b, url + "/f", retries=5)
            await statuses(b, FIRMWARE, "Downloading")
            await b.advance(5)
            await update(b, good.url + "/fw.bin", retries=0)
            # The update that was replaced reports nothing more.
            await statuses(b, FIRMWARE, "Downloading", "Downloaded", "Installing", within=5)
            await b.start_of_day()
            await statuses(b, FIRMWARE, "Installed")
    assert b.logged("newer request")


@scenario
async def test_a_new_report_replaces_one_that_hangs(b):
    await b.boot()
    async with endless(b, b"", b"") as hung, http(b) as good:
        for url in (hung.url, hung.url.replace("http", "ftp")):
            await diagnostics(b, url + "/f", retries=5)
            await statuses(b, DIAGNOSTICS, "Uploading")
            await b.advance(5)
            await diagnostics(b, good.url + "/in/", retries=0)
            await statuses(b, DIAGNOSTICS, "Uploaded", within=5)
    assert len(good.uploads) == 2


@with_slots
async def test_what_hangs_makes_room_for_the_other_kind(b):
    await b.boot()
    async with endless(b, b"", b"") as hung, http(b) as good:
        good.files["/fw.bin"] = IMAGE
        await update(b, hung.url + "/f", retries=0)
        await statuses(b, FIRMWARE, "Downloading")
        await diagnostics(b, good.url + "/in/")
        await b.expect_all(
            (DIAGNOSTICS, {"status": "Uploaded"}),
            (FIRMWARE, {"status": "DownloadFailed"}),
            within=20,
        )
        await diagnostics(b, hung.url + "/f", retries=0)
        await b.expect(DIAGNOSTICS, within=10, status="Uploading")
        await update(b, good.url + "/fw.bin", retries=0)
        await b.expect_all(
            (DIAGNOSTICS, {"status": "UploadFailed"}),
            (FIRMWARE, {"status": "Downloading"}),
            (FIRMWARE, {"status": "Downloaded"}),
            within=20,
        )
