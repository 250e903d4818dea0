# A visitor of the page while the base image charges over wss://: memory for both, or a sentence.
# MIT license; part of microevse
"""The GC heap has the chip's size (heap_table.py). Not run where the 32-bit interpreters cannot be
built."""

import asyncio
import json

import frozen
import heap_table
import pytest
from page_request import BASIC, PASSWORD, request
from tools_paths import ROOT
from twin.system_heap import IMAGES

STATIC = ROOT / "firmware" / "web" / "static"

FREE_LEAST = 6 * 1024
# With so much less heap the page is still there: free blocks are smaller, answers go in pieces.
NARROW = 3 * 1024
# With so much less heap the page has no room beside what charges.
LESS = (16 * 1024, 20 * 1024)
PATHS = ("/", "/app.js", "/app.css", "/api/v1/state", "/api/v1/log")


def _run(play):
    try:
        return asyncio.run(asyncio.wait_for(play(), 200))
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)


def _bench(**options):
    options = dict(rom_log=True, **options)
    return heap_table.bench("base, ROMFS", settings={"WebPassword": PASSWORD}, options=options)


def test_a_visitor_while_charging_over_tls_gets_every_answer():
    async def play():
        async with _bench() as b:
            await b.boot()
            await b.charging()
            await b.advance(70)
            row = heap_table.Row(await b.twin.heap())
            for path in PATHS * 2:
                status, body = await request(b, "GET", path, BASIC)
                assert (status, bool(body)) == (200, True), path
                row.add(await b.twin.heap())
            assert "connector 1 is charging" in body
            assert (await request(b, "POST", "/api/v1/cmd/reset_faults"))[0] == 401
            empty = BASIC + "Content-Length: 0\r\n"
            assert (await request(b, "POST", "/api/v1/cmd/reset_faults", empty))[0] == 200
            row.add(await b.twin.heap())
            print("\n".join(heap_table.text({"charging, a page visitor": row})))
            assert row.free >= FREE_LEAST
            assert not b.logged("memory")
            await b.call("TriggerMessage", {"requestedMessage": "MeterValues"})
            assert (await b.status())["contactor"] is True

    _run(play)


def test_with_less_heap_every_answer_is_still_whole():
    async def play():
        async with _bench(gc_size=IMAGES["base"][1] - NARROW) as b:
            await b.boot()
            await b.charging()
            await b.advance(70)
            for path in PATHS * 3:
                status, body = await request(b, "GET", path, BASIC)
                assert status == 200, (path, b.logged("memory"))
                if path == "/api/v1/state":
                    assert json.loads(body)["ocpp"]["state"] == "accepted"
                elif path != "/api/v1/log":
                    file = STATIC / (path[1:] or "index.html")
                    assert body == file.read_text(), path
            assert not b.logged("memory")

    _run(play)


@pytest.mark.parametrize("less", LESS)
def test_without_memory_for_the_page_a_visitor_is_told_so_and_charging_goes_on(less):
    async def play():
        loads = []
        async with _bench(gc_size=IMAGES["base"][1] - less) as b:
            b.twin.listeners.append(
                lambda e: loads.append(e["file"]) if e.get("event") == "import" else None
            )
            await b.boot()
            await b.charging()
            await b.advance(70)
            del loads[:]
            for _ in range(3):
                status, body = await request(b, "GET", "/api/v1/state", BASIC)
                assert (status, body.startswith("The charger has no memory")) == (503, True)
            assert not [file for file in loads if file.startswith("/web/")]
            assert len(b.logged("no memory for the page")) == 1
            await b.call("TriggerMessage", {"requestedMessage": "MeterValues"})
            assert (await b.status())["contactor"] is True

    _run(play)


def test_requests_that_never_end_take_no_session():
    """Eight at once, of many short lines: each line takes more heap than it has bytes."""

    def head(size):
        lines = b"GET /api/v1/state HTTP/1.0\r\nHost: localhost\r\n"
        return (lines + b"".join([b"N%03d:\n" % n for n in range(1000)]))[:size]

    async def play():
        async with _bench() as b:
            b.allow_trouble = True  # a message may find no memory, and is sent again
            await b.boot()
            await b.charging()
            await b.advance(50)
            for _ in range(3):
                held = []
                for size in (1000, 700, 500, 400, 300, 200, 150, 120):
                    _, writer = await asyncio.open_connection(*b.twin.web)
                    writer.write(head(size))
                    held.append(writer)
                    await b.advance(0.3)
                await b.advance(3)
                for writer in held:
                    writer.close()
                await b.advance(0.3)
            state = await b.status()
            assert state["contactor"] is True and state["ocpp"] is True
            assert not b.logged("session 1 ends") and not b.logged("is faulted")

    _run(play)


HEAD = f"GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n{BASIC}"


async def _asks(b):
    assert (await request(b, "GET", "/", BASIC))[0] == 200
    assert (await request(b, "GET", "/api/v1/log", BASIC))[0] == 200


async def _starts_and_stops(b):
    empty = BASIC + "Content-Length: 0\r\n"
    assert (await request(b, "POST", "/api/v1/cmd/stop", empty))[0] == 200


async def _sends(b, text, closes):
    reader, writer = await asyncio.open_connection(*b.twin.web)
    writer.write(text.encode())
    await b.advance(0.4)
    if closes:
        writer.close()
    return reader, writer


async def _breaks_off(b):
    await _sends(b, HEAD, True)
    await _sends(b, "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Le", True)


async def _stays(b):
    """Three connections that the visitor never closes: silent, in the middle of a request, and
    after the answer."""
    return [await _sends(b, text, False) for text in ("", HEAD[:40], HEAD + "\r\n")]


async def _follows(b):
    """Follows the page live, and is gone without a word: nothing is read, nothing is closed."""
    return [await _sends(b, HEAD.replace("state", "events") + "\r\n", False)]


async def _follows_and_leaves(b):
    await _sends(b, HEAD.replace("state", "events") + "\r\n", True)


def test_ten_visitors_leave_the_heap_as_it_was_after_the_first():
    """The heap is larger than a chip's: what stays is measured here, and nobody is turned away."""
    rounds = (
        (_asks,),
        (_asks, _breaks_off, _stays),
        (_starts_and_stops, _follows_and_leaves, _stays),
        (_asks, _breaks_off, _follows),
    )

    async def play():
        async def loaded(*names):
            files = await b.twin.modules()
            return [file for file in files for name in names if f"/{name}" in file]

        async with _bench(gc_size=IMAGES["base"][1] + 16 * 1024, **heap_table.GRID) as b:
            b.allow_trouble = True  # requests that are broken off
            await b.boot()
            await b.advance(1500)  # the slot is looked at, a piece on each stroke of the grid
            held, taken = [], []
            for visits in rounds:
                for visit in visits:
                    held.append(await visit(b))
                    await b.advance(2)
                left, stays = b.now, 600 if _follows in visits else 0  # a stream has ten minutes
                await b.advance(290)
                assert await loaded("web/server"), visits
                while await loaded("web/server", "web/bounds", "microdot"):
                    assert b.now - left < 312 + stays, visits
                    await b.advance(4)
                seen = []
                for _ in range(6):  # what comes and goes by itself does not stay
                    seen.append((await b.twin.heap())["taken"])
                    await b.advance(11)
                taken.append(min(seen))
            print(taken)
            assert max(taken) - taken[0] < 400, taken

    _run(play)
