# The command of the bench: options, the question about the mains, the file.
# MIT license; part of microevse
"""usage: bench_on_chip.py BOARD [--port PORT] [--witness PORT [--s2 GPIO] | --scope] ...

NO MAINS, NO CAR. The relay is a LED with 1 kohm. The run takes about a quarter of an hour and
writes evidence/BOARD-DATE.toml beside the profile. `--list` shows the steps and their limits.
"""

import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "tools"))
import board as profiles  # noqa: E402
import build  # noqa: E402
import seriallink  # noqa: E402
from chipbench import evidence, plan, runner  # noqa: E402
from chipbench.instruments import Nobody, Scope, Witness  # noqa: E402
from chipbench.line import RawLine  # noqa: E402
from seriallink import Trouble  # noqa: E402

WORD = "mains off"
_PROBE_LINES = 120


def probe():
    """An .mpy file of some kilobytes; b"" without a compiler."""
    compiler = build.compiler()
    if not compiler:
        return b""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "bench_probe.py"
        lines = ["def f%d(a, b):\n    return [a + %d, b, 'text %d']" % (n, n, n)
                 for n in range(_PROBE_LINES)]  # fmt: skip
        source.write_text("\n".join(lines) + "\n")
        out = source.with_suffix(".mpy")
        done = subprocess.run([compiler, "-o", str(out), str(source)], capture_output=True)
        return out.read_bytes() if done.returncode == 0 else b""


def profile(name):
    """(checked profile, its path) of a name in boards/, or of a file."""
    path = profiles.find(name)
    # The evidence that it names is what is made now: whatever is wrong with it does not matter.
    return profiles.load_toml(path, evidence_counts=False), path


def table(board):
    """The steps of a board, as text."""
    lines = []
    for step in plan.steps(board):
        lines.append("%-14s %s%s" % (step.name, step.title, "" if step.must else " (optional)"))
        for name, limit in step.limits.items():
            lines.append("    %s %s: %s" % (name, plan.bounds(limit), limit.source))
    return "\n".join(lines)


def agreed(args, say):
    """A person has said that there are no mains and no car."""
    say(
        "NO MAINS. NO CAR. The relay is replaced by a LED with 1 kohm, as docs/bench.md shows.\n"
        "The relay's pin is active for seconds, in the middle of crashes of the chip."
    )
    if args.mains_off:
        return True
    try:
        return input('Type "%s" if that is so: ' % WORD).strip().lower() == WORD
    except EOFError:
        return False


def instrument(args, board):
    connector = board["connectors"][0]
    on = 1 if connector["contactor"].get("active_high", True) else 0
    if args.witness:
        pins = {"relay": args.relay_at, "pilot": args.pilot_at, "s2": args.s2}
        return Witness(RawLine(args.witness, "the second ESP32"), pins, on)
    if args.scope:
        return Scope(input, runner.tell)
    return Nobody()


def unmeasured(args, wanted):
    """A sentence for each step that the board needs and that cannot be measured with these
    options."""
    found = []
    for step in wanted:
        why = None
        if not args.witness and not args.scope and {"pin", "s2"} & set(step.needs):
            why = "it needs --witness or --scope"
        elif "s2" in step.needs and args.s2 is None and not args.scope:
            why = "it needs --s2, the pin of the second ESP32 that switches the simulated car"
        elif args.nobody and {"person", "s2"} & set(step.needs):
            why = "somebody has to be there (--nobody)"
        if why and step.must:
            found.append("%s cannot be measured: %s" % (step.name, why))
    return found


