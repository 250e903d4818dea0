# The model of the chip's system heap: what was measured comes out, and what is not there is
# refused.
# MIT license; part of microevse
"""The measured states are those of an emulated chip with MicroPython 1.24.0 (docs/chip.md)."""

import asyncio
import random
import subprocess

import frozen
import pytest
from bench import Bench
from compiled import directories
from firmware_files import DIAGNOSTICS, diagnostics, statuses
from hal import memory
from secure import SecureBench, secure
from tools_paths import TESTS
from twin.free_list import FreeList, usable
from twin.system_heap import SIZES, THREAD, NoRoom, SystemHeap

# 86 KB of objects in a GC heap of 112,000 bytes: two areas, each with its tables.
GROWN = (57344, 57376)
# How near the model comes to each measured figure.
NEAR = 300


@pytest.fixture(scope="module", params=("stock", "base", "frozen"))
def interpreter(request):
    try:
        return frozen.build(request.param)
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)


def _stock():
    heap = SystemHeap("stock")
    for area in GROWN:
        assert heap.heap.take(area)
    return heap


def _near(heap, free, largest=None):
    print("%d free, %d largest; measured %d, %s" % (heap.free(), heap.largest(), free, largest))
    assert abs(heap.free() - free) <= NEAR
    assert largest is None or abs(heap.largest() - largest) <= NEAR


def test_before_wifi_there_is_what_was_measured():
    _near(_stock(), 80976, 55296)


def test_with_wifi_there_is_what_was_measured():
    heap = _stock()
    heap.take("wifi")
    _near(heap, 38876, 36864)


def test_beside_a_tls_connection_there_is_what_was_measured():
    heap = _stock()
    heap.take("wifi")
    heap.take("tls")
    _near(heap, 12200, 7168)


def test_beside_a_tls_connection_neither_a_thread_nor_a_second_one_can_be_had():
    heap = _stock()
    heap.take("wifi")
    heap.take("tls")
    before = heap.info()
    for what, size in (("thread", 8192), ("tls", 0)):
        with pytest.raises(NoRoom):
            heap.take(what, size)
    assert [row[:3] for row in heap.info()] == [row[:3] for row in before], "some was kept"
    assert heap.refused == {"thread": 1, "tls": 1}


def test_a_connection_that_fails_in_its_handshake_gives_everything_back():
    for taken in range(1000, 11000, 500):
        heap = _stock()
        heap.take("wifi")
        heap.take("thread", taken)
        before = [row[:3] for row in heap.info()]
        try:
            heap.give(heap.take("tls"))
        except NoRoom:
            pass
        assert [row[:3] for row in heap.info()] == before
    assert heap.refused


def test_a_tls_connection_made_again_leaves_what_was_measured():
    heap = _stock()
    heap.take("wifi")
    heap.give(heap.take("tls"))
    heap.take("closed")
    heap.take("tls")
    _near(heap, 10736)


def test_the_base_image_has_its_heap_in_at_most_two_areas_and_24_kib_beside_wifi_and_tls():
    heap = SystemHeap("base")
    areas = heap.first_areas()
    assert len(areas) == 2 and sum(areas) == 150 * 1024
    for area in areas:
        assert heap.heap.take(area)
    heap.take("wifi")
    heap.take("tls")
    print("%d free, at least %d, in the handshake" % (heap.free(), heap.least()))
    assert heap.least() >= 24 * 1024


def test_a_chip_with_less_memory_gets_a_smaller_heap_and_keeps_the_systems():
    heap = SystemHeap("base")
    heap.heap.take(40000)
    areas = heap.first_areas()
    assert 56 * 1024 <= sum(areas) < 150 * 1024
    for area in areas:
        assert heap.heap.take(area)
    heap.take("wifi")
    heap.take("tls")


def test_in_psram_the_gc_heap_takes_nothing_of_the_system():
    heap = SystemHeap("psram")
    before = heap.free()
    assert heap.heap.take(heap.first_areas()[0], heap.area_region())
    assert heap.free() == before


def test_only_what_is_counted_and_not_strict_is_never_refused():
    heap = SystemHeap("stock", strict=False)
    for _ in range(20):
        heap.take("tls")
    assert heap.refused["tls"] > 10


def test_free_blocks_are_found_by_size_classes():
    """TLSF: a block that is only just large enough is not found, and joined blocks are one."""
    sizes = {127: 127, 128: 128, 131: 128, 136: 136, 4100: 4096, 57343: 55296}
    assert {n: usable(n) for n in sizes} == sizes
    heap = FreeList()
    heap.region(1000)
    a, b = heap.take(300), heap.take(300)
    assert heap.take(600) == 0
    heap.give(a)
    heap.give(b)
    assert heap.info() == [(1000, 996, 992, 388)]
    with pytest.raises(ValueError):
        heap.give(b)


_PLAY = """
import sys
sys.path.append(%r)
from twin.free_list import FreeList
import chipheap
heaps = (FreeList(), chipheap)
for heap in heaps:
    heap.reset()
    for size in (240, 7288, 16648, 79912, 15072, 113840):
        heap.region(size)
held = []
for step in %r:
    if step > 0:
        got = [heap.take(step, step %% 7 == 0 and 3 or 0) for heap in heaps]
        assert got[0] == got[1], (step, got)
        if got[0]:
            held.append(got[0])
    elif held:
        block = held.pop(-step %% len(held))
        for heap in heaps:
            heap.give(block)
    assert heaps[0].info() == heaps[1].info(), step
print("same", len(held))
"""


