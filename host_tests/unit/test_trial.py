# When a version on trial is confirmed: only if it can be replaced in the way that it came.
# MIT license; part of microevse
"""A version that could reach no network at all was confirmed after a quarter of an hour. Nothing
but a cable could replace it then."""

import sys

from fake_chip import Hal
from helpers import Module
from store import kinds


class Journal:
    def __init__(self, *kept):
        self.kept = kept

    def get(self, kind, key):
        return [0] if (kind, key) in self.kept else None


UPDATE = (kinds.FIRMWARE, 3)
ACCEPTED = (kinds.FIRMWARE, 4)


class Bench:
    """A trial whose tasks are well; `at(now)`: asked at that second, and each second before."""

    def __init__(self, uri="ws://x", kept=(), accepted=False, link=True):
        self.central, self.link = Module(accepted=accepted), Module(connected=link)
        self.tick, self.alive = Module(failures=0), True
        supervisor = Module(restarts={}, alive=lambda: self.alive)
        settings = Module(get=lambda name: 20, text=lambda name: uri)
        station = Module(settings=settings, journal=Journal(*kept))
        from upkeep.trial import Trial

        self.trial = Trial(station, self.tick, supervisor, self.central, self.link, None, None)
        self.now = 0

    def at(self, now):
        for second in range(self.now, now):
            self.trial.healthy(second)
        self.now = now
        return self.trial.healthy(now)


def loaded(story):
    """Run it over a fake chip with the firmware's own trial."""
    with Hal("system"):
        import hal

        sys.modules["hal.appslot"] = hal.appslot = Module()
        sys.modules.pop("upkeep.trial", None)
        try:
            story()
        finally:
            sys.modules.pop("upkeep.trial", None)


def test_a_central_system_that_accepts_confirms_after_the_trial_time():
    def story():
        b = Bench(kept=(UPDATE, ACCEPTED), accepted=True)
        assert not b.at(19) and b.at(20) is True
        # Once is enough: it may be away at that very second.
        b = Bench(kept=(UPDATE, ACCEPTED), accepted=True)
        b.at(10)
        b.central.accepted = b.link.connected = False
        assert b.at(20) is True

    loaded(story)


def test_what_the_central_system_has_sent_is_confirmed_by_its_word_alone():
    def story():
        for kept in ((UPDATE,), (ACCEPTED,), (UPDATE, ACCEPTED)):
            b = Bench(kept=kept)
            assert not b.at(899) and not b.at(900) and not b.at(3700)
            b.central.accepted = True
            assert b.at(3701) is True

    loaded(story)


def test_a_central_system_that_never_answered_is_waited_for_and_then_the_address_will_do():
    def story():
        b = Bench()
        assert not b.at(899) and b.at(900) is True
        b = Bench(link=False)
        assert not b.at(900) and not b.at(3700)
        b.link.connected = True
        assert b.at(3701) is True

    loaded(story)


def test_without_a_central_system_the_network_has_to_give_an_address():
    def story():
        for kept in ((), (ACCEPTED,)):
            assert Bench(uri="", kept=kept).at(20) is True
            b = Bench(uri="", kept=kept, link=False)
            assert b.at(20) is False and b.at(3600) is False
            b.link.connected = True
            assert b.at(3601) is True

    loaded(story)


def test_a_failed_tick_or_a_late_task_begins_the_time_anew():
    def story():
        b = Bench(accepted=True)
        b.at(15)
        b.tick.failures = 1
        assert not b.at(34) and b.at(35) is True
        b = Bench(accepted=True)
        b.at(15)
        b.alive = False
        b.at(16)
        b.alive = True
        assert not b.at(35) and b.at(36) is True

    loaded(story)
