# The virtual board's core: time, loops, sockets, resets, power cuts, the command line.
# MIT license; part of microevse
"""Small programs stand in for the firmware, on both interpreters."""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import textwrap
import time

import certs
import pytest
from twin.host import Twin, heap_bytes, split_address

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RUNTIMES = ("micropython", "cpython")
BOARD = {
    "name": "demo",
    "chip": "esp32",
    "connectors": [
        {
            "id": 1,
            "cable": "fixed",
            "phases": 1,
            "max_a": 16,
            "cp": {"pwm": 26, "adc": 36},
            "contactor": {"pin": 25, "active_high": True},
        }
    ],
    "uarts": [],
}

PRELUDE = """
import asyncio, json, sys
import machine, network
import evse_base as port
with open("config.json") as f:
    START = json.load(f)["start"]

async def join():
    wlan = network.WLAN(network.WLAN.IF_STA)
    wlan.active(True)
    wlan.connect("twin", "secret")
    while not wlan.isconnected():
        await asyncio.sleep(0.1)
    return wlan
"""

TICKS = """
ticks = 0
trace = []

def tick(timer):
    global ticks
    ticks += 1

async def worker(name, seconds):
    while True:
        await asyncio.sleep(seconds)
        trace.append((name, port.ticks_ms() // 10))

async def main():
    timer = machine.Timer(0)
    timer.init(period=10, mode=machine.Timer.PERIODIC, callback=tick)
    for name, seconds in (("a", 1), ("b", 1), ("c", 2), ("d", 0.25)):
        asyncio.create_task(worker(name, seconds))
    while True:
        await asyncio.sleep(30)
        crc = port.crc32(str(trace).encode())
        print("at %d: ticks %d, trace %d %08x" % (port.ticks_ms() // 10, ticks, len(trace), crc))
        trace.clear()

asyncio.run(main())
"""

FLAG = """
flag = port.Flag()
rang = 0

def ring(timer):
    global rang
    rang = port.ticks_us()
    flag.set()

async def main():
    timer = machine.Timer(0)
    timer.init(period=700, mode=machine.Timer.ONE_SHOT, callback=ring)
    await flag.wait()
    print("woken after", port.ticks_diff(port.ticks_us(), rang) < 50, port.ticks_ms() // 10)
    begin = port.ticks_ms()
    while port.ticks_diff(port.ticks_ms(), begin) < 20:
        pass  # a loop that only looks at the clock must end, too
    print("spun")
    port.sleep_ms(500)
    print("slept", port.ticks_diff(port.ticks_ms(), begin) // 10)
    await asyncio.sleep(1000)

asyncio.run(main())
"""

ASYNCIO = """
async def give(value, seconds):
    await asyncio.sleep(seconds)
    return value

async def fail(seconds):
    await asyncio.sleep(seconds)
    raise ValueError("failed")

async def forever(name):
    try:
        while True:
            await asyncio.sleep(100)
    except asyncio.CancelledError:
        print("say %s cancelled" % name)
        raise

async def holder(lock, name):
    async with lock:
        await asyncio.sleep(0.1)
        print("say lock", name)

async def waiter(event, name):
    await event.wait()
    print("say event", name)

async def parent(child):
    await child

async def main():
    print("say", await asyncio.gather(give(1, 0.3), give(2, 0.1)))
    print("say", await asyncio.gather(give(1, 0.1), fail(0.2), return_exceptions=True))
    try:
        await asyncio.gather(give(1, 0.1), fail(0.2))
    except ValueError as exc:
        print("say caught", exc)
    try:
        await asyncio.wait_for(forever("slow"), 0.5)
    except asyncio.TimeoutError:
        print("say timeout")
    print("say", await asyncio.wait_for(give("quick", 0.1), 5))
    child = asyncio.create_task(forever("child"))
    task = asyncio.create_task(parent(child))
    await asyncio.sleep(0.1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("say", task.done(), child.done())
    unstarted = asyncio.create_task(forever("never"))
    unstarted.cancel()
    try:
        await unstarted
    except asyncio.CancelledError:
        print("say", unstarted.done())
    lock = asyncio.Lock()
    await asyncio.gather(*[holder(lock, name) for name in "xyz"])
    event = asyncio.Event()
    tasks = [asyncio.create_task(waiter(event, name)) for name in "pqr"]
    await asyncio.sleep(0.1)
    tasks[1].cancel()
    await asyncio.sleep(0)
    event.set()
    await asyncio.sleep(0.1)
    done = asyncio.create_task(give(5, 0))
    await asyncio.sleep(0.1)
    print("say", await done, done.done(), done.cancel())
    bad = asyncio.create_task(fail(0))
    await asyncio.sleep(1)
    try:
        await bad
    except ValueError as exc:
        print("say late", exc)
    except TypeError:
        print("say late failed")
    print("say", port.ticks_ms() // 100)
    await asyncio.sleep(1000)

asyncio.run(main())
"""

