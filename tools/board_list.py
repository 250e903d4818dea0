# Which boards there are, for people who choose one: a line each, and the table of the documents.
# MIT license; part of microevse
"""`sentence` is what `make flash` shows of a board, `markdown` the table of docs/flashing.md."""

import pathlib
import re
import sys

import board as board_profile

ROOT = pathlib.Path(__file__).resolve().parent.parent
if str(ROOT / "firmware") not in sys.path:
    sys.path.append(str(ROOT / "firmware"))

from wiring import fitted  # noqa: E402

_CHIPS = {"esp32": "ESP32", "esp32s2": "ESP32-S2", "esp32s3": "ESP32-S3", "esp32c3": "ESP32-C3",
          "esp32c6": "ESP32-C6"}  # fmt: skip
# On a module with PSRAM these pins are its chip select and clock (ESP32-WROVER-E data sheet).
PSRAM_PINS = {"esp32": (16, 17)}


def plain_only(board):
    """True if no module with PSRAM suits the board file: it uses the PSRAM's pins, or it is for a
    module that is never made with PSRAM."""
    if board.get("module") == "mini-1":  # ESP32-MINI-1 data sheet: an ESP32-U4WDH, no PSRAM
        return True
    used = PSRAM_PINS.get(board.get("chip"), ())
    return bool(used) and any(pin in board_profile.pins(board) for pin in used)


def lacks(board):
    """The protections that some connector of a board does not have: the firmware's words without
    their "no"; "" if none."""
    told = []
    for i in range(len(board["connectors"])):
        told += fitted.lacks(board, i).split(", ")
    return ", ".join(dict.fromkeys(re.sub(r"^no ", "", words) for words in told if words))


def _module(board):
    name = _CHIPS[board["chip"]]
    if board.get("module"):
        return "%s-%s" % (name, board["module"].upper())
    if board["chip"] != "esp32":
        return name + " with PSRAM"
    return "plain ESP32" if plain_only(board) else "ESP32, plain or with PSRAM"


def _each(board, of):
    """What `of` says of the connectors, once if it is the same of all."""
    told = [of(connector) for connector in board["connectors"]]
    return told[0] if len(set(told)) == 1 else " / ".join(told)


def _rcd(connector):
    rcd = connector.get("rcd")
    if rcd is None:
        return "-"
    return "with self-test" if "test" in rcd else "without self-test"


def columns(board):
    """{heading: text} of a checked board."""
    count = len(board["connectors"])
    return {
        "module": _module(board),
        "network": {"wifi": "WiFi", "ethernet": "Ethernet"}[board["network"]],
        "car": ("%d x " % count if count > 1 else "")
        + _each(board, lambda c: {"fixed": "fixed cable"}.get(c["cable"], c["cable"])),
        "phases": _each(board, lambda c: str(c["phases"])),
        "most": _each(board, lambda c: "%d A" % c["max_a"]),
        "RCD monitor": _each(board, _rcd),
        "meter": _each(board, lambda c: c.get("meter", {}).get("type", "-")),
        "reader": board.get("reader", {}).get("type", "-"),
    }


def sentence(board):
    """One line for a person whose module it suits."""
    told = columns(board)
    rcd, meter = told["RCD monitor"], told["meter"]
    return "%s: %s, %s phase%s, %s, %s, %s" % (
        board["name"], told["car"], told["phases"], "" if told["phases"] == "1" else "s",
        told["most"], "no RCD monitor" if rcd == "-" else "RCD monitor " + rcd,
        "no meter" if meter == "-" else "meter " + meter,
    )  # fmt: skip


def hardware(path):
    """What the comment at the top of a board file says of the hardware: its first sentence."""
    head = re.match(r"(?:#.*\n)+", path.read_text(encoding="utf-8")).group()
    text = " ".join(line.lstrip("# ").strip() for line in head.split("\n"))
    return re.split(r"(?<=[\w)])[.:] |\.$", text.strip(), maxsplit=1)[0]


def markdown(folder=ROOT / "boards"):
    """The table of all boards of a folder, and what each lacks."""
    rows, missing = [], {}
    for path in sorted(folder.glob("*.toml")):
        board = board_profile.load_toml(path)
        draft = " **draft**" if "draft" in board else ""
        told = {"board": "`%s`%s" % (board["name"], draft), "hardware": hardware(path)}
        told.update(columns(board))
        rows.append(told)
        missing[board["name"]] = lacks(board).split(", ")
    every = [words for words in next(iter(missing.values()))
             if all(words in of for of in missing.values())]  # fmt: skip
    for told in rows:
        name = told["board"].split("`")[1]
        rest = [words for words in missing[name] if words not in every]
        told["lacks, too"] = ", ".join(rest) or "-"
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(told.values()) + " |" for told in rows]
    return "\n".join(lines) + "\n\nAll of them lack: %s.\n" % ", ".join(every)
