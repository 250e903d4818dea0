# Answers of central systems that are not quite what the schema says.
# MIT license; part of microevse
"""Each answer goes through the same check as in Rpc, then to the code that asked."""

from helpers import Module, run
from ocpp16 import names, transactions
from ocppj.registration import whole
from ocppj.registration import RETRY_S, Registration
from ocpp16.client import Ocpp16
from ocpp16.schemas import TABLE
from ocpp16.transactions import Transactions
from ocppj.rpc import CallError, Disconnected
from ocppj.schema import Schema
from station_parts import NOON, Charger, shown_offline
from store.kinds import CACHE


class Central:
    """Says `answer` to everything, checked as Rpc checks it."""

    def __init__(self, answer=None):
        self.answer = answer
        self.asked = []

    async def call(self, action, payload):
        self.asked.append((action, payload))
        answer = self.answer if self.answer is not None else {}
        try:
            Schema(TABLE).check_result(action, answer)
        except CallError as exc:
            raise CallError("FormationViolation", str(exc))
        return answer


def registered(c, central):
    """An Ocpp16 that is attached, and that this central system has accepted."""
    client = Ocpp16(central.call, c.station, c.settings, c.clock, {})
    client.attach(lambda: None)
    client.boot.status = "Accepted"
    return client


# -- StartTransaction --------------------------------------------------------------------


async def start(answer, steps=3):
    """(charger, transactions, central) after StartTransaction was answered `answer`."""
    c = Charger(settings={"TransactionMessageRetryInterval": "0"})
    central = Central(answer)
    transactions = Transactions(central.call, c.station)
    c.station.delivery.attach(transactions)
    await c.charge()
    for _ in range(steps):
        if c.station.delivery.due_in_ms() is not None:
            await c.station.delivery.step()
    await c.pass_s(1)
    return c, transactions, central


def starts(central):
    return [action for action, _ in central.asked].count("StartTransaction")


def test_an_answer_that_refuses_ends_the_charging_whatever_else_it_lacks():
    # Without a transactionId a refusal was once taken for no answer: the car went on charging.
    for status in ("Invalid", "Blocked", "Expired", "ConcurrentTx", "invalid", "No", "", 5):
        for more in ({}, {"transactionId": None}, {"transactionId": "x"}, {"transactionId": 1.5}):
            answer = {"idTagInfo": {"status": status}}
            answer.update(more)
            c, transactions, central = run(start(answer))
            assert starts(central) == 1, answer
            assert c.station.connectors[0].session is None and not c.evse.closed, answer
    for bad in ("", "yesterday", 5, "0001-01-01T00:00:00Z"):
        info = {"status": "Blocked", "expiryDate": bad, "parentIdTag": ["x"]}
        c, _, central = run(start({"transactionId": 7, "idTagInfo": info}))
        assert starts(central) == 1 and not c.evse.closed
        stop = [p for a, p in central.asked if a == "StopTransaction"]
        assert not stop or stop[0]["transactionId"] == 7


def test_a_whole_number_is_an_id_however_it_is_spelled():
    # 4711.0 and "4711" were once refused three times, and the session billed under -1.
    for number in (4711, 4711.0, "4711", " 4711", "4711.0", "+4711"):
        for info in ({"status": "Accepted"}, {"status": "accepted", "expiryDate": ""}, None, {}):
            answer = {"transactionId": number, "idTagInfo": info}
            c, transactions, central = run(start(answer, 1))
            assert transactions.transaction_id(1) == 4711, answer
            assert starts(central) == 1 and c.evse.closed, answer
    c, transactions, _ = run(start({"transactionId": 5}, 1))
    assert transactions.transaction_id(1) == 5 and c.evse.closed