ECHO = """
async def main():
    await join()
    print("joined", port.ticks_ms() // 100)
    host, number = START["Peer"].split(":")
    context = None
    if "CaFile" in START:
        from ocppj import pem, tls
        with open(START["CaFile"]) as f:
            context = tls.client_context(pem.pem_to_der(f.read()))
    count = 0
    while True:
        try:
            begin = port.ticks_ms()
            if context:
                reader, writer = await asyncio.open_connection(
                    host, int(number), ssl=context, server_hostname="localhost")
            else:
                reader, writer = await asyncio.open_connection(host, int(number))
            while True:
                writer.write(b"ping %d\\n" % count)
                await writer.drain()
                line = await asyncio.wait_for(reader.readline(), 20)
                if not line:
                    raise OSError("eof")
                took = port.ticks_diff(port.ticks_ms(), begin)
                print("got", line.decode().strip(), "in", took)
                count += 1
                await asyncio.sleep(1)
                begin = port.ticks_ms()
        except (OSError, EOFError, asyncio.TimeoutError) as exc:
            print("lost", type(exc).__name__)
            try:
                writer.close()
                await writer.wait_closed()
            except (OSError, NameError):
                pass
            await asyncio.sleep(1)

asyncio.run(main())
"""

SERVER = """
async def serve(reader, writer):
    while True:
        line = await reader.readline()
        if not line:
            break
        writer.write(b"you said " + line)
        await writer.drain()
    writer.close()
    await writer.wait_closed()

async def main():
    await join()
    await asyncio.start_server(serve, "0.0.0.0", 80)
    print("serving")
    while True:
        await asyncio.sleep(10)

asyncio.run(main())
"""

RESETS = """
rtc = machine.RTC()
memory = rtc.memory()
print("boot cause %d memory %r" % (machine.reset_cause(), bytes(memory)))
relay = machine.Pin(25, machine.Pin.OUT, value=0)

async def main():
    if not memory:
        rtc.memory(b"one")
        relay.value(1)
        await asyncio.sleep(2)
        machine.reset()
    elif memory == b"one":
        rtc.memory(b"two")
        machine.WDT(timeout=1500)
        while True:
            await asyncio.sleep(10)
    elif memory == b"two":
        rtc.memory(b"three")
        sys.exit()
    elif memory == b"three":
        rtc.memory(b"four")
        machine.WDT(timeout=3000)
        raise ValueError("a bug")
    while True:
        await asyncio.sleep(10)

asyncio.run(main())
"""


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    return request.param


@pytest.fixture
def program(tmp_path):
    """write(source) -> firmware directories with it as main.py"""

    def write(source):
        folder = tmp_path / "firmware"
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(PRELUDE + textwrap.dedent(source))
        return [folder, ROOT / "lib"]

    return write


@contextlib.asynccontextmanager
async def running(**options):
    twin = Twin(board=BOARD, **{"hold": True, **options})
    try:
        await twin.start()
        yield twin
    finally:
        await twin.stop()


def lines(twin, text):
    return [line for line in twin.log_lines if text in line]


async def told(twin, text, count=1):
    """The log arrives on its own way: wait (real time) until the lines are there."""
    for _ in range(200):
        if len(lines(twin, text)) >= count:
            return lines(twin, text)
        await asyncio.sleep(0.01)
    raise AssertionError(f"no {text!r} in {twin.log_lines}")


