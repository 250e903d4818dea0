# The RCD's and the contacts' inputs: which level says what, which edge calls, and for how long.
# MIT license; part of microevse
"""On a fake `machine`. A level taken the wrong way round says "all is well" for ever."""

import asyncio

from fake_chip import Hal, chip
from helpers import raises, run


class Pin:
    IN, OUT, PULL_UP = 1, 3, 2
    IRQ_RISING, IRQ_FALLING = 1, 2
    made = {}

    def __init__(self, number, mode=None, pull=None, value=None):
        self.number, self.mode, self.pull = number, mode, pull
        self.handler = self.trigger = None
        Pin.made[number] = self
        if value is not None:
            self.value(value)

    def value(self, x=None):
        if x is None:
            got = chip.pins.get(self.number, 0)
            return got() if callable(got) else got
        chip.pins[self.number] = x
        chip.log.append((self.number, x))

    def irq(self, handler, trigger):
        self.handler, self.trigger = handler, trigger


class Inputs:
    """A module of hal over these pins."""

    def __init__(self, name):
        self._hal = Hal(name)

    def __enter__(self):
        module = self._hal.__enter__()
        module.machine.Pin = Pin
        Pin.made = {}
        chip.pins.clear()
        chip.log.clear()
        return module

    def __exit__(self, *exc):
        self._hal.__exit__(*exc)


# -- RCD ---------------------------------------------------------------------------------


def self_tested(module, trips_at=5, releases_at=5, active_high=True, fails=False):
    """(rcd, result, seconds) of a self-test; trip output follows after so many looks."""
    rcd = module.Rcd({"trip": 13, "test": 14, "active_high": active_high})
    on, off = (1, 0) if active_high else (0, 1)
    looks = {0: 0, 1: 0}
    chip.pins[13] = off
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        assert rcd.is_ok() is False and rcd.standing() is False
        level = chip.pins[14]
        looks[level] += 1
        if fails:
            raise RuntimeError("cancelled")
        if level and looks[1] >= trips_at:
            chip.pins[13] = on
        if not level and looks[0] >= releases_at:
            chip.pins[13] = off

    real = asyncio.sleep
    module.asyncio.sleep = sleep
    try:
        result = run(rcd.self_test())
    finally:
        module.asyncio.sleep = real
    return rcd, result, sum(slept)


def test_a_test_passes_if_it_trips_and_lets_go_within_half_a_second_each():
    with Inputs("rcd") as module:
        for trips_at, releases_at, passes in (
            (1, 1, True), (50, 50, True), (51, 1, False), (1, 51, False),
        ):  # fmt: skip
            for active_high in (True, False):
                rcd, result, _ = self_tested(module, trips_at, releases_at, active_high)
                assert result is passes and chip.pins[14] == 0, (trips_at, releases_at)
                assert rcd.is_ok() is passes
        _, _, seconds = self_tested(module, 3, 4)
        assert abs(seconds - 0.07) < 0.001
        _, _, seconds = self_tested(module, 99, 99)
        assert abs(seconds - 0.51) < 0.011  # what never tripped is at rest


def test_a_test_that_is_cut_short_leaves_the_test_input_off():
    with Inputs("rcd") as module:
        raises(RuntimeError, self_tested, module, 1, 1, True, True)
        assert chip.pins[14] == 0


def test_tests_of_one_rcd_do_not_overlap():
    """The second one found it tripped by the first, and failed."""
    with Inputs("rcd") as module:
        for works in (True, False):
            rcd = module.Rcd({"trip": 13, "test": 14})
            chip.pins[14] = chip.pins[13] = 0
            chip.pins[13] = (lambda: chip.pins[14]) if works else 0
            chip.log.clear()
            answers = []

            async def ask(later_s):
                await asyncio.sleep(later_s)
                answers.append(await rcd.self_test())

            async def story():
                tasks = [asyncio.create_task(ask(i / 200)) for i in range(4)]
                for task in tasks:
                    await task

            run(story())
            assert answers == [works] * 4 and rcd.is_ok() is works, answers
            if not works:
                assert chip.log.count((14, 1)) == 1, "one test for all that ask during it"


def test_only_a_test_that_was_passed_counts_for_its_plug_in():
    class Evse:
        closed, plug_count = False, 7

    with Inputs("rcd") as module:
        for works in (True, False):
            rcd = module.Rcd({"trip": 13, "test": 14})
            rcd.evse = Evse
            chip.pins[14] = 0
            chip.pins[13] = (lambda: chip.pins[14]) if works else 0
            assert run(rcd.self_test()) is works and rcd.fresh() is works


