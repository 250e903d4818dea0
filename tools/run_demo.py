# The program of `make run`: a central system, a charger on the virtual board, and a car.
# MIT license; part of microevse
"""One EV arrives, a card is presented, the EV charges and leaves; then the facts are checked.

The firmware runs under MicroPython (CPython where there is none) on host_tests/twin, against
host_tests/csms over a real socket. Time runs `--speed` times as fast as the clock on the wall.
With --once (or ONCE=1) the program ends after the session: status 0 if every check held, 1 if not,
within 120 s. Else both stay up until Ctrl-C, the program prints the address of the charger's page,
and keys plug, tap, ask and unplug (demo_keys.py).
"""

import argparse
import asyncio
import os
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "host_tests")]

from rich.console import Console  # noqa: E402
from rich.markup import escape  # noqa: E402

from demo_keys import Keys  # noqa: E402
from demo_story import CARD, SPEED, VERSIONS, Demo, Failed  # noqa: E402
from twin.host import TwinError, interpreter  # noqa: E402

REAL_LIMIT_S = 110


async def play(args, console):
    runtime = args.runtime
    if runtime is None:
        runtime = "micropython"
        try:
            interpreter(runtime)
        except TwinError as exc:
            runtime = "cpython"
            console.print(f"[yellow]The charger runs on CPython: {exc}[/]")
    demo = Demo(console, args.speed, runtime, args.verbose, args.ocpp)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        await demo.start()
        story = asyncio.ensure_future(demo.session())
        waiter = asyncio.ensure_future(ended.wait())
        limit = REAL_LIMIT_S * max(1, SPEED / args.speed)
        done, _ = await asyncio.wait(
            {story, waiter}, timeout=limit, return_when=asyncio.FIRST_COMPLETED
        )
        try:
            if story in done:
                story.result()
            elif waiter not in done:
                raise Failed(f"not finished within {limit:.0f} s")
        except (Failed, TwinError) as exc:
            demo.check("the story", False, exc)
            console.print("[dim]The charger's last words:[/]")
            for line in demo.twin.log_lines[-30:]:
                console.print("  " + escape(line), style="dim", highlight=False)
        finally:
            story.cancel()
        if demo.checks:
            demo.table()
        if args.once or ended.is_set():
            waiter.cancel()
            return 0 if demo.good else 1
        host, port = demo.twin.web
        console.print(f"\nThe charger's page: [bold]http://{host}:{port}/[/]")
        console.print(f"  user [bold]admin[/], password [bold]{escape(demo.password)}[/]")
        console.print(f"Central system: {demo.csms.url} (card: {CARD})")
        with Keys(demo) as keys:
            console.print(escape(keys.told()))
            await visitors(demo, ended, keys)
        waiter.cancel()
        return 0 if demo.good else 1
    finally:
        await demo.stop()


async def visitors(demo, ended, keys, pause_s=900):
    """A car comes now and then (every 15 virtual minutes), until `ended`, or until a key is
    pressed: from then on the cars are those of the person at the keyboard."""
    while True:
        try:
            await asyncio.wait_for(ended.wait(), pause_s / demo.speed)
            return
        except asyncio.TimeoutError:
            pass
        if keys.used:
            continue
        visit = asyncio.ensure_future(demo.session())
        leave = asyncio.ensure_future(ended.wait())
        await asyncio.wait({visit, leave}, return_when=asyncio.FIRST_COMPLETED)
        if not visit.done():
            visit.cancel()
            return
        leave.cancel()
        if visit.exception():
            # A person plays with the charger over its page: the next car may have more luck.
            demo.say("", escape(f"the car gave up: {visit.exception()}"), "yellow")


def main(argv=None):
    parser = argparse.ArgumentParser(description="A charger, a central system and a car.")
    parser.add_argument("--once", action="store_true", help="end after the first session")
    parser.add_argument("--speed", type=float, default=SPEED, metavar="N")
    parser.add_argument("--runtime", choices=("micropython", "cpython"))
    parser.add_argument("--verbose", action="store_true", help="show the charger's log as well")
    parser.add_argument("--ocpp", choices=VERSIONS, help="default: what the charger prefers")
    args = parser.parse_args(argv)
    args.once = args.once or os.environ.get("ONCE", "") not in ("", "0")
    if args.speed <= 0:
        parser.error("--speed must be above 0")
    console = Console(highlight=False, soft_wrap=True)
    try:
        return asyncio.run(play(args, console))
    except (TwinError, OSError, ValueError) as exc:
        console.print(f"[red]The demo could not start: {escape(str(exc))}[/]")
        return 1


if __name__ == "__main__":
    sys.exit(main())