async def status(twin):
    answer = await twin.command({"do": "status"})
    assert answer["ok"], answer
    return answer


class Peer:
    """Echo server in this process; `settle` for the twin, exact to the byte for plain TCP."""

    def __init__(self):
        self.rx = 0
        self.ends = []  # how connections ended
        self.open = 0
        self._server = None

    async def start(self, context=None):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        return "127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self.open += 1
        try:
            while True:
                line = await reader.readline()
                if not line:
                    self.ends.append("eof")
                    break
                self.rx += len(line)
                writer.write(line)
        except (ConnectionError, ssl.SSLError) as exc:
            self.ends.append(type(exc).__name__)
        finally:
            self.open -= 1
            writer.close()

    async def settle(self, tx):
        end = time.monotonic() + 1
        while self.rx < tx and time.monotonic() < end:
            await asyncio.sleep(0)


# --- time ------------------------------------------------------------------------------------


def test_an_hour_of_ticks_costs_seconds_and_none_is_lost(runtime, program):
    async def run():
        begin = time.monotonic()
        async with running(runtime=runtime, firmware=program(TICKS)) as twin:
            await twin.advance(3600 + 30.9)
            assert time.monotonic() - begin < 60
            last = (await told(twin, "ticks", 121))[-1]
            # The program starts 0.6 s after power-on and reports every 30 s.
            assert int(re.search(r"ticks (\d+)", last).group(1)) == 363000, last

    asyncio.run(run())


def test_two_runs_of_a_program_are_alike(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(TICKS)) as twin:
            for step in (0.05, 7.3, 33, 22.222, 60):
                await twin.advance(step)
            return await told(twin, "trace", 4)

    first = asyncio.run(run())
    assert first == asyncio.run(run())
    assert len(set(first)) == 4


def test_random_numbers_repeat_with_the_run_but_not_with_the_boot(runtime, program):
    source = """
    from os import urandom
    print("drew", urandom(8).hex(), urandom(3).hex())
    port.sleep_ms(1000)
    machine.reset()
    """

    async def run(seed):
        options = {"runtime": runtime, "firmware": program(source), "seed": seed}
        async with running(**options) as twin:
            await twin.advance(3)
            return await told(twin, "drew", 2)

    first = asyncio.run(run(5))
    assert first == asyncio.run(run(5)) and first[0] != first[1]
    assert first[0] != asyncio.run(run(6))[0]


def test_tasks_behave_as_asyncio_has_them(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(ASYNCIO)) as twin:
            await twin.advance(10)
            return await told(twin, "say", 17)

    said = [line[4:] for line in asyncio.run(run())]
    assert said[:9] == [
        "[1, 2]",
        "[1, ValueError('failed')]" if runtime == "cpython" else "[1, ValueError('failed',)]",
        "caught failed",
        "slow cancelled",
        "timeout",
        "quick",
        "child cancelled",
        "True True",
        "True",
    ]
    assert said[9:15] == ["lock x", "lock y", "lock z", "event p", "event r", "5 True False"]
    # 3.0 s of sleeping one after the other, 0.6 s of start-up.
    assert said[15:] == ["late failed", "36"]


def test_a_callback_wakes_its_task_at_once(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(FLAG)) as twin:
            await twin.advance(3)
            assert await told(twin, "woken") == ["woken after True 130"]
            assert await told(twin, "slept") == ["slept 52"]

    asyncio.run(run())


def test_held_time_stands_still(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(TICKS)) as twin:
            await twin.advance(5)
            before = await status(twin)
            await asyncio.sleep(0.3)
            assert (await status(twin))["t"] == before["t"] == pytest.approx(5, abs=0.001)

    asyncio.run(run())


def test_speed_scales_real_time(runtime, program):
    async def run():
        options = {"runtime": runtime, "firmware": program(TICKS), "hold": False, "speed": 20}
        async with running(**options) as twin:
            begin, real = (await status(twin))["t"], time.monotonic()
            await asyncio.sleep(1.5)
            passed = (await status(twin))["t"] - begin
            # A busy host makes it slower, nothing makes it faster.
            assert 5 < passed < 20.5 * (time.monotonic() - real) + 1

    asyncio.run(run())


