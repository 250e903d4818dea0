# Names: one question serves all tasks, an answer is kept, and the last good address without one.
# MIT license; part of microevse

import asyncio

from helpers import run
from ocppj import resolver
from ocppj.resolver import Resolver


class Names:
    """A name server; `ms` is the test's clock."""

    def __init__(self):
        self.at = "10.0.0.1"
        self.asked = []
        self.ms = 0
        self.may = True
        self.hold = None
        self.resolver = Resolver(self.lookup, lambda: self.may)

    async def lookup(self, host, port):
        self.asked.append(host)
        if self.hold:
            await self.hold.wait()
        if self.at is None:
            raise OSError(-202)
        return self.at

    def address(self, host="csms.test", fresh=False):
        return self.run(self.resolver.address(host, 80, fresh))

    def run(self, coro):
        before, resolver.ticks_ms = resolver.ticks_ms, lambda: self.ms
        try:
            return run(coro)
        finally:
            resolver.ticks_ms = before


def test_a_name_is_asked_for_again_only_after_a_while():
    names = Names()
    assert not names.resolver.known("csms.test")
    assert names.address() == "10.0.0.1" and names.resolver.known("csms.test")
    names.at = "10.0.0.2"
    names.ms += resolver.TTL_MS - 1
    assert names.address() == "10.0.0.1" and len(names.asked) == 1
    names.ms += 1
    assert names.address() == "10.0.0.2" and len(names.asked) == 2


def test_an_address_that_does_not_answer_is_asked_for_at_once():
    names = Names()
    names.address()
    names.at = "10.0.0.2"
    assert names.address(fresh=True) == "10.0.0.2"


def test_the_last_good_address_serves_while_nobody_answers():
    names = Names()
    names.address()
    names.at = None
    names.ms += resolver.TTL_MS
    assert names.address() == "10.0.0.1"
    # A name server that is dead is not waited for at every attempt.
    names.ms += resolver.RETRY_MS - 1
    assert names.address(fresh=True) == "10.0.0.1" and len(names.asked) == 2
    names.ms, names.at = names.ms + 1, "10.0.0.3"
    assert names.address() == "10.0.0.3"


def test_a_name_that_nobody_ever_knew_is_an_error():
    names = Names()
    names.at = None
    for _ in range(2):
        try:
            names.address()
            raise AssertionError("an address of nothing")
        except OSError as exc:
            assert exc.args[0] == -202
    assert len(names.asked) == 2


def test_where_a_stall_does_harm_the_old_address_must_do():
    names = Names()
    names.address()
    names.may, names.at = False, "10.0.0.2"
    names.ms += 100 * resolver.TTL_MS
    assert names.address(fresh=True) == "10.0.0.1" and len(names.asked) == 1


def test_who_asks_while_somebody_asks_waits_for_the_same_answer():
    names = Names()

    async def go():
        names.hold = asyncio.Event()
        tasks = [asyncio.create_task(names.resolver.address("csms.test", 80)) for _ in range(3)]
        await asyncio.sleep(0.01)
        names.hold.set()
        for task in tasks:
            assert await task == "10.0.0.1"
        assert len(names.asked) == 1

    names.run(go())


def test_who_waited_for_an_answer_that_did_not_come_is_told():
    names = Names()
    names.at = None

    async def go():
        names.hold = asyncio.Event()
        tasks = [asyncio.create_task(names.resolver.address("csms.test", 80)) for _ in range(2)]
        await asyncio.sleep(0.01)
        names.hold.set()
        for task in tasks:
            try:
                await task
                raise AssertionError("an address of nothing")
            except OSError:
                pass
        assert len(names.asked) == 1

    names.run(go())


def test_only_a_few_names_are_remembered_and_the_oldest_goes():
    names = Names()
    for i in range(resolver.MOST + 1):
        names.ms += 1
        names.address("host%d" % i)
    known = [names.resolver.known("host%d" % i) for i in range(resolver.MOST + 1)]
    assert known == [False] + [True] * resolver.MOST


def test_an_address_is_asked_of_nobody():
    """A time server that was set by its address was looked up as a name, and not found."""
    names = Names()
    for host in ("192.168.1.10", "fe80::1"):
        assert names.address(host) == host
    assert names.asked == []
