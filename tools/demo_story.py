# The story that `make run` tells: one EV arrives, charges and leaves, and the facts are checked.
# MIT license; part of microevse
"""A central system, a charger on the virtual board, and the checks of their actions."""

import asyncio
import secrets
import time

from rich.markup import escape
from rich.table import Table

import demo_words
from csms import Csms
from demo_keys import CARD
from twin.host import Twin

CHARGER = "DEMO-1"
SPEED = 8
# Virtual seconds of charging. 120 s at 32 A are about 240 Wh: a resolution of 1 Wh at each end of
# a transaction stays below the 1 % that is checked.
CHARGE_S = 120
SAMPLE_S = 20
PAGE_S = 10  # real seconds until the page is served
AMPERES = 32  # the house allows it; a charger as delivered offers 16 A
# IEC 61851-1: the contactor closes no earlier than after this long in a stable state C.
STABLE_C_S = 0.5
ENERGY_TOLERANCE = 0.01
STEP_LIMIT_S = 40

PILOT = {
    "A": "no car",
    "B": "a car is connected",
    "C": "the car wants energy",
    "D": "the car wants energy and ventilation",
    "E": "the pilot is dead",
    "F": "the charger is not available",
}


# The versions that the central system speaks: the charger's choice decides.
VERSIONS = ("2.1", "2.0.1", "1.6")


class Failed(Exception):
    """The story did not go on."""


# Where the central system listens, if nothing else does: the commands of the documents name it.
PORT = 9000
# Cards of docs/examples/day.toml, which another charger may play with this central system.
OTHERS = {"CARD1": {}, "CARD2": {}}


class Demo:
    def __init__(self, console, speed, runtime, verbose=False, version=None):
        self.console = console
        self.speed = speed
        self.runtime = runtime
        self.verbose = verbose
        self.began = time.monotonic()
        self.wall = time.time()
        self.password = secrets.token_urlsafe(9)
        self.events = []
        self.checks = []
        self.version = version
        self.csms = Csms(
            {CARD: {}, **OTHERS},
            subprotocols=tuple("ocpp" + name for name in VERSIONS),
            clock=self.unix,
            interval=60,
            on_frame=self._frame,
            passwords=None,
        )
        self.twin = None
        self.visiting = False  # a car of the story is there
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
        text = demo_words.of(frame.action, payload)
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
        """The CSMS has received this status of connector 1 since log index `start`."""
        return await self.until(
            f"StatusNotification {status}", lambda: status in self._statuses(start)
        )

    def _statuses(self, start):
        """Statuses of connector 1 that were told since log index `start`, in order. Under 2.x a
        connector is Occupied; that energy flows is told by the session."""
        told = []
        for frame in self.csms.log[start:]:
            if frame.direction == "in" and frame.type == "call":
                status = demo_words.status(frame.action, frame.payload)
                if status and told[-1:] != [status]:
                    told.append(status)
        return told

    def check(self, name, ok, fact):
        self.checks.append((name, bool(ok), fact))

    # -- the story -------------------------------------------------------------------------

    async def start(self):
        try:
            await self.csms.start(port=PORT)
        except OSError:  # something else of this computer has it
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
                **({"OcppVersions": self.version} if self.version else {}),
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
        """One car, from arrival to departure, and the facts that are checked."""
        self.visiting = True
        try:
            await self._session()
        finally:
            self.visiting = False

    async def _session(self):
        start = len(self.csms.log)
        await self.until("a connection", lambda: self.csms.registration.get(CHARGER))
        await self.connector("Available")
        before = await self.status()
        known = set(self.csms.transactions)
        events = len(self.events)

        self.say("", "a car arrives", "bold")
        await self.do("plug")
        await self.connector("Preparing")
        self.say("", f"its driver holds {CARD} to the reader", "bold")
        await self.do("tap", tag=CARD)
        entry = await self.until("the start of a transaction", lambda: self._begun(known))
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
        await self.until("the end of the transaction", lambda: entry.stop)

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

    def _begun(self, known):
        """The transaction of our card that is not one of `known`; None while there is none."""
        new = [t for t in self.csms.transactions.values() if t.id not in known]
        return next((t for t in reversed(new) if t.token == CARD), None)

    def _judge(self, start, events, entry, before, charging, after):
        boot = self.csms.registration.get(CHARGER)
        self.check("BootNotification accepted", boot == "Accepted", boot)
        spoken = self.csms.wire.version if self.csms.wire else None
        if self.version:
            self.check("the version that was asked for", spoken == self.version, spoken)
        info = self.csms.id_tag_info(entry.token)["status"]
        self.check("card accepted", info == "Accepted", f"{entry.token}: {info}")
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
            f"{entry.starts} start, {entry.stops} end",
        )
        wrong = self.csms.violations
        self.check("every message follows the schemas", not wrong, wrong[0] if wrong else "yes")
        told = self._statuses(start)
        self.check("connector Available again", told[-1] == "Available", " > ".join(told))

    @staticmethod
    def _stable_c(events):
        """Virtual seconds from the last change to state C until the contactor closed."""
        since = None
        for event in events:
            if event["event"] == "pilot":
                since = event["t"] if event["value"] == "C" else None
            elif event["event"] == "contactor" and event["value"]:
                # Closed without a C before it: the earliest possible time.
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