def test_free_running_time_outruns_real_time(runtime, program):
    async def run():
        options = {"runtime": runtime, "firmware": program(TICKS), "hold": False, "speed": 0}
        async with running(**options) as twin:
            await asyncio.sleep(1)
            assert (await status(twin))["t"] > 60

    asyncio.run(run())


# --- sockets ---------------------------------------------------------------------------------


def test_an_answer_takes_no_virtual_time(runtime, program):
    async def run():
        peer = Peer()
        settings = {"Peer": await peer.start()}
        async with running(runtime=runtime, firmware=program(ECHO), settings=settings) as twin:
            twin.settle = peer.settle
            await twin.advance(12.5)
            got = await told(twin, "got", 10)
            assert got[:10] == ["got ping %d in 0" % n for n in range(10)]
            assert await told(twin, "joined") == ["joined 21"]

    asyncio.run(run())


def test_tls_works_and_its_handshake_stalls_the_chip(runtime, program):
    async def run():
        peer = Peer()
        address = (await peer.start(certs.server_context())).replace("127.0.0.1", "localhost")
        options = {
            "runtime": runtime,
            "firmware": program(ECHO),
            "settings": {"Peer": address},
            "ca": certs.paths().ca,
        }
        async with running(**options) as twin:

            async def patient(tx):
                await asyncio.sleep(0.05)  # TLS bytes are not counted by this peer

            twin.settle = patient
            await twin.advance(6.5)
            got = await told(twin, "got", 3)
            first = int(got[0].split()[-1])
            assert 600 <= first < 700, got
            assert got[1].startswith("got ping 1 in")
            assert not lines(twin, "lost")

    asyncio.run(run())


def test_free_time_is_held_while_an_answer_is_due(runtime, program):
    async def run():
        peer = Peer()
        settings = {"Peer": await peer.start()}
        options = {"runtime": runtime, "firmware": program(ECHO), "hold": False, "speed": 0}
        async with running(settings=settings, **options) as twin:
            for line in (await told(twin, "got", 5))[:5]:
                # Never the 20 s after which the program would give up.
                assert int(line.split()[-1]) < 1000
            assert not lines(twin, "lost")

    asyncio.run(run())


def test_a_lost_link_is_a_black_hole(runtime, program):
    async def run():
        peer = Peer()
        settings = {"Peer": await peer.start()}
        async with running(runtime=runtime, firmware=program(ECHO), settings=settings) as twin:
            twin.settle = peer.settle
            await twin.advance(4)
            assert peer.open == 1
            seen = peer.rx
            assert (await twin.command({"do": "network", "up": False}))["ok"]
            await twin.advance(60)
            await asyncio.sleep(0.1)
            # The program has long given up and closed its end; the peer does not know.
            assert lines(twin, "lost")
            assert (peer.open, peer.ends, peer.rx) == (1, [], seen)
            assert (await twin.command({"do": "network", "up": True}))["ok"]
            already = len(lines(twin, "got"))
            await twin.advance(15)
            await told(twin, "got", already + 3)
            assert peer.ends == ["ConnectionResetError"] and peer.open == 1

    asyncio.run(run())


def test_the_page_port_is_mapped_and_served_at_standing_time(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(SERVER)) as twin:
            await twin.advance(4)
            assert await twin.listening(1)
            reader, writer = await asyncio.open_connection(*twin.web)
            writer.write(b"hello\n")
            assert await asyncio.wait_for(reader.readline(), 5) == b"you said hello\n"
            assert twin.now == pytest.approx(4, abs=0.001)
            writer.close()

    asyncio.run(run())


def test_names_do_not_resolve_without_a_link(program):
    source = """
    import socket, time
    async def main():
        wlan = await join()
        s = socket.socket()
        wlan.disconnect()
        begin = time.ticks_ms()
        try:
            socket.getaddrinfo("csms.example", 80)
        except OSError as exc:
            print("name", exc.args[0], time.ticks_diff(time.ticks_ms(), begin) // 100)
        try:
            s.connect(socket.getaddrinfo("127.0.0.1", 80)[0][-1])
        except OSError as exc:
            print("connect", exc.errno)
    asyncio.run(main())
    """

    async def run():
        async with running(firmware=program(source)) as twin:
            await twin.advance(10)
            assert await told(twin, "name") == ["name -202 50"]
            assert await told(twin, "connect") == ["connect 113"]

    asyncio.run(run())


