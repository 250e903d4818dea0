# Draws a random history with two faults.
# MIT license; part of microevse

from random import Random

from twin.ev import QUIRKS

from .faults import KINDS

GUARDS = ("none", "interlock", "external")
NAMES = sorted(KINDS)
PAIRS = [(a, b) for i, a in enumerate(NAMES) for b in NAMES[i:]]
# EVs that let the contactor close soon; a short history with another EV shows little.
_CARS = ("normal",) * 8 + ("bcb", "c_pulse", "direct_c", "whole_amps", "tail", "leaf_bounce")
assert set(_CARS) <= set(QUIRKS)


def history(number):
    """The history with this number; all pairs of kinds come in turn, in a random order."""
    rng = Random(number)
    lap, place = divmod(number, len(PAIRS))
    order = list(range(len(PAIRS)))
    Random(lap).shuffle(order)
    pair = list(PAIRS[order[place]])
    rng.shuffle(pair)
    connectors = rng.choice((1, 1, 2))
    steps = []
    out = {
        "seed": number * 7919 % (1 << 20) + 1,
        "guard": GUARDS[number % 3],
        "connectors": connectors,
        "socket": rng.random() < 0.7,
        "mirror": rng.random() < 0.75,
        "version": rng.choice(("1.24", "1.25", "1.26", "1.27", "1.28", "1.29")),
        "adc_error": rng.choice((None, None, "raise")),
        "steps": steps,
    }
    for c in range(connectors):
        car = rng.choice(_CARS)
        if car != "normal":
            steps.append(["quirk", c, car])
    first = rng.randrange(connectors)
    second = rng.choice((first, rng.randrange(connectors)))
    if rng.random() < 0.08:
        _repeated(rng, steps, pair, (first, second))
        return out
    rounds = rng.choice((1, 1, 1, 2))
    for again in range(rounds):
        _round(rng, steps, connectors, pair, (first, second))
        if again + 1 < rounds:
            for c in range(connectors):
                steps.append(["unplug", c])
            steps.append(["wait", rng.randint(300, 7000)])
    return out


def _round(rng, steps, connectors, pair, places):
    early = rng.random() < 0.15  # the first fault is there before the EV
    if early:
        steps.append(["on", pair[0], places[0], *KINDS[pair[0]][0](rng)])
        steps.append(["wait", rng.randint(0, 2500)])
    for c in range(connectors):
        steps.append(["plug", c])
        steps.append(["ask", c])
        if rng.random() < 0.3:
            steps.append(["wait", rng.randint(0, 1500)])
    if rng.random() < 0.12:
        # While it is about to close.
        steps.append(["wait", rng.randint(200, 3000)])
    else:
        for c in range(connectors):
            steps.append(["closed", c])
        steps.append(["wait", rng.choice((rng.randint(0, 60), rng.randint(50, 3000)))])
    _aside(rng, steps, connectors)
    if not early:
        steps.append(["on", pair[0], places[0], *KINDS[pair[0]][0](rng)])
    between = rng.random()
    if between < 0.4:
        steps.append(["wait", rng.choice((rng.randint(1, 60), rng.randint(50, 4000)))])
    elif between < 0.6:
        steps.append(["wait", rng.randint(100, 4000)])
        steps.append(["off", pair[0], places[0]])
        steps.append(["closed", places[1], rng.choice((100, 8000))])
    _aside(rng, steps, connectors)
    steps.append(["on", pair[1], places[1], *KINDS[pair[1]][0](rng)])
    steps.append(["wait", rng.choice((rng.randint(5, 300), rng.randint(200, 4000)))])
    _aside(rng, steps, connectors)
    steps.append(["wait", rng.choice((500, 2000, rng.randint(2000, 16000)))])
    if rng.random() < 0.5:
        steps.append(["off", pair[0], places[0]])
        steps.append(["wait", rng.randint(0, 3000)])
        _aside(rng, steps, connectors)
        steps.append(["closed", places[1], rng.choice((100, 8000))])
        steps.append(["wait", rng.randint(100, 4000)])
    if rng.random() < 0.5:
        steps.append(["off", pair[1], places[1]])
        steps.append(["wait", rng.randint(0, 6000)])


def _repeated(rng, steps, pair, places):
    """The first fault again and again, in one plug-in or in many; the second one in between."""
    c = places[0]
    times = rng.randint(4, 14)
    anew = rng.random() < 0.5
    middle = rng.randrange(times)
    for i in range(times):
        if anew or not i:
            steps.append(["plug", c])
            steps.append(["ask", c])
        steps.append(["closed", c])
        steps.append(["wait", rng.randint(200, 1500)])
        if i == middle:
            steps.append(["on", pair[1], places[1], *KINDS[pair[1]][0](rng)])
            steps.append(["wait", rng.randint(0, 1500)])
        steps.append(["on", pair[0], c, *KINDS[pair[0]][0](rng)])
        steps.append(["wait", rng.randint(100, 3000)])
        steps.append(["off", pair[0], c])
        if i == middle and rng.random() < 0.7:
            steps.append(["off", pair[1], places[1]])
        if anew:
            steps.append(["unplug", c])
            steps.append(["wait", rng.randint(300, 9000)])


def _aside(rng, steps, connectors):
    """An event that is no fault."""
    c = rng.randrange(connectors)
    what = rng.random()
    if what < 0.55:
        return
    if what < 0.65:
        steps.append(["release", c])
        steps.append(["wait", rng.choice((rng.randint(1, 150), rng.randint(100, 1500)))])
        if rng.random() < 0.6:
            steps.append(["ask", c])
    elif what < 0.72:
        steps.append(["unplug", c])
        steps.append(["wait", rng.randint(1, 1500)])
        if rng.random() < 0.7:
            steps.append(["plug", c])
            steps.append(["ask", c])
    elif what < 0.82:
        steps.append(["limit", c, rng.choice((6000, 10000, 13000, 16000))])
    elif what < 0.88:
        steps.append(["stop", c])
    elif what < 0.92:
        steps.append(["pause", c])
    else:
        steps.append(["stall", rng.choice((1, 10))])
