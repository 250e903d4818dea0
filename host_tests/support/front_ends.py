# The pilot circuits of the shipped boards: is a state mistaken for another?
# MIT license; part of microevse
"""`misread(board, seed)` plays one random board of its tolerances on the virtual board."""

import board as profiles
from iec61851 import levels
from rig import Rig, twin_machine
from tools_paths import ROOT

BOARDS = {p.stem: profiles.load_toml(p) for p in sorted((ROOT / "boards").glob("*.toml"))}
CPS = {name: board["connectors"][0]["cp"] for name, board in BOARDS.items()}
SEE_THE_DIODE = [name for name, cp in CPS.items() if cp.get("diode_check", True)]
SOCKETS = [name for name, board in BOARDS.items() if "pp" in board["connectors"][0]]
DUTIES = (0.1, 0.2667, 0.8)


def look(rig, letter, duty):
    """(high mV, low mV, low samples) of a pilot that `letter` loads: the middle of three windows.
    A spike may spoil one window; the state machine does not act on a single one either."""
    rig.circuit.set_load(letter)
    rig.circuit.pwm(int(duty * 65536), 1000)
    rig.clock.spend(2000)
    seen = []
    for _ in range(3):
        p = rig.adc.window(0, int(duty * 60000))
        seen.append((p.high_mv, p.low_mv, p.n_low))
    return [sorted(values)[1] for values in zip(*seen)]


def still(rig):
    """The tick of this rig ends: its windows are taken by hand."""
    twin_machine._timers[0].deinit()


def misread(board, seed, **options):
    """[(letter, seen, mV), ...] of one random board: states that were taken for others, and a
    diode that was judged wrongly."""
    found = []
    cp = board["connectors"][0]["cp"]
    checks = cp.get("diode_check", True)
    with Rig(seed, corners=True, board=board, **options) as rig:
        assert not rig.adc.uncalibrated
        still(rig)
        for letter in "ABCD":
            for duty in DUTIES:
                for short in (False, True):
                    rig.circuit.diode_short = short
                    rig.circuit.refresh()
                    high_mv, low_mv, n_low = look(rig, letter, duty)
                    seen = levels.LETTERS[levels.level(high_mv)]
                    # Without the diode's 0.7 V a level may be the next one's.
                    if not short and seen != letter:
                        found.append((letter, seen, high_mv))
                    good = n_low >= levels.MIN_LOW and low_mv <= levels.DIODE_MV
                    if checks and good == (short and letter != "A"):
                        found.append((letter, "diode short: %s" % short, low_mv))
        rig.circuit.diode_short = False
        rig.circuit.refresh()
        for letter in "ABC":
            high_mv = look(rig, letter, 1)[0]
            if levels.LETTERS[levels.level(high_mv)] != letter:
                found.append((letter, "steady", high_mv))
    return found
