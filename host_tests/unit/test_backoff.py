# The waits between attempts to connect.
# MIT license; part of microevse
from ocppj.backoff import Backoff


def longest(n):
    return 0  # nothing is taken off, nothing is added


def test_the_charger_s_own_waits_double_up_to_their_cap():
    backoff = Backoff(longest)
    assert [backoff.next_ms() // 1000 for _ in range(8)] == [2, 4, 8, 16, 32, 64, 120, 120]
    backoff.reset()
    assert backoff.next_ms() == 2000


def test_the_waits_that_the_central_system_wants_go_before_them():
    backoff = Backoff(longest)
    wanted = (20, 2, 0)
    waits = [backoff.next_ms(24000, wanted) // 1000 for _ in range(5)]
    assert waits == [20, 40, 80, 80, 80], "doubled twice, whatever the cap"
    backoff.reset()
    assert backoff.next_ms(24000, wanted) == 20000


def test_a_random_time_is_added_to_each_wanted_wait():
    asked = []

    def rand(n):
        asked.append(n)
        return n - 1

    assert Backoff(rand).next_ms(24000, (20, 0, 7)) == 27000
    assert asked == [7001]


def test_a_wanted_wait_is_never_longer_than_a_day():
    # The settings allow 42 days. The chip cannot sleep for more than 6: its task ended.
    backoff = Backoff(longest)
    waits = [backoff.next_ms(24000, (3600, 10, 0)) // 3600000 for _ in range(12)]
    assert waits == [1, 2, 4, 8, 16] + [24] * 7
