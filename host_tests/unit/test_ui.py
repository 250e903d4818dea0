# Lamp patterns and the button.
# MIT license; part of microevse

from helpers import run
from models import Time

from ui import button as button_module
from ui import patterns
from ui.button import Button
from ui.patterns import TABLE, URGENCY, Panel, changes_in, colour, foremost, lamp, lit

ROWS = {row[0]: row[1:] for row in TABLE}
STATUSES = (
    "available", "preparing", "charging", "suspended_ev", "suspended_evse", "finishing",
    "reserved", "unavailable", "faulted",
)  # fmt: skip


class Lamps:
    def __init__(self, names=(), pixels=0):
        self.names = names
        self.pixels = pixels
        self.log = []

    def show(self, name, on):
        self.log.append((name, on))

    def paint(self, colours):
        self.log.append(list(colours))


def test_every_status_has_a_pattern_and_a_rank():
    for status in STATUSES:
        assert status in ROWS and status in URGENCY
    assert foremost(["available", "faulted", "charging"]) == "faulted"
    assert foremost([]) == "starting"


def test_what_a_lamp_shows_changes_exactly_when_it_is_said_to():
    for state in ROWS:
        ms = 0
        while ms < 5000:
            wait = changes_in(state, ms)
            assert 0 < wait <= 1000
            for between in (ms, ms + wait // 2, ms + wait - 1):
                assert lit(state, between) == lit(state, ms), (state, ms)
            if ROWS[state][2] and wait < 1000:
                assert lit(state, ms + wait) != lit(state, ms), (state, ms)
            ms += wait


def test_fault_blinks_red_and_charging_is_steady_blue():
    assert colour("faulted", 0)[0] > 0 and colour("faulted", 300) == (0, 0, 0)
    assert colour("charging", 0) == colour("charging", 12345) and colour("charging", 0)[2] > 0


def test_plain_lamps_follow_the_states_that_name_them():
    assert lamp("charging", ["charging", "online"], 0)
    assert not lamp("charging", ["available", "online"], 0)
    assert lamp("error", ["available", "faulted"], 0) and not lamp("error", ["faulted"], 300)
    assert lamp("wifi", ["available", "online"], 500)
    assert not lamp("wifi", ["available", "no_network"], 500)
    assert lamp("blue", ["charging"], 0) and not lamp("red", ["charging"], 0)


def test_panel_writes_only_what_changes():
    time = Time().rule(patterns)
    states, link = ["available"], ["online"]
    lamps = Lamps(["charging", "wifi"], 2)
    panel = Panel(lamps, lambda: states, lambda: link[0], time)
    panel.refresh()
    assert lamps.log == [("charging", False), ("wifi", True), [ROWS["available"][0]] * 2]
    for _ in range(10):
        time.pass_ms(panel.refresh())
    assert len(lamps.log) == 3
    states[0] = "charging"
    panel.refresh()
    assert lamps.log[3:] == [("charging", True), [ROWS["charging"][0]] * 2]


def test_pixels_are_shared_between_the_connectors():
    lamps = Lamps(pixels=4)
    Panel(lamps, lambda: ["available", "charging"], lambda: "online", Time()).refresh()
    green, blue = ROWS["available"][0], ROWS["charging"][0]
    assert lamps.log == [[green, green, blue, blue]]


class Bench:
    """A button whose contact follows `script`: [(ms, pressed), ...]."""

    def __init__(self, script):
        self.time = Time().rule(button_module)
        self.script = script
        self.seen = []
        self.button = Button(
            self.pressed, self, lambda: self.note("short"), lambda: self.note("long"), self.time
        )

    def note(self, what):
        self.seen.append((what, self.time()))

    def pressed(self):
        level = False
        for at, value in self.script:
            if at <= self.time():
                level = value
        return level

    async def wait(self):
        """The flag: set by the next change of the contact; the script's end ends the test."""
        for at, _ in self.script:
            if at > self.time():
                await self.time.sleep((at - self.time()) / 1000)
                return
        raise StopAsyncIteration

    def play(self):
        try:
            run(self.button.run())
        except StopAsyncIteration:
            pass
        return self.seen


def kinds(*script):
    return [kind for kind, _ in Bench(script).play()]


def test_short_press_counts_when_the_button_is_let_go():
    b = Bench([(1000, True), (1200, False)])
    assert [kind for kind, _ in b.play()] == ["short"] and 1200 <= b.seen[0][1] < 1300


def test_long_press_counts_while_it_is_held_and_is_no_short_one():
    b = Bench([(1000, True), (15000, False)])
    assert [kind for kind, _ in b.play()] == ["long"] and 11000 <= b.seen[0][1] < 11200


def test_press_between_short_and_long_does_nothing():
    assert kinds((1000, True), (6000, False)) == []


def test_chatter_makes_one_press_of_one():
    script = []
    for i in range(8):
        script.append((1000 + 3 * i, i % 2 == 0))
    script.append((1030, True))
    for i in range(8):
        script.append((1500 + 3 * i, i % 2 == 1))
    script.append((1530, False))
    assert kinds(*script) == ["short"]


def test_spike_is_no_press():
    b = Bench([(1000, True), (1008, False)])
    assert b.play() == [] and b.button.chatter == 1


def test_button_that_is_held_at_the_start_does_nothing():
    assert kinds((0, True), (20000, False)) == []
    assert kinds((0, True), (20000, False), (21000, True), (21100, False)) == ["short"]


def signalled(lamps, states=("available",)):
    panel = Panel(lamps, lambda: list(states), lambda: "online", lambda: 0)
    panel.refresh()
    del lamps.log[:]
    return panel


def test_a_signal_takes_one_lamp_and_gives_it_back():
    lamps = Lamps(("charging", "ready", "wifi"))
    panel = signalled(lamps)
    panel.signal(False)
    panel.signal(True)
    panel.signal(False)
    panel.signal(None)
    assert lamps.log == [("wifi", False), ("wifi", True), ("wifi", False), ("wifi", True)]
    lamps = Lamps(("error", "ready"))
    panel = signalled(lamps)
    panel.signal(True)
    assert lamps.log == [("error", True)], "where there is no lamp of the network: the first"
    signalled(Lamps()).signal(True)  # a board without plain lamps and without a strip


def test_a_signal_takes_all_of_three_lamps_in_one_and_of_a_strip():
    lamps = Lamps(("blue", "green", "red"))
    panel = signalled(lamps)
    panel.signal(True)
    assert lamps.log == [("blue", True), ("red", True)], "green is lit already: available"
    lamps = Lamps(pixels=2)
    panel = signalled(lamps)
    panel.signal(True)
    assert lamps.log[-1] == [(40, 40, 40)] * 2
    panel.signal(False)
    assert lamps.log[-1] == [(0, 0, 0)] * 2
    panel.signal(None)
    assert lamps.log[-1] == [(0, 60, 0)] * 2
    lamps = Lamps(pixels=1)
    panel = signalled(lamps, ("faulted",))
    panel.signal(False)
    panel.signal(True)
    assert lamps.log == [[(0, 0, 0)], [(90, 0, 0)]], "a fault stays visible"
