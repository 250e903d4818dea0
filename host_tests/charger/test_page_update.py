# An update that is sent to the page of a plain ESP32: it has the memory, or says that it has not.
# MIT license; part of microevse
"""The base image at the chip's heap, from a slot (rom_charger.py), with a central system that is
connected. Not run where the 32-bit interpreters cannot be built."""

import asyncio
import json
import pathlib
import tempfile

import frozen
import pytest
import rom_charger
import update_kit
from page_request import BASIC, PASSWORD, Upload, request

# With so much less heap than a chip has an update is taken all the same, and beside a phone that
# follows live until then.
LESS = 2048
# Bytes that may be free less after visitors: known addresses, wrong passwords, a grown list.
KEPT = 2560


def play(story, tls=True, **options):
    async def run():
        async with rom_charger.flashed_bench(
            tls, settings={"WebPassword": PASSWORD}, **options
        ) as b:
            await story(b)

    try:
        asyncio.run(asyncio.wait_for(run(), 300))
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)


async def followed(b):
    """A phone that follows the live events. Returns its reader."""
    reader, writer = await asyncio.open_connection(*b.twin.web)
    writer.write(b"GET /api/v1/events HTTP/1.0\r\nHost: localhost\r\n\r\n")
    await b.advance(2)
    return reader, writer


@pytest.mark.parametrize("tls", (True, False), ids=("wss", "ws"))
def test_an_update_through_the_page_is_installed_and_nothing_is_lost(tls):
    """It ended with a MemoryError: page and installer did not fit beside each other."""

    async def story(b):
        await b.boot()
        reader, writer = await followed(b)
        wires = len(b.csms.connections)
        upload = Upload(b, rom_charger.bundle())
        await upload.send(100000)
        # Somebody plugs in meanwhile: it is told at once, by the connection that there was.
        await b.do("plug")
        await b.expect_status("Preparing")
        status, text = await request(b, "GET", "/api/v1/state")
        assert status == 503 and "no memory for this page" in text
        status, text = await upload.answer()
        assert (status, rom_charger.NEW in text) == (200, True), text
        assert json.loads(text)["message"].startswith("Version " + rom_charger.NEW)
        assert len(b.csms.connections) == wires, "the central system was left"
        assert not b.logged("memory allocation") and not b.logged("no memory")
        told = await asyncio.wait_for(reader.read(), 1)
        assert b'"status": "available"' in told, (
            "the stream ends, as it would keep the page's code"
        )
        writer.close()
        boot = await b.start_of_day(within=60)
        assert boot["firmwareVersion"] == rom_charger.NEW
        await b.expect_status("Preparing")
        await b.do("request")
        await b.tap("CARD1")
        await b.expect("StartTransaction")
        await b.contactor(True)
        # The trial goes on after the session.
        await b.leave()
        await b.until(lambda: b.logged("app_b is confirmed"), within=60)

    play(story, tls, less=LESS)


def test_an_update_that_ends_otherwise_leaves_the_charger_as_it_was():
    """Refused, broken off, or given up for a session: the page works, and nothing has changed."""
    with tempfile.TemporaryDirectory() as folder:
        ours, other = pathlib.Path(folder, "ours.pem"), pathlib.Path(folder, "other.pem")
        update_kit.bundle.new_key(ours)
        update_kit.bundle.new_key(other)
        public = update_kit.bundle.public(ours) + "\n"

        async def story(b):
            await b.boot()
            assert (await request(b, "GET", "/api/v1/state", BASIC))[0] == 200
            await b.advance(340)  # the page's code is dropped
            before = (await b.twin.heap())["free"]
            wires = len(b.csms.connections)

            async def page_works():
                status, text = await request(b, "GET", "/api/v1/state", BASIC)
                assert status == 200 and json.loads(text)["ocpp"]["state"] == "accepted"
                assert len(b.csms.connections) == wires

            good = rom_charger.bundle(key=ours)
            flipped = bytearray(good)
            flipped[100000] ^= 1
            for data, why in (
                (rom_charger.bundle(board="toaster"), "a bundle for board toaster"),
                (rom_charger.bundle(key=other), "does not know"),
                (rom_charger.bundle(), "not signed"),
                (bytes(flipped), "checksum is wrong"),
                (b"x" * 20000, "not a microevse bundle"),
            ):
                status, text = await Upload(b, data).answer()
                assert status == 400 and why in text, text
                await page_works()
            upload = Upload(b, good)
            await upload.send(100000)
            upload.leave()
            await b.until(lambda: b.logged("client has left"), within=30)
            await page_works()
            # Silent, and still there: it has as long for each piece as for a request.
            upload = Upload(b, good)
            await upload.send(50000)
            await b.until(lambda: len(b.logged("client has left")) == 2, within=30)
            upload.leave()
            await page_works()
            # A session begins: it goes before the update.
            upload = Upload(b, good)
            await upload.send(100000)
            await b.do("plug")
            await b.do("request")
            await b.tap("CARD1")
            status, text = await upload.answer()
            assert (status, json.loads(text)["error"]) == (409, "busy")
            await b.contactor(True)
            erases = sum((await b.twin.erases()).values())
            await b.expect("StartTransaction")
            await b.advance(30)
            now = sum((await b.twin.erases()).values())
            assert now == erases, "erased with a closed contactor"
            await page_works()
            await b.leave()
            await b.advance(340)  # the page's code is dropped
            after = (await b.twin.heap())["free"]
            print("%d bytes free before, %d after" % (before, after))
            assert after >= before - KEPT
            assert b.twin.boots == 1 and not b.logged("MemoryError")
            assert (await Upload(b, good).answer())[0] == 200
            b.skip()
            assert (await b.start_of_day(within=60))["firmwareVersion"] == rom_charger.NEW

        play(story, less=LESS, files={"update.pub": public})


def test_without_memory_whoever_sends_an_update_is_told_so():
    async def story(b):
        await b.boot()
        free = (await b.twin.heap())["free"]
        for _ in range(2):
            status, text = await Upload(b, rom_charger.bundle()).answer()
            assert status == 503 and "no memory" in text, free
        assert b.twin.boots == 1
        await b.charging()

    play(story, less=12 * 1024)
