# One charger on the virtual board: command line and control port.
# MIT license; part of microevse
"""Starts the firmware on simulated hardware and connects it to a CSMS.

Once its ports listen it prints one line `READY control=HOST:PORT web=HOST:PORT`; what the
charger prints goes to standard error. The control port takes one JSON object per line, e.g.

    {"do": "plug"}   {"do": "tap", "tag": "CARD1"}   {"do": "status"}   {"do": "subscribe"}

SIGTERM or Ctrl-C ends it as a power cut would.
"""

import argparse
import asyncio
import json
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host_tests"))

from twin.host import Twin, TwinError, heap_bytes, split_address  # noqa: E402

# The page is up a few virtual seconds after power-on; a firmware without one, or one that
# fails to start, must not keep the control port from being announced.
WEB_S = 20
MAX_LINE = 1 << 16


class ControlPort:
    """One JSON object per line in, one answer per line out; events to who subscribed."""

    def __init__(self, twin):
        self._twin = twin
        self._server = None
        self._subscribers = set()
        self._connections = set()
        twin.listeners.append(self._event)

    async def start(self, host, port):
        """Returns (host, port) it really listens on."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_LINE)
        return host, self._server.sockets[0].getsockname()[1]

    def close(self):
        if self._server:
            self._server.close()
        for writer in self._connections:
            writer.close()

    def _event(self, event):
        for writer in self._subscribers:
            writer.write(_line(event))

    async def _serve(self, reader, writer):
        self._connections.add(writer)
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    # The stream is out of step after an endless line.
                    writer.write(_line({"ok": False, "error": "line too long"}))
                    return
                if not line:
                    return
                if line.strip():
                    writer.write(_line(await self._answer(line, writer)))
                    await writer.drain()
        except ConnectionError:
            pass  # gone in the middle of an answer: nobody to tell
        finally:
            self._subscribers.discard(writer)
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, line, writer):
        try:
            cmd = json.loads(line)
        except ValueError as exc:
            return {"ok": False, "error": f"not JSON: {exc}"}
        if not isinstance(cmd, dict):
            return {"ok": False, "error": "not a JSON object"}
        if cmd.get("do") == "subscribe":
            self._subscribers.add(writer)
            answer = {"ok": True}
        else:
            number = cmd.pop("id", None)
            answer = await self._twin.command(cmd)
            if number is not None:
                cmd["id"] = number
        if "id" in cmd:
            answer = {**answer, "id": cmd["id"]}
        return answer


def _line(message):
    return json.dumps(message).encode() + b"\n"


def _pair(text):
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not Key=Value")
    return key, value


def _checked(fn):
    def check(text):
        try:
            fn(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from None
        return text

    return check


def _speed(text):
    value = float(text)
    if not 0 <= value < 1e6:
        raise ValueError
    return value


def _file(text):
    if not pathlib.Path(text).is_file():
        raise argparse.ArgumentTypeError(f"no file {text!r}")
    return text


def parse(argv=None):
    parser = argparse.ArgumentParser(description="One charger on the virtual board.")
    add = parser.add_argument
    add("--board", default="esp32_devkitc", metavar="NAME", help="boards/NAME.toml")
    add("--csms", required=True, metavar="URL", help="ws://... or wss://...")
    add("--id", required=True, help="identity: connects to URL/ID")
    add("--password", metavar="P", help="HTTP Basic password")
    add("--ca", type=_file, metavar="PEM", help="CA that signed the CSMS's certificate")
    add("--cert", type=_file, metavar="PEM", help="client certificate")
    add("--key", type=_file, metavar="PEM", help="its key")
    add("--runtime", choices=("micropython", "cpython"), default="micropython")
    add("--data", metavar="DIR", help="flash image; default: a temporary one")
    add(
        "--unconfigured",
        action="store_true",
        help="as it comes out of the box: knows no network and no CSMS, opens its access point "
        '(the control command {"do": "join_ap", "ssid": ..., "key": ...} lets --web in)',
    )
    add("--set", type=_pair, action="append", default=[], metavar="Key=Value", dest="settings")
    address = _checked(split_address)
    add("--control", type=address, default="127.0.0.1:0", metavar="HOST:PORT")
    add("--web", type=address, default="127.0.0.1:0", metavar="HOST:PORT")
    add("--speed", type=_speed, default=1, metavar="N", help="0: as fast as it goes")
    add("--heap", type=_checked(heap_bytes), metavar="SIZE", help="128k, 1m, 64wk")
    add("--fidelity", choices=("analytic", "sample"), default="analytic", help=argparse.SUPPRESS)
    add("--seed", type=int, default=1, help=argparse.SUPPRESS)
    # Another program than ours on the same board: main.py and its modules.
    add("--firmware", action="append", metavar="DIR", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


async def simulate(args):
    """Run until a signal comes. Returns the exit status."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    twin = Twin(
        board=args.board,
        csms=None if args.unconfigured else args.csms,
        id=None if args.unconfigured else args.id,
        password=args.password,
        ca=args.ca,
        cert=args.cert,
        key=args.key,
        runtime=args.runtime,
        data=args.data,
        settings=dict(args.settings),
        provision={"NtpServer": ""} if args.unconfigured else None,
        web=args.web,
        speed=args.speed,
        heap=args.heap,
        fidelity=args.fidelity,
        seed=args.seed,
        firmware=args.firmware,
        log=lambda line: print(line, file=sys.stderr, flush=True),
    )
    control = ControlPort(twin)
    try:
        address = await control.start(*split_address(args.control))
        await twin.start()
        web = asyncio.ensure_future(twin.listening(WEB_S))
        end = asyncio.ensure_future(ended.wait())
        await asyncio.wait({web, end}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.is_set():
            if not web.result():
                print("simulate: the charger serves no page", file=sys.stderr, flush=True)
            ready = "READY control=%s:%d web=%s:%d" % (*address, *twin.web)
            print(ready, flush=True)
            await end
        web.cancel()
    finally:
        # Before the image is closed: a command after this has nobody to go to.
        control.close()
        await twin.stop()
    return 0


def main(argv=None):
    args = parse(argv)
    try:
        return asyncio.run(simulate(args))
    except (TwinError, ValueError, OSError) as exc:
        print(f"simulate: {exc}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
