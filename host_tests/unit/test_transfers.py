# The services that move files: their turns, and what the page is told of updates.
# MIT license; part of microevse

import asyncio

from helpers import run
from slot_bench import Chip

UNSIGNED = "Updates that nobody has signed are taken."


class Station:
    """A charger without a key for updates; its manufacturer's roots come and go."""

    def __init__(self):
        self.settings = self
        self.roots = []

    def vault(self):
        return self

    def names(self):
        return self.roots


def transfers(station=None, allowed=lambda: True):
    from upkeep.transfers import Transfers

    return Transfers(station or Station(), None, allowed, None)


def test_who_waits_for_a_turn_goes_when_nobody_wants_the_file_any_more():
    """A log that another one had replaced waited for its turn all the same, with its memory."""
    with Chip():
        services = transfers()
        services._moving = True
        wanted, ended = [True], []

        async def waits(move):
            try:
                await move("http://h/f", stop=lambda slow: not wanted)
                ended.append("moved")
            except services.errors as exc:
                ended.append(str(exc))

        async def story():
            sleep = asyncio.sleep
            asyncio.sleep = lambda seconds: sleep(0)
            try:
                tasks = [
                    asyncio.create_task(
                        waits(lambda where, stop: services.fetch(where, None, stop))
                    ),
                    asyncio.create_task(
                        waits(lambda where, stop: services.send(where, None, 0, "log", stop))
                    ),
                ]
                for _ in range(20):
                    await sleep(0)
                assert ended == []
                wanted.clear()
                for _ in range(20):
                    await sleep(0)
                assert ended == [""] * 2
                for task in tasks:
                    await task
            finally:
                asyncio.sleep = sleep

        run(story())
        assert services._moving, "the one whose turn it is goes on"


def test_the_words_on_unsigned_updates_follow_a_root_that_comes_in_a_message():
    """They were found out at the start alone: the page went on to say that all is taken."""
    with Chip():
        station = Station()
        free = [True]
        services = transfers(station, lambda: free[0])
        services.program = UNSIGNED
        assert services.only_signed() == "" and services.program
        station.roots = ["manufacturer.00"]
        free[0] = False  # a car charges: nothing is read
        assert services.only_signed() == "" and services.program
        free[0] = True
        assert "must be signed" in services.only_signed() and services.program == ""
        services.program = "the program is damaged"
        services.only_signed()
        assert services.program == "the program is damaged", "another word stays"
