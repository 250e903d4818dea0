# The power is cut while a charger that was set up by phone stores what it was told.
# MIT license; part of microevse
"""The password of the set-up network is what the owner has of a charger without a label. It stood
only on the last page: a cut before that left the charger set up, and its password to the cable."""

import re
import types

from setup_air import fresh
from setup_phone import Phone

UNIT = "240ac4a1b2c3"
SHOWN = re.compile(r'<p class="big">([a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4})</p>')


def life(cut_at):
    """One set-up, cut at that operation of the flash, counted from the start (None: not cut); what
    was seen of it."""
    seen = types.SimpleNamespace(cut=False)

    async def fn(b):
        b.twin._options.pop("flash_cut_at", None)  # for the first start alone
        boots = b.twin.boots
        phone = await Phone(b).join()
        assert re.fullmatch("[1-6]{20}", phone.said()[1]), "the lamp's"
        (seen.shown,) = SHOWN.findall((await phone.http())[2])
        seen.before = (await b.twin.flash())["ops"]
        try:
            await phone.send(CentralSystemURI="", FreeMode="true")
            text = await phone.result()
        except Exception:
            assert b.twin.boots > boots, "only the cut ends it"
        seen.cut = b.twin.boots > boots
        if not seen.cut:
            seen.after = (await b.twin.flash())["ops"]
            assert SHOWN.findall(text) == [seen.shown]
            await b.until(lambda: b.logged("is closed: set up"), 300)
            await b.do("power_cut", seconds=1)
        said = len(b.logged("set-up: WiFi"))
        await b.advance(5)
        seen.open = len(b.logged("set-up: WiFi")) > said or seen.cut and not joined(b)
        if seen.open:
            # Not set up yet: as before, with another code and another password.
            await b.until(lambda: len(b.logged("set-up: WiFi")) > said, 30)
            phone = await Phone(b).join()
            assert re.fullmatch("[1-6]{20}", phone.said()[1]), "the lamp's again"
            (again,) = SHOWN.findall((await phone.http())[2])
            assert again != seen.shown
        else:
            await b.do("button", seconds=11)
            await b.until(lambda: len(b.logged("set-up: WiFi")) > said, 30)
            assert Phone(b).said()[1] == seen.shown, "what the owner has read"

    def joined(b):
        start = max(i for i, line in enumerate(b.log) if "I app: microevse" in line)
        return [line for line in b.log[start:] if "joined Garage" in line]

    options = {"unique_id": UNIT}
    if cut_at:
        options["flash_cut_at"] = cut_at
    fresh(fn, options=options)
    return seen


def test_whenever_the_power_is_cut_the_owner_has_a_password_that_opens_the_network():
    whole = life(None)
    assert not whole.open
    count = whole.after - whole.before
    assert count >= 9, "each setting is an operation"
    ends = []
    for number in range(1, count + 1):
        seen = life(whole.before + number)
        assert seen.cut, number
        ends.append(seen.open)
    print("%d operations, set up after %d" % (count, ends.index(False) + 1))
    assert ends == sorted(ends, reverse=True), "once it is set up it stays so"
    assert True in ends and False in ends