# --- resets and power ------------------------------------------------------------------------


def test_resets_keep_rtc_memory_and_the_world(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(RESETS)) as twin:
            await twin.command({"do": "plug"})
            await twin.advance(2)
            assert (await status(twin))["contactor"] is True
            await twin.advance(18)
            boots = await told(twin, "boot cause", 5)
            memories = ["", "one", "two", "three", "four"]
            assert boots == [
                "boot cause %d memory %r" % (cause, memory.encode())
                for cause, memory in zip((1, 2, 3, 5, 3), memories, strict=True)
            ]
            await told(twin, "ValueError: a bug")
            assert [e["event"] for e in twin.events if e["event"] == "crash"] == ["crash"]
            causes = [e["cause"] for e in twin.events if e["event"] == "reboot"]
            assert causes == ["hard", "wdt", "soft", "wdt"]
            now = await status(twin)
            assert now["plugged"] is True and now["contactor"] is False
            assert twin.now == pytest.approx(20, abs=0.01)

    asyncio.run(run())


KEEPS = """
rtc = machine.RTC()
memory = bytes(rtc.memory())
print("boot cause %d memory %r pin %d" % (machine.reset_cause(), memory, machine.Pin(25).value()))
machine.Pin(25, machine.Pin.OUT, value=0)

async def main():
    rtc.memory(b"kept")
    machine.WDT(timeout=1000)
    timer = machine.Timer(0)
    callback = lambda t: machine.WDT(timeout=1000)
    timer.init(period=20, mode=machine.Timer.PERIODIC, callback=callback)
    machine.PWM(machine.Pin(26), freq=1000, duty_u16=17477)
    await asyncio.sleep(0.1)
    machine.Pin(25, machine.Pin.OUT, value=1)
    while True:
        await asyncio.sleep(10)

asyncio.run(main())
"""

# What happens at 2 s: contacts open how long after it, with the relay's 30 ms; cause, pin and
# memory at the next start. Times of a start as twin/chip.py has them, until the program opens.
FATES = (
    ("cpu", 0.6, 2, 1, b"kept"),
    ("panic", 0.6 + 0.113, 2, 1, b"kept"),
    ("hang", 0.6 + 0.148 + 1.0, 3, 1, b"kept"),
    ("twdt", 0.6 + 0.148, 3, 1, b"kept"),
    ("system", 0, 2, 0, b"kept"),
    ("brownout", 0, 1, 0, b""),
    ("soft", 0.1, 5, 1, b"kept"),
)


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate[0])
def test_what_a_reset_keeps_is_still_driven_until_the_program_says_otherwise(
    runtime, program, fate
):
    what, opens, cause, pin, memory = fate

    async def run():
        async with running(runtime=runtime, firmware=program(KEEPS)) as twin:
            seen = []
            twin.listeners.append(
                lambda e: seen.append(e["t"]) if e["event"] == "contactor" else None
            )
            await twin.advance(2)
            assert (await status(twin))["contactor"] is True and len(seen) == 1
            await twin.chip(what)
            await twin.advance(2)
            assert seen[1] - 2 == pytest.approx(opens + 0.03, abs=0.022), seen
            boots = await told(twin, "boot cause", 2)
            assert boots[1] == "boot cause %d memory %r pin %d" % (cause, memory, pin)

    asyncio.run(run())


@pytest.mark.parametrize("version,duty", (("1.24", 100), ("1.26", 0)))
def test_a_soft_reset_stops_the_pwm(program, version, duty):
    async def run():
        options = {"micropython": version}
        async with running(firmware=program(KEEPS), options=options) as twin:
            await twin.advance(2)
            assert (await status(twin))["duty"] == pytest.approx(26.67, abs=0.01)
            await twin.chip("soft")
            await twin.advance(0.05)
            now = await status(twin)
            assert (now["duty"], now["contactor"]) == (duty, True)

    asyncio.run(run())


