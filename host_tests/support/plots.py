# Pilot voltage, duty, current and contactor of a session and of three faults, as PNG.
# MIT license; part of microevse
"""python host_tests/support/plots.py [DIRECTORY]   (default build/plots)

Each picture is one run of the electrical half of the charger on the virtual board: what a
four-channel oscilloscope on a charger would show. Needs matplotlib.
"""

import argparse
import pathlib
import sys

from tools_paths import ROOT  # isort: skip (import paths)
from rig import Rig

try:
    import matplotlib
except ImportError:
    matplotlib = None

_STEP_MS = 0.5
COLOURS = ("#1f6fb4", "#b8860b", "#2e8b57", "#b03030")


class Trace:
    """Samples of one run: lists of equal length."""

    def __init__(self, rig):
        self._rig = rig
        self.s, self.high, self.low, self.duty, self.amps = [], [], [], [], []
        self.relay, self.poles = [], []
        self.marks = []  # (s, text)

    def run(self, ms, step=_STEP_MS):
        """Let time pass and record."""
        rig = self._rig
        end = rig.ms + ms
        while rig.ms < end:
            self.note()
            rig.run(min(step, max(end - rig.ms, 0.1)))
        self.note()

    def note(self):
        rig = self._rig
        pilot = rig.circuit
        self.s.append(rig.ms / 1000)
        # The upper and the lower half of the wave; one line where there is no wave.
        self.high.append(pilot.high if pilot.duty else pilot.low)
        self.low.append(pilot.low if pilot.duty < 65535 else pilot.high)
        self.duty.append(pilot.percent)
        self.amps.append(rig.ev.amps)
        self.relay.append(1 if rig.outlet.contactor.coil else 0)
        self.poles.append(1 if rig.outlet.contactor.closed else 0)

    def mark(self, text):
        self.marks.append((self._rig.ms / 1000, text))


def normal(rig, trace):
    """Plug in, authorized, charge, 16 to 10 A, stop in good order, unplug."""
    trace.run(1000, 5)
    trace.mark("plugged in")
    rig.do("plug")
    trace.run(2500, 5)
    rig.ready()
    trace.mark("16 A offered")
    rig.evse.permit(16000)
    trace.run(3000, 5)
    trace.mark("S2 closes")
    rig.do("request")
    trace.run(9000, 5)
    trace.mark("10 A offered")
    rig.evse.permit(10000)
    trace.run(5000, 5)
    trace.mark("told to stop")
    rig.evse.forbid()
    trace.run(4000, 5)
    trace.mark("unplugged")
    rig.do("unplug")
    trace.run(1000, 5)


def _during_charge(rig, trace, text, act, before=120, after=480):
    rig.charge()
    rig.run(5000)
    rig.run(rig.random.uniform(0, 20))
    trace.run(before)
    trace.mark(text)
    act()
    trace.run(after)


def unplugged(rig, trace):
    """The plug is pulled out while current flows."""
    _during_charge(rig, trace, "plug pulled", lambda: rig.do("unplug"), 60, 140)


def diode(rig, trace):
    """The EV's diode fails short while current flows."""
    _during_charge(rig, trace, "diode fails", lambda: rig.do("fault", kind="diode", on=True))


def residual(rig, trace):
    """The residual current monitor trips."""
    _during_charge(rig, trace, "RCD trips", lambda: rig.do("fault", kind="rcd", on=True))


SCENES = (
    ("session", "A session: 16 A, then 10 A, then told to stop", normal),
    ("fault_unplugged", "Plug pulled under load: contacts open within 100 ms", unplugged),
    ("fault_diode", "EV diode fails short: open, then state F for 300 ms", diode),
    ("fault_rcd", "Residual current: open, then state F for 300 ms", residual),
)


def traces(seed=7):
    """[(name, title, Trace)] of every scene."""
    found = []
    for name, title, scene in SCENES:
        with Rig(seed) as rig:
            trace = Trace(rig)
            scene(rig, trace)
        found.append((name, title, trace))
    return found


def draw(trace, title, path):
    """Write one PNG. RuntimeError without matplotlib."""
    if matplotlib is None:
        raise RuntimeError("matplotlib is missing")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    long = trace.s[-1] - trace.s[0] > 2
    start = trace.s[0] if long else trace.marks[0][0]
    scale = 1 if long else 1000
    t = [(s - start) * scale for s in trace.s]
    figure, axes = pyplot.subplots(
        4, 1, sharex=True, figsize=(9, 6.5), gridspec_kw={"height_ratios": (3, 2, 2, 1.2)}
    )
    pilot, duty, amps, relay = axes
    pilot.fill_between(t, trace.low, trace.high, step="post", alpha=0.18, color=COLOURS[0])
    pilot.step(t, trace.high, where="post", color=COLOURS[0])
    pilot.step(t, trace.low, where="post", color=COLOURS[0])
    pilot.set_ylabel("pilot, V")
    pilot.set_ylim(-13.5, 15.5)
    pilot.set_yticks((-12, 0, 3, 6, 9, 12))
    duty.step(t, trace.duty, where="post", color=COLOURS[1])
    duty.set_ylabel("duty, %")
    duty.set_ylim(-5, 105)
    amps.plot(t, trace.amps, color=COLOURS[2])
    amps.set_ylabel("current, A")
    amps.set_ylim(bottom=-0.5)
    relay.step(t, trace.relay, where="post", color=COLOURS[3], label="coil")
    relay.step(t, [p * 0.9 for p in trace.poles], where="post", color="#555", label="contacts")
    relay.set_ylabel("contactor")
    relay.set_yticks((0, 1), ("open", "closed"))
    relay.set_ylim(-0.2, 1.3)
    relay.legend(loc="upper right", fontsize=8, ncols=2)
    relay.set_xlabel("s" if long else "ms after the event")
    for s, text in trace.marks:
        for axis in axes:
            axis.axvline((s - start) * scale, color="#999", linewidth=0.7)
        pilot.text((s - start) * scale, 13.4, " " + text, fontsize=8)
    for axis in axes:
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", nargs="?", default=str(ROOT / "build" / "plots"))
    folder = pathlib.Path(parser.parse_args().directory)
    if matplotlib is None:
        print("not drawn: matplotlib is missing")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, title, trace in traces():
        path = folder / (name + ".png")
        draw(trace, title, path)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
