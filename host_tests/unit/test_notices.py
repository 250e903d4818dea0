# What drivers read: messages by time, state, session and priority; cost and texts of cards.
# MIT license; part of microevse

from helpers import run
from station import notices
from station_parts import NOON, Charger
from store import kinds


def made(flash=None, boot=1, settings=None):
    c = Charger(flash=flash, boot=boot, settings=settings)
    c.notices = notices.Notices(c.station, c.journal, c.settings, c.clock)
    return c


# fmt: off
def put(c, number, text="", priority=notices.NORMAL, state=None, start=None, end=None,
        session=None):
    # fmt: on
    text = text or "message %d" % number
    return c.notices.put([number, priority, state, start, end, session, text, "UTF8", None])


def ids(c):
    return sorted([item[0] for item in c.notices.all()])


def shown(c, seconds=1):
    """All lines that come up within so many seconds."""
    found = []
    for _ in range(seconds):
        line = c.notices.line()
        if line not in found:
            found.append(line)
        c.clock.ms += 1000
    return found


def test_a_message_is_shown_from_its_start_to_its_end_and_then_forgotten():
    c = made()
    assert put(c, 1, start=NOON + 10, end=NOON + 20) == "kept"
    assert shown(c, 10) == [""]
    assert shown(c, 10) == ["message 1"]
    assert ids(c) == [] and shown(c) == [""]
    assert c.notices.record(1) is None


def test_without_a_clock_a_message_with_a_start_waits():
    c = made()
    c.clock.unix = None
    put(c, 1, start=NOON)
    put(c, 2, end=NOON)
    assert shown(c, 20) == ["message 2"]


def test_a_state_shows_only_its_messages():
    c = made()
    for i, state in enumerate(("charging", "suspended", "faulted", "unavailable", "idle")):
        put(c, i, state, state=state)
    for status, expected in (
        ("available", ["idle"]),
        ("preparing", ["idle"]),
        ("charging", ["charging"]),
        ("suspended_evse", ["charging", "suspended"]),
        ("faulted", ["faulted"]),
        ("unavailable", ["unavailable"]),
    ):
        c.connector.status = status
        assert sorted(shown(c, 40)) == expected, status


def test_priorities():
    c = made()
    put(c, 1)
    put(c, 2)
    assert sorted(shown(c, 40)) == ["message 1", "message 2"]
    put(c, 3, priority=notices.FRONT)
    put(c, 4, priority=notices.FRONT)
    assert sorted(shown(c, 40)) == ["message 3", "message 4"]
    put(c, 5, priority=notices.ALWAYS)
    assert shown(c, 40) == ["message 5"]
    # A second one takes the place of the first.
    put(c, 6, priority=notices.ALWAYS)
    assert shown(c, 40) == ["message 6"] and ids(c) == [1, 2, 3, 4, 6]
    # In another state the others are shown.
    put(c, 6, priority=notices.ALWAYS, state="faulted")
    assert sorted(shown(c, 40)) == ["message 3", "message 4"]


def test_the_message_of_a_session_ends_with_it():
    async def story():
        c = made()
        session = await c.charge()
        assert put(c, 1, session=session.id) == "kept"
        assert shown(c) == ["message 1"]
        again = made(flash=c.flash, boot=2)
        assert ids(again) == []
        c.connector.request_stop("local")
        await c.pass_s(3)
        assert ids(c) == []

    run(story())


def test_messages_outlive_a_restart_and_one_of_the_same_id_is_replaced():
    c = made()
    put(c, 1, "first", end=NOON + 100)
    assert shown(c) == ["first"]
    put(c, 1, "second")
    assert shown(c) == ["second"]
    put(c, -7, "third")
    assert c.notices.remove(-7) and not c.notices.remove(-7)
    again = made(flash=c.flash, boot=2)
    assert ids(again) == [1] and shown(again) == ["second"]
    assert again.notices.record(1)[4] is None


def test_bounds():
    c = made()
    assert put(c, 1, "x" * 513) == "large" and put(c, 1, "\u20ac" * 512) == "large"
    assert put(c, 1, "x" * 512) == "kept"
    for number in range(2, notices.MOST + 1):
        assert put(c, number) == "kept"
    assert put(c, 99) == "full" and put(c, 5, "other") == "kept"
    assert len(ids(c)) == notices.MOST

    def refuse(*_):
        raise OSError(5)

    c.journal.keep = refuse
    assert put(c, 5, "new") == "full" and c.notices.record(5)[6] == "other"


def test_cost_of_the_running_session_and_of_the_last_one():
    async def story():
        c = made(settings={"Currency": "CHF"})
        session = await c.charge()
        c.notices.cost(session.id + 1, 9)
        assert shown(c) == [""]
        c.notices.cost(session.id, 1.234)
        assert shown(c) == ["Cost so far: 1.23 CHF"]
        c.connector.request_stop("local")
        await c.pass_s(3)
        assert shown(c) == [""]
        c.notices.cost(None, 2)
        assert shown(c) == ["Total cost: 2.00 CHF"]
        c.evse.unplug()
        await c.pass_s(3)
        await c.charge()
        # The bill of the first session comes too late: a driver would take it for the second's.
        c.notices.cost(None, 7)
        c.connector.request_stop("local")
        await c.pass_s(3)
        assert shown(c) == [""]
        before = len(c.station.listeners)
        c.notices.close()
        assert len(c.station.listeners) == before - 1

    run(story())


def test_the_text_of_a_card_is_shown_for_a_minute_or_with_its_session():
    async def story():
        c = made()
        c.notices.card(None, "0.40 EUR/kWh")
        assert shown(c, 60) == ["0.40 EUR/kWh"] and shown(c) == [""]
        session = await c.charge()
        c.notices.card(session.id, "0.50 EUR/kWh")
        c.notices.cost(session.id, 1)
        put(c, 1)
        assert shown(c, 90) == ["message 1 | 0.50 EUR/kWh | Cost so far: 1.00 EUR"]
        c.connector.request_stop("local")
        await c.pass_s(3)
        assert shown(c) == ["message 1"]

    run(story())


def test_texts_where_the_central_system_has_told_nothing():
    async def story():
        c = made(
            settings={"TariffFallbackMessage": "Tariff: see here", "TotalCostFallbackMessage": "?"}
        )
        assert shown(c) == [""]
        session = await c.charge()
        assert shown(c) == ["Tariff: see here"]
        c.notices.card(session.id, "0.50 EUR/kWh")
        assert shown(c) == ["0.50 EUR/kWh"]
        c.connector.request_stop("local")
        await c.pass_s(3)
        assert shown(c) == ["?"]
        c.notices.cost(None, 3)
        assert shown(c) == ["Total cost: 3.00 EUR"]

    run(story())


def test_a_message_of_another_version_is_not_shown():
    c = made()
    for number, priority in ((1, 3), (2, notices.NORMAL), (3, -1)):
        record = [number, priority, None, None, None, None, "text", "UTF8", None]
        c.journal.keep(kinds.MESSAGE, number, record)
    assert ids(made(c.flash, 2)) == [2]
