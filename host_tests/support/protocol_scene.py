# A bench with two virtual chips on it, for the tests of the bench protocol.
# MIT license; part of microevse
"""`scene(board)`, a name or a file NAME.toml, gives a runner.Bench over serial lines, with the
chip under test and the witness, and everything taken down behind it."""

import contextlib
import dataclasses
from typing import Any

import board as profiles
from protocol_board import DeviceUnderTest, Witness
from chipbench import command, evidence, instruments, line, plan, runner
from chipbench.line import RawLine

line.PAUSE_S = 0  # a pseudo terminal has flow control
RELAY, PILOT, S2 = 18, 19, 21  # of the witness
DATE = "2026-12-01"


@dataclasses.dataclass
class Scene:
    bench: Any
    dut: Any
    board: dict
    said: list

    def run(self, *names):
        """These steps (all of them, where none is named); how the run ended."""
        wanted = [s for s in plan.steps(self.board) if not names or s.name in names]
        self.ended = self.bench.run(wanted, lambda ended: None)
        return self.ended

    def text(self):
        """The evidence file."""
        made = self.bench.evidence(DATE, "a test", self.bench.instrument.name, self.ended)
        return evidence.to_toml(made)

    def failed(self):
        """{step: why} of those that failed."""
        rows = self.bench.results
        return {row["name"]: row.get("why") for row in rows if row["result"] == "failed"}

    def row(self, name):
        (found,) = [row for row in self.bench.results if row["name"] == name]
        return found


@contextlib.contextmanager
def scene(board="esp32_devkitc", witness=True, begin=True, dut=None, **bench):
    """dut: keywords of DeviceUnderTest; bench: of runner.Bench."""
    profile = profiles.load_toml(profiles.find(str(board)))
    said = []
    with contextlib.ExitStack() as stack:
        device = DeviceUnderTest(board, **{"lines": True, **(dut or {})})
        stack.callback(device.close)
        seen = instruments.Nobody()
        if witness:
            second = Witness(device, RELAY, PILOT, S2)
            stack.callback(second.close)
            pins = {"relay": RELAY, "pilot": PILOT, "s2": S2}
            on = 1 if profile["connectors"][0]["contactor"].get("active_high", True) else 0
            seen = instruments.Witness(RawLine(second.port, "the second ESP32"), pins, on)
        options = {"settle": 0.1, "seconds": 10, "times": 4, "boot_s": 2, "power_ms": 4000,
                   "patience": 20, "ask": person(device), "probe": command.probe()}  # fmt: skip
        made = runner.Bench(device.port, profile, seen, said.append, **{**options, **bench})
        stack.callback(made.close)
        if begin:
            made.begin()
        yield Scene(made, device, profile, said)


def person(device):
    """What a person does who is asked: power, the simulated car."""

    def ask(text):
        if text.startswith("Take the power"):
            device.coarser()  # all steps that need the single conversion are over
            device.power_cut()
        elif text.startswith("Connect the simulated car"):
            device.command(do="plug")
        elif text.startswith("Take the simulated car"):
            device.command(do="unplug")
        else:
            raise AssertionError(text)
        return ""

    return ask
