# What measures the pins: a second ESP32, an oscilloscope and a person, or nothing.
# MIT license; part of microevse
"""All three have the same methods; one that an instrument does not have raises NotMeasured, with
the sentence that goes into the evidence. Times are milliseconds from the end of the mark (see
on_chip/reset.py)."""

import contextlib
import pathlib

from seriallink import Trouble

HERE = pathlib.Path(__file__).resolve().parent
_FIRST_MS = 60000  # so long a witness waits for the first edge
MARK_MS = 5.0


class NotMeasured(Exception):
    """This cannot be measured with what is there."""


def program(name):
    """The text of one of the programs that are sent to a chip."""
    return (HERE / "on_chip" / (name + ".py")).read_text()


def after_mark(seen):
    """{"low_after_ms" (None: it never was), "kept_ms"...} from what `watch` in witness.py told.

    The first three edges are the relay's own rise and the mark. A reset that releases the pin at
    once may come before the third is seen: then there are two, and the mark's length is known."""
    edges = seen["edges"]
    falls = [i for i, (_us, active) in enumerate(edges) if not active]
    if not edges or not falls:
        raise Trouble("the witness saw no mark on the relay's pin: look at the wires")
    mark = edges[falls[0]][0] / 1000 + MARK_MS
    ended = not seen["ends"]
    figures = {"resolution_ms": seen["worst_us"] / 1000, "edges": len(edges)}
    if ended:
        figures["low_after_ms"] = max(0.0, edges[falls[-1]][0] / 1000 - mark)
    # More than the rise, the mark and one fall: it was active again behind a fall.
    figures["closed_again"] = max(0, len(falls) - 2)
    waves = seen.get("waves", 0)
    figures["pilot_waves"] = waves
    if waves:
        figures["pilot_until_ms"] = max(0.0, seen["wave_us"] / 1000 - mark)
    return figures


class Nobody:
    """No instrument: pins are looked at by the chip itself, after the event."""

    name = "none"

    def _missing(self, *_args):
        raise NotMeasured("it needs a second ESP32 or an oscilloscope")

    watch = seen = look = wave = switch = _missing

    def forget(self):
        pass

    def close(self):
        pass


class Witness:
    """A second ESP32. `line`: RawLine; pins: its GPIOs {"relay", "pilot", "s2" or None}; `on`: the
    active level of the relay's pin."""

    name = "second ESP32"

    def __init__(self, line, pins, on):
        self._line, self._pins, self._on = line, pins, on
        line.enter()
        line.run(program("witness"))

    def watch(self, window_ms):
        """Begin to watch for what happens from the next edge on, for `window_ms`."""
        pins = self._pins
        self._window_ms = window_ms
        self._line.start_value(
            "",
            "watch(%d, %d, %d, %d, %d)"
            % (pins["relay"], pins["pilot"], self._on, _FIRST_MS, window_ms),
        )

    def seen(self):
        """The figures of what was watched."""
        return after_mark(self._line.finish_value(_FIRST_MS / 1000 + self._window_ms / 1000 + 10))

    def forget(self):
        """Stop watching, if it does. One that does not answer fails the next step, not the run."""
        with contextlib.suppress(Trouble):
            self._line.enter(10)
            self._line.run(program("witness"))

    def look(self, ms):
        """Begin to look at the pilot's pin for `ms`."""
        self._line.start_value("", "wave(%d, %d)" % (self._pins["pilot"], ms))

    def wave(self):
        """{"hz", "percent", "rises"} of what was looked at."""
        return self._line.finish_value(30)

    def switch(self, count, close_ms, rest_ms):
        """[microseconds from S2 to the relay's pin]."""
        if self._pins.get("s2") is None:
            raise NotMeasured("no pin of the second ESP32 switches the simulated car (--s2)")
        return self._line.value(
            "",
            "switch(%d, %d, %d, %d, %d, %d)"
            % (self._pins["s2"], self._pins["relay"], self._on, count, close_ms, rest_ms),
            count * (close_ms + rest_ms + 9000) / 1000 + 20,
        )

    def close(self):
        """The switch of the simulated car is opened."""
        try:
            if self._pins.get("s2") is not None:
                self._line.enter(5)
                self._line.run(
                    "from machine import Pin\nPin(%d, Pin.OUT, value=0)" % self._pins["s2"]
                )
        except Trouble:
            pass
        self._line.close()


class Scope:
    """An oscilloscope, read by a person. ask(question) -> text."""

    name = "oscilloscope"

    def __init__(self, ask, say):
        self._ask, self._say = ask, say

    def number(self, question, unit, low, high):
        """A reading; asked again until it is plausible. "-": it could not be measured."""
        while True:
            text = self._ask("%s [%s, or - if it cannot be measured]: " % (question, unit)).strip()
            if text == "-":
                raise NotMeasured("the person could not measure it")
            text = text.replace(",", ".")
            if text.endswith(unit):
                text = text[: -len(unit)].strip()
            try:
                value = float(text)
            except ValueError:
                self._say("A number in %s, please, or -." % unit)
                continue
            if low <= value <= high:
                return value
            self._say("%g %s is not plausible: it must be %g to %g." % (value, unit, low, high))

    def watch(self, window_ms):
        self._window_ms = window_ms
        self._ask(
            "Trigger once on the relay's pin: low for 5 ms, then high. Record %d ms. "
            "Press Enter when it is armed." % window_ms
        )

    def seen(self):
        low = self.number(
            "From the end of the 5 ms until the relay's pin is inactive for good (0: at once; "
            "%d: never)" % self._window_ms,
            "ms",
            0,
            self._window_ms,
        )
        figures = {"resolution_ms": 0.1}
        if low < self._window_ms:
            figures["low_after_ms"] = low
        again = self.number("How often was it active again after that", "times", 0, 100)
        figures["closed_again"] = int(again)
        return figures

    def forget(self):
        pass

    def look(self, ms):
        pass

    def wave(self):
        hz = self.number("Frequency at the pilot's pin (0: steady)", "Hz", 0, 100000)
        percent = self.number("Share of the time that it is high", "%", 0, 100)
        return {"hz": hz, "percent": percent, "rises": int(hz)}

    def switch(self, count, close_ms, rest_ms):
        took = []
        for i in range(count):
            self._ask(
                "Close the switch of the simulated car, wait until the relay is on, arm the "
                "oscilloscope, press Enter, then open the switch."
            )
            took.append(
                int(self.number("%d: from S2 to the relay's pin" % (i + 1), "ms", 0, 2000) * 1000)
            )
        return took

    def close(self):
        pass
