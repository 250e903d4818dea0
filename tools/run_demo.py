# What `make run` runs: a central system, a charger on the virtual board, and a car.
# MIT license; part of microevse
"""One EV arrives, a card is presented, the EV charges and leaves; then the facts are checked.

The firmware runs under MicroPython (CPython where there is none) on host_tests/twin, against
host_tests/csms over a real socket. Time runs `--speed` times as fast as the clock on the wall.
With --once (or ONCE=1) the program ends after the session: status 0 if every check held,
1 if not, within 120 s. Without, both stay up until Ctrl-C and the charger's page is told.
"""

import argparse
import asyncio
import os
import pathlib
import secrets
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host_tests"))

from rich.console import Console  # noqa: E402
from rich.markup import escape  # noqa: E402
from rich.table import Table  # noqa: E402

from csms import Csms  # noqa: E402
from twin.host import Twin, TwinError, interpreter  # noqa: E402

CARD = "DEMO-CARD-1"
CHARGER = "DEMO-1"
SPEED = 8
# Virtual seconds of charging. 120 s at 32 A are about 240 Wh: 1 Wh of resolution at each end
# of a transaction stays below the 1 % that is checked.
CHARGE_S = 120
SAMPLE_S = 20
PAGE_S = 10  # real seconds until the page is served
AMPERES = 32  # this house can take it; out of the box a charger offers 16 A
# IEC 61851-1: the contactor closes no earlier than after this long in a stable state C.
STABLE_C_S = 0.5
ENERGY_TOLERANCE = 0.01
REAL_LIMIT_S = 110
STEP_LIMIT_S = 40

PILOT = {
    "A": "no car",
    "B": "a car is connected",
    "C": "the car wants energy",
    "D": "the car wants energy and ventilation",
    "E": "the pilot is dead",
    "F": "the charger is not available",
}


class Failed(Exception):
    """The story did not go on."""