def test_a_stopped_clock_ends_no_sleep_but_callbacks_and_sockets_go_on(runtime, program):
    source = """
    count = 0

    def tick(timer):
        global count
        count += 1
        if count % 100 == 0:
            print("tick", count, port.ticks_ms())

    async def main():
        timer = machine.Timer(0)
        timer.init(period=10, mode=machine.Timer.PERIODIC, callback=tick)
        while True:
            await asyncio.sleep(0.5)
            print("slept", port.ticks_ms())

    asyncio.run(main())
    """

    async def run():
        async with running(runtime=runtime, firmware=program(source)) as twin:
            await twin.advance(5)
            await twin.chip("clock_stop")
            await twin.advance(0.5)
            before = len(lines(twin, "slept"))
            ticks = await told(twin, "tick", 4)
            await twin.advance(10)
            assert len(lines(twin, "slept")) <= before + 1
            ticks = (await told(twin, "tick", 14))[5:]
            assert len({line.split()[2] for line in ticks}) == 1, ticks

    asyncio.run(run())


def test_a_command_that_meets_a_reset_is_asked_again(runtime, program):
    """It once failed with "the charger was switched off", now and then."""
    source = """
    import asyncio, machine
    async def main():
        await asyncio.sleep(1)
        machine.reset()
    asyncio.run(main())
    """

    async def run():
        async with running(runtime=runtime, firmware=program(source)) as twin:
            for boot in range(1, 4):
                moving = asyncio.ensure_future(twin.advance(2))
                while twin.boots == boot:
                    assert (await twin.command({"do": "status"}))["ok"]
                await moving

    asyncio.run(run())


def test_erases_are_counted_over_all_boots(runtime, program):
    source = """
    import esp32, machine
    esp32.Partition("journal").ioctl(6, 5)
    esp32.Partition("journal").ioctl(6, machine.reset_cause())
    if machine.reset_cause() == machine.PWRON_RESET:
        machine.reset()
    while True:
        machine.idle()
    """

    async def run():
        async with running(runtime=runtime, firmware=program(source)) as twin:
            await twin.advance(3)
            assert twin.boots == 2
            first = 0x3C0000 // 4096
            assert await twin.erases() == {first + 5: 2, first + 1: 1, first + 2: 1}

    asyncio.run(run())


def test_a_power_cut_loses_rtc_memory_and_takes_its_time(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(RESETS)) as twin:
            await twin.command({"do": "plug"})
            await twin.advance(2)
            assert (await twin.command({"do": "power_cut", "seconds": 5}))["ok"]
            dark = await status(twin)
            assert dark["plugged"] is True and dark["ocpp"] is False
            answer = await twin.command({"do": "set", "key": "a", "value": "b"})
            assert answer == {"ok": False, "error": "the charger has no power"}
            await twin.advance(1)
            assert (await status(twin))["contactor"] is False
            assert (await twin.command({"do": "unplug"}))["ok"]
            await twin.advance(4.9)
            assert await told(twin, "boot cause", 2) == ["boot cause 1 memory b''"] * 2
            assert twin.now == pytest.approx(7.9, abs=0.001)
            assert (await status(twin))["plugged"] is False

    asyncio.run(run())


def test_the_same_image_again_is_a_power_cycle(runtime, program, tmp_path):
    async def run():
        firmware = program(RESETS)
        options = {"runtime": runtime, "firmware": firmware, "data": tmp_path / "image"}
        async with running(**options) as twin:
            await twin.command({"do": "plug"})
            await twin.advance(1)
        async with running(**options) as twin:
            assert twin.now == pytest.approx(1, abs=0.001)
            await twin.advance(1)
            assert (await status(twin))["plugged"] is True
            assert await told(twin, "boot cause") == ["boot cause 1 memory b''"]

    asyncio.run(run())


