# Safe mode: what its page says and does, and that no broken part keeps the others from running.
# MIT license; part of microevse
"""The whole of it, on MicroPython, is in host_tests/charger/test_safe_mode.py."""

import asyncio
import sys

from evse_base import log
from fake_chip import Hal, chip
from helpers import Module, raises, run
from station.settings import Settings


class Loaded:
    """safe_mode over the fake chip; `lines` is what it logs."""

    def __enter__(self):
        self.hal = Hal("system")
        self.system = self.hal.__enter__()
        sys.modules.pop("safe_mode", None)

        self.lines = []
        log.use_sink(self.lines.append)
        return self

    def __exit__(self, *exc):
        log.use_sink(lambda line: None)
        sys.modules.pop("safe_mode", None)
        self.hal.__exit__()

    def logged(self, text):
        return [line for line in self.lines if text in line]


def view(settings=None, lines=("0 E main: broken", "a traceback")):
    import safe_mode

    kept = Settings(None)
    kept.factory(settings or {})
    clock = Module(uptime=lambda: 77)
    return safe_mode.View(kept, clock, {"name": "Garage"}, list(lines))


def test_the_page_says_that_nothing_is_charged_and_why():
    with Loaded() as loaded:
        loaded.system._last, loaded.system._loops = "Crash", 3
        state = view().snapshot()
        assert "crashed 3 times in a row" in state["why"] and "broken" in state["why"]
        assert state["fault"] == "TaskFailed: " + state["why"] and state["status"] == "faulted"
        assert (state["plugged"], state["contactor"], state["session"]) == (False, False, None)
        assert state["ocpp"] == {"state": "not started", "url_host": "", "last_error": ""}
        assert state["name"] == "Garage" and state["uptime_s"] == 77
        assert state["safe_mode"] is True and state["version"]
        assert view({"ChargePointId": "CP1"}).snapshot()["name"] == "CP1"


def test_what_needs_a_charger_is_refused_in_words():
    with Loaded():
        page = view()
        for answer in (page.start("CARD"), page.stop(), page.reset_faults()):
            words = run(answer)
            assert isinstance(words, str) and words.endswith("."), words


def test_the_log_holds_the_last_words_of_the_crash_then_its_own():
    with Loaded():
        log.warn("x", "later")
        lines = view(lines=["first", "second"]).log_lines()
        assert lines[:3] == ["first", "second", "-- safe mode --"] and "later" in lines[-1]


def test_an_update_is_taken_at_any_time():
    """Another version of the program may work, and nothing is charged."""
    with Loaded():
        services = view().services
        assert services.allowed() and services.vacant()


def test_an_update_restarts_as_one():
    with Loaded() as loaded:
        import safe_mode

        run(safe_mode.Services(None).reboot())
        assert chip.ends and loaded.system._read() == (3, 0)


class Slots:
    """hal.appslot, as far as it matters here."""

    def __init__(self, trial=False, other=False, fails=None):
        self.trial, self.other, self.fails = trial, other, fails
        self.went_back = 0

    def on_trial(self):
        if self.fails:
            raise self.fails
        return self.trial

    def go_back(self):
        self.went_back += self.other
        return self.other


def asked(loaded, crashes, slots):
    """(wanted(), crashes that are still counted, resets) after so many crashes in a row."""
    import hal
    import safe_mode

    loaded.system._last, loaded.system._loops = "Crash", crashes
    loaded.system._write(0, crashes)
    sys.modules["hal.appslot"] = hal.appslot = slots
    chip.ends.clear()
    return safe_mode.wanted(), loaded.system.boot_loops(), len(chip.ends)


def test_safe_mode_is_for_the_third_crash_in_a_row_of_a_version_without_another_one():
    with Loaded() as loaded:
        for crashes in range(5):
            slots = Slots()
            assert asked(loaded, crashes, slots) == (crashes >= 3, crashes, 0)
            for fails in (OSError(5), KeyError("app_a")):  # the table cannot be read now
                assert asked(loaded, crashes, Slots(fails=fails))[0] is (crashes >= 3)
        # On trial the slot counts: here the count begins anew.
        assert asked(loaded, 4, Slots(trial=True, other=True)) == (False, 0, 0)
        slots = Slots(other=True)
        assert asked(loaded, 2, slots) == (False, 2, 0) and not slots.went_back
        wanted, crashes, resets = asked(loaded, 3, slots)
        # The fake chip goes on after a reset.
        assert slots.went_back == 1 and resets and crashes == 0 and not wanted
        assert loaded.system._read() == (4, 0)
        raises(ValueError, asked, loaded, 3, Slots(fails=ValueError("a bug is told")))


