# Chargers on the virtual board: the command for people who build central systems.
# MIT license; part of microevse
"""Starts the firmware on simulated hardware and connects it to a CSMS: `simulate.py --help`.

Each charger has a control port, which takes one JSON object per line, e.g.

    {"do": "plug"}   {"do": "tap", "tag": "CARD1"}   {"do": "status"}   {"do": "help"}
"""

import asyncio
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "host_tests")]
sys.path.append(str(ROOT / "lib"))

import twin.host  # noqa: E402, F401  (it gives the twin's modules the names they know)
from simulator import arguments, reach, scenario_file  # noqa: E402
from simulator.fleet import Fleet  # noqa: E402
from simulator.scenario import play  # noqa: E402
from twin.host import TwinError  # noqa: E402

LOOK_S = 5


async def simulate(args):
    """Run until a signal comes, or the scenario is over. Returns the exit status."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    day = None
    async with Fleet(args) as fleet:
        fleet.make()
        if args.scenario:
            board = fleet.chargers[0].twin.board  # all of them have the same
            day = scenario_file.load(args.scenario, args.count, board)
        end = asyncio.ensure_future(ended.wait())
        story = asyncio.ensure_future(_story(fleet, day))
        looking = asyncio.ensure_future(_look(fleet))
        await asyncio.wait({story, end}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        looking.cancel()
        if story.done():
            return story.result()
        story.cancel()
        try:
            return await story
        except asyncio.CancelledError:
            return 1 if day else 0


async def _look(fleet):
    """Say in a sentence why no charger gets a connection, if none has one after a while."""
    await asyncio.sleep(LOOK_S)
    told = None if fleet.connected() else await reach.problem(fleet.args.csms)
    if told:
        print("simulate: " + told, file=sys.stderr, flush=True)


async def _story(fleet, day):
    await fleet.start()
    if day:
        return await play(fleet, day)
    await fleet.announce()
    await asyncio.Event().wait()


def main(argv=None):
    args = arguments.parse(argv)
    try:
        return asyncio.run(simulate(args))
    except (TwinError, ValueError, OSError) as exc:
        return arguments.fail(exc)


if __name__ == "__main__":
    sys.exit(main())
