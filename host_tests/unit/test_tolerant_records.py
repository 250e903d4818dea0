# Records of other versions and of none: each is read as far as it can be, and stops nothing.
# MIT license; part of microevse
"""A program finds the records of another program on flash when it starts. Unknown records must not
keep it from starting, from delivering the rest, or from charging."""

from evse_base import MICROPYTHON
from helpers import run
from ocpp16.transactions import Transactions
from station_parts import NOON, Charger
from store import cbor, kinds
from store.kinds import SAMPLE, START, STOP
from store.state import key_hash

_HOSTILE = (
    None,
    True,
    -1,
    1 << 63,
    (1 << 64) - 1,
    "",
    "x" * 60,
    b"\xff",
    [],
    [[]],
    [None] * 9,
    "x" * 16,
    -(1 << 40),
    1 << 40,
    5,
    {},
    {1: 2},
)
# Each sixth on MicroPython, where all of them take minutes; CPython tries each.
HOSTILE = [_HOSTILE[n] for n in range(0, len(_HOSTILE), 6 if MICROPYTHON else 1)]
AT = [1, 10, NOON]
ENERGY = [[1, 0, 1500]]
WHOLE = (
    (START, [7, 1, "CARD", 1000, None, AT]),
    (SAMPLE, [7, 1, "Sample.Periodic", AT, ENERGY]),
    (STOP, [7, 1, 2000, "local", "CARD", AT, [["Transaction.Begin", AT, ENERGY]]]),
)
BOUNDS = {
    START: [6, 1, "BEFORE", 1, None, AT],
    STOP: [8, 1, 2, "remote", None, AT, None],
}


class Central:
    """Accepts all; transaction ids are 100 and up."""

    def __init__(self):
        self.asked = []

    async def call(self, action, payload):
        self.asked.append((action, payload))
        if action == "StartTransaction":
            return {"transactionId": 99 + len(self.asked), "idTagInfo": {"status": "Accepted"}}
        return {}


def put(journal, kind, payload):
    """Write a record as another program would: without the rules of this one."""
    key = payload[0] if isinstance(payload, list) and payload else 0
    journal.log.append(0, kind, cbor.dumps(key)[-1], cbor.dumps(payload), kind == START)


async def deliver(flash, most=60):
    """(charger, sender, what the central system was told) after a restart and all deliveries."""
    c = Charger(flash, boot=2)
    central = Central()
    sender = c.station.delivery
    sender.attach(Transactions(central.call, c.station))
    c.station.recover("PowerUp")
    import asyncio

    while c.station.recovering:
        await asyncio.sleep(0.01)
    for _ in range(most):
        if sender.due_in_ms() is None:
            break
        c.clock.ms += sender.due_in_ms()
        await sender.step()
    assert sender.due_in_ms() is None, "something is left at the head of the queue"
    return c, sender, central.asked


def story(*records):
    """The messages for these records between a START before and a STOP behind them."""
    c = Charger()
    put(c.journal, START, BOUNDS[START])
    for kind, payload in records:
        put(c.journal, kind, payload)
    put(c.journal, STOP, BOUNDS[STOP])
    c, sender, asked = run(deliver(c.flash))
    assert asked[0][1]["idTag"] == "BEFORE" and [a for a, p in asked if p.get("meterStop") == 2]
    return c, sender, [(a, p) for a, p in asked[1:] if p.get("meterStop") != 2]


def named(told, action):
    return [payload for name, payload in told if name == action]


def test_more_fields_are_ignored():
    more = [(kind, payload + [b"16", "new", None, [1], 5]) for kind, payload in WHOLE]
    _, _, told = story(*more)
    _, _, plain = story(*WHOLE)
    assert told == plain
    assert [action for action, _ in plain][:3] == [
        "StartTransaction", "MeterValues", "StopTransaction"
    ]  # fmt: skip