def sleeps(story):
    """Run `story()`; returns the seconds of each asyncio.sleep, which takes none. The story ends
    by a KeyError."""
    import safe_mode

    waits, sleep = [], asyncio.sleep

    async def noted(seconds):
        waits.append(seconds)
        if len(waits) >= 3:
            raise KeyError("enough")
        await sleep(0)

    safe_mode.asyncio = Module(sleep=noted, create_task=asyncio.create_task)
    try:
        raises(KeyError, lambda: run(story()))
    finally:
        safe_mode.asyncio = asyncio
    return waits


def test_network_and_page_are_tried_again_whatever_ends_them():
    with Loaded() as loaded:
        import safe_mode

        ends = [OSError(5), ValueError("x"), None]

        async def part():
            end = ends.pop(0)
            if end:
                raise end

        assert sleeps(lambda: safe_mode._guarded("page", part)) == [5, 5, 5]
        assert len(loaded.logged("page failed")) == 2 and not ends


def test_another_try_begins_a_second_after_the_answer():
    with Loaded() as loaded:
        import safe_mode

        loaded.system._last, loaded.system._loops = "Crash", 3

        async def story():
            waits = []

            async def noted(seconds):
                waits.append((seconds, len(chip.ends)))

            tasks = []
            safe_mode.asyncio = Module(sleep=noted, create_task=tasks.append)
            words = safe_mode.restart()
            assert not chip.ends and len(tasks) == 1
            await tasks[0]
            return words, waits

        try:
            words, waits = run(story())
        finally:
            safe_mode.asyncio = asyncio
        assert words == "Starting again." and waits == [(1, 0)] and chip.ends
        assert loaded.system._read() == (5, 2), "a retry counts one crash less"


def test_what_cannot_be_loaded_is_named_and_does_without():
    with Loaded() as loaded:
        import safe_mode

        def broken():
            raise MemoryError("no room")

        assert safe_mode._load("journal", broken, 5) == 5 and loaded.logged(
            "no journal: MemoryError"
        )
        assert safe_mode._load("journal", lambda: 6, 5) == 6


def test_pilots_say_not_available_as_far_as_the_profile_can_be_read():
    with Loaded() as loaded:
        import safe_mode

        good = {"cp": {"pwm": 27}}
        safe_mode._pilots_off({"connectors": [{}, {"cp": 5}, good]})
        assert chip.pins[27] == 0 and len(loaded.logged("no pilot: ")) == 2
        for broken in ({}, {"connectors": None}, {"connectors": 5}):
            safe_mode._pilots_off(broken)
        assert len(loaded.logged("no connectors: ")) == 3


def test_a_wrong_fixed_address_is_named_and_the_link_asks_for_one():
    class Link:
        def __init__(self, *arguments):
            self.arguments = arguments

    with Loaded() as loaded:
        import safe_mode

        sys.modules["hal.wifi"] = sys.modules["hal.ethernet"] = Module(Link=Link)
        for text, wanted in (("nonsense", None), ("", None)):
            settings = Settings(None)
            settings.factory({})
            settings.text = lambda name: text if name == "StaticAddress" else ""  # noqa: B023
            link = safe_mode._link({}, settings)
            found, told, fixed, busy, allowed, more = link.arguments
            assert (found, fixed, more) == (settings, wanted, None)
            assert told(True) is None and busy() == 0 and allowed() is True
        assert len(loaded.logged("no StaticAddress")) == 1
        link = safe_mode._link({"network": "ethernet", "ethernet": {"phy": 1}}, settings)
        assert link.arguments[0] == {"phy": 1} and link.arguments[1] is settings


