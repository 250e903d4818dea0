# The virtual clock and the virtual network's bookkeeping.
# MIT license; part of microevse

from twin.clock import RTC_UNSET_S, SOFT_QUEUE, Clock
from twin.net import Handshake, Net
from twin.pace import Pacer


def collect(clock, seen, name):
    return lambda: seen.append((name, clock.now_us))


def test_events_run_in_order_each_at_its_own_instant():
    clock, seen = Clock(1000), []
    clock.at(1300, collect(clock, seen, "c"))
    clock.at(1100, collect(clock, seen, "a"))
    clock.at(1300, collect(clock, seen, "d"))
    clock.after(200, collect(clock, seen, "b"))
    clock.run_to(1299)
    assert seen == [("a", 1100), ("b", 1200)] and clock.now_us == 1299
    clock.run_to(1300)
    assert seen[2:] == [("c", 1300), ("d", 1300)]
    assert clock.next_due() is None


def test_a_cancelled_event_does_not_run():
    clock, seen = Clock(), []
    event = clock.at(10, collect(clock, seen, "x"))
    assert event and clock.next_due() == 10
    clock.cancel(event)
    clock.cancel(None)
    assert not event and clock.next_due() is None
    clock.run_to(20)
    assert seen == []


def test_an_event_may_schedule_the_next():
    clock, seen = Clock(), []

    def again():
        seen.append(clock.now_us)
        clock.after(10, again)

    clock.at(10, again)
    clock.spend(45)
    assert seen == [10, 20, 30, 40] and clock.now_us == 45


def test_callbacks_wait_while_the_interpreter_is_stalled():
    clock, seen = Clock(), []

    def fire():
        clock.soft(seen.append, clock.now_us)
        clock.after(10, fire)

    clock.at(10, fire)
    clock.spend(35)
    assert seen == []
    assert clock.deliver() == 3 and seen == [10, 20, 30]


def test_callbacks_beyond_the_queue_are_lost_and_counted():
    clock, seen = Clock(), []
    kept = [clock.soft(seen.append, i) for i in range(SOFT_QUEUE + 3)]
    assert kept == [True] * SOFT_QUEUE + [False] * 3 and clock.dropped == 3
    clock.deliver()
    assert seen == list(range(SOFT_QUEUE))


