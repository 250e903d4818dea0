# The whole firmware frozen into a 32-bit MicroPython: the heap of a plain ESP32 is enough.
# MIT license; part of microevse
"""Here nothing is converted: objects have the chip's size, and bytecode and names are in
read-only memory as in the frozen image for the board, which MicroPython's own tools made from
the same manifest. Not run where the interpreter cannot be built (tools/frozen.py says why).
"""

import asyncio
import subprocess

import frozen
import memory_run
import pytest
import twin_growth
from tools_paths import SUPPORT, TESTS, UNIT
from twin.run_heap import HEAP_GROWTH_32

# The RAM that stock MicroPython has left on a plain ESP32 with WiFi and one TLS connection.
PLAIN_ESP32 = 110 * 1024
# Bytes of heap while charging over 1.6, connected, in a moment without a message in work: the
# budget of DESIGN 6 up to security, and half of what it grants to 2.x, for which the station
# has grown (rules of tokens, ends of reservations, samples).
CHARGING = {"all": 88624 + 2048, "named": 86176 + 2048}
FREE = 22 * 1024


@pytest.fixture(scope="module")
def interpreter():
    try:
        return frozen.build()
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)


def _session(interpreter, features, tls):
    """A session at the limit; what was taken and free in each situation."""
    seen = {}

    async def play():
        wanted = {"features": features, "tls": tls, "frozen": interpreter}
        async with memory_run.bench(heap=str(PLAIN_ESP32), **wanted) as b:
            await memory_run.session(b, seen)

    asyncio.run(asyncio.wait_for(play(), 120))
    for name, (taken, block) in seen.items():
        print("%7d taken, largest free block %6d  %s" % (taken, block, name))
    taken = seen["charging"][0]
    assert taken <= CHARGING[features]
    assert PLAIN_ESP32 - taken >= FREE


def test_all_of_it_is_frozen_and_has_the_size_of_the_chip(interpreter):
    code = (
        "import sys; sys.path[:] = ['.frozen']; import ocpp16.client, station.station, microdot;"
        "print(sys.maxsize, ocpp16.client.__file__)"
    )
    done = subprocess.run([str(interpreter), "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["2147483647", "ocpp16/client.py"], done


@pytest.mark.parametrize("module", ("test_watchers", "test_hal", "test_boot"))
def test_what_must_not_allocate_does_not_with_integers_of_the_chips_size(interpreter, module):
    """At 32 bits a small integer ends at 2^30: the value of a register is an object."""
    path = "%s:%s:%s:.frozen" % (UNIT, SUPPORT, TESTS)
    done = subprocess.run(
        [str(interpreter), "run.py", module],
        cwd=UNIT,
        env={"MICROPYPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and ", 0 failed" in done.stdout, done.stdout[-2000:]


def test_what_the_twin_takes_is_what_it_adds_to_the_limit(interpreter):
    measured = twin_growth.measure(interpreter)
    print(
        "the twin takes %d bytes while a firmware runs, %d are added" % (measured, HEAP_GROWTH_32)
    )
    assert 0.9 * HEAP_GROWTH_32 < measured <= 1.05 * HEAP_GROWTH_32


def test_all_features_charge_a_car_in_the_heap_of_a_plain_esp32(interpreter):
    _session(interpreter, "all", False)


def test_the_named_set_charges_a_car_over_tls_in_the_heap_of_a_plain_esp32(interpreter):
    _session(interpreter, "named", True)