def write(path, text):
    """In one piece: a file that was begun is worse than none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, path)


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("board", metavar="BOARD", help="boards/BOARD.toml, or a file")
    parser.add_argument("--port", help="of the charger; default: the only one on USB")
    parser.add_argument("--witness", metavar="PORT", help="of a second ESP32")
    parser.add_argument("--relay-at", type=int, default=18, metavar="GPIO",
                        help="of the second ESP32, wired to the relay's pin (18)")  # fmt: skip
    parser.add_argument("--pilot-at", type=int, default=19, metavar="GPIO",
                        help="wired to the pilot's output (19)")  # fmt: skip
    parser.add_argument("--s2", type=int, metavar="GPIO", help="switches the simulated car")
    parser.add_argument("--scope", action="store_true", help="a person reads an oscilloscope")
    parser.add_argument("--only", metavar="STEP,...", help="some steps; the file says so")
    parser.add_argument("--out", type=pathlib.Path, help="default: evidence/BOARD-DATE.toml")
    parser.add_argument("--who", default="", help="who measures, for the file")
    parser.add_argument("--with", dest="what", default="", help="with which oscilloscope")
    parser.add_argument("--tls", metavar="HOST:PORT", help="a TLS server in the local network")
    parser.add_argument("--csms", default="", metavar="URL",
                        help='of the step "opening"; "stored": the one that is set')  # fmt: skip
    parser.add_argument("--minutes", type=float, default=1, help="of the idle tick gaps")
    parser.add_argument("--times", type=int, default=20, help="how often the car lets go")
    parser.add_argument("--settle", type=float, default=6, help=argparse.SUPPRESS)
    parser.add_argument("--boot", type=float, default=60, help="seconds of a start's log")
    parser.add_argument("--mains-off", action="store_true", help="no mains, no car: I have looked")
    parser.add_argument("--nobody", action="store_true", help="skip what a person has to do")
    parser.add_argument("--list", action="store_true", help="show the steps and end")
    return parser.parse_args(argv)


def measure(args, board, path):
    today = datetime.date.today().isoformat()
    out = args.out or path.parent / "evidence" / ("%s-%s.toml" % (board["name"], today))
    wanted = plan.steps(board)
    if args.only:
        names = args.only.split(",")
        unknown = [name for name in names if plan.find(name) not in wanted]
        if unknown:
            raise Trouble("there is no step %s for this board: --list" % ", ".join(unknown))
        wanted = [step for step in wanted if step.name in names]
    missing = unmeasured(args, wanted)
    if missing and not args.only:
        if not args.witness and not args.scope:
            raise Trouble(
                "no --witness and no --scope, without which the file would not count: name the "
                "port of the second ESP32, or --scope; --only STEP,... runs some steps without"
            )
        runner.tell("The file will not count for the board, because:")
        for text in missing:
            runner.tell("- " + text)
    if not agreed(args, runner.tell):
        raise Trouble("nothing was done")
    seen = instrument(args, board)
    try:
        bench = runner.Bench(
            seriallink.choose(args.port), board, seen, runner.tell,
            ask=None if args.nobody else input, settle=args.settle,
            seconds=max(1, int(args.minutes * 60)), times=args.times, tls=args.tls,
            boot_s=args.boot, probe=probe(),
            csms=None if args.csms == "stored" else args.csms,
        )  # fmt: skip
    except BaseException:
        seen.close()
        raise
    what = "%s %s" % (seen.name, args.what) if args.what else seen.name

    def keep(ended):
        write(out, evidence.to_toml(bench.evidence(today, args.who, what, ended)))

    try:
        try:
            bench.begin()
        except BaseException:
            problem = bench.make_safe()
            if problem:
                runner.tell("DANGER: " + problem)
            raise
        ended = bench.run(wanted, keep)
    finally:
        bench.close()
    return report(out, board, ended)


def report(out, board, ended):
    """Exit status: 0 if the evidence counts for the board."""
    runner.tell("\nThe run: %s. Written: %s" % (ended, out))
    found = evidence.load(out)
    bad = evidence.problems(found, board)
    if bad:
        runner.tell("The file does not count yet, because:")
    for text in bad:
        runner.tell("- " + text)
    refuted = [f["name"] for f in found["fact"] if f["result"] == "refuted"]
    if refuted:
        runner.tell("docs/chip.md is wrong for this chip, please tell us: " + "; ".join(refuted))
    if not bad:
        runner.tell("It counts for %s." % board["name"])
    return 1 if bad else 0


def main(argv=None):
    args = parse(argv)
    try:
        board, path = profile(args.board)
        if args.list:
            print(table(board))
            return 0
        return measure(args, board, path)
    except (Trouble, OSError, profiles.BoardError, profiles.Unknown) as exc:
        print("bench: %s" % exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
