# The chargers of one simulate.py: made, started, announced, ended together.
# MIT license; part of microevse
"""Each has a process, a control port, a page and an image of its own."""

import asyncio
import contextlib
import fcntl
import pathlib
import sys
import time
from urllib.parse import quote

from simulator import arguments
from simulator.control_port import ControlPort
from twin.host import Twin, TwinError

# The page is up a few virtual seconds after power-on; a firmware without one, or one that
# fails to start, must not keep the control port from being announced.
WEB_S = 20
# So many start at once: each start keeps a processor busy for a while, and all have deadlines.
AT_ONCE = 4


class Charger:
    """One charger. `number` is 1 to the count; `settings` and the rest come from the options."""

    def __init__(self, args, number):
        several = args.count > 1
        self.number = number
        self.id = f"{args.id}-{number}" if several else args.id
        self._name = quote(self.id, safe="")
        self._several = several
        self._control = arguments.ports(args.control, args.count)[number - 1]
        data = args.data
        if several and data:
            data = pathlib.Path(data) / self._name
        self._claim = _claimed(data) if data else None
        self._label = f"{self.id}: " if several else ""
        self.connected = False  # True once it had a connection
        configured = not args.unconfigured
        self.twin = Twin(
            board=args.board,
            csms=args.csms if configured else None,
            id=self.id if configured else None,
            password=args.password,
            ca=args.ca,
            cert=args.cert,
            key=args.key,
            runtime=args.runtime,
            data=data,
            settings=dict(args.settings),
            provision=None if configured else {"NtpServer": ""},
            web=arguments.ports(args.web, args.count)[number - 1],
            speed=args.speed,
            heap=args.heap,
            fidelity=args.fidelity,
            seed=args.seed + number - 1,
            firmware=args.firmware,
            gated=bool(args.scenario),
            options={"frames": True} if args.frames else None,
            log=self._log,
        )
        self.port = ControlPort(self.twin)
        self.address = None
        if args.frames:
            self.twin.listeners.append(self._frame)

    def _log(self, line):
        self.connected = self.connected or "net: connected" in line
        print(self._label + line, file=sys.stderr, flush=True)

    def _frame(self, event):
        if event["event"] == "frame":
            now = time.time()
            clock = time.strftime("%H:%M:%S", time.localtime(now)) + ".%03d" % (now % 1 * 1000)
            way = "->" if event["sent"] else "<-"
            print(f"FRAME {clock} {event['t']:.3f} {self._name} {way} {event['text']}", flush=True)

    async def start(self):
        """Ports and power on. Returns once its interpreter runs."""
        try:
            self.address = await self.port.start(*self._control)
        except OSError:
            raise ValueError("the control port %s:%d is already in use" % self._control) from None
        await self.twin.start()

    async def announced(self):
        """Print the READY line as soon as the page is there, or will not come."""
        if not await self.twin.listening(WEB_S):
            print(f"simulate: {self.id} serves no page", file=sys.stderr, flush=True)
        ready = "READY control=%s:%d web=%s:%d" % (*self.address, *self.twin.web)
        print(ready + (f" id={self._name}" if self._several else ""), flush=True)

    async def stop(self):
        """As a power cut would end it."""
        # Before the image is closed: a later command has no charger to go to.
        self.port.close()
        await self.twin.stop()
        if self._claim:
            self._claim.close()


def _claimed(data):
    """An open file that keeps other simulators away from this image while it is open."""
    data = pathlib.Path(data)
    data.mkdir(parents=True, exist_ok=True)
    claim = open(data / "in_use", "w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        claim.close()
        raise ValueError(f"the image in {str(data)!r} is in use by another simulator") from None
    return claim


class Fleet:
    """All chargers. Use it as `async with`: at the end none is left."""

    def __init__(self, args):
        self.args = args
        self.chargers = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await asyncio.gather(*(c.stop() for c in self.chargers), return_exceptions=True)

    def connected(self):
        """True if any of them had a connection to its central system."""
        return any(charger.connected for charger in self.chargers)

    def make(self):
        """Make the chargers. ValueError if one of them cannot be made."""
        for number in range(1, self.args.count + 1):
            self.chargers.append(Charger(self.args, number))

    async def start(self):
        """Start all of them; TwinError or ValueError if one does not start."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(charger):
            async with turn:
                await charger.start()

        await _all(one(charger) for charger in self.chargers)

    async def announce(self):
        """READY lines, in order."""
        for charger in self.chargers:
            await charger.announced()


async def _all(coros):
    """Run all of them; at the first failure the others are cancelled."""
    tasks = [asyncio.ensure_future(coro) for coro in coros]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(TwinError):
            await asyncio.gather(*tasks, return_exceptions=True)
