# The faults of a history: each kind with its beginning and its end.
# MIT license; part of microevse
"""`KINDS`: {name: (draw, on, off)}. `draw(rng)` gives the arguments of one occurrence, plain
values that a script can hold; `on(play, c, *args)` makes it so at connector c (from 0), `off`
takes it back. They act on the world and on the chip, never on what the firmware believes.
"""

from . import inside
from .fitted import ADC_PINS, PP_PINS, TEMP_PIN

KINDS = {}

# Counts of 12 bits that a converter may stand still at: nothing, all levels, everything.
_STUCK = (0, 560, 1250, 1620, 1930, 2250, 2560, 2870, 3250, 3750, 4095)


def _none(rng):
    return ()


def kind(name, on, off, draw=_none):
    KINDS[name] = (draw, on, off)


def _stays(play, c, *args):
    """It ends by itself, or only with a reset."""


# -- the converter ---------------------------------------------------------------------------


def _adc_draw(rng):
    return (
        rng.choice((1.0, 1.0, 0.5, 0.1, 0.02)),
        rng.choice((1, 1, 20, 300)),
        rng.choice(("pilot", "pilot", "temp", "all")),
    )


def _adc_pins(c, where):
    if where == "all":
        return [None]
    return [TEMP_PIN] if where == "temp" else [ADC_PINS[c + 1]]


def _adc_on(play, c, rate, burst, where):
    for pin in _adc_pins(c, where):
        play.adc(c, "fails", pin=pin, rate=rate, burst=burst)


kind("adc fails", _adc_on, lambda play, c, *args: play.adc_well(c, "fails"), _adc_draw)
kind(
    "adc stuck",
    lambda play, c, value: play.adc(c, "stuck", pin=ADC_PINS[c + 1], stuck=value),
    lambda play, c, value: play.adc_well(c, "stuck"),
    lambda rng: (rng.choice(_STUCK),),
)
kind(
    "pp or temperature stuck",
    lambda play, c, pin, value: play.adc(c, "other", pin=pin, stuck=value),
    lambda play, c, pin, value: play.adc_well(c, "other"),
    lambda rng: (rng.choice((TEMP_PIN, TEMP_PIN, PP_PINS[1])), rng.choice(_STUCK)),
)

# -- the pilot ---------------------------------------------------------------------------------


def _pilot(play, c, what, on):
    circuit = play.charger.outlets[c].pilot
    if what == "E":
        circuit.pe_short = 80.0 if on else None
    elif what == "A":
        circuit.cp_open = on
    elif what == "diode":
        circuit.diode_short = on
    elif what == "B":
        ev = play.charger.outlets[c].ev
        circuit.load = "B" if on and ev.level in "CD" else ev.level
    circuit.refresh()


for _letter in ("E", "A", "diode"):
    kind(
        "pilot " + _letter,
        lambda play, c, what=_letter: _pilot(play, c, what, True),
        lambda play, c, what=_letter: _pilot(play, c, what, False),
    )
for _letter in ("E", "A", "B", "diode"):
    kind(
        "flickers " + _letter,
        lambda play, c, period, share, what=_letter: play.flicker(
            c, lambda on: _pilot(play, c, what, on), period, share
        ),
        lambda play, c, period, share: play.flicker_ends(c),
        lambda rng: (
            (0, rng.choice((2, 3, 4)))
            if rng.random() < 0.4
            else (
                rng.choice((10, 13, 20, 27, 40, 55, 90, 150, 300, 600, 1000)),
                rng.choice((10, 25, 40, 60, 75, 90)),
            )
        ),
    )
kind(
    "duty wrong",
    lambda play, c, factor: play.wrong_duty(c, factor),
    lambda play, c, factor: play.wrong_duty(c, None),
    lambda rng: (rng.choice((0.5, 0.8, 1.25, 1.6, 2.2)),),
)

# -- clock, timer, program ---------------------------------------------------------------------

