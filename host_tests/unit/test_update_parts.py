# Parts of an update that no whole update meets: waits, bounds, and flash that fails.
# MIT license; part of microevse

import hashlib

import slots
from helpers import raises, run
from ocppj import pem
from slot_bench import Chip, image, pack
from slots import HEADER, bundle
from station import security_log, update_request, update_sink
from store.ramflash import RamFlash


class Sleeps:
    """In place of asyncio: the seconds that are waited for, and what happens then."""

    def __init__(self, then=None):
        self.seconds = []
        self.then = then

    async def sleep(self, seconds):
        self.seconds.append(seconds)
        if self.then:
            self.then()


class patched:
    """`module.name` is `value` in a `with`."""

    def __init__(self, module, name, value):
        self.module, self.name, self.value = module, name, value

    def __enter__(self):
        self.kept = getattr(self.module, self.name)
        setattr(self.module, self.name, self.value)
        return self.value

    def __exit__(self, *_):
        setattr(self.module, self.name, self.kept)


def fails(exc):
    def raising(*_):
        raise exc

    return raising


# -- the sink ------------------------------------------------------------------------------


class Installer:
    def __init__(self, refuses=0):
        self.begun = []
        self.taken = []
        self.refuses = refuses

    def begin(self, size, **more):
        self.begun.append((size, more))

    def write(self, chunk, may):
        if self.refuses:
            self.refuses -= 1
            return False
        self.taken.append(chunk)
        return True


def test_a_file_that_is_not_signed_is_not_vouched_for():
    installer = Installer()
    sink = update_sink.Sink(installer, lambda: True)
    run(sink.begin(5))
    run(sink.write(b"x"))
    assert installer.begun == [(5, {})] and sink.sha256 is None
    sink = update_sink.Sink(installer, lambda: True, True)
    run(sink.begin(6))
    run(sink.write(b"x"))
    assert installer.begun[1] == (6, {"vouched": True})
    assert sink.sha256.digest() == hashlib.sha256(b"x").digest()


def test_flash_is_written_only_while_no_car_charges():
    installer = Installer()
    answers = [False, False, True]
    sink = update_sink.Sink(installer, lambda: answers.pop(0))
    with patched(update_sink, "asyncio", Sleeps()) as sleeps:
        run(sink.begin(5))
        assert sleeps.seconds == [1, 1] and len(installer.begun) == 1 and answers == []
        answers += [False, True, True]
        installer.refuses = 1
        run(sink.write(b"x"))
        assert sleeps.seconds == [1] * 4 and installer.taken == [b"x"] and answers == []


# -- the request ---------------------------------------------------------------------------


def test_what_is_no_base64_is_no_signature():
    assert pem.signature(" e\nHg= ") == b"xx"
    for text in ("", "A===", "AAA"):
        assert pem.signature(text) == b""


def test_a_chain_that_is_no_pem_is_empty_and_a_lack_of_memory_is_told():
    assert pem.certificates("-----BEGIN CERTIFICATE-----\n") == []
    with patched(pem, "pem_to_der", fails(MemoryError())):
        raises(MemoryError, pem.certificates, "x")


# -- the floor -----------------------------------------------------------------------------


class Slot:
    def __init__(self, whole=True, confirmed=True):
        self.whole, self.confirmed, self.digest = whole, confirmed, bytes(range(32))


MARK = "0001020304050607"


