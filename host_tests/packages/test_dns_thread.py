# Name resolution in a thread: the loop goes on, one question at a time.
# MIT license; part of microevse
"""CPython's threads stand for those of the ESP32: both have an interpreter lock that a blocking
call gives up. MicroPython on a host has threads without one, which the firmware never uses."""

import asyncio
import threading
import time

import pytest
from hal import dns


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setattr(dns, "THREADED", True)
    monkeypatch.setattr(dns, "STACK", 65536)  # the least that CPython takes


def test_the_loop_goes_on_while_a_name_is_looked_up(threads):
    where = []

    def slow(host, port):
        where.append(threading.get_ident())
        time.sleep(0.3)
        return "10.0.0.1"

    async def go():
        asking = asyncio.ensure_future(dns.Dns(slow).lookup("csms.test", 80))
        worst = 0
        while not asking.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - before)
        return asking.result(), worst

    answer, worst = asyncio.run(go())
    assert answer == "10.0.0.1" and where[0] != threading.get_ident()
    assert worst < 0.2, f"the loop stood still for {worst:.2f} s"


def test_a_failure_of_the_thread_is_an_oserror_here(threads):
    def nobody(host, port):
        raise OSError(-202)

    def broken(host, port):
        raise RuntimeError("no")

    for plain in (nobody, broken):
        with pytest.raises(OSError):
            asyncio.run(dns.Dns(plain).lookup("csms.test", 80))


def test_a_question_that_hangs_is_given_up_and_no_second_thread_is_begun(threads, monkeypatch):
    monkeypatch.setattr(dns, "LIMIT_MS", 60)
    release = threading.Event()
    asked = []

    def hangs(host, port):
        asked.append(host)
        release.wait(10)
        return "10.0.0.1"

    async def go():
        names = dns.Dns(hangs)
        for words in ("no answer", "not answered yet"):
            with pytest.raises(OSError, match=words):
                await names.lookup("csms.test", 80)
        assert asked == ["csms.test"]
        release.set()
        await asyncio.sleep(0.1)
        assert await names.lookup("csms.test", 80) == "10.0.0.1"

    asyncio.run(go())


def test_without_threads_the_call_is_made_as_it_is():
    assert dns.THREADED is False
    assert asyncio.run(dns.Dns(lambda host, port: "10.0.0.2").lookup("x", 1)) == "10.0.0.2"