def replaced(modules, story):
    """The result of `story()` while {name: module} stand in place of the modules' own."""
    kept = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    homes = []  # (package, name in it, its value there)
    for name in modules:
        package, _, own = name.rpartition(".")
        if package:
            home = __import__(package)
            homes.append((home, own, getattr(home, own, None)))
            setattr(home, own, modules[name])
    try:
        return story()
    finally:
        for home, own, value in homes:
            setattr(home, own, value) if value is not None else delattr(home, own)
        for name in kept:
            if kept[name] is None:
                del sys.modules[name]
            else:
                sys.modules[name] = kept[name]


def test_the_button_of_the_page_restarts_and_says_so():
    with Loaded() as loaded:
        import safe_mode

        loaded.system._last, loaded.system._loops = "Crash", 3
        tasks = []
        safe_mode.asyncio = Module(create_task=tasks.append)
        try:
            assert run(view().restart()) == "Starting again."
        finally:
            safe_mode.asyncio = asyncio
        assert len(tasks) == 1 and loaded.system._read() == (5, 2)
        tasks[0].close()


def test_an_upload_goes_to_the_installer_of_the_board():
    with Loaded():
        import safe_mode

        asked = []

        def fitted(settings):
            asked.append(settings)
            return "the installer"

        services = safe_mode.Services("the settings")
        found = replaced({"upkeep.installer": Module(fitted=fitted)}, services.installer)
        assert found == "the installer" and asked == ["the settings"]


def test_a_start_without_a_crash_before_it_asks_no_slot():
    """Every good start goes this way: no record is read, and no slot keeps it from charging."""
    with Loaded() as loaded:
        assert asked(loaded, 0, Slots(fails=ValueError("asked")))[:2] == (False, 0)


class Journal:
    """The settings that a charger has stored."""

    def __init__(self, **stored):
        self.stored = stored

    def each(self, kind, load):
        for name in self.stored:
            load((name, self.stored[name]))


def settings_of(journal, provision):
    """safe_mode's settings; each of the two a value, or the exception that reading it raises."""
    import safe_mode

    def value(it):
        if isinstance(it, Exception):
            raise it
        return it

    clock = object()

    def look_up(given):
        assert given is clock
        return value(journal)

    real = safe_mode.provisioning
    safe_mode.provisioning = lambda: value(provision)
    try:
        opened = {"wiring.journal": Module(look_up=look_up)}
        return replaced(opened, lambda: safe_mode._settings(clock))
    finally:
        safe_mode.provisioning = real


def test_settings_are_those_of_the_journal_and_of_the_provisioning_file():
    with Loaded() as loaded:
        provision = {
            "settings": {"ChargePointId": "FACTORY", "HeartbeatInterval": "111"},
            "start": {"MeterValueSampleInterval": "33"},
        }
        names = ("ChargePointId", "HeartbeatInterval", "MeterValueSampleInterval")
        for journal, given, wanted in (
            (Journal(ChargePointId="STORED"), provision, ("STORED", "111", "33")),
            (Journal(MeterValueSampleInterval="44"), provision, ("FACTORY", "111", "33")),
            (OSError(19), provision, ("FACTORY", "111", "33")),
            (Journal(HeartbeatInterval="222"), ValueError("no JSON"), ("", "222", None)),
            (Journal(HeartbeatInterval="222"), {}, ("", "222", None)),
        ):
            settings = settings_of(journal, given)
            for name, value in zip(names, wanted):
                assert value is None or settings.text(name) == value, (name, settings.text(name))
        assert len(loaded.logged("no journal: OSError")) == 1
        assert len(loaded.logged("no config.json: ValueError")) == 1


def test_the_page_is_behind_the_same_door_as_everywhere():
    """Its server had no bounds of memory and visitors."""
    made = []

    class Door:
        def __init__(self, view, settings, clock, link):
            made.append((view, settings, clock, link))

        async def run(self):
            made.append("runs")

    web = Module(door=Module(Door=Door))
    with Loaded():
        import safe_mode

        link = Module(name="garage")
        serve = lambda: run(  # noqa: E731
            safe_mode._serve("settings", "clock", {}, ["last words"], link)
        )
        replaced({"web": web, "web.door": web.door}, serve)
        view, *others = made[0]
        assert others == ["settings", "clock", link] and made[1] == "runs"
        page = view()
        assert isinstance(page, safe_mode.View)
        assert page.log_lines()[:2] == ["last words", "-- safe mode --"]


