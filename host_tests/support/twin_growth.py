# The heap that the virtual board takes while a firmware runs: measured, not assumed.
# MIT license; part of microevse
"""`measure()`: a program that has all the hardware and as many tasks as the charger, but does
nothing with them. What it takes is the twin's own: on a chip pins, timers and sockets are part
of the port, and a task is a C object. Bytes of this 64-bit machine.
"""

import asyncio
import pathlib
import re
import shutil
import tempfile

from twin.host import Twin

TASKS = 24
# mp_obj_task_t: a pairing heap's node (5 words), coroutine, data, state, key; in blocks of four
# words.
_C_TASK_WORDS = 12

_PROGRAM = """
import asyncio, burst, esp32, gc, json, machine, network
from array import array
from machine import ADC, PWM, Pin, Timer, UART, WDT

with open("board.json") as file:
    board = json.load(file)
first = board["connectors"][0]
keep = []
windows = array("H", bytes(512))  # the firmware has its own


def used():
    gc.collect()
    return gc.mem_alloc()


async def sleep():
    while True:
        watchdog.feed()
        await asyncio.sleep(1)


async def serve(reader, writer):
    await sleep()


async def main():
    global watchdog
    begin = used()
    watchdog = WDT(timeout=8000)
    keep.append(PWM(Pin(first["cp"]["pwm"]), freq=1000, duty_u16=65535))
    adc = ADC(Pin(first["cp"]["adc"]), atten=ADC.ATTN_11DB)
    adc.read_u16()
    adc.read_uv()
    keep.append(Pin(first["contactor"]["pin"], Pin.OUT, value=0))
    keep.append(machine.RTC())
    for bus in board.get("uarts", ()):
        keep.append(UART(bus["id"], baudrate=bus["baud"], tx=bus["tx"], rx=bus["rx"]))
    timer = Timer(0)
    timer.init(period=20, callback=lambda t: burst.sample(adc, windows, 4000))
    buf = bytearray(64)
    for label in ("journal", "lists"):
        for part in esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label):
            keep.append(part)
            part.readblocks(0, buf, 0)
            part.writeblocks(0, b"\\0", 0)
    link = network.WLAN(network.STA_IF)
    link.active(True)
    link.connect("twin", "twin-password")
    while not link.isconnected():
        await asyncio.sleep(0.1)
    keep.append(await asyncio.start_server(serve, "0.0.0.0", 80))
    keep.append(await asyncio.open_connection("127.0.0.1", PORT))
    before = used()
    keep.append([sleep() for _ in range(TASKS)])
    coroutines = used() - before
    keep.append([asyncio.create_task(coro) for coro in keep[-1]])
    await asyncio.sleep(30)
    print("twin takes", used() - begin - coroutines)
    await sleep()


asyncio.run(main())
"""


async def _measure(frozen):
    folder = pathlib.Path(tempfile.mkdtemp())
    peer = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = peer.sockets[0].getsockname()[1]
    program = _PROGRAM.replace("PORT", str(port)).replace("TASKS", str(TASKS))
    (folder / "main.py").write_text(program)
    twin = Twin(firmware=[folder], hold=True, heap="500k", frozen=frozen)
    try:
        await twin.start()
        await twin.advance(5)
        for verb in ("plug", "request"):
            await twin.command({"do": verb})
        await twin.advance(60)
        found = re.findall(r"twin takes (\d+)", "\n".join(twin.log_lines))
        if not found:
            raise ValueError("\n".join(twin.log_lines[-20:]))
        return int(found[0]) - TASKS * _C_TASK_WORDS * (4 if frozen else 8)
    finally:
        await twin.stop()
        peer.close()
        shutil.rmtree(folder)


def measure(frozen=None):
    """Bytes that the twin takes while a firmware runs, beyond what it has at its start.

    frozen: the interpreter to measure, if not the usual one."""
    return asyncio.run(asyncio.wait_for(_measure(frozen), 60))


if __name__ == "__main__":
    print("the twin takes %d bytes while a firmware runs" % measure())