def test_an_answer_without_an_id_that_refuses_nothing_is_asked_for_again():
    for answer in (
        {},
        {"transactionId": None, "idTagInfo": {"status": "Accepted"}},
        {"transactionId": True, "idTagInfo": {"status": "Accepted"}},
        {"transactionId": 4711.5, "idTagInfo": {"status": "Accepted"}},
        {"transactionId": "A-1", "idTagInfo": {"status": "Accepted"}},
        {"transactionId": 1e300, "idTagInfo": None},
        {"transactionId": [], "idTagInfo": "Accepted"},
    ):
        c, transactions, central = run(start(answer, 2))
        assert starts(central) == 2, answer
        assert transactions.transaction_id(1) is None and c.evse.closed, answer
        c, transactions, central = run(start(answer, 3))
        assert transactions.transaction_id(1) == -1 and c.evse.closed, answer


def test_whole_numbers():
    for value, wanted in (
        (0, 0),
        (-1, -1),
        ("-1", -1),
        ("0", 0),
        ((1 << 63) - 1, (1 << 63) - 1),
        (1 << 63, None),
        (float("inf"), None),
        (float("nan"), None),
        ("", None),
        ("-", None),
        ("1e3", None),
        ("0x10", None),
        ("1.5", None),
        ("9" * 30, None),
        ("\u0664", None),
        (False, None),
        ({}, None),
    ):
        assert whole(value) == wanted and whole(value) is not False, value


def test_any_object_acknowledges_the_end_of_a_transaction():
    # A strange idTagInfo once counted as a failed attempt, and after three the end was given up.
    async def go(answer):
        c, transactions, central = await start({"transactionId": 9})
        c.connector.request_stop("local")
        await c.pass_s(2)
        central.answer = answer
        while c.station.delivery.due_in_ms() is not None:
            await c.station.delivery.step()
        assert central.asked[-1][0] == "StopTransaction"
        assert c.journal.pending() is None and c.station.delivery.given_up == 0, answer

    for info in (
        None,
        "Accepted",
        {},
        {"status": "Fine"},
        {"status": "Accepted", "expiryDate": 0},
    ):
        run(go({"idTagInfo": info}))


# -- tokens of later versions --------------------------------------------------------------


def test_a_token_that_is_too_long_for_an_id_tag_is_refused_and_not_asked_about():
    async def body():
        c = Charger(settings={"AllowOfflineTxForUnknownId": "true"})
        central = Central({"idTagInfo": {"status": "Accepted"}})
        client = registered(c, central)
        c.authorizer.remote = client.ask
        assert (await c.authorizer.check("x" * 20, "Central")).status == "accepted"
        assert central.asked == [("Authorize", {"idTag": "x" * 20})]
        for client.boot.status in ("Accepted", "Pending"):
            verdict = await c.authorizer.check("x" * 21, "Central")
            assert (verdict.status, verdict.accepted) == ("invalid", False)
        assert len(central.asked) == 1
        kept = [payload[0] for _, payload in c.journal.state(CACHE)]
        assert kept == ["x" * 20], "the central system was not asked about the other one"

    run(body())


def test_a_long_token_is_told_in_a_way_that_is_no_other_token():
    assert names.id_tag("x" * 20) == "x" * 20
    assert names.id_tag("0123456-89ab-cdef-0123") == "0123456-89ab-cdef-0~"
    assert len(names.id_tag("y" * 255)) == 20


def test_the_five_words_of_1_6_and_no_other_are_verdicts():
    from store.taglist import STATUSES

    assert sorted(names.AUTHORIZATION.values()) == sorted(STATUSES[:5])


# -- Authorize ---------------------------------------------------------------------------


async def ask(info, before=None):
    """(token info or None, cache entry or None) of CARD once Authorize was answered."""
    c = Charger()
    c.authorizer.remote = registered(c, Central({"idTagInfo": info})).ask
    if before:
        c.authorizer.learn("CARD", before)
    verdict = await c.authorizer.check("CARD")
    kept = [payload for _, payload in c.journal.state(CACHE)]
    return verdict.status, kept[0] if kept else None