class HalfHour:
    """Clock and asyncio of a safe mode whose waits take no time; notes what happens."""

    def __init__(self):
        self.s = 0
        self.looks = 0
        self.waits = []  # (seconds, feeds of the watchdog so far)
        self.tasks = []

    def uptime(self):
        self.looks += 1
        assert self.looks < 10000, "no time passes"
        return self.s

    def unix(self):
        return None

    async def sleep(self, seconds):
        self.waits.append((seconds, chip.feeds))
        self.s += seconds

    def create_task(self, coro):
        self.tasks.append(coro)


def lived(loaded, link=None, board=None):
    """The HalfHour that safe_mode.run() has lived through. `link` stands in for its _link.

    It has `guarded`, [(name, factory)] of the parts that are tried again, and `served`, what
    _serve was given."""
    import safe_mode

    half = HalfHour()
    guarded = []

    def guard(name, factory):
        guarded.append((name, factory))
        return "task of the " + name

    async def serve(*given):
        half.served = given

    loaded.system._last, loaded.system._loops = "Crash", 3
    half.settings = Settings(None)
    # An attribute of safe_mode: what stands in for it.
    parts = {
        "asyncio": half,
        "Clock": lambda: half,
        "board_file": Module(load=lambda: board or {}),
        "blackbox": Module(previous=lambda: ["last words"]),
        "_settings": lambda clock: half.settings,
        "_link": link or (lambda board, settings: Module(run="runs", name="garage")),
        "_guarded": guard,
        "_serve": serve,
        "_reset": lambda: "reset",
    }
    for name in parts:
        setattr(safe_mode, name, parts[name])
    log_clock, log.use_clock = log.use_clock, lambda clock: None
    try:
        run(safe_mode.run())
    finally:
        log.use_clock = log_clock
    half.guarded = guarded
    return half


def test_safe_mode_lasts_half_an_hour_and_feeds_the_watchdog_every_two_seconds():
    with Loaded() as loaded:
        half = lived(loaded)
        assert chip.wdt_ms == 60000
        assert half.waits[:-1] == [(2, feeds + 1) for feeds in range(900)]
        # Another try: the reset is a task of its own, and has a minute.
        assert half.waits[-1][0] == 60 and half.tasks[-1] == "reset"
        assert loaded.logged("safe mode after 3") and loaded.logged("another try")
        assert loaded.system._read() == (5, 2)


def test_safe_mode_holds_the_pilots_first_and_runs_network_and_page():
    with Loaded() as loaded:
        chip.pins[27] = 1

        def link(board, settings):
            assert chip.pins[27] == 0 and board["name"] == "Garage"
            return Module(run="runs", name="garage")

        board = {"name": "Garage", "connectors": [{"cp": {"pwm": 27}}]}
        half = lived(loaded, link, board)
        assert half.tasks[:-1] == ["task of the network", "task of the page"]
        assert [name for name, _ in half.guarded] == ["network", "page"]
        assert half.guarded[0][1] == "runs"
        run(half.guarded[1][1]())
        settings, clock, found, lines, link = half.served
        assert settings is half.settings and clock is half and found == board
        assert lines == ["last words"] and link.name == "garage"


def test_safe_mode_without_a_network_tries_again_after_half_an_hour_all_the_same():
    for fails in (OSError(5), KeyError("ethernet"), MemoryError()):
        with Loaded() as loaded:

            def link(board, settings):
                raise fails  # noqa: B023

            half = lived(loaded, link)
            assert len(loaded.logged("no network")) == 1 and half.tasks == ["reset"]
            assert len(half.waits) == 901 and chip.feeds == 900


def test_a_board_file_that_is_no_profile_is_as_good_as_none():
    """A list once ended safe mode: the charger restarted for ever, without a page."""
    for board in ([1], 5, "x", {"connectors": 5}):
        with Loaded() as loaded:
            given = []

            def link(profile, settings):
                given.append(profile)  # noqa: B023
                return Module(run="runs", name="garage")

            half = lived(loaded, link, board)
            assert len(half.guarded) == 2 and len(half.waits) == 901, board
            assert given == [board if isinstance(board, dict) else {}]