def test_a_call_that_waits_for_a_test_that_is_cut_short_tests_again():
    with Inputs("rcd") as module:
        rcd = module.Rcd({"trip": 13, "test": 14})
        chip.pins[14] = 0
        chip.pins[13] = 0

        async def story():
            first = asyncio.create_task(rcd.self_test())
            await asyncio.sleep(0.02)
            second = asyncio.create_task(rcd.self_test())
            await asyncio.sleep(0.02)
            chip.pins[13] = lambda: chip.pins[14]
            first.cancel()
            return await second

        assert run(story()) is True and rcd.is_ok() is True


def test_a_passed_test_counts_for_the_plug_in_in_which_it_began():
    class Evse:
        plug_count = 3
        closed = False

    with Inputs("rcd") as module:
        evse = Evse()
        rcd = module.Rcd({"trip": 13, "test": 14})
        rcd.evse = evse
        chip.pins[14] = 0
        chip.pins[13] = lambda: chip.pins[14]
        assert rcd.is_ok() is False and rcd.fresh() is False
        assert run(rcd.self_test()) and rcd.is_ok() is True and rcd.fresh() is True
        evse.plug_count = 4
        assert rcd.is_ok() is False and rcd.fresh() is False
        evse.closed = True  # nothing opens under load because a test is old
        assert rcd.is_ok() is True
        evse.closed = False
        assert run(rcd.self_test()) and rcd.is_ok() is True
        rcd.expire()
        assert rcd.is_ok() is False
        evse.closed = True
        assert rcd.is_ok() is True
        evse.closed = False

        async def changed():
            test = asyncio.create_task(rcd.self_test())
            await asyncio.sleep(0.001)
            evse.plug_count = 5
            return await test

        assert run(changed()) is True and rcd.is_ok() is False, "tested before this cable came"
        without = module.Rcd({"trip": 13})
        without.evse = evse
        chip.pins[13] = 0
        without.expire()
        assert without.fresh() is True and without.is_ok() is True


def test_an_rcd_of_no_contactor_needs_no_fresh_test():
    with Inputs("rcd") as module:
        rcd = module.Rcd({"trip": 13, "test": 14})
        assert rcd.evse is None and rcd.fresh() is True


def test_before_its_first_test_an_rcd_is_not_trusted():
    with Inputs("rcd") as module:
        rcd = module.Rcd({"trip": 13, "test": 14})
        assert chip.log == [(14, 0)] and Pin.made[13].mode == Pin.IN
        assert rcd.is_ok() is False and rcd.standing() is False
        chip.pins[13] = 1
        assert rcd.tripped() is True and rcd.standing() is True
        assert run(rcd.self_test()) is False and rcd.is_ok() is False
        assert chip.pins[14] == 0, "it is not tested while it is tripped"


def test_a_trip_after_a_good_test_is_seen_and_a_bad_test_forgets_the_good_one():
    with Inputs("rcd") as module:
        rcd, result, _ = self_tested(module)
        assert rcd.is_ok()
        chip.pins[13] = 1
        assert not rcd.is_ok() and rcd.standing()
        assert run(rcd.self_test()) is False
        chip.pins[13] = 0
        assert not rcd.is_ok()


def test_without_a_test_input_only_the_trip_counts():
    with Inputs("rcd") as module:
        for active_high in (True, False):
            rcd = module.Rcd({"trip": 13, "active_high": active_high})
            for level in (0, 1):
                chip.pins[13] = level
                good = (level == 0) is active_high
                assert rcd.is_ok() is good and run(rcd.self_test()) is good
                assert rcd.standing() is not good


def test_the_interrupt_is_on_the_edge_of_a_trip_and_reads_again():
    with Inputs("rcd") as module:
        for active_high, trigger in ((True, Pin.IRQ_RISING), (False, Pin.IRQ_FALLING)):
            rcd = module.Rcd({"trip": 13, "test": 14, "active_high": active_high})
            pin = Pin.made[13]
            assert pin.trigger == trigger
            told = []
            chip.pins[13] = 1 if active_high else 0
            pin.handler(pin)  # no function is registered yet
            rcd.on_trip(told.append)
            pin.handler(pin)
            assert told == ["RcdTripped"]
            rcd._testing = True
            pin.handler(pin)
            rcd._testing = False
            chip.pins[13] = 0 if active_high else 1  # a pulse that is over
            pin.handler(pin)
            assert told == ["RcdTripped"]


# -- contacts ----------------------------------------------------------------------------


