# The time of the unit tests: what it skips, and what it does not.
# MIT license; part of microevse
import asyncio
import time

import evse_base as port
from helpers import run

# On MicroPython the one clock that is not put forward.
_real = time.time_ns_real if hasattr(time, "time_ns_real") else time.perf_counter_ns


def real_ms():
    return _real() // 1000000


def after(seconds):
    """Ends after so long; its result is the time that has passed (ms)."""

    async def wait():
        began = port.ticks_ms()
        await asyncio.sleep(seconds)
        return port.ticks_diff(port.ticks_ms(), began)

    return wait()


def test_an_hour_passes_at_once_and_sleepers_wake_in_their_order():
    woken = []

    async def sleeper(seconds):
        woken.append((await after(seconds), seconds))

    async def together():
        await asyncio.gather(*[sleeper(seconds) for seconds in (3600, 0.5, 60, 1)])

    began = real_ms()
    run(together())
    assert [seconds for _, seconds in woken] == [0.5, 1, 60, 3600]
    for passed, seconds in woken:
        assert 0 <= passed - seconds * 1000 < 500, woken
    assert real_ms() - began < 10000


def test_a_flag_ends_a_wait_when_it_is_set_and_a_time_limit_ends_it_else():
    async def story():
        flag = port.Flag()

        async def setter():
            await asyncio.sleep(20)
            flag.set()

        task = asyncio.create_task(setter())
        began = port.ticks_ms()
        try:
            await asyncio.wait_for(flag.wait(), 5)
            raise ValueError("nobody has set it")
        except asyncio.TimeoutError:
            assert 5000 <= port.ticks_diff(port.ticks_ms(), began) < 5500
        await asyncio.wait_for(flag.wait(), 600)
        assert 20000 <= port.ticks_diff(port.ticks_ms(), began) < 20500
        await task

    run(story())


def test_a_wait_for_a_socket_takes_its_real_time():
    """Else a peer in another thread or process would be too late, however quick it is."""

    async def silent(reader, writer):
        await reader.read(1)
        writer.close()

    async def story():
        for number in range(8000 + real_ms() % 20000, 32000):
            try:
                server = await asyncio.start_server(silent, "127.0.0.1", number)
                break
            except OSError:  # in use
                pass
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        began = real_ms()
        try:
            await asyncio.wait_for(reader.read(1), 0.2)
            raise ValueError("nobody has sent anything")
        except asyncio.TimeoutError:
            assert real_ms() - began >= 190
        writer.close()
        server.close()
        await server.wait_closed()

    run(story())