def test_a_dead_interpreter_is_reported_not_waited_for(program):
    source = """
    import os
    os.system("kill -9 $PPID")
    """

    async def run():
        async with running(firmware=program(source)) as twin:
            with pytest.raises(Exception, match="interpreter ended"):
                await twin.advance(5)
            answer = await twin.command({"do": "status"})
            assert not answer["ok"] and "ended" in answer["error"]

    asyncio.run(run())


def test_a_program_too_large_for_the_heap_gets_a_memory_error(program):
    source = """
    import gc
    gc.collect()
    print("free", gc.mem_free() // 1024)
    keep = []
    while True:
        keep.append(bytearray(4096))
        if len(keep) % 10 == 0:
            print("kept", len(keep) * 4)
    """

    async def run():
        async with running(firmware=program(source), heap="200k") as twin:
            await twin.advance(1)
            await told(twin, "MemoryError")
            kept = int(lines(twin, "kept")[-1].split()[-1])
            # 200 KiB plus at most what is reserved for the twin.
            assert 120 <= kept <= 264

    asyncio.run(run())


def test_a_limited_heap_begins_in_one_piece(program):
    """The limit once counted the holes between the twin's own objects: the program ended up in
    those, with tens of kilobytes free and none of them in a row."""
    source = """
    import machine
    keep = [bytearray(1000) for _ in range(100)]
    while True:
        machine.idle()
    """

    async def run():
        async with running(firmware=program(source), heap="200k") as twin:
            await twin.advance(1)
            heap = await twin.heap()
            # Less the pool of names that a firmware pays for (28 KB).
            assert 70 <= heap["free"] // 1024 <= 102 and 0 <= heap["own"] < 4096
            # In a row, and with what is set aside for the twin: 30 KB.
            assert heap["free"] + 8192 <= heap["largest"] <= heap["free"] + 32768

    asyncio.run(run())


# --- commands --------------------------------------------------------------------------------


def test_wrong_commands_change_nothing_and_say_why(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(TICKS)) as twin:
            await twin.advance(1)
            for cmd, words in (
                ({"do": "dance"}, "unknown command"),
                ({}, "unknown command"),
                ({"do": 5}, "unknown command"),
                ({"do": "_snapshot"}, "unknown command"),
                ({"do": "plug", "connector": 7}, "connector"),
                ({"do": "plug", "connector": "x"}, "connector"),
                ({"do": "fault", "kind": "meteor"}, "kind"),
                ({"do": "network"}, "up"),
                ({"do": "network", "up": 1}, "up"),
                ({"do": "power_cut", "seconds": -1}, "seconds"),
                ({"do": "set", "key": "a"}, "value"),
                ({"do": "set", "key": "a", "value": "b"}, "not started"),
            ):
                answer = await twin.command(cmd)
                assert answer["ok"] is False and words in answer["error"], (cmd, answer)
            assert (await status(twin))["plugged"] is False

    asyncio.run(run())


def test_a_stall_delays_callbacks_and_drops_those_beyond_eight(runtime, program):
    async def run():
        async with running(runtime=runtime, firmware=program(TICKS)) as twin:
            await twin.advance(10)
            assert (await twin.command({"do": "stall", "ms": 200}))["ok"]
            await twin.advance(22)
            ticks = int(re.search(r"ticks (\d+)", (await told(twin, "ticks"))[0]).group(1))
            assert 2985 <= ticks <= 2990  # 20 periods passed, 8 callbacks were kept

    asyncio.run(run())


def test_sizes_and_addresses_are_checked():
    assert heap_bytes("128k") == 131072 and heap_bytes("1M") == 1048576
    assert heap_bytes("64wk") == (131072 if sys.maxsize > 2**32 else 65536)
    assert split_address("127.0.0.1:80") == ("127.0.0.1", 80)
    for wrong in ("", "k", "12q", "-1", "0"):
        with pytest.raises(ValueError):
            heap_bytes(wrong)
    for wrong in ("", "host", "host:", "host:70000", "1:x"):
        with pytest.raises(ValueError):
            split_address(wrong)


# --- the command line ------------------------------------------------------------------------


class Control:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def line(self):
        return json.loads(await asyncio.wait_for(self.reader.readline(), 10))

    async def ask(self, text):
        self.writer.write((text if isinstance(text, str) else json.dumps(text)).encode() + b"\n")
        return await self.line()


