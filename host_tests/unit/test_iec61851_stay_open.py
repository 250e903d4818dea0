# The contactor stays open for a while because work is about to stall the program.
# MIT license; part of microevse
"""A check whether the contactor is open, and an erase of flash two seconds after it: meanwhile the
contactor had closed, and the stall opened it under load. So who asks also holds, for a time that
ends by itself. Nothing of this may keep a contactor closed."""

from fake_chip import PARTS, Hal, charge, charger, chip


def plugged(hal):
    """An EV that is plugged in, permitted, and does not ask yet."""
    evse, _, _, go = charger(hal)
    chip.pilot = "B"
    evse.permit(16000)
    go(3000)
    assert evse.plugged and not evse.closed
    return evse, go


def closes_after(evse, go, limit=9000):
    """ms until it is closed, in steps of 20."""
    for ms in range(0, limit, 20):
        if evse.closed:
            return ms
        go(20)
    raise AssertionError("never closed")


def test_it_closes_when_the_time_is_over_and_not_before():
    with Hal(*PARTS) as hal:
        evse, go = plugged(hal)
        chip.pilot = "C"
        plain = closes_after(evse, go)
        assert plain < 700
    for held in (20, 1000, 4000):
        with Hal(*PARTS) as hal:
            evse, go = plugged(hal)
            chip.pilot = "C"
            go(400)
            assert evse.stay_open(held) is True
            took = 400 + closes_after(evse, go)
            assert max(held + 380, plain) <= took <= max(held + 440, plain + 40), (held, took)


def test_an_ev_that_waits_is_not_kept_waiting_again():
    with Hal(*PARTS) as hal:
        evse, go = plugged(hal)
        chip.pilot = "C"
        asked = []
        ms = 0
        while not evse.closed and ms < 5000:
            ms += 20
            asked.append(evse.stay_open(1000))
            go(20)
        assert evse.closed and ms < 1800, ms
        assert asked[0] is True and asked[-1] is False
        assert sorted(asked, reverse=True) == asked, "once refused, it stays refused"


def test_an_ev_that_has_let_go_while_it_waited_bars_nothing():
    with Hal(*PARTS) as hal:
        evse, go = plugged(hal)
        chip.pilot = "C"
        evse.stay_open(2000)
        go(1000)
        assert evse.stay_open(1000) is False
        chip.pilot = "B"
        go(200)
        assert evse.stay_open(1000) is True


def test_an_ev_that_waits_for_something_else_bars_nothing():
    """The contact of a lock was lost before the contactor closed: the EV asked for hours, and each
    handshake was given up after the hold that had prepared it, so that the EV need not wait."""
    causes = [
        (lambda e: setattr(e, "_lock_ok", lambda: False), lambda e: setattr(e, "_lock_ok", None)),
        (lambda e: setattr(e, "_rcd_ok", lambda: False), lambda e: setattr(e, "_rcd_ok", None)),
        (lambda e: setattr(e.closings, "why", "x"), lambda e: setattr(e.closings, "why", None)),
        (lambda e: setattr(e._evidence, "doubt", 1), None),
        (lambda e: e.forbid(), None),
        (lambda e: e.out_of_service(True), None),
    ]
    for begin, end in causes:
        with Hal(*PARTS) as hal:
            evse, go = plugged(hal)
            chip.pilot = "C"
            assert evse.stay_open(1500) is True
            go(1000)
            assert evse.stay_open(7000) is False, "it waits for the end of the hold"
            begin(evse)
            assert evse.stay_open(7000) is True, "it waits for something else"
            if end:
                go(40)
                end(evse)
                assert evse.stay_open(9000) is False
                assert 6800 <= closes_after(evse, go) <= 7000, "held, and not for longer"


def test_a_tick_that_closes_between_two_lines_is_noticed():
    """The tick runs between any two bytecodes: here the contactor closes behind the first look."""
    with Hal(*PARTS) as hal:
        evse, go = plugged(hal)
        chip.pilot = "C"
        evse.stay_open(1500)
        go(1480)
        assert not evse.closed and evse._hold_left

        def tick():
            evse._lock_ok = None
            go(100)
            return False

        evse._lock_ok = tick
        assert evse.stay_open(7000) is False and evse.closed
        chip.pilot = "B"
        go(60)
        assert not evse.closed and chip.pins[26] == 0


def test_what_is_closed_is_told_and_stays_as_it_is():
    with Hal(*PARTS) as hal:
        evse, _, _, go = charger(hal)
        charge(evse, go)
        assert evse.closed
        assert evse.stay_open(60000) is False and evse.stay_open(0) is False
        go(200)
        assert evse.closed and chip.pins[26] == 1
        chip.pilot = "B"
        go(60)
        assert not evse.closed and chip.pins[26] == 0, "it opens as if nobody had asked"


def test_the_time_after_an_opening_is_never_cut_short():
    with Hal(*PARTS) as hal:
        evse, _, _, go = charger(hal)
        charge(evse, go)
        chip.pilot = "B"
        go(100)
        assert not evse.closed and evse.stay_open(20) is True
        chip.pilot = "C"
        took = closes_after(evse, go)
        assert 4800 <= took <= 5200, took


def test_to_ask_for_no_time_holds_nothing():
    with Hal(*PARTS) as hal:
        evse, go = plugged(hal)
        assert evse.stay_open(0) is True
        chip.pilot = "C"
        assert closes_after(evse, go) < 700
