# Claims, caps and the sentence that explains the limit.
# MIT license; part of microevse
from helpers import raises
from station.limits import (
    PRIORITY_PROFILE,
    PRIORITY_SOLAR,
    PRIORITY_WEB,
    Limits,
    set_limits,
)


def test_without_claims_the_smallest_cap_is_the_limit():
    limits = Limits()
    assert limits.value(0)[0] == 80000
    limits.cap("board", 32000)
    limits.cap("cable", 20000)
    assert limits.value(0)[:2] == (20000, "Limited to 20 A by the cable.")
    limits.cap("cable", None)
    assert limits.value(0)[:2] == (32000, "Limited to 32 A by the board.")


def test_the_claim_of_the_highest_priority_holds_even_if_it_is_not_the_smallest():
    limits = Limits()
    limits.claim("solar", PRIORITY_SOLAR, 6500)
    assert limits.value(0)[:2] == (6500, "Limited to 6.5 A by solar.")
    limits.claim("profile", PRIORITY_PROFILE, 13000)
    limits.claim("web", PRIORITY_WEB, 8000)
    assert limits.value(0)[:2] == (13000, "Limited to 13 A by a charging profile.")
    assert limits.release("profile")
    assert not limits.release("profile")
    assert limits.value(0)[0] == 8000


def test_no_claim_is_above_a_cap():
    limits = Limits()
    limits.cap("board", 16000)
    limits.claim("web", PRIORITY_WEB, 32000)
    # It was once said nowhere that 32 A had been asked for.
    assert limits.value(0)[:2] == (16000, "Limited to 16 A by the board; the page asks for 32 A.")
    assert limits.value(0)[2]
    limits.claim("web", PRIORITY_WEB, 10000)
    assert limits.value(0)[0] == 10000 and not limits.value(0)[2]


def test_below_six_amperes_is_a_pause_that_says_who_wanted_it():
    limits = Limits()
    limits.claim("web", PRIORITY_WEB, 5999)
    ma, why, _ = limits.value(0)
    assert ma == 0 and "the page" in why and "6 A" in why
    limits.claim("web", PRIORITY_WEB, 0)
    assert limits.value(0)[:2] == (0, "Paused by the page.")
    limits.claim("web", PRIORITY_WEB, 6000)
    assert limits.value(0)[0] == 6000


def test_a_claim_ends_at_its_time():
    limits = Limits()
    limits.claim("web", PRIORITY_WEB, 8000, until=5000)
    assert limits.value(4999)[0] == 8000
    assert limits.value(5000)[0] == 80000
    # A query removes nothing: asked about an earlier moment the claim is there again.
    assert limits.value(4999)[0] == 8000
    limits.expire(4999)
    assert len(list(limits.claims())) == 1
    limits.expire(5000)
    assert list(limits.claims()) == []


def test_of_equal_priorities_the_smaller_wins():
    limits = Limits()
    limits.claim("a", 500, 10000)
    limits.claim("b", 500, 7000)
    limits.claim("c", 500, 12000)
    assert limits.value(0)[0] == 7000


def test_nonsense_is_refused_and_changes_nothing():
    limits = Limits()
    limits.claim("web", PRIORITY_WEB, 8000)
    for bad in (-1, 7.5, None, "8000"):
        raises(ValueError, limits.claim, "web", PRIORITY_WEB, bad)
        if bad is not None:
            raises(ValueError, limits.cap, "board", bad)
    assert limits.value(0)[0] == 8000


def test_every_change_is_told():
    limits = Limits()
    calls = []
    limits.on_change = lambda: calls.append(1)
    limits.cap("board", 16000)
    limits.claim("web", PRIORITY_WEB, 8000)
    limits.release("web")
    limits.release("web")
    assert len(calls) == 3


def test_a_profile_above_the_cap_is_told_and_one_below_it_is_not():
    limits = Limits()
    limits.cap("board", 32000)
    limits.cap("setting", 16000)
    limits.cap("profile_max", 32000)
    by = "Limited to 16 A by the setting MaxCurrent"
    assert limits.value(0)[:2] == (16000, by + "; the station's charging profile asks for 32 A.")
    assert limits.bound() == (16000, "the setting MaxCurrent")
    limits.claim("profile", PRIORITY_PROFILE, 20000)
    assert limits.value(0)[:2] == (16000, by + "; a charging profile asks for 20 A.")
    limits.claim("profile", PRIORITY_PROFILE, 16000)
    assert limits.value(0)[:2] == (16000, by + "; the station's charging profile asks for 32 A.")
    limits.cap("profile_max", 16000)
    assert limits.value(0)[1].startswith("Limited to 16 A by ") and ";" not in limits.value(0)[1]
    limits.cap("profile_max", 32000)
    limits.claim("profile", PRIORITY_PROFILE, 10000)
    assert limits.value(0)[:2] == (10000, "Limited to 10 A by a charging profile.")
    limits.cap("profile_max", 8000)
    assert limits.value(0)[:2] == (
        8000,
        "Limited to 8 A by the station's charging profile; a charging profile asks for 10 A.",
    )