class Demo:
    def __init__(self, console, speed, runtime, verbose=False):
        self.console = console
        self.speed = speed
        self.runtime = runtime
        self.verbose = verbose
        self.began = time.monotonic()
        self.wall = time.time()
        self.password = secrets.token_urlsafe(9)
        self.events = []
        self.checks = []
        self.csms = Csms(
            {CARD: {}}, clock=self.unix, interval=60, on_frame=self._frame, passwords=None
        )
        self.twin = None
        self._amps = None

    def unix(self):
        """The central system's clock runs as fast as the charger's."""
        return self.wall + (time.monotonic() - self.began) * self.speed

    # -- telling ---------------------------------------------------------------------------

    def say(self, who, text, style=""):
        at = (time.monotonic() - self.began) * self.speed
        text = f"[{style or 'default'}]{text}[/]"
        self.console.print(f"[dim]{at:6.1f} s[/] [bold]{who:>8}[/]  {text}")

    def _frame(self, frame):
        payload = frame.payload
        if frame.type == "WRONG":
            return self.say("CSMS", escape(f"rule broken: {payload}"), "red")
        if frame.direction != "in" or frame.type != "call":
            return None
        text = {
            "BootNotification": lambda: "I am a {chargePointModel} by {chargePointVendor}",
            "StatusNotification": lambda: "connector {connectorId} is {status}",
            "Authorize": lambda: "may {idTag} charge?",
            "StartTransaction": lambda: "{idTag} starts at {meterStart} Wh",
            "StopTransaction": lambda: "transaction {transactionId} ends at {meterStop} Wh",
        }.get(frame.action, lambda: "")()
        text = text.format(**payload)
        if frame.action == "MeterValues":
            text = ", ".join(
                f"{s['value']} {s.get('unit', 'Wh')}"
                for value in payload["meterValue"]
                for s in value["sampledValue"]
            )
        if frame.action == "StopTransaction" and payload.get("reason"):
            text += f" ({payload['reason']})"
        if frame.action == "StatusNotification" and payload.get("errorCode") != "NoError":
            text += f" ({payload['errorCode']})"
        self.say("charger", f"{frame.action}  [dim]{escape(text)}[/]", "cyan")

    def _event(self, event):
        if event["event"] == "log":
            if self.verbose:
                self.say("log", escape(event["line"]), "dim")
            return
        self.events.append(event)
        kind, value = event["event"], event.get("value")
        if kind == "pilot":
            self.say("pilot", f"state {value}: {PILOT.get(value, '?')}", "yellow")
        elif kind == "contactor":
            self.say("relay", "contactor closed" if value else "contactor open", "magenta")
        elif kind == "amps" and value != self._amps:
            self._amps = value
            self.say("car", f"goes for {value:g} A", "green")
        elif kind in ("died", "crash"):
            self.say("board", escape(str(event)), "red")

    # -- acting ----------------------------------------------------------------------------

    async def do(self, verb, **fields):
        answer = await self.twin.command({"do": verb, **fields})
        if not answer.get("ok"):
            raise Failed(f"{verb}: {answer.get('error')}")
        return answer

    async def status(self):
        return await self.do("status")

    async def until(self, what, test):
        """Wait (real time) until `test()`, plain or async, is true; returns its value."""
        end = time.monotonic() + STEP_LIMIT_S
        while True:
            value = test()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"waited {STEP_LIMIT_S} s for this: {what}")
            await asyncio.sleep(0.05)

    async def connector(self, status):
        async def there():
            return (await self.status())["connector_status"] == status

        await self.until(f"connector {status}", there)

    async def told(self, status, start):
        """The CSMS has been told this status of connector 1 since log index `start`."""
        fields = {"connectorId": 1, "status": status}
        return await self.until(
            f"StatusNotification {status}",
            lambda: self.csms.find("StatusNotification", fields, start),
        )

    def check(self, name, ok, fact):
        self.checks.append((name, bool(ok), fact))

    # -- the story -------------------------------------------------------------------------

    async def start(self):
        await self.csms.start()
        self.twin = Twin(
            csms=self.csms.url,
            id=CHARGER,
            runtime=self.runtime,
            speed=self.speed,
            settings={
                "WebPassword": self.password,
                "MeterValueSampleInterval": str(SAMPLE_S),
                "MaxCurrent": str(AMPERES),
            },
        )
        self.twin.listeners.append(self._event)
        self.say("", f"central system at {self.csms.url}", "bold")
        names = {"micropython": "MicroPython", "cpython": "CPython"}
        self.say("", f"charger {CHARGER} on {names[self.runtime]}, time {self.speed:g} x", "bold")
        await self.twin.start()
        if await self.twin.listening(PAGE_S):
            host, port = self.twin.web
            self.say("", f"its page: http://{host}:{port}/ (password {self.password})", "bold")

    async def stop(self):
        if self.twin:
            await self.twin.stop()
        await self.csms.stop()

    async def session(self):
        """One car, from arrival to departure, and what must be true of it."""
        start = len(self.csms.log)
        await self.until("a connection", lambda: self.csms.registration.get(CHARGER))
        await self.connector("Available")
        before = await self.status()
        events = len(self.events)

        self.say("", "a car arrives", "bold")
        await self.do("plug")
        await self.connector("Preparing")
        self.say("", f"its driver holds {CARD} to the reader", "bold")
        await self.do("tap", tag=CARD)
        first = await self.until(
            "StartTransaction", lambda: self.csms.find("StartTransaction", {"idTag": CARD}, start)
        )
        entry = [t for t in self.csms.transactions.values() if t.start == first][-1]
        self.say("", "the car asks for energy", "bold")
        await self.do("request")

        async def closed():
            return (await self.status())["contactor"]

        await self.until("the contactor to close", closed)
        await self.told("Charging", start)
        await asyncio.sleep(CHARGE_S / self.speed)
        charging = await self.status()
        self.say("", "the driver is back: the card again", "bold")
        await self.do("tap", tag=CARD)
        await self.until("StopTransaction", lambda: entry.stop)

        async def opened():
            return not (await self.status())["contactor"]

        await self.until("the contactor to open", opened)
        await self.do("release")
        after = await self.status()
        self.say("", "the car leaves", "bold")
        left = len(self.csms.log)
        await self.do("unplug")
        await self.connector("Available")
        await self.told("Available", left)
        self._judge(start, events, entry, before, charging, after)

    def _judge(self, start, events, entry, before, charging, after):
        boot = self.csms.registration.get(CHARGER)
        self.check("BootNotification accepted", boot == "Accepted", boot)
        info = self.csms.id_tag_info(entry.start["idTag"])["status"]
        self.check("idTag accepted", info == "Accepted", f"{entry.start['idTag']}: {info}")
        wait = self._stable_c(self.events[events:])
        fact = "it never closed" if wait is None else f"{1000 * wait:.0f} ms after stable C"
        self.check("contactor closed in time", wait and wait >= STABLE_C_S, fact)
        amps = charging["amps"]
        offered = 0.6 * charging["duty"]  # IEC 61851-1 table A.8, up to 51 A
        self.check(
            "the car drew what it was offered",
            abs(amps - offered) < 0.5 and abs(offered - AMPERES) < 0.5,
            f"{amps:g} A of {offered:.1f} A",
        )
        samples = len(entry.samples)
        self.check("MeterValues received", samples >= 3, f"{samples} in the transaction")
        physical = after["wh"] - before["wh"]
        wrong = abs(entry.wh - physical) / physical if physical else 1
        self.check(
            "energy billed is energy delivered",
            wrong <= ENERGY_TOLERANCE,
            f"{entry.wh} Wh of {physical:.1f} Wh ({100 * wrong:.2f} % apart)",
        )
        self.check(
            "started and stopped once",
            entry.starts == entry.stops == 1,
            f"{entry.starts} StartTransaction, {entry.stops} StopTransaction",
        )
        wrong = self.csms.violations
        self.check("every message follows the schemas", not wrong, wrong[0] if wrong else "yes")
        told = [p["status"] for p in self.csms.calls("StatusNotification", start, connectorId=1)]
        self.check("connector Available again", told[-1] == "Available", " > ".join(told))

    @staticmethod
    def _stable_c(events):
        """Virtual seconds from the last change to state C until the contactor closed."""
        since = None
        for event in events:
            if event["event"] == "pilot":
                since = event["t"] if event["value"] == "C" else None
            elif event["event"] == "contactor" and event["value"]:
                # Closed without a C before it: as early as can be.
                return 0.0 if since is None else event["t"] - since
        return None

    def table(self):
        table = Table(title="What had to be true", title_justify="left")
        for name in ("check", "found", ""):
            table.add_column(name)
        for name, ok, fact in self.checks:
            mark = "[green]ok[/]" if ok else "[bold red]FAILED[/]"
            table.add_row(name, escape(str(fact)), mark)
        self.console.print(table)

    @property
    def good(self):
        return bool(self.checks) and all(ok for _, ok, _ in self.checks)


