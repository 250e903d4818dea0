# The command line of simulate.py, checked as far as possible before anything is started.
# MIT license; part of microevse
"""Each mistake is one sentence on standard error and exit status 2."""

import argparse
import errno
import os
import pathlib
import socket
import sys

from ocppj import url
from twin import commands
from twin.given import encodes, quoted
from twin.host import heap_bytes, split_address

MAX_COUNT = 500
LEAST_HEAP = 32 * 1024
VERSIONS = ("1.6", "2.0.1", "2.1")
_PEM = {
    "ca": "-----BEGIN CERTIFICATE-----",
    "cert": "-----BEGIN CERTIFICATE-----",
    "key": "PRIVATE KEY-----",
}

DESCRIPTION = """Starts one charger, or several, on simulated hardware and connects it to a central
system (CSMS). Once its ports listen it prints one line

  READY control=HOST:PORT web=HOST:PORT

and with --count above 1 one such line for each charger, in order, with id=ID at its end (percent-
encoded as in the address). What the charger itself prints goes to standard error. SIGTERM or
Ctrl-C ends all of them as a power cut would."""


class Parser(argparse.ArgumentParser):
    """Without the usage lines in front of an error."""

    def error(self, message):
        self.exit(2, f"simulate: {message}\n")


def _bad(text):
    return argparse.ArgumentTypeError(text)


def _heap(text):
    size = heap_bytes(text)
    if size < LEAST_HEAP:
        raise ValueError(
            f"{text!r} is less than the {LEAST_HEAP // 1024}k that Python alone needs"
        )


def _pair(text):
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise _bad(f"{text!r} is not Key=Value")
    return key, value


def _versions(text):
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in VERSIONS or words.count(word) > 1:
            raise _bad(f"{quoted(text)} is not a list of {', '.join(VERSIONS)}, each once at most")
    return ",".join(words)


def _checked(fn):
    def check(text):
        try:
            fn(text)
        except ValueError as exc:
            raise _bad(str(exc)) from None
        return text

    return check


def _csms(text):
    scheme = text.partition("://")[0] if "://" in text else None
    if scheme and scheme.lower() not in ("ws", "wss"):
        like = {"http": "ws", "https": "wss"}.get(scheme.lower())
        instead = f" ({like}:// in place of {scheme}://)" if like else ""
        raise _bad(
            f"OCPP-J goes over a WebSocket: the address must begin with ws:// or wss://, "
            f"not with {scheme}://{instead}"
        )
    return _checked(url.parse)(text)


def _identity(text):
    if not text.strip():
        raise _bad("the identity is empty")
    return text