@contextlib.asynccontextmanager
async def simulated(program, tmp_path, runtime, source=SERVER, *more):
    command = [sys.executable, str(ROOT / "tools" / "simulate.py")]
    command += ["--csms", "ws://127.0.0.1:1/", "--id", "X", "--runtime", runtime]
    command += ["--data", str(tmp_path / "image"), "--speed", "10"]
    for folder in program(source):
        command += ["--firmware", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, *more, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        ready = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        found = re.fullmatch(r"READY control=(\S+):(\d+) web=(\S+):(\d+)\n", ready)
        assert found, (ready, await process.stderr.read() if not ready else b"")
        control = Control(*await asyncio.open_connection(found[1], int(found[2])))
        yield process, control, (found[3], int(found[4]))
        control.writer.close()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def children(pid):
    """Processes whose parent is `pid`."""
    listing = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True).stdout
    pairs = [line.split() for line in listing.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_simulate_ends_as_a_power_cut_and_leaves_no_child(runtime, program, tmp_path, number):
    async def run():
        async with simulated(program, tmp_path, runtime) as (process, control, web):
            kids = children(process.pid)
            assert kids
            assert await control.ask({"do": "plug", "id": 7}) == {"ok": True, "id": 7}
            process.send_signal(number)
            assert await asyncio.wait_for(process.wait(), 5) == 0
            assert not any(alive(kid) for kid in kids)
            world = json.loads((tmp_path / "image" / "world.json").read_text())
            assert world["now_us"] > 0 and world["world"]

    asyncio.run(run())


def test_simulate_answers_every_line_and_survives_reboots(runtime, program, tmp_path):
    async def run():
        async with simulated(program, tmp_path, runtime) as (process, control, web):
            assert (await control.ask("{nonsense"))["ok"] is False
            assert (await control.ask("[1]"))["ok"] is False
            assert (await control.ask({"do": "dance", "id": "x"}))["id"] == "x"
            assert (await control.ask({"do": "status"}))["pilot"] == "A"
            address = control.writer.get_extra_info("peername")
            other = Control(*await asyncio.open_connection(*address))
            assert await other.ask({"do": "subscribe"}) == {"ok": True}
            assert await control.ask({"do": "plug"}) == {"ok": True}
            seen = [await other.line() for _ in range(2)]
            assert {"plug", "pilot"} == {event["event"] for event in seen}
            assert await control.ask({"do": "reboot"}) == {"ok": True}
            while (await other.line())["event"] != "listen":
                pass
            reader, writer = await asyncio.open_connection(*web)
            writer.write(b"still there?\n")
            assert await asyncio.wait_for(reader.readline(), 10) == b"you said still there?\n"
            assert (await control.ask({"do": "status"}))["plugged"] is True
            assert (await control.ask({"do": "power_cut", "seconds": 2}))["ok"]
            while (await other.line())["event"] != "listen":
                pass
            assert (await control.ask({"do": "status"}))["plugged"] is True
            for connection in (other.writer, writer):
                connection.close()

    asyncio.run(run())


def test_the_child_dies_with_its_parent(runtime, program, tmp_path):
    async def run():
        async with simulated(program, tmp_path, runtime) as (process, control, web):
            kids = children(process.pid)
            process.kill()
            await process.wait()
            for _ in range(300):
                if not any(alive(kid) for kid in kids):
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("an orphan is left")

    asyncio.run(run())


def test_simulate_refuses_wrong_arguments(tmp_path):
    for arguments, word in (
        (["--id", "X"], "--csms"),
        (["--csms", "ws://x"], "--id"),
        (["--csms", "ws://x", "--id", "X", "--board", "no_such"], "no_such"),
        (["--csms", "ws://x", "--id", "X", "--set", "nothing"], "Key=Value"),
        (["--csms", "ws://x", "--id", "X", "--heap", "lots"], "lots"),
        (["--csms", "ws://x", "--id", "X", "--ca", str(tmp_path / "none")], "none"),
    ):
        command = [sys.executable, str(ROOT / "tools" / "simulate.py"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 2 and word in done.stderr, (arguments, done)