def test_a_callback_has_its_turn_between_two_collections():
    """All collections between two calls into the twin were one stall: six of them made a gap that
    no chip has. A tick that falls due in one of them waits for its end."""
    clock, seen = Clock(), []
    counted = [0]
    clock.collections = lambda: counted[0]
    clock.heap_size = lambda: 147456

    def tick():
        clock.soft(lambda _: (clock.entered(), seen.append(clock.now_us // 1000)), None)
        clock.after(10000, tick)

    clock.at(5000, tick)
    counted[0] = 3
    clock.entered()
    assert clock.now_us // 1000 == 70 and clock.stall_us == 0
    assert seen == [23, 23, 46, 46, 46, 70, 70], "those of each collection after its end"
    clock.entered()
    assert clock.now_us // 1000 == 70, "each has taken its time once"


def test_callbacks_are_never_nested():
    clock, seen = Clock(), []

    def inner(_):
        seen.append("inner")

    def outer(_):
        clock.soft(inner, None)
        clock.entered()  # as any call of the callback into the twin does
        seen.append("outer")

    clock.soft(outer, None)
    assert clock.deliver() == 1 and seen == ["outer"]
    assert clock.deliver() == 1 and seen == ["outer", "inner"]


def late_and_next(clock, seen):
    """One callback is queued; while it runs another one falls due, and then nothing for 1 s."""

    def late(_):
        seen.append(("late", clock.free()))
        clock.spend(4000)

    clock.soft(late, None)
    clock.after(3000, lambda: clock.soft(lambda _: seen.append(clock.now_us), None))
    clock.after(1000000, lambda: seen.append("event"))


def test_a_callback_queued_while_another_one_ran_has_its_turn_before_time_goes_on():
    """It waited for the next event. Where ticks were left out that was up to a second away, for
    the tick a gap that no chip has: two of them opened the contactors."""
    clock, seen = Clock(), []
    late_and_next(clock, seen)
    clock.run(500000)
    assert seen == [("late", False), 4000] and clock.now_us == 500000
    assert clock.free()


def test_so_it_has_where_the_program_waits_for_streams():
    class Link:
        def receive(self, wait=False):
            return None

    clock, seen = Clock(), []
    pacer = Pacer(clock, Net(clock), Link(), 0, False, None, None)
    late_and_next(clock, seen)
    assert pacer.step(None) and clock.now_us == 4000, "tasks have their turn before time goes on"
    while clock.now_us < 1000000:
        pacer.step(None)
    assert seen == [("late", False), 4000, "event"]
    # A hang delivers nothing, and time goes on for the watchdogs.
    clock.soft(seen.append, "never")
    clock.stuck = True
    clock.after(1000, lambda: None)
    pacer._hanging = True
    pacer.step(None)
    assert clock.now_us == 1001000 and "never" not in seen


def test_a_callback_that_fails_does_not_stop_the_others():
    clock, seen = Clock(), []

    def fail(_):
        raise ValueError("deliberate, printed by the clock")

    clock.soft(fail, None)
    clock.soft(seen.append, 1)
    assert clock.deliver() == 2 and seen == [1]


def test_sleeping_delivers_callbacks_at_their_time():
    clock, seen = Clock(), []
    clock.at(10, lambda: clock.soft(lambda _: seen.append(clock.now_us), None))
    clock.sleep(30)
    assert seen == [10] and clock.now_us == 30


def test_rtc_counts_from_2000_until_it_is_set():
    clock = Clock(5000000)
    assert clock.unix_us() == RTC_UNSET_S * 1000000
    clock.spend(2000000)
    assert clock.unix_us() == (RTC_UNSET_S + 2) * 1000000
    clock.set_unix(1800000000)
    clock.spend(1000000)
    assert clock.unix_us() == 1800000001 * 1000000


def test_time_of_events_that_came_due_while_polling():
    # ticks_ms() moves the clock a little without looking at events; entered() does.
    clock, seen = Clock(), []
    clock.at(3, collect(clock, seen, "x"))
    clock.now_us += 5
    clock.entered()
    assert seen == [("x", 5)]


def test_a_lost_link_ends_every_connection_made_before():
    net = Net(Clock(), ("127.0.0.1", 8000), 8001)
    assert not net.usable()
    net.set_joined(True)
    assert net.usable()
    epoch = net.epoch
    net.set_up(False)
    net.set_up(False)
    assert not net.usable() and net.epoch == epoch + 1
    dropped = []
    net.drop = dropped.append
    net.limbo.append("socket")
    net.set_up(True)
    assert net.usable() and dropped == ["socket"] and net.limbo == []


def test_page_ports_are_mapped_and_nothing_listens_on_the_real_network():
    net = Net(Clock(), ("127.0.0.1", 8000), 8001)
    assert net.map_port("0.0.0.0", 443) == ("127.0.0.1", 8000)
    assert net.map_port("0.0.0.0", 80) == ("127.0.0.1", 8001)
    assert net.map_port("0.0.0.0", 443) == ("127.0.0.1", 8000)
    assert net.map_port("0.0.0.0", 5000) == ("127.0.0.1", 5000)


def test_names_need_a_link_and_cost_time():
    clock = Clock()
    net = Net(clock)
    assert net.dns("10.0.0.1") and net.dns("localhost") and clock.now_us == 0
    assert not net.dns("csms.example") and clock.now_us == 5000000
    net.set_joined(True)
    assert net.dns("csms.example") and clock.now_us == 5020000
    net.dns_fail, net.dns_ms = True, 100
    assert not net.dns("csms.example") and clock.now_us == 5120000


def test_a_tls_handshake_stalls_once_and_plain_traffic_never():
    for first, other in (("sent", "received"), ("received", "sent")):
        clock = Clock()
        handshake = Handshake(Net(clock, tls_ms=700))
        hello = b"\x16\x03\x01"
        getattr(handshake, first)(hello)
        assert clock.now_us == 0
        for _ in range(3):
            getattr(handshake, other)(hello)
            getattr(handshake, first)(hello)
        assert clock.now_us == 700000
    clock = Clock()
    handshake = Handshake(Net(clock))
    for _ in range(3):
        handshake.sent(b"GET / HTTP/1.1")
        handshake.received(b"\x16\x03\x03")
    assert clock.now_us == 0