async def play(args, console):
    runtime = args.runtime
    if runtime is None:
        runtime = "micropython"
        try:
            interpreter(runtime)
        except TwinError as exc:
            runtime = "cpython"
            console.print(f"[yellow]The charger runs on CPython: {exc}[/]")
    demo = Demo(console, args.speed, runtime, args.verbose)
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
        console.print("Ctrl-C ends both.")
        await visitors(demo, ended)
        waiter.cancel()
        return 0 if demo.good else 1
    finally:
        await demo.stop()


async def visitors(demo, ended, pause_s=900):
    """A car comes now and then (every 15 virtual minutes), until `ended`."""
    while True:
        try:
            await asyncio.wait_for(ended.wait(), pause_s / demo.speed)
            return
        except asyncio.TimeoutError:
            pass
        visit = asyncio.ensure_future(demo.session())
        leave = asyncio.ensure_future(ended.wait())
        await asyncio.wait({visit, leave}, return_when=asyncio.FIRST_COMPLETED)
        if not visit.done():
            visit.cancel()
            return
        leave.cancel()
        if visit.exception():
            # Somebody plays with the charger over its page: the next car may have more luck.
            demo.say("", escape(f"the car gave up: {visit.exception()}"), "yellow")


def main(argv=None):
    parser = argparse.ArgumentParser(description="A charger, a central system and a car.")
    parser.add_argument("--once", action="store_true", help="end after the first session")
    parser.add_argument("--speed", type=float, default=SPEED, metavar="N")
    parser.add_argument("--runtime", choices=("micropython", "cpython"))
    parser.add_argument("--verbose", action="store_true", help="show the charger's log as well")
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
