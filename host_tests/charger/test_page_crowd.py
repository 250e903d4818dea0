# Many whole requests at once while a car charges in the base image's heap.
# MIT license; part of microevse
"""Nobody needs a password for /api/v1/state. Six at once once ended the session of a car."""

import asyncio

import heap_table
from page_request import PASSWORD

import pytest


@pytest.mark.parametrize(("visitors", "seconds"), ((6, 1), (8, 15)))
def test_a_crowd_of_visitors_ends_no_session_and_no_line(visitors, seconds):
    async def play():
        bench = heap_table.bench(
            "base, ROMFS",
            features="named",
            settings={"WebPassword": PASSWORD},
            options={"rom_log": True},  # each tick runs: collections must not make it late
        )
        async with bench as b:
            b.allow_trouble = True
            await b.boot()
            await b.charging()
            await b.advance(30)
            answers = []

            async def ask():
                reader, writer = await asyncio.open_connection(*b.twin.web)
                writer.write(b"GET /api/v1/state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                try:
                    answers.append((await asyncio.wait_for(reader.read(), 20))[9:12])
                except (OSError, asyncio.TimeoutError):
                    answers.append(b"---")
                writer.close()

            tasks, begin = [], b.now
            while b.now - begin < seconds:
                tasks = [task for task in tasks if not task.done()]
                tasks += [asyncio.ensure_future(ask()) for _ in range(visitors - len(tasks))]
                await b.advance(0.5)
                assert (await b.status())["contactor"], b.log[-20:]
            await b.advance(30)
            await asyncio.gather(*tasks)
            assert set(answers) & {b"200", b"503"} and len(answers) >= visitors, answers
            status = await b.status()
            assert status["contactor"] and status["ocpp"], b.log[-20:]
            assert status["connector_status"] == "Charging", b.log[-20:]

    asyncio.run(asyncio.wait_for(play(), 250))