def test_a_reason_without_a_word_of_its_own_is_other():
    for reason in ("master_pass_of_later", None, 5, [], {}):
        stop = list(WHOLE[2][1])
        stop[3] = reason
        _, _, told = story(WHOLE[0], WHOLE[1], (STOP, stop))
        assert named(told, "StopTransaction")[0]["reason"] == "Other", reason


def test_a_kind_of_a_later_version_stays_and_holds_nobody_up():
    for kind in range(kinds.LAST_EVENT + 1, kinds.BOOT):
        for payload in ([7, 1, "new"], {"a": 1}, "text", [], None):
            c, _, told = story(WHOLE[0], (kind, payload), WHOLE[1], WHOLE[2])
            assert [a for a, _ in told][:3] == [
                "StartTransaction",
                "MeterValues",
                "StopTransaction",
            ]
            assert c.journal.queued == 0 and c.journal.foreign == 1
            for _ in range(3):  # also through merges and restarts
                c.journal.prepare()
                c = Charger(c.flash, boot=3)
                assert c.journal.foreign == 1 and c.journal.pending() is None
            kept = []
            cursor_kinds(c.journal, kept)
            assert kept.count(kind) == 1


def cursor_kinds(journal, found):
    """Kinds of all events on flash that are not done."""
    from store import norlog

    cursor = norlog.Cursor(0)
    log = journal.log
    while log.seek(cursor):
        if not norlog.is_done(log.flags):
            found.append(log.kind)
        cursor.seq = log.seq + 1


def test_one_field_that_is_something_else_costs_no_more_than_its_record():
    for at, (kind, payload) in enumerate(WHOLE):
        for field in range(len(payload)):
            for value in HOSTILE:
                wrong = list(payload)
                wrong[field] = value
                records = list(WHOLE)
                records[at] = (kind, wrong)
                c, sender, told = story(*records)
                run(c.charge("LATER"))  # and the next one can charge
                if kind != STOP and field:
                    assert [p for p in named(told, "StopTransaction") if p["meterStop"] == 2000]


def test_inside_a_sample_and_inside_the_samples_of_an_end():
    for value in HOSTILE:
        for field in range(3):
            wrong = [1, 0, 1500]
            wrong[field] = value
            sample = list(WHOLE[1][1])
            sample[4] = [wrong, [1, 0, 1600]]
            stop = list(WHOLE[2][1])
            stop[6] = [["Transaction.Begin", AT, [wrong]]]
            _, _, told = story(WHOLE[0], (SAMPLE, sample), (STOP, stop))
            assert named(told, "StopTransaction")[0]["meterStop"] == 2000
        for field in range(3):
            time = list(AT)
            time[field] = value
            stop = list(WHOLE[2][1])
            stop[6] = [["Transaction.Begin", time, ENERGY]]
            _, _, told = story(WHOLE[0], (STOP, stop))
            assert named(told, "StopTransaction")[0]["meterStop"] == 2000, (field, value)
        for field in range(3):
            wrong = ["Transaction.Begin", AT, ENERGY]
            wrong[field] = value
            stop = list(WHOLE[2][1])
            stop[6] = [wrong]
            _, _, told = story(WHOLE[0], (STOP, stop))
            assert named(told, "StopTransaction")[0]["meterStop"] == 2000, (field, value)


def test_a_measurand_of_a_later_version_is_left_out():
    sample = list(WHOLE[1][1])
    sample[4] = [[99, 0, 5], [1, 0, 1500]]
    _, _, told = story(WHOLE[0], (SAMPLE, sample), WHOLE[2])
    [values] = [p["meterValue"][0]["sampledValue"] for p in named(told, "MeterValues")]
    assert [v["value"] for v in values] == ["1500"]
    sample[4] = [[99, 0, 5]]
    _, _, told = story(WHOLE[0], (SAMPLE, sample), WHOLE[2])
    assert named(told, "MeterValues") == []