def test_the_model_in_c_and_the_one_in_python_are_the_same(interpreter):
    rng = random.Random(17)
    steps = [
        rng.choice((1, -1)) * rng.randrange(1, rng.choice((64, 2000, 60000))) for _ in range(800)
    ]
    program = _PLAY % (str(TESTS), steps)
    done = subprocess.run([str(interpreter), "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("same"), done.stdout + done.stderr


def test_the_guards_sizes_are_those_of_the_model():
    for what in ("tls", "ap"):
        _, needed, block = memory.NEEDS[what]
        blocks = [abs(size) for size in SIZES[what]]
        assert sum(blocks) <= needed <= sum(blocks) + 1000 and block == max(blocks)
    assert memory.NEEDS["thread"][1:] == (8192 + THREAD, 8192)


def _play(coro, seconds=100):
    return asyncio.run(asyncio.wait_for(coro, seconds))


def test_a_chip_without_memory_for_tls_says_so_and_goes_on_trying():
    async def play():
        # Stock, its heap grown once: beside WiFi there is just room for TLS, but for these.
        options = {"taken": [4000]}
        async with SecureBench(**secure(heap_image="stock", options=options)) as b:
            await b.until(lambda: b.logged("no memory for a TLS connection"), 60, "a sentence")
            await b.advance(90)
            assert len(b.logged("no memory for a TLS connection")) > 1
            assert not b.csms.connections

    _play(play())


def test_a_car_that_comes_ends_a_file_over_https_and_the_line_is_made_again():
    import certs
    from file_servers import HttpServer

    async def play():
        options = secure(heap_image="base", firmware=directories())
        async with SecureBench(**options) as b:
            await b.boot()
            server = await HttpServer(b.csms.count, certs.server_context("server")).start()
            server.files["/fw"] = bytes(range(256)) * 2000
            server.stall = ("/fw",)
            where = server.url.replace("127.0.0.1", "localhost") + "/fw"
            more = {"retrieveDate": "2026-12-31T00:00:00Z", "retries": 0}
            try:
                await b.call("UpdateFirmware", {"location": where, **more})
                await b.until(lambda: b.logged("restart: its memory"), 30, "the line is closed")
                await b.do("plug")
                await b.until(lambda: len(b.csms.connections) > 1, 60, "the line is made again")
                await b.until(
                    lambda: [
                        c
                        for c in b.calls("FirmwareStatusNotification")
                        if c["status"] == "DownloadFailed"
                    ],
                    60,
                    "the download was given up",
                )
                await b.do("unplug")
                await b.advance(5)
                await b.charging()
            finally:
                server.stop()

    _play(play())


def test_a_file_over_https_waits_for_the_cars_end_and_closes_the_line_for_the_time():
    """Two TLS connections do not fit a plain ESP32: with a car there the upload fails with a
    sentence, without one the line to the central system is closed and made again."""
    import certs
    from file_servers import HttpServer

    async def play():
        options = secure(heap_image="base", firmware=directories())
        async with SecureBench(**options) as b:
            await b.boot()
            server = await HttpServer(b.csms.count, certs.server_context("server")).start()
            try:
                where = server.url.replace("127.0.0.1", "localhost") + "/"
                await b.do("plug")
                await b.advance(5)
                await diagnostics(b, where, retries=0)
                await statuses(b, DIAGNOSTICS, "Uploading", "UploadFailed")
                assert b.logged("while no car is connected")
                assert len(b.csms.connections) == 1
                await b.leave()
                await diagnostics(b, where, retries=0)
                await b.until(lambda: len(b.csms.connections) > 1, 90, "the line is made again")
                await b.until(
                    lambda: [c for c in b.calls(DIAGNOSTICS) if c["status"] == "Uploaded"],
                    60, "the log was sent",
                )  # fmt: skip
                assert b.logged("restart: its memory is needed for a file over https")
                assert b.logged("log sent")
            finally:
                server.stop()

    _play(play())


async def _upload(then):
    """Diagnostics to a server over https:// while wss:// is up; `then(b)`: half a second later."""
    import certs
    from file_servers import HttpServer

    async with SecureBench(**secure(heap_image="base", firmware=directories())) as b:
        await b.boot()
        server = await HttpServer(b.csms.count, certs.server_context("server")).start()
        try:
            await diagnostics(b, server.url.replace("127.0.0.1", "localhost") + "/", retries=0)
            await b.advance(0.5)
            await then(b)
        finally:
            server.stop()


def test_a_central_system_that_does_not_say_goodbye_does_not_fail_the_file():
    """The memory of its TLS is there only after the 5 s that it has for that: the upload was given
    up before."""

    async def then(b):
        b.csms.connections[0].mute = True
        await statuses(b, DIAGNOSTICS, "Uploading", "Uploaded")

    _play(_upload(then))


def test_a_quarter_of_an_hour_without_a_network_leaves_sockets_enough():
    """Each attempt without a network kept its socket, and after ten no more could be had."""

    async def play():
        async with Bench(heap_image="base", firmware=directories()) as b:
            await b.boot()
            await b.do("network", up=False)
            await b.advance(900)
            count = len(b.csms.connections)
            await b.do("network", up=True)
            await b.until(lambda: len(b.csms.connections) > count, 200, "it is back")

    _play(play())


def test_a_car_that_comes_before_the_line_is_closed_keeps_it():
    """It was closed all the same, and the session went unheard until its end."""

    async def then(b):
        await b.do("plug")
        await statuses(b, DIAGNOSTICS, "Uploading", "UploadFailed")
        assert len(b.csms.connections) == 1

    _play(_upload(then))