def test_the_next_floor_counts_with_its_slot_and_only_upwards():
    with Chip():
        from hal import kept
        from upkeep import version_floor

        def floor(text, *slots):
            kept.put(kept.FLOOR, text.encode())
            return version_floor.now(slots)

        for text, wanted in (
            ("2.0\n2.1\n" + MARK, "2.1"),
            ("2.0\n1.0\n" + MARK, "2.0"),
            ("2.0\n2.0.0\n" + MARK, "2.0"),
            ("2.0\n\n" + MARK, "2.0"),
            ("\n1.0\n" + MARK, "1.0"),
            ("\n\n", ""),
            ("2.0\n2.1\n" + MARK[:-2], "2.0"),
        ):
            assert floor(text, Slot()) == wanted, text
        for slot in (Slot(whole=False), Slot(confirmed=False)):
            assert floor("2.0\n2.1\n" + MARK, slot) == "2.0"
        long = "1." + "1" * 49
        assert floor("%s\n%s\n%s" % (long, long, MARK)) == long
        assert version_floor._mark(bytes(range(32))) == MARK
        with patched(kept, "value", fails(KeyError())):
            raises(KeyError, version_floor.now, ())


def test_a_floor_that_stays_is_not_written():
    with Chip():
        from hal import kept
        from upkeep import version_floor

        kept.put(kept.FLOOR, b"2.0\n2.1\n" + MARK.encode())
        with patched(kept, "put", fails(AssertionError())):
            version_floor.settle("2.0")
        version_floor.settle("2.1")
        assert version_floor._read() == ["2.1", "", ""]


# -- who must sign -------------------------------------------------------------------------


def test_roots_that_cannot_be_read_let_nothing_unsigned_in():
    class Settings:
        def __init__(self, exc):
            self.vault = fails(exc)

    with Chip():
        from upkeep import manufacturer

        assert manufacturer.only_signed(None) == ""
        with open("update.pub", "w") as file:
            file.write("-")
        try:
            assert manufacturer.only_signed(None) == ""
        finally:
            import os

            os.remove("update.pub")
        assert "cannot be read" in manufacturer.only_signed(Settings(OSError(5)))
        assert manufacturer.takes_unsigned(Settings(OSError(5))) is False
        raises(KeyError, manufacturer.only_signed, Settings(KeyError()))


# -- the slot that runs --------------------------------------------------------------------


class Services:
    check_s = program = None

    def __init__(self, may=True):
        self.may = may
        self.station = self.clock = self

    def allowed(self):
        return self.may

    def uptime(self):
        return 1000


def damage(blocks=1, spoil=None):
    """(what is said, the seconds that were waited)."""
    with Chip() as chip:
        name = chip.install(pack(image(4, blocks), "1.0"))
        from upkeep import slot_check

        from hal import appslot

        found = flash, record = appslot.record(name)
        if spoil:
            found = flash, spoil(flash, record) or record
        with patched(appslot, "record", lambda name: found):
            kept = patched(slot_check, "release", lambda name: None)  # else it is another module
            with kept, patched(slot_check, "asyncio", Sleeps()) as sleeps:
                return run(slot_check.damage(lambda: True)), sleeps.seconds