def test_truncated_records_and_such_that_are_no_list():
    for at, (kind, payload) in enumerate(WHOLE):
        for wrong in [payload[:n] for n in range(len(payload))] + [None, 5, "text", {}, {0: 7}]:
            records = list(WHOLE)
            records[at] = (kind, wrong)
            c, _, _ = story(*records)
            run(c.charge("LATER"))


def test_what_cannot_be_read_is_told_once_and_stays_but_for_a_start():
    from evse_base import log

    for kind, payload in WHOLE:
        c = Charger()
        put(c.journal, START, BOUNDS[START])
        put(c.journal, kind, payload[:3])
        put(c.journal, STOP, BOUNDS[STOP])
        for boot in (1, 2):
            lines = []
            log.use_sink(lines.append)
            try:
                c, _, _ = run(deliver(c.flash))
            finally:
                log.use_sink(lambda line: None)
            told = [line for line in lines if "cannot be read" in line or "is damaged" in line]
            assert len(told) == (1 if kind != START or boot == 1 else 0), (kind, boot, told)
            assert c.journal.queued == (0 if kind == START else 1)


def test_a_sample_whose_values_cannot_be_told_is_tried_again_by_the_next_start():
    bad = [7, 1, "Sample.Periodic", AT, [[1, 0, "5"]]]
    c, _, told = story(WHOLE[0], (SAMPLE, bad), WHOLE[2])
    assert not named(told, "MeterValues") and c.journal.queued == 1
    assert Charger(c.flash, boot=3).journal.pending()[2] == bad


# All kinds of state, with all fields that a record may have.
STATE = (
    (kinds.AVAILABILITY, 1, [1, True]),
    (kinds.HELD, 1, [1, ["RcdTripped"], [1, 0, 0, 0, 0, 0], 3, 0]),
    (kinds.CHECKPOINT, 1, [1, 7, 1600, AT, 1]),
    (kinds.RESERVATION, 5, [5, 1, "CARD", "GROUP", NOON + 99, "ISO14443"]),
    (kinds.TXID, 7, [7, 4711, 1, b"u" * 16]),
    (kinds.TIME, 1, [1, NOON]),
    (kinds.SETTING, "HeartbeatInterval", ["HeartbeatInterval", "77"]),
    (kinds.CACHE, "CARD\nISO14443", ["CARD", "accepted", NOON + 99, "GROUP", "ISO14443"]),
    (kinds.PROFILE, 3, [3, 1, 1, 0, 0, NOON, 86400, 3600, NOON, NOON + 99, 0, b"\0" * 8]),
    (kinds.TOLD, 0, [NOON]),
    (kinds.BOOT, 0, [1, "PowerUp"]),
    (kinds.SCHEMA, 0, [1]),
    (kinds.FIRMWARE, 0, [0, "http://h/f", NOON, 3, 60]),
    (kinds.FIRMWARE, 1, [1, "Uploading"]),
    (kinds.FIRMWARE, 3, [3, "http://h/f", NOON, "1.0"]),
)


class Services:
    """What Jobs needs: there is no installer."""

    @staticmethod
    def installer():
        return None


async def live(c):
    """What a charger does with its state: cards, a car, a reservation, the page."""
    for kind in ("", "ISO14443", "Local"):
        await c.authorizer.check("CARD", kind)
        c.authorizer.parent_of("CARD", kind)
    c.known["CARD"] = ("accepted", None)
    c.evse.plug()
    await c.pass_s(1)
    await c.station.present_token("CARD", "ISO14443")
    await c.pass_s(2)
    c.station.reservations.reserve(9, 1, "OTHER", None, NOON + 999)
    c.station.snapshot()
    await c.pass_s(3)