kind("timer stops", lambda play, c: play.chip("timer stops", "timer_stop"), _stays)
kind(
    "timer late",
    lambda play, c, ms, count: play.late_timer(ms, count),
    _stays,
    lambda rng: (rng.choice((5, 15, 30, 80)), rng.choice((1, 3, 20, 200))),
)
kind("clock stops", lambda play, c: play.chip("clock stops", "clock_stop"), _stays)
kind(
    "hang",
    lambda play, c, ms: play.hang(ms),
    _stays,
    lambda rng: (rng.choice((60, 150, 400, 900, 2000, 5000, 30000)),),
)
kind("loop hangs", lambda play, c: play.loop_hangs(True), lambda play, c: play.loop_hangs(False))
kind(
    "tick raises",
    lambda play, c, name: inside.tick_raises(play, c, name),
    lambda play, c, name: inside.tick_is_well(play),
    lambda rng: (rng.choice(("MemoryError", "OSError", "ValueError", "KeyError")),),
)
kind(
    "raises at a line",
    lambda play, c, name, line: inside.raise_at(play, name, line),
    lambda play, c, name, line: inside.disarm(play),
    lambda rng: (rng.choice(("MemoryError", "OSError", "ValueError")), rng.randint(1, 250)),
)
kind(
    "interrupt between lines",
    lambda play, c, what, line: inside.interrupt_at(play, c, what, line),
    lambda play, c, what, line: inside.disarm(play),
    lambda rng: (rng.choice(("trip", "tick", "tick", "rcd")), rng.randint(1, 900)),
)
kind(
    "call raises",
    lambda play, c, name, where, count: play.call_raises(name, where, count),
    _stays,
    lambda rng: (
        rng.choice(("MemoryError", "OSError", "ValueError")),
        rng.choice(("tick", "task")),
        rng.choice((1, 1, 2, 10)),
    ),
)
kind(
    "task raises",
    lambda play, c, which: play.task_raises(c, which),
    lambda play, c, which: play.task_raises(c, None),
    lambda rng: (rng.choice(("earth", "temperature", "poles", "look")),),
)

# -- supply and resets ---------------------------------------------------------------------------

kind(
    "brown-out",
    lambda play, c, ms: play.reset("brownout", ms),
    _stays,
    lambda rng: (rng.choice((1, 30, 500)),),
)
kind(
    "reset",
    lambda play, c, how, files: play.reset(how, 0, files),
    lambda play, c, how, files: play.files(True),
    lambda rng: (
        rng.choice(("panic", "panic", "cpu", "cpu", "twdt", "system", "rwdt")),
        rng.random() < 0.7,
    ),
)
kind(
    "reset asked for",
    lambda play, c, how: play.ask_reset(how),
    _stays,
    lambda rng: (rng.choice(("soft", "hard")),),
)
kind(
    "wall clock steps",
    lambda play, c, s: play.charger.clock.set(play.charger.clock.now() + s),
    _stays,
    lambda rng: (rng.choice((-86400, -3600, -2, 2, 3600, 86400 * 400)),),
)

# -- parts --------------------------------------------------------------------------------


def _fault(name, sort=None, draw=_none, **more):
    def on(play, c, *args):
        play.fault(c, sort or name, True, **dict(more, **dict(args)))

    def off(play, c, *args):
        play.fault(c, sort or name, False, **dict(more, **dict(args)))

    kind(name, on, off, draw)


_fault("earth lost", "pe")
_fault("emergency stop", "other")
_fault("rcd trips", "rcd")
_fault("too hot", "overtemp", lambda rng: (("celsius", rng.choice((75, 90, 110))),))
_fault("temperature sensor", "overtemp", lambda rng: (("sensor", rng.choice(("open", "short"))),))
_fault("contacts weld", "weld")
_fault("lock contact lost", "lock", contact=True)
kind(
    "rcd stuck",
    lambda play, c: play.rcd_stuck(c, True),
    lambda play, c: play.rcd_stuck(c, False),
)
kind(
    "does not close",
    lambda play, c: play.not_closing(c, True),
    lambda play, c: play.not_closing(c, False),
)
kind(
    "cable resistor",
    lambda play, c, pp: play.cable(c, pp),
    lambda play, c, pp: play.cable(c, None),
    lambda rng: (rng.choice(("open", "short", 13, 20)),),
)


def _meter(play, c, field, on):
    setattr(play.charger.meter_parts[c], field, on)


for _field in ("silent", "stuck"):
    kind(
        "meter " + _field,
        lambda play, c, field=_field: _meter(play, c, field, True),
        lambda play, c, field=_field: _meter(play, c, field, False),
    )
kind(
    "draws more",
    lambda play, c, quirk: play.quirk(c, quirk),
    lambda play, c, quirk: play.quirk(c, "normal"),
    lambda rng: (rng.choice(("over_draw_25", "over_draw_50", "over_draw_50")),),
)
kind(
    "toggles S2",
    lambda play, c, ms: play.toggle(c, ms),
    lambda play, c, ms: play.toggle(c, 0),
    lambda rng: (rng.choice((30, 120, 700, 1500, 3000)),),
)
