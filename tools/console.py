#!/usr/bin/env python3
# The board's console: its prompt, or its log lines only.
# MIT license; part of microevse
"""usage: console.py console [--port PORT]    MicroPython's prompt; Ctrl-] leaves it
           console.py logs [--port PORT] [--seconds N]    the charger's log lines; Ctrl-C ends it

`logs` sends nothing: the charger goes on. On the console Ctrl-C stops the charger (its
contactors open) and Ctrl-D starts it again. A charger whose console is locked gives no prompt.
"""

import argparse
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "lib")]

from evse_base import log  # noqa: E402
import seriallink  # noqa: E402
from seriallink import Trouble  # noqa: E402


LOCKED = (
    "If Ctrl-C gives no prompt, this charger's console is locked (setting ConsoleLocked): only "
    "make flash FIRMWARE= takes that back, and erases everything."
)


def logs(port, seconds):
    line = seriallink.open_line(port)
    try:
        end = time.monotonic() + seconds if seconds else float("inf")
        for text in seriallink.lines(line, lambda: end):
            print(log.redact(text), flush=True)
    finally:
        line.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("console", "logs"))
    parser.add_argument("--port", help="default: the only serial port on USB")
    parser.add_argument("--seconds", type=float, help="of `logs`; default: until Ctrl-C")
    args = parser.parse_args()
    try:
        port = seriallink.choose(args.port or None)
        if args.what == "logs":
            logs(port, args.seconds)
            return 0
        seriallink.open_line(port).close()
        print(LOCKED)
        command = [sys.executable, "-m", "mpremote", "connect", port, "resume", "repl"]
        return subprocess.call(command)
    except Trouble as exc:
        print("%s: %s" % (args.what, exc), file=sys.stderr)
        return 1
    except OSError as exc:
        print("%s: the board has gone (%s): look at the cable" % (args.what, exc), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