def _number(least, most, kind):
    def check(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            word = "a whole number" if kind is int else "a number"
            raise _bad(f"{quoted(text)} is not {word} from {least} to {most:g}")
        return value

    return check


def _file(name=None):
    def check(text):
        path = pathlib.Path(text)
        if not path.is_file():
            raise _bad(f"no file {text!r}")
        try:
            content = path.read_bytes()
        except OSError as exc:
            raise _bad(f"{text!r} cannot be read: {exc.strerror}") from None
        if name and _PEM[name].encode() not in content:
            what = "private key" if name == "key" else "certificate"
            raise _bad(f"{text!r} is no PEM file with a {what}")
        return text

    return check


def _directory(text):
    path = pathlib.Path(text)
    if path.exists() and not path.is_dir():
        raise _bad(f"{text!r} is a file, not a directory")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise _bad(f"{text!r} cannot be made: {exc.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise _bad(f"{text!r} cannot be written to")
    return text


def _program(text):
    if not pathlib.Path(text).is_dir():
        raise _bad(f"no directory {text!r}")
    return text


def parser():
    """The command line: one place for every option."""
    made = Parser(
        prog="simulate.py",
        description=DESCRIPTION,
        epilog=commands.help_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = made.add_argument
    add(
        "--board",
        default="esp32_devkitc",
        metavar="NAME",
        help="boards/NAME.toml, or a .toml file",
    )
    add("--csms", required=True, type=_csms, metavar="URL", help="ws://... or wss://...")
    add("--id", required=True, type=_identity, help="identity: connects to URL/ID")
    add(
        "--ocpp",
        type=_versions,
        metavar="1.6,2.0.1,2.1",
        help="versions that are offered to the central system, most preferred first, for this "
        "start only (the setting OcppVersions)",
    )
    add(
        "--count",
        type=_number(1, MAX_COUNT, int),
        default=1,
        metavar="N",
        help="so many chargers: ID-1, ID-2, ... ID-N, each with its own directory below "
        "--data (named like it) and, where a port is given, that one, the next, and so on",
    )
    add(
        "--frames",
        action="store_true",
        help="print each OCPP message to standard output, secrets masked: FRAME, time of day, the "
        "charger's time in s, identity, -> (sent by it) or <- (received), text",
    )
    add(
        "--scenario",
        type=_file(),
        metavar="FILE",
        help="play a day of cars, outages and faults (TOML or JSON, see docs/scenarios.md), print "
        "what has become of it, and end",
    )
    add("--password", metavar="P", help="HTTP Basic password")
    add("--ca", type=_file("ca"), metavar="PEM", help="CA that signed the CSMS's certificate")
    add("--cert", type=_file("cert"), metavar="PEM", help="client certificate")
    add("--key", type=_file("key"), metavar="PEM", help="its key")
    add("--runtime", choices=("micropython", "cpython"), default="micropython")
    add("--data", type=_directory, metavar="DIR", help="flash image; default: a temporary one")
    add(
        "--unconfigured",
        action="store_true",
        help="as it comes out of the box: knows no network and no CSMS, opens its access point "
        "(the control command join_ap lets --web in)",
    )
    add("--set", type=_pair, action="append", default=[], metavar="Key=Value", dest="settings",
        help="a setting, for this start only")  # fmt: skip
    address = _checked(split_address)
    add(
        "--control",
        type=address,
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="port 0: any free one",
    )
    add(
        "--web",
        type=address,
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="the charger's page",
    )
    speed = _number(0, 1e6, float)
    add(
        "--speed",
        type=speed,
        default=1,
        metavar="N",
        help="times real time; 0: as fast as it goes",
    )
    add("--heap", type=_checked(_heap), metavar="SIZE", help="128k, 1m, 64wk")
    add("--fidelity", choices=("analytic", "sample"), default="analytic", help=argparse.SUPPRESS)
    add("--seed", type=_number(0, 2**31, int), default=1, help=argparse.SUPPRESS)
    # Another program than ours on the same board: main.py and its modules.
    add("--firmware", type=_program, action="append", metavar="DIR", help=argparse.SUPPRESS)
    return made


def parse(argv=None):
    """The options. Ends the program with one sentence about what is wrong with them."""
    made = parser()
    for word in sys.argv[1:] if argv is None else argv:
        if not encodes(word):
            made.error(f"{quoted(word)} is not UTF-8")
    args = made.parse_args(argv)
    if bool(args.cert) != bool(args.key):
        there, missing = ("--cert", "--key") if args.cert else ("--key", "--cert")
        made.error(f"argument {there}: a client certificate needs its key: {missing} is missing")
    if args.ocpp:
        args.settings = [*args.settings, ("OcppVersions", args.ocpp)]
    keys = [key for key, _ in args.settings]
    for key in keys:
        if keys.count(key) > 1:
            also = " (--ocpp sets it)" if args.ocpp and key == "OcppVersions" else ""
            made.error(f"argument --set: {key} is there twice{also}")
    try:
        _check_ports(args)
    except ValueError as exc:
        made.error(str(exc))
    return args


def ports(text, count):
    """[(host, port)] of `count` chargers: the given port and those after it; 0: any free one."""
    host, port = split_address(text)
    return [(host, port + n if port else 0) for n in range(count)]


def _check_ports(args):
    taken = {}
    for option, text in (("--control", args.control), ("--web", args.web)):
        for host, port in ports(text, args.count):
            if port > 65535:
                raise ValueError(
                    f"argument {option}: {args.count} ports from {text} on do not fit below 65536"
                )
            if port and (host, port) in taken:
                other = taken[host, port]
                also = f": {other} has it, too" if other != option else ""
                raise ValueError(f"argument {option}: port {port} is wanted twice{also}")
            taken[host, port] = option
            if port:
                reason = _unusable(host, port)
                if reason:
                    raise ValueError(f"argument {option}: {host}:{port} {reason}")


def _unusable(host, port):
    """Why a server cannot listen there; None if it can."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
    except socket.gaierror:
        return "is no address of this machine"
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            return "is already in use by another program"
        if exc.errno == errno.EADDRNOTAVAIL:
            return "is no address of this machine"
        return f"cannot be used: {exc.strerror or exc}"
    return None


def fail(text):
    """Tell what has gone wrong; returns the exit status."""
    print(f"simulate: {text}", file=sys.stderr, flush=True)
    return 2