def starts_with(kind, payload, *states):
    """A start with these (kind, key, payload) on flash; `live` raises nothing, faults nothing."""
    from station.jobs import Jobs

    c = Charger()
    put(c.journal, START, WHOLE[0][1])
    for state in states:
        c.journal.keep(*state)
    c, _, asked = run(deliver(c.flash))
    Jobs(c.settings, c.journal, c.clock, Services())
    assert len(named(asked, "StopTransaction")) == 1, (kind, payload)
    [stop] = named(asked, "StopTransaction")
    assert 1000 <= stop["meterStop"] < 1 << 48, (kind, payload, stop)
    run(live(c))
    if kind != kinds.HELD:
        assert not c.evse.faults, (kind, payload, c.evse.faults)
    if kind not in (kinds.HELD, kinds.AVAILABILITY, kinds.RESERVATION, kinds.CACHE):
        assert c.connector.session, (kind, payload)
    return c


def test_state_of_any_shape_does_not_keep_the_charger_from_starting():
    for kind, key, payload in STATE:
        wrongs = [payload] + [payload[:n] for n in range(1, len(payload))]
        wrongs += [payload + [None, "new", [1]], None, [], "text", 5, {}]
        for field in range(1, len(payload)):
            for value in HOSTILE:
                wrong = list(payload)
                wrong[field] = value
                wrongs.append(wrong)
        for wrong in wrongs:
            starts_with(kind, wrong, (kind, key, wrong))


def test_state_under_any_key():
    for kind, _, payload in STATE:
        for key in HOSTILE:
            if key is not None and not isinstance(key, (list, dict)):
                wrong = [key] + payload[1:]
                starts_with(kind, wrong, (kind, key, wrong))
                starts_with(kind, payload, (kind, key, payload))


def test_a_float_is_no_field():
    """This program writes none: the record is as if it were not there."""
    number = cbor.dumps(1 << 31)
    for kind, key, payload in STATE:
        for field in range(len(payload)):
            wrong = list(payload)
            wrong[field] = 1 << 31
            data = cbor.dumps([wrong]).replace(number, b"\xfa" + number[1:])
            c = Charger()
            c.journal.log.append(1, kind, key_hash(key), data)
            c = Charger(c.flash, boot=2)
            assert list(c.journal.state(kind)) == []
            run(live(c))


def test_pieces_of_a_location_of_any_shape():
    from evse_base import crc32
    from station.jobs import Jobs

    def location(piece, first=100, count=1, name=None):
        whole = piece[1] if isinstance(piece[1], bytes) else b""
        name = name or "%d bytes, %08x" % (len(whole), crc32(whole))
        c = Charger()
        c.journal.keep(kinds.FIRMWARE, 0, [0, name, NOON, None, None, first, count])
        c.journal.keep(kinds.FIRMWARE, 100, piece)
        c.journal.keep(kinds.FIRMWARE, "text", ["text", 5])
        c = Charger(c.flash, boot=2)
        jobs = Jobs(c.settings, c.journal, c.clock, Services())
        found = jobs.update._job.location
        assert jobs.request_update("http://h/new", NOON) is None
        return found

    assert location([100, b"http://h/f"]) == "http://h/f"
    for value in HOSTILE:
        assert location([100, value]) == ""
        location([100, b"http://h/f"], value)
        location([100, b"http://h/f"], 100, value)
    assert location([100, b"\xff\xfe"]) == "", "no text"


def test_a_card_that_fails_does_not_end_the_task_of_the_reader():
    from wiring.user_interface import UserInterface

    class Reader:
        kind = "Local"
        cards = ["BAD", "GOOD"]

        async def next_tag(self):
            return self.cards.pop(0)

    class Station:
        listeners = []
        seen = []

        async def present_token(self, token, kind):
            self.seen.append(token)
            if token == "BAD":
                raise TypeError("a damaged entry")
            return "accepted"

    class Parts:
        @staticmethod
        def reader(report):
            return Reader()

    shown = UserInterface({}, Station(), Parts, None, None, None)
    try:
        run(shown._read_tokens())
    except IndexError:
        pass  # no card is left
    assert Station.seen == ["BAD", "GOOD"]