def test_the_priorities_stand_in_their_order():
    limits = Limits()
    order = (PRIORITY_SOLAR, PRIORITY_WEB, PRIORITY_PROFILE, 5000)
    for number, priority in enumerate(order):
        limits.claim(str(priority), priority, 7000 + 1000 * number)
        assert limits.value(0)[0] == 7000 + 1000 * number


def test_a_copy_has_all_and_shares_nothing():
    limits = Limits()
    limits.cap("board", 20000)
    limits.claim("web", PRIORITY_WEB, 30000)
    other = limits.copy()
    assert other.value(0)[:2] == (20000, "Limited to 20 A by the board; the page asks for 30 A.")
    other.cap("board", None)
    other.release("web")
    assert limits.value(0)[0] == 20000 and list(limits.claims()) and not list(other.claims())


def test_a_claim_that_has_ended_hides_no_other():
    limits = Limits()
    limits.claim("a", PRIORITY_WEB, 8000, until=5)
    limits.claim("b", PRIORITY_SOLAR, 9000)
    limits.claim("c", PRIORITY_SOLAR, 10000)
    assert limits.value(5)[0] == 9000
    limits.claim("d", PRIORITY_SOLAR, 9000)  # two equals: the first of them is named
    assert limits.value(5)[1] == "Limited to 9 A by b."


def test_a_claim_as_small_as_the_cap_leaves_it_the_cap_s():
    """And what protects is offered at once: a claim alone can wait."""
    limits = Limits()
    assert limits.value(0)[2] is False
    for name in ("board", "cable", "site", "temperature", "guard"):
        limits.cap(name, 16000)
        limits.claim("web", PRIORITY_WEB, 16000)
        assert limits.value(0)[0] == 16000 and limits.value(0)[2] is True, name
        limits.claim("web", PRIORITY_WEB, 15999)
        assert limits.value(0)[0] == 15999 and limits.value(0)[2] is False
        limits.cap(name, None)
    for name in ("setting", "profile_max"):
        limits.cap(name, 10000)
        assert limits.value(0)[0] == 10000 and limits.value(0)[2] is False
        limits.cap(name, None)


def test_the_bound_is_the_first_of_the_smallest_caps_that_are_no_profile_s():
    limits = Limits()
    assert limits.bound() == (80000, "the pilot")
    limits.cap("profile_max", 6000)
    assert limits.bound() == (80000, "the pilot")
    limits.cap("board", 80000)
    assert limits.bound() == (80000, "the pilot")
    for name, ma in (("setting", 20000), ("cable", 16000), ("board", 32000), ("guard", 16000)):
        limits.cap(name, ma)
    assert limits.bound() == (16000, "the cable")


def test_what_limits_is_told_as_it_was_said():
    limits = Limits()
    assert limits.binding(0)[1] == "what the pilot can say"
    limits.cap("board", 16000)
    limits.cap("site", 16000)
    assert limits.binding(0) == (16000, "board")
    limits.cap("site", 5000)
    assert limits.binding(0) == (5000, "site") and limits.value(0)[0] == 0
    limits.claim("web", 1000, 4000, until=10)
    assert limits.binding(9) == (4000, "web")
    assert limits.binding(10) == (5000, "site")
    limits.claim("web", 1000, 5000)
    assert limits.binding(0) == (5000, "site"), "a claim that asks for no less does not limit"


class Told:
    """What is asked of limits."""

    def __init__(self):
        self.asked = []

    def claim(self, *what):
        self.asked.append(what)

    def release(self, source):
        self.asked.append((source, None))

    def cap(self, name, ma):
        self.asked.append((name, ma))


def test_limits_of_profiles_are_set_where_they_change_and_rounded_down():
    told = Told()
    claim, cap = ("profile", PRIORITY_PROFILE, 9999), ("profile_max", 12000)
    gone = [("profile", None), ("profile_max", None)]
    big = 1 << 20  # equal numbers of that size are different objects
    for now, before, asked in (
        ((9999999, 12000999), None, [claim, cap]),
        ((None, None), None, gone),
        ((9999999, 12000999), (0, 0, 9999, 12000), []),
        ((9999999, 12000999), (0, 0, 9999, 12001), [cap]),
        ((9999999, 12000999), (0, 0, None, 12000), [claim]),
        ((None, None), (0, 0, 9999, 12000), gone),
        ((None, None), (0, 0, None, None), []),
        ((0, 0), (0, 0, None, None), [("profile", PRIORITY_PROFILE, 0), ("profile_max", 0)]),
        ((1000 * big, 1000 * big), (0, 0, int("%d" % big), int("%d" % big)), []),
    ):
        told.asked.clear()
        made = set_limits(told, now[0], now[1], before)
        assert made == tuple([None if ua is None else ua // 1000 for ua in now])
        assert told.asked == asked, (now, before)
