#!/usr/bin/env python3
# Board profiles: boards/NAME.toml -> checked -> board.json.
# MIT license; part of microevse
"""usage: board.py NAME [-o board.json]      NAME: of a file in boards/, or a file NAME.toml
       board.py --keys      the table of all keys, as docs/add_a_board.md has it

A profile that could hurt a person is refused on the host, before it gets onto a board. All
problems are reported at once, each with file, key and reason. Warnings go to stderr.
"""

import argparse
import json
import re
import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))
import board_key_list  # noqa: E402
import board_rules  # noqa: E402
import chipbench.evidence  # noqa: E402
from board_chips import CHIPS, MODULES, RMII  # noqa: E402
from board_keys import BOARD, STRIP, ByType, Either  # noqa: E402, F401
from board_tables import Findings, Shape  # noqa: E402


_EVIDENCE = re.compile(r"evidence/[A-Za-z0-9_][A-Za-z0-9_.-]*\.toml")


class BoardError(ValueError):
    """A profile that must not be used: `file`, and `problems`, [(key, reason), ...]; `key` and
    `reason` are those of the first."""

    def __init__(self, file, problems):
        super().__init__("\n".join("%s: %s: %s" % (file, key, reason) for key, reason in problems))
        self.file = str(file)
        self.problems = problems
        self.key, self.reason = problems[0]


class Unknown(ValueError):
    """There is no such board file; the text is a sentence."""


def find(name):
    """The path of a board's file: of that name in boards/, or a file NAME.toml of one's own."""
    own = str(name).endswith(".toml")
    path = Path(name) if own else ROOT / "boards" / (name + ".toml")
    if path.is_file():
        return path
    known = ", ".join(sorted(p.stem for p in (ROOT / "boards").glob("*.toml")))
    if own:
        raise Unknown("there is no file %s: name yours, or one of %s" % (name, known))
    raise Unknown("no board %r: name one of %s, or a file NAME.toml" % (name, known))


def load_toml(path, warn=None, any_name=False, evidence_counts=True):
    """Read and check a profile. Returns the dict that board.json holds.

    BoardError lists all problems; `warn(text)` gets the lesser ones. any_name: the file may have
    another name than the board (a variant that is only simulated). evidence_counts: False where
    the evidence that it names is about to be made.
    """
    try:
        with open(path, "rb") as f:
            board = tomllib.load(f)
    except RecursionError:
        raise BoardError(path, [("syntax", "the file is nested too deep")])
    except UnicodeDecodeError:
        raise BoardError(path, [("syntax", "the file is not UTF-8")])
    except ValueError as exc:  # also of a number with thousands of digits
        raise BoardError(path, [("syntax", str(exc))])
    problems = _problems(board, warn or (lambda text: None))
    name = board.get("name")
    if not any_name and isinstance(name, str) and name.strip() and name != Path(path).stem:
        file = Path(path).name
        problems.append(
            ("name", "is %r, but the file is %s: both must be the same" % (name, file))
        )
    if not problems and "evidence" in board and evidence_counts:
        problems = _evidence(board, path)[1]
    if problems:
        raise BoardError(path, problems)
    return board


def _evidence(board, path):
    """(the evidence that a profile names or None, [("evidence", reason)])."""
    name = board.get("evidence")
    if name is None:
        return None, []
    if not _EVIDENCE.fullmatch(name):
        return None, [("evidence", "%r is not evidence/NAME.toml beside the profile" % name)]
    try:
        found = chipbench.evidence.load(Path(path).parent / name)
    except OSError as exc:
        return None, [("evidence", "%s: %s" % (name, exc.strerror or exc))]
    except chipbench.evidence.EvidenceError as exc:
        return None, [("evidence", "%s: %s" % (name, exc))]
    reasons = chipbench.evidence.problems(found, board)
    return found, [("evidence", "%s: %s" % (name, reason)) for reason in reasons]