def test_an_expiry_that_cannot_be_used_refuses_nobody_and_is_not_cached():
    # An empty expiryDate, or the first day of .NET's calendar, once refused an accepted card.
    old = {"status": "accepted", "expiry": NOON + 60, "parent": None}
    for bad in (
        "",
        " ",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "0000-00-00 00:00:00",
        "1969-12-31T23:59:59Z",
        "never",
        "2027-02-30T00:00:00Z",
        "2027-01-01",
        0,
        1798804800,
        1.5,
        False,
        [],
        {},
    ):
        info = {"status": "Accepted", "expiryDate": bad}
        assert run(ask(info)) == ("accepted", None), bad
        assert run(ask(info, old)) == ("accepted", None), bad
        # A refusal is kept: that no expiry can be read does not make it better.
        status, kept = run(ask({"status": "Blocked", "expiryDate": bad}))
        assert status == "blocked" and kept[1] == "blocked", bad


def test_an_expiry_that_can_be_used_is_kept():
    for good, unix in (
        ("2027-01-01T12:00:00Z", NOON),
        ("2027-01-01T12:00Z", NOON),
        ("2027-01-01T13:00:00+01", NOON),
        ("9999-12-31T23:59:59.9999999", 253402300799),
        (None, None),
    ):
        status, kept = run(ask({"status": "Accepted", "expiryDate": good}))
        assert status == "accepted" and kept[:3] == ["CARD", "accepted", unix]


def test_what_is_no_status_is_no_leave_to_charge():
    for info in (None, {}, [], "Accepted", {"status": None}, {"status": "Maybe"}, {"status": 1}):
        assert run(ask(info))[0] == "invalid", info


# -- BootNotification --------------------------------------------------------------------


async def register(answer):
    c = Charger()
    c.clock.unix = None
    central = Central(answer)
    boot = Registration(central.call, c.settings, c.clock, dict)
    await boot.notify()
    return boot, c


NOW = "2027-01-01T12:00:00Z"


def test_only_the_status_decides_about_the_registration():
    # An offset "+00", or an interval in quotes, once kept a charger from ever registering.
    for status in ("Accepted", "accepted", "ACCEPTED "):
        for time in ("2027-01-01T12:00:00+00", "2027-01-01T12:00Z", "20270101T120000Z", NOW):
            boot, c = run(register({"status": status, "currentTime": time, "interval": 300}))
            assert boot.accepted and c.clock.now() == NOON, time
        for time in ("", "soon", None, 1798804800, "0001-01-01T00:00:00Z"):
            boot, c = run(register({"status": status, "currentTime": time, "interval": 300}))
            assert boot.accepted and c.clock.now() is None, time
    boot, c = run(register({"status": "Accepted"}))
    assert boot.accepted and boot.due_in_ms() == 300000
    for answer in ({}, {"status": None}, {"status": "Fine"}, {"status": True}, {"interval": 5}):
        boot, c = run(register(answer))
        assert not boot.accepted and boot.due_in_ms() == 1000 * RETRY_S, answer


def test_an_interval_is_used_where_it_can_be():
    for interval, seconds in (
        (60, 60),
        (60.0, 60),
        ("60", 60),
        ("60.0", 60),
        (0, 300),
        (-60, 300),
        ("-60", 300),
        (None, 300),
        ("", 300),
        ("soon", 300),
        (60.5, 300),
        (True, 300),
        ([], 300),
        (1 << 40, 300),
    ):
        boot, c = run(register({"status": "Accepted", "currentTime": NOW, "interval": interval}))
        assert boot.accepted and boot.due_in_ms() == 1000 * seconds, interval
    for interval, seconds in (
        (60, 60),
        ("60", 60),
        (60.0, 60),
        (0, RETRY_S),
        (-5, RETRY_S),
        (None, RETRY_S),
        ("x", RETRY_S),
        (1 << 40, 86400),
    ):
        for status in ("Pending", "Rejected"):
            boot, _ = run(register({"status": status, "currentTime": NOW, "interval": interval}))
            assert boot.status == status and boot.due_in_ms() == 1000 * seconds, interval


def test_the_fraction_of_the_central_systems_time_is_kept():
    from evse_base.clock import Clock

    ms = [0]
    clock = Clock(lambda: ms[0])
    c = Charger()
    answer = {"status": "Accepted", "currentTime": "2027-01-01T12:00:00.900Z", "interval": 1}
    run(Registration(Central(answer).call, c.settings, clock, dict).notify())
    assert clock.now() == NOON
    ms[0] = 100
    assert clock.now() == NOON + 1