def test_a_kilobyte_is_read_every_50_ms_and_damage_is_looked_at_twice():
    count = -(-len(image(4, 1)) // 1024)
    assert damage() == ("", [0.05] * count)

    def spoiled(flash, record):
        flash.program(0, bytes(4))

    assert damage(spoil=spoiled) == ("the image in app_a", ([0.05] * count + [1]) * 2)


def test_a_header_that_cannot_be_is_damage():
    class Header:
        def __init__(self, record, whole, field):
            self.digest, self.whole, self.field = record.digest, whole, field

    for whole, field in (
        (False, lambda name: "8"), (True, lambda name: None), (True, lambda name: "x")
    ):  # fmt: skip
        found = damage(spoil=lambda flash, record: Header(record, whole, field))  # noqa: B023
        assert found == ("the header in app_a", [1, 1])
    raises(KeyError, damage, 1, lambda flash, record: Header(record, True, fails(KeyError())))


def test_what_the_check_tells_and_when_it_comes_again():
    with Chip():
        from upkeep import slot_check

        def checked(found, may=True):
            async def damage(allowed):
                assert allowed() is may
                if isinstance(found, Exception):
                    raise found
                return found

            services = Services(may)
            del security_log.waiting[:]
            with patched(slot_check, "damage", damage):
                run(slot_check.run(services))
            return services, [tuple(entry[:2]) for entry in security_log.waiting]

        services, events = checked("")
        assert (services.check_s, services.program, events) == (None, None, [])
        services, events = checked(None, False)
        assert (services.check_s, services.program, events) == (1600, None, [])
        services, events = checked("the image in app_a")
        assert "(the image in app_a)" in services.program and services.check_s is None
        text = "the program that runs: the image in app_a"
        assert events == [("firmware_signature", text)]
        services, events = checked(OSError(5))
        assert (services.check_s, services.program, events) == (None, None, [])


# -- the header ----------------------------------------------------------------------------


def test_noughts_in_the_middle_of_a_header_are_not_left_out():
    """Where they lie at the end of a piece they once might have been."""
    whole = bytes(pack(b"x" * 100, "1.0"))[:HEADER]
    signed = whole[: whole.index(b"\0")]
    at = signed.index(b"board")
    body = signed[:at] + bytes(16) + signed[at:]
    body += bytes(HEADER - 32 - len(body))
    data = body + hashlib.sha256(body).digest()
    for pieces in (data, [data[: at + 16], data[at + 16 :]]):
        raises(ValueError, bundle.parse, pieces)
    assert bundle.parse([whole[:at], whole[at:]]).version == "1.0"


def test_records_of_a_request_that_this_version_cannot_read():
    good = [0, "name", 5, 1, 10]
    assert update_request.readable(good, 5) == good
    wrong = [None, [], good[:4], [0, 7, 5, 1, 10], [0, "name", None, 1, 10]]
    for at in (2, 3, 4):
        wrong.append(good[:at] + ["x"] + good[at + 1 :])
    for record in wrong:
        assert update_request.readable(record, 5) is None, record
    for record in ([0, "name", 5, None, None], good + [100, 3], good + ["x", 3]):
        assert update_request.readable(record, 5) == record
    # Of another record only the first number is looked at.
    assert update_request.readable([3, "1.0", 5, "x"], 3) == [3, "1.0", 5, "x"]
    assert update_request.readable([3, "1.0", "x"], 3) is None
    assert update_request.readable([3, "1.0", 5] + ["x"] * 6, 3)
    # A signed one has a number and a time to install.
    for number, install, taken in ((7, None, True), (7, 9, True), ("x", None, False),
                                   (None, None, False), (7, "x", False)):  # fmt: skip
        record = good + [100, 3, number, install]
        assert (update_request.readable(record, 5) == record) is taken
        assert (update_request.readable(record[:8], 5) == record[:8]) is True


class Weak(RamFlash):
    """A cell takes its bits only at the last of so many times."""

    def __init__(self, times):
        RamFlash.__init__(self, 2)
        self.times = times

    def program(self, addr, data):
        self.times -= 1
        if self.times <= 0:
            RamFlash.program(self, addr, data)


def test_a_mark_that_the_flash_does_not_take_at_once_is_written_twice():
    for times, taken in ((1, True), (2, True), (3, False)):
        flash = Weak(times)
        if taken:
            slots.confirm(flash)
            assert slots._get(flash, slots._CONFIRMED, 1) == b"\0"
        else:
            raises(OSError, slots.confirm, flash)


class Jobs:
    """What a request asks of the jobs. pending: another one waits to be fetched."""

    def __init__(self, pending=False, now_s=0):
        self.update = self.clock = self.services = self
        self.pending = pending
        self.now_s = now_s

    def uptime(self):
        return self.now_s

    def allowed(self):
        return False


def keep(*request):
    return update_request.keep(*(request + (Jobs(),)))


class Kept:
    """The records of a journal."""

    def __init__(self):
        self.records = {}

    def get(self, kind, key):
        return self.records.get(key)

    def keep(self, kind, key, record):
        self.records[key] = record

    def forget(self, kind, key):
        self.records.pop(key, None)

    def state(self, kind):
        return list(self.records.items())


def test_the_pieces_of_a_request_lie_beside_those_of_the_one_before():
    journal = Kept()
    journal.keep(0, "other", ["other"])
    journal.keep(0, 3, [3, "installing"])
    for count, first in ((2, 100), (3, 200), (4, 100)):
        location = "h" * (600 * count - 10)
        record = keep(journal, location, 5, 1, 10, None)
        assert record[2:] == [5, 1, 10, first, count] and journal.get(0, 0) == record
        assert update_request.location(journal, record) == location
        pieces = list(range(first, first + count))
        assert sorted(k for k in journal.records if k != "other") == [0, 3] + pieces
    short = keep(journal, "http://h/f", 5, 1, 10, None)
    assert short == [0, "http://h/f", 5, 1, 10] and sorted(map(str, journal.records)) == [
        "0", "3", "other"
    ]  # fmt: skip
    signed = (7, None, b"signature", [b"\x30\x00"], True, False)
    record = keep(journal, "http://h/f", 5, 1, 10, signed)
    assert record[5:] == [100, 1, 7, None] and len(record) == update_request.NUMBERED
    assert update_request.location(journal, record) == "http://h/f"
    # With a number, and signed by nobody: short, and long.
    for location, first, count in (("http://h/f", 0, 0), ("h" * 700, 100, 2)):
        record = keep(journal, location, 5, 1, 10, (7, 99, None, None, True, False))
        assert record[5:] == [first, count, 7, 99, 1]
        assert update_request.location(journal, record) == location
        assert update_request.readable(record, 5) == record
    update_request.forget(journal)
    assert sorted(map(str, journal.records)) == ["3", "other"]


def test_while_a_car_charges_a_request_takes_the_place_of_another_once_a_minute():
    journal = Kept()
    for pending, now_s, taken in ((True, 159, False), (True, 160, True), (False, 101, True)):
        jobs = Jobs(pending, now_s)
        jobs.taken_s = 100
        request = (journal, "http://h/f", 5, 1, 10, None, jobs)
        if taken:
            assert update_request.keep(*request)[1] == "http://h/f" and jobs.taken_s == now_s
        else:
            raises(ValueError, update_request.keep, *request)
            assert journal.records == {} and jobs.taken_s == 100


def test_a_request_that_fills_a_message_keeps_all_its_pieces():
    journal = Kept()
    for first, letter in ((100, "a"), (200, "b"), (100, "c")):
        location = letter * 16200  # a message has 16,384 bytes
        record = keep(journal, location, 5, 1, 10, None)
        assert record[5:] == [first, 27]
        assert sorted(journal.records) == [0] + list(range(first, first + 27))
        assert update_request.location(journal, record) == location


def test_pieces_that_are_lost_or_not_of_this_request_are_none():
    journal = Kept()
    record = keep(journal, "h" * 1500, 5, 1, 10, None)
    whole = dict(journal.records)
    assert update_request.location(journal, record[:6]) == record[1], "no number of pieces"
    for change in ({100: None}, {101: [101, "text"]}, {102: [102, b"other"]}, {101: []}):
        journal.records = dict(whole)
        journal.records.update(change)
        assert update_request.location(journal, record) == "", change
    journal.records = dict(whole)
    for first, count in ((300, 3), (100, "3"), (100, 2), (200, 3), ("100", 3), (None, 3)):
        assert update_request.location(journal, record[:5] + [first, count]) == ""
    # One that is no text is none.
    data = b"\xff" * 20
    journal.records = {100: [100, data]}
    name = update_request._name(data)
    assert update_request.pieces(journal, [0, name, 5, 1, 10, 100, 1]) == data
    assert update_request.location(journal, [0, name, 5, 1, 10, 100, 1]) == ""