def bench(board, path):
    """What a bench has shown of a checked profile that was read from `path`: its evidence as a
    dict, None where there is none or it does not count."""
    found, problems = _evidence(board, path)
    return None if problems else found


def ulp_problems(board, path):
    """Sentences why the ULP guard of a checked profile counts as none; [] if the evidence that it
    names has shown it."""
    if board["guard"] != "ulp":
        return ["the board has no ULP guard"]
    return chipbench.evidence.ulp_problems(bench(board, path), board)


def verified(board, path):
    """A sentence for people: what of this board has been seen on a chip."""
    found = bench(board, path)
    if found is None:
        return "unverified: no bench has measured this board (docs/bench.md)"
    head = found["bench"]
    return "measured on %s with %s, MicroPython %s: %s" % (
        head["date"], head["instrument"], found["dut"]["micropython"], board["evidence"],
    )  # fmt: skip


def for_a_board(board, path):
    """BoardError if this checked profile is not to be put on a board; returns it."""
    if "draft" in board:
        raise BoardError(path, [("draft", "not for a board yet: " + board["draft"])])
    return board


def check(board, path, warn=lambda text: None):
    """Check a profile that was read from `path`; returns it."""
    problems = _problems(board, warn)
    if problems:
        raise BoardError(path, problems)
    return board


def _problems(board, warn):
    """[(key, reason)] of all problems."""
    found = Findings("draft" in board, warn)
    name = board.get("chip")
    chip = CHIPS.get(name) if isinstance(name, str) else None
    module = board.get("module")
    if chip and isinstance(module, str) and module in MODULES:
        of, flash = MODULES[module]
        if of == name:
            chip = chip.on(flash)
        else:
            found.refuse("module", "%s has no %s" % (module, name))
    if isinstance(board.get("temp"), dict):
        board["temp"].setdefault("type", "mcp9700")
    used = {}
    if board.get("network") == "ethernet":
        if chip and name != "esp32":
            found.refuse("network", "%s has no Ethernet MAC" % name)
        # Before all other pins: if another key names one of these pins, that key gets the blame.
        used.update({pin: "ethernet (RMII %s)" % signal for pin, signal in RMII.items()})
    Shape(chip, found, used).table(board, BOARD)
    board_rules.check(board, chip, found)
    return found.problems


def pins(board):
    """{GPIO: key that names it} of a checked profile."""
    used = {}
    if board.get("network") == "ethernet":
        used.update({pin: "ethernet" for pin in RMII})
    Shape(None, Findings(True, lambda text: None), used).table(board, BOARD)
    return used


def main():
    parser = argparse.ArgumentParser(description="Check a board profile.")
    parser.add_argument("toml", nargs="?", metavar="NAME", help="in boards/, or a file NAME.toml")
    parser.add_argument("-o", "--output", help="board.json to write; default: only check")
    parser.add_argument("--keys", action="store_true", help="print the table of all keys")
    args = parser.parse_args()
    if args.keys:
        print(board_key_list.markdown(), end="")
        return 0
    if not args.toml:
        parser.error("which profile?")
    try:
        warnings = []
        args.toml = find(args.toml)
        board = load_toml(args.toml, warnings.append)
        if board["guard"] == "ulp" and not ulp_problems(board, args.toml):
            warnings = [text for text in warnings if text != board_rules.ULP]
        for text in warnings:
            print("warning:", text, file=sys.stderr)
        if args.output:
            for_a_board(board, args.toml)
    except BoardError as exc:
        for line in str(exc).split("\n"):
            print("error:", line, file=sys.stderr)
        return 1
    except Unknown as exc:
        print("error:", exc, file=sys.stderr)
        return 1
    except OSError as exc:
        print("error: %s: %s" % (args.toml, exc.strerror or exc), file=sys.stderr)
        return 1
    if args.output:
        Path(args.output).write_text(json.dumps(board, indent=1) + "\n")
    elif "evidence" in board:
        print(verified(board, args.toml))
    return 0


if __name__ == "__main__":
    sys.exit(main())