# -- verdicts -----------------------------------------------------------------------------


def test_a_verdict_about_a_shortened_token_is_not_kept_for_the_long_one():
    """The verdict about "...:A~" once let every later ALICE charge without being asked about."""

    async def go(token, entries, status="Accepted"):
        settings = {"AllowOfflineTxForUnknownId": "true", "LocalPreAuthorize": "true"}
        c = Charger(settings=settings)
        c.online = False
        c.evse.plug()
        await c.pass_s(1)
        await c.station.present_token(token, "Local", 1)
        await c.pass_s(2)
        c.connector.request_stop("local", token, "Local")
        central = Central({"transactionId": 5, "idTagInfo": {"status": status}})
        c.station.delivery.attach(Transactions(central.call, c.station))
        # Once with the session running, once with its end told, too.
        for _ in range(2):
            while c.station.delivery.due_in_ms() is not None:
                c.clock.ms += c.station.delivery.due_in_ms()
                await c.station.delivery.step()
            await c.pass_s(2)
        actions = [action for action, _ in central.asked]
        assert "StartTransaction" in actions and "StopTransaction" in actions
        assert len(list(c.journal.state(CACHE))) == entries, token

    run(go("URN:CONTRACT:0001:ALICE-1", 0))
    run(go("URN:CONTRACT:0001:AL", 1))


def test_a_shortened_token_that_is_refused_ends_its_session_all_the_same():
    async def go():
        c = await shown_offline("URN:CONTRACT:0001:ALICE-1")
        await c.pass_s(2)
        central = Central({"transactionId": 5, "idTagInfo": {"status": "Blocked"}})
        c.station.delivery.attach(Transactions(central.call, c.station))
        await c.station.delivery.step()
        await c.pass_s(2)
        assert c.connector.session is None and list(c.journal.state(CACHE)) == []

    run(go())


def test_a_verdict_that_cannot_be_kept_repeats_nothing_and_ends_the_session():
    async def go():
        c = Charger()
        central = Central({"transactionId": 5, "idTagInfo": {"status": "Blocked"}})
        c.station.delivery.attach(Transactions(central.call, c.station))
        await c.charge()

        def learn(*_):
            raise MemoryError()

        c.authorizer.learn = learn
        for _ in range(9):
            await c.station.delivery.step()
        await c.pass_s(2)
        assert starts(central) == 1 and c.connector.session is None

    run(go())


def test_a_handler_that_ends_after_its_connection_sends_nothing_on_the_next_one():
    """The next connection may speak another protocol."""

    async def go():
        c = Charger()
        central = Central()
        client = registered(c, central)
        trigger = client.get("TriggerMessage")
        _, after = await trigger({"requestedMessage": "StatusNotification", "connectorId": 1})
        client.detach()
        await after()
        for part in (client.boot, client.status):
            try:
                await part._call("Heartbeat", {})
                raise AssertionError("sent")
            except Disconnected:
                pass
        assert central.asked == []
        client.attach(lambda: None)
        await after()
        assert [action for action, _ in central.asked] == ["StatusNotification"]

    run(go())


def test_a_card_that_is_refused_stops_charging_whatever_fails_behind_the_answer():
    """The mark of the record, or the line of the log, failed first, and the car went on."""

    async def story(where):
        c = Charger()
        await c.charge()
        client = registered(c, Central({"transactionId": 5, "idTagInfo": {"status": "Blocked"}}))
        delivery = c.station.delivery
        delivery.attach(client.transactions)

        def fails(*_):
            raise MemoryError()

        if where == "mark":
            real, delivery._finish = delivery._finish, fails
        else:
            real, transactions.log = (
                transactions.log,
                Module(warn=fails, info=fails, error=lambda *_: None),
            )
        try:
            await delivery.step()
        except MemoryError:
            assert where == "mark"
        finally:
            if where == "mark":
                delivery._finish = real
            else:
                transactions.log = real
        assert c.connector.session.deauthorized or c.connector.session.stopping

    run(story("mark"))
    run(story("log"))
