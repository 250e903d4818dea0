# The password of the set-up network, shown by the lamp.
# MIT license; part of microevse
"""For a charger that nobody has a label of: flashed with the web installer, say. Its first set-up
network has a password that is drawn anew at each opening, and a lamp shows it: twenty digits, each
as one to six blinks, in five groups of four. Six is what people still count without mistakes.

20 digits of 6 values are 51.7 bits. That many are needed, because a receiver near may record how
the phone joins, and try passwords on the record later, as fast as its computers go; then it could
read what was typed. Eight digits would not last.
"""

import asyncio

from evse_base import urandom

DIGITS = 20
GROUP = 4
VALUES = 6
# ms. A long light comes first. A blink is lit and dark for the same time.
START_MS = 2500
BLINK_MS = 300
DIGIT_MS = 1200  # dark after a digit
GROUP_MS = 2800  # dark after a group, and before and after the whole


def draw():
    """A new code: DIGITS digits from 1 to VALUES. Draw it while the radio is on: only then does
    the chip's generator have noise enough (ESP-IDF, "Random Number Generation")."""
    code = ""
    while len(code) < DIGITS:
        (byte,) = urandom(1)
        if byte < 256 - 256 % VALUES:  # each digit is as likely as any other
            code += str(byte % VALUES + 1)
    return code


def steps(code):
    """[(lit, ms), ...] of one showing."""
    yield True, START_MS
    yield False, GROUP_MS
    for at in range(len(code)):
        count = int(code[at])
        for blink in range(count):
            yield True, BLINK_MS
            if blink < count - 1:
                yield False, BLINK_MS
        yield False, DIGIT_MS if (at + 1) % GROUP else GROUP_MS


async def show(panel, code):
    """Show it over and over, until cancelled. panel: ui.patterns.Panel."""
    try:
        while True:
            for lit, ms in steps(code):
                panel.signal(lit)
                await asyncio.sleep(ms / 1000)
    finally:
        panel.signal(None)
