# The evidence file of a bench: written by the runner, judged by the board checker.
# MIT license; part of microevse
"""A TOML file for people and for tools/board.py. It is signed by nobody: it says what somebody has
measured, with what, on which chip. `problems` says in sentences why it does not count for a board;
`ulp_problems` why it does not show that the ULP guard works."""

import re

from chipbench import bound, plan
from chipbench.bound import tomllib

PROTOCOL = 2  # raised when a step is added that a board needs, or when one measures otherwise
OLDEST = 2  # files of an older protocol count no more: 1 did not say which profile
MOST_BYTES = 64 * 1024
PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"
VIRTUAL = "Virtual board"

_HEAD = """\
# What a bench has measured on one chip: docs/bench.md. Written by tools/bench_on_chip.py.
# It is signed by nobody. A board profile names it: evidence = "evidence/NAME-DATE.toml".
"""
# [bench] and [dut]: the keys that are looked at, and their types.
_BENCH = {"protocol": int, "date": str, "board": str, "instrument": str, "ended": str}
_DUT = {"chip": str, "machine": str, "micropython": str, "pins": list}
_BARE = re.compile("[A-Za-z0-9_-]+")


class EvidenceError(ValueError):
    """The file cannot be read as evidence; the text is a sentence."""


# -- writing -------------------------------------------------------------------------------------


def _text(value):
    out = ""
    for c in str(value):
        if c in '"\\':
            out += "\\" + c
        else:
            out += c if c.isprintable() else "\\u%04x" % ord(c) if ord(c) < 0x10000 else "?"
    return '"%s"' % out


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(round(value, 3))
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(_value(v) for v in value)
    return _text(value)


def _table(lines, table):
    for key, value in table.items():
        if value is not None and not isinstance(value, dict):
            lines.append("%s = %s" % (key if _BARE.fullmatch(key) else _text(key), _value(value)))


def to_toml(evidence):
    """The text of an evidence file from {"bench", "dut", "step": [...], "fact": [...]}."""
    lines = [_HEAD]
    for name in ("bench", "dut"):
        lines.append("[%s]" % name)
        _table(lines, evidence[name])
        lines.append("")
    if evidence["dut"].get("profile"):
        lines.append("[dut.profile]")
        _table(lines, evidence["dut"]["profile"])
        lines.append("")
    for step in evidence["step"]:
        lines.append("[[step]]")
        _table(lines, step)
        for part in ("figures", "limits"):
            if step.get(part):
                lines.append("[step.%s]" % part)
                _table(lines, step[part])
        lines.append("")
    for fact in evidence["fact"]:
        lines.append("[[fact]]")
        _table(lines, fact)
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


# -- reading -------------------------------------------------------------------------------------


def load(path):
    """The dict of an evidence file. EvidenceError, OSError."""
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise EvidenceError("it is larger than %d bytes" % MOST_BYTES)
    try:
        evidence = tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise EvidenceError("it is not UTF-8")
    except RecursionError:
        raise EvidenceError("it is nested too deep")
    except ValueError as exc:
        raise EvidenceError("it is no TOML: %s" % exc)
    _shape(evidence)
    return evidence


def _shape(evidence):
    for name, keys in (("bench", _BENCH), ("dut", _DUT)):
        table = evidence.get(name)
        if not isinstance(table, dict):
            raise EvidenceError("the table [%s] is missing" % name)
        for key, kind in keys.items():
            value = table.get(key)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise EvidenceError("%s.%s is missing or of another kind" % (name, key))
    for name in ("step", "fact"):
        rows = evidence.setdefault(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise EvidenceError("[[%s]] is no array of tables" % name)
        for row in rows:
            if not isinstance(row.get("name"), str) or not isinstance(row.get("result"), str):
                raise EvidenceError("an entry of [[%s]] has no name or no result" % name)
    names = [row["name"] for row in evidence["step"]]
    for name in names:
        if names.count(name) > 1:
            raise EvidenceError("the step %s is there twice" % name)


def pins_of(board):
    """[[relay, pilot's output, pilot's ADC] of each connector] of a profile."""
    return [[c["contactor"]["pin"], c["cp"]["pwm"], c["cp"]["adc"]] for c in board["connectors"]]


def problems(evidence, board, required=None):
    """Sentences why this does not count for `board` (a checked profile); [] if it does.
    required: the names of the steps that must be there; default: those that the board needs."""
    bench, dut = evidence["bench"], evidence["dut"]
    found = []
    if bench["protocol"] < OLDEST:
        found.append(
            "it was made by protocol %d, and %d is the oldest that counts: measure again"
            % (bench["protocol"], OLDEST)
        )
    elif bench["protocol"] > PROTOCOL:
        found.append("it was made by a newer protocol than this checker knows")
    if VIRTUAL in dut["machine"]:
        found.append(
            "it was made on the virtual board: that shows that the protocol runs, not what a "
            "chip does"
        )
    if bench["board"] != board["name"]:
        found.append("it is of board %s, not of %s" % (bench["board"], board["name"]))
    if dut["chip"] != board["chip"]:
        found.append("it is of a chip %s, and the board has %s" % (dut["chip"], board["chip"]))
    if dut["pins"] != pins_of(board):
        found.append(
            "it was measured with relay, pilot and ADC on pins %s, and the profile has %s"
            % (dut["pins"], pins_of(board))
        )
    if bench["protocol"] >= OLDEST:
        found += bound.problems(dut, board)
    if bench["ended"] != "complete":
        found.append("the run was not finished: %s" % bench["ended"])
    return found + step_problems(evidence, plan.required(board) if required is None else required)


def step_problems(evidence, required):
    """Sentences for steps that failed or were not run. A failed step of the ULP counts only where
    it is required: without it the guard counts as none."""
    results = {row["name"]: row for row in evidence["step"]}
    found = []
    for name, row in results.items():
        step = plan.find(name)
        if step and step.kind == "ulp" and name not in required:
            continue
        if row["result"] == FAILED:
            found.append("step %s failed: %s" % (name, row.get("why", "no reason is given")))
        elif row["result"] not in (PASSED, NOT_RUN):
            found.append("step %s has the result %r, which is none" % (name, row["result"]))
        elif row["result"] == PASSED and step:
            # By the limits of today, whatever the file says of its own.
            figures = row.get("figures")
            for text in plan.beyond(step, figures if isinstance(figures, dict) else {}):
                found.append("step %s is called passed, but %s" % (name, text))
    for name in required:
        if name not in results or results[name]["result"] == NOT_RUN:
            why = results.get(name, {}).get("why", "it is not in the file")
            found.append("step %s was not run: %s" % (name, why))
    for row in evidence["fact"]:
        if row["result"] == "refuted" and row.get("safety") is True:
            found.append(
                "a fact that the firmware relies on is refuted: %s: %s"
                % (row["name"], row.get("seen", ""))
            )
    return found


def ulp_problems(evidence, board):
    """Why the ULP guard of `board` counts as none; [] if the bench has shown that it works: all
    that the board needs, and every row of plan.ULP. evidence: None where there is no file."""
    if board["chip"] != "esp32":
        return ["the ULP guard is known on the original ESP32 only"]
    if evidence is None:
        return ["no bench has measured this board"]
    return problems(evidence, board, plan.required(board) + plan.ulp_steps())