def test_a_contact_to_ground_is_closed_at_0():
    with Inputs("contact") as module:
        contact = module.Contact(21)
        assert (Pin.made[21].mode, Pin.made[21].pull) == (Pin.IN, Pin.PULL_UP)
        for level, open_ in ((1, True), (0, False)):
            chip.pins[21] = level
            assert contact.is_open() is open_ and contact.is_closed() is not open_


def test_an_input_says_yes_as_the_profile_has_it():
    with Inputs("contact") as module:
        for cfg, yes_at in ((21, 0), ({"pin": 21}, 0), ({"pin": 21, "normally_closed": True}, 1),
                            ({"pin": 21, "normally_closed": False}, 0)):  # fmt: skip
            says = module.tells(cfg)
            for level in (0, 1):
                chip.pins[21] = level
                assert says() is (level == yes_at), cfg


def test_an_emergency_stop_calls_at_its_edge_all_who_listen():
    with Inputs("contact") as module:
        for cfg, pressed_at, trigger in (
            (21, 0, Pin.IRQ_FALLING), ({"pin": 21, "normally_closed": True}, 1, Pin.IRQ_RISING),
        ):  # fmt: skip
            stop = module.EmergencyStop(cfg)
            pin = Pin.made[21]
            assert pin.trigger == trigger and (pin.mode, pin.pull) == (Pin.IN, Pin.PULL_UP)
            told = []
            stop.on_press(told.append)
            stop.on_press(lambda cause: told.append("too: " + cause))  # noqa: B023
            chip.pins[21] = 1 - pressed_at
            pin.handler(pin)
            assert told == [] and stop.pressed() is False
            chip.pins[21] = pressed_at
            pin.handler(pin)
            assert told == ["EmergencyStop", "too: EmergencyStop"] and stop.pressed() is True


def poles(module, mirrors, senses, levels):
    chip.pins.update(levels)
    return module.Poles(mirrors, senses)


def test_mirror_contacts_are_open_while_a_pole_is_closed_and_senses_low_with_voltage():
    with Inputs("contact") as module:
        for mirrors, senses, levels, wrong_closed, wrong_open in (
            ([1, 2], None, {1: 1, 2: 1}, 0, 1), ([1, 2], None, {1: 0, 2: 0}, 1, 0),
            ([1, 2], None, {1: 1, 2: 0}, 2, 1), ([1, 2], None, {1: 0, 2: 1}, 1, 2),
            (None, [3, 4], {3: 0, 4: 0}, 0, 1), (None, [3, 4], {3: 1, 4: 1}, 1, 0),
            (None, [3, 4], {3: 0, 4: 1}, 2, 1), ([1], [3], {1: 1, 3: 1}, 1, 1),
            ([1], [3], {1: 0, 3: 0}, 1, 1), (1, 3, {1: 1, 3: 0}, 0, 1), (None, None, {}, 0, 0),
            ((1, 2), (), {1: 1, 2: 1}, 0, 1),
        ):  # fmt: skip
            found = poles(module, mirrors, senses, levels)
            assert found.wrong(True) == wrong_closed, (mirrors, senses, levels)
            assert found.wrong(False) == wrong_open, (mirrors, senses, levels)
            assert found.any_closed() is (wrong_open != 0)


def test_the_pole_is_known_where_each_has_a_contact():
    with Inputs("contact") as module:
        for mirrors, senses, single in (
            (1, None, True), ([1], [3], True), ([1, 2], None, False), (None, [3, 4], False),
            ([1], [3, 4], False), (None, None, True),
        ):  # fmt: skip
            assert poles(module, mirrors, senses, {}).single is single


def test_every_part_that_is_fitted_may_forbid_a_closing_and_no_other():
    class Part:
        def __init__(self, says):
            self.is_locked = self.any_closed = self.pressed = lambda: says

    with Inputs("contact") as module:
        for lock in (None, True, False):
            for stuck in (None, True, False):
                for pressed in (None, True, False):
                    parts = [None if x is None else Part(x) for x in (lock, stuck, pressed)]
                    wanted = lock is not False and not stuck and not pressed
                    assert module.may_close(*parts)() is wanted, (lock, stuck, pressed)


def test_the_interval_of_the_self_tests_is_the_setting_s():
    class Settings:
        hours = 24

        def get(self, name):
            assert name == "RcdTestInterval"
            return 3600 * self.hours

    with Inputs("rcd") as module:
        interval = module.test_interval(Settings())
        assert interval() == 86400000
        Settings.hours = 1
        assert interval() == 3600000
