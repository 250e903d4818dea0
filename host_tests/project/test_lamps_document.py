# docs/lamps.md says what the lamps do: word for word what the patterns have.
# MIT license; part of microevse

import math
import re

from commissioning import blink_code
from tools_paths import ROOT
from ui.patterns import TABLE, URGENCY

PAGE = (ROOT / "docs" / "lamps.md").read_text()
NAMES = {
    (0, 0, 0): "dark",
    (1, 1, 1): "white",
    (0, 1, 0): "green",
    (0, 0, 1): "blue",
    (1, 1, 0): "yellow",
    (1, 0, 1): "violet",
    (1, 0, 0): "red",
}


def rows():
    found = re.findall(r"^\| `(\w+)` \| (\S+) \| ([^|]+) \| (\S+) \| ([^|]+) \|$", PAGE, re.M)
    return {state: rest for state, *rest in found}


def test_the_table_is_that_of_the_patterns():
    table = rows()
    assert list(table) == [row[0] for row in TABLE]
    for state, colour, on, off, plain in TABLE:
        strip, rhythm, name, meaning = table[state]
        # What concerns the network is shown by plain lamps only.
        assert strip == (NAMES[tuple(min(1, c) for c in colour)] if state in URGENCY else "-"), (
            state
        )
        wanted = "%g s lit, %g s dark" % (on / 1000, off / 1000) if off else "steady"
        assert rhythm == wanted, state
        assert name == ("`%s`" % plain if plain else "-"), state
        assert len(meaning) > 10, state


def test_the_blinks_are_as_described():
    assert "A long light (%g s)" % (blink_code.START_MS / 1000) in PAGE
    assert "digit, 1 to %d." % blink_code.VALUES in PAGE
    assert "There are %d." % blink_code.DIGITS in PAGE and blink_code.GROUP == 4
    bits = math.log2(blink_code.VALUES**blink_code.DIGITS)
    for page in (PAGE, blink_code.__doc__):
        assert "%.1f bits" % bits in page
    for code, least, most in (("1" * 20, 40, 75), ("6" * 20, 75, 120)):
        assert least < sum(ms for _, ms in blink_code.steps(code)) / 1000 < most
    opening = (ROOT / "firmware" / "commissioning" / "access_point.py").read_text()
    assert "\nWINDOW_S = 600\nLONGEST_S = 3600\n" in opening
