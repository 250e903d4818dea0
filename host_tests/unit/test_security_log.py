# Security events: counted, brought to flash, told, read as text.
# MIT license; part of microevse

import asyncio

import evse_base as port
from evse_base.clock import Clock
from helpers import run
from ocpp16 import security_events
from ocpp2 import security_events as security_events_2
from ocppj import failure, security_messages, tls
from ocppj.messages import CallError
from station import log_upload, security_book, security_log
from store.ramflash import RamFlash
from store.seclog import EventLog

NOON = 1798804800


class Scene:
    """A log on flash, a clock whose time the test sets, and whether erasing is allowed."""

    def __init__(self, boot=1):
        self.ms = 1000
        self.open = True
        self.flash = RamFlash(8, 1024)
        self.clock = Clock(lambda: self.ms)
        self.clock.boot = boot
        self.saved = port.ticks_ms
        security_log.waiting[:] = []
        security_log.device = self.device
        security_log.services = self
        security_log.untold = 0
        security_log.upload = security_log.on_news = None
        security_log.untidy = True
        port.ticks_ms = security_book.ticks_ms = lambda: self.ms

    def __enter__(self):
        return self

    def __exit__(self, *_):
        port.ticks_ms = security_book.ticks_ms = self.saved
        security_log.waiting[:] = []
        security_log.device = security_log.services = security_log.upload = None
        security_log.on_news = None
        security_log.untold = 0

    def device(self, name):
        assert name == "seclog"
        return self.flash

    def allowed(self, ms=0):
        return self.open

    def keep(self):
        return run(security_book.keep(self.clock, self.allowed))

    def pass_s(self, seconds, step=2):
        """As the charger's task: look every two seconds."""
        for _ in range(seconds // step):
            self.ms += 1000 * step
            if security_log.due():
                self.keep()

    def rows(self):
        lines = list(security_book.lines(self.clock))
        assert lines[0] == security_book.HEAD
        assert lines[-1] == "# end of the security log, %d events" % (len(lines) - 2)
        return [line.split("\t") for line in lines[1:-1]]


def test_an_event_is_on_flash_after_the_next_look():
    with Scene() as s:
        security_log.note("login_failed", "page, from 10.0.0.7")
        assert s.flash.programs == 0  # whoever notes it does not wait for the flash
        assert security_log.due()
        s.clock.set(NOON)
        s.ms += 2000
        s.keep()
        assert s.rows() == [
            ["1", "2027-01-01T12:00:00Z", "1", "0", "no", "login_failed", "1",
             "page, from 10.0.0.7"]
        ]  # fmt: skip
        assert not security_log.due()


def test_its_time_is_that_of_the_moment_in_which_it_was_noted():
    with Scene() as s:
        s.clock.set(NOON)
        s.ms += 5000
        security_log.note("reset", "SoftRestart")
        s.ms += 30000
        s.keep()
        assert s.rows()[0][:4] == ["1", "2027-01-01T12:00:05Z", "1", "5"]


def test_what_repeats_is_dated_by_the_first_of_those_that_are_counted_together():
    with Scene() as s:
        security_log.note("bad_message", "x")
        s.keep()
        s.pass_s(30)
        security_log.note("bad_message", "x")
        s.pass_s(20)
        security_log.note("bad_message", "x")
        s.pass_s(60)
        assert [(row[3], row[6]) for row in s.rows()] == [("0", "1"), ("30", "2")]


def test_a_clock_that_is_set_later_dates_what_was_before_in_this_start():
    with Scene() as s:
        security_log.note("started", "1.0")
        s.keep()
        assert s.rows()[0][1] == "-"
        s.ms += 9000
        s.clock.set(NOON)
        assert s.rows()[0][1] == "2027-01-01T11:59:51Z"
        s.clock = Clock(lambda: s.ms)
        s.clock.boot = 4
        assert s.rows()[0][1] == "-"  # of another start


def test_a_flood_becomes_few_records_and_none_is_uncounted():
    with Scene() as s:
        for _ in range(4 * 3600):
            security_log.note("login_failed", "page, from 10.0.0.7")
            s.ms += 1000
            if security_log.due():
                s.keep()
        s.pass_s(7300)
        rows = s.rows()
        assert len(rows) < 14, len(rows)
        assert sum([int(row[6]) for row in rows]) == 4 * 3600
        assert rows[0][6] == "1"  # the first is there at once
        assert security_log.waiting == []


def test_ever_new_infos_of_one_kind_are_bounded_in_ram_and_on_flash():
    with Scene() as s:
        for i in range(3600):
            security_log.note("login_failed", "page, from 10.0.%d.%d" % (i >> 8, i & 255))
            security_log.note("started" if i == 1800 else "bad_message", "same")
            s.ms += 1000
            assert len(security_log.waiting) <= 4
            if security_log.due():
                s.keep()
        s.pass_s(7300)
        rows = s.rows()
        assert len(rows) < 40
        assert sum([int(row[6]) for row in rows if row[5] == "login_failed"]) == 3600
        assert [row for row in rows if row[5] == "started"]


def test_every_kind_has_a_place_while_nothing_can_be_written():
    with Scene() as s:
        for kind in security_book.KINDS:
            for i in range(9):
                security_log.note(kind.rstrip("!"), "info %d" % i)
        assert len(security_log.waiting) <= 12 + len(security_book.KINDS)
        s.keep()
        kinds = {row[5] for row in s.rows()}
        assert kinds == {kind.rstrip("!") for kind in security_book.KINDS}
        assert sum([int(row[6]) for row in s.rows()]) == 9 * len(security_book.KINDS)


def test_the_first_time_and_small_steps_of_the_clock_are_no_events():
    with Scene() as scene:
        for step in (None, 0, 59, -59):
            security_log.clock_set(step)
        assert security_log.waiting == []
        security_log.clock_set(-60)
        scene.pass_s(4)
        assert [row[5:] for row in scene.rows()] == [["clock_set", "1", "by -60 s"]], scene.rows()


def test_noting_never_raises():
    with Scene() as s:
        port.ticks_ms = None
        security_log.note("reset")
        port.ticks_ms = lambda: s.ms


def test_while_a_contactor_is_closed_nothing_is_erased():
    with Scene() as s:
        s.keep()
        for i in range(300):
            security_log.note("clock_set", "by %d s" % i)
            s.ms += 3600000
            while security_log.due() and s.keep():
                pass
        s.flash.reset_counters()
        s.open = False
        for i in range(120):
            security_log.note("clock_set", "by %d s" % i)
            s.ms += 3600000
            if security_log.due():
                assert not s.keep()
        assert s.flash.erases == 0
        assert security_log.untidy
        waits = sum([entry[3] for entry in security_log.waiting])
        assert waits  # the flash is full: what comes is counted in RAM
        s.open = True
        while s.keep():
            pass
        s.ms += 61000
        s.keep()
        assert not sum([entry[3] for entry in security_log.waiting])
        assert sum([int(row[6]) for row in s.rows()[-2:]]) == waits and s.flash.erases


def test_infos_are_bounded_and_without_secrets():
    with Scene() as s:
        security_log.note("bad_message", "url http://me:geheim@host " + "\u20ac" * 200)
        s.keep()
        info = s.rows()[0][7]
        assert "geheim" not in info and "***@host" in info
        assert 252 <= len(info.encode()) <= 255


def test_a_log_that_begins_in_a_later_start_was_cleared():
    with Scene(boot=7) as s:
        security_log.note("started", "1.0")
        s.keep()
        assert [row[5] for row in s.rows()] == ["started", "log_cleared"]
    with Scene(boot=1) as s:
        security_log.note("started", "1.0")
        s.keep()
        assert [row[5] for row in s.rows()] == ["started"]


def test_only_what_lies_between_two_times_is_wanted():
    with Scene() as s:
        security_log.note("started", "1.0")  # its start was never told the time
        s.keep()
        s.clock = Clock(lambda: s.ms)
        s.clock.boot = 4
        s.clock.set(NOON)
        for i in range(20):
            security_log.note("reset", "n%d" % i)
            s.keep()
            s.ms += 3600000
            security_log.due()
        lines = list(security_book.lines(s.clock, NOON + 3600, NOON + 3 * 3600))
        infos = [line.split("\t")[7] for line in lines[1:-1]]
        assert infos == ["1.0", "n1", "n2", "n3"]
        assert lines[-1] == "# end of the security log, 4 events"
        assert len(list(security_book.lines(s.clock, last=5))) == 2 + 5


def test_records_of_a_later_version_are_passed_over_and_told_as_they_are():
    with Scene() as s:
        from store import cbor

        book = EventLog(s.flash)
        book.add(True, 99, b"\xff\xff")
        book.add(True, 99, cbor.dumps([1, 1, NOON, "brand_new", "x", 1, "more"]))
        assert [row[5] for row in s.rows()] == ["brand_new"]
        assert security_book.next_untold(s.clock)[1:] == (NOON, "brand_new", "x")
        assert security_messages.event_type("brand_new") == "brand_new"


def test_without_a_partition_a_file_is_written_while_no_contactor_is_closed():
    import os

    with Scene() as s:
        made = []

        def none(name):
            raise OSError("no partition " + name)

        class File(RamFlash):
            def __init__(self, name, blocks, size):
                RamFlash.__init__(self, blocks, size, made[0].image if made else None)
                made[:] = [self]

            def close(self):
                pass

        from store import ramflash

        real, ramflash.FileFlash = ramflash.FileFlash, File
        try:
            security_log.device = none
            s.open = False
            security_log.note("reset", "one")
            s.keep()
            assert not made and not security_log.due()  # it waits a minute
            assert list(security_book.lines(s.clock))[-1][0] == "#"
            s.open = True
            s.pass_s(70)
            assert [row[7] for row in s.rows()] == ["one"]
        finally:
            ramflash.FileFlash = real
        assert "seclog.bin" not in os.listdir(".")


# -- the meaning of a failed connection ----------------------------------------------------------


def test_each_sentence_about_tls_is_an_event_or_says_nothing_about_who_is_there():
    none = (
        "no CA certificate: wss:// needs one to know the server by",
        "the server ended the TLS handshake",
    )
    kinds = [kind.rstrip("!") for kind in security_book.KINDS]
    for line in tls._WORDS.split("\n"):
        sentence = line.partition("=")[0]
        kind, _, dates = failure.event(0, sentence).partition(" ")
        assert (kind == "") == (sentence in none), sentence
        assert not kind or kind in kinds
        assert dates == ("date" if "expired" in sentence or "not valid yet" in sentence else "")
    assert failure.event(401, "HTTP 401") == failure.event(403, "x") == "refused_by_central"
    assert failure.event(500, "HTTP 500") == failure.event(0, "network: ENETUNREACH") == ""
    assert failure.event(0, failure.words(MemoryError(), 30, bool)) == "memory_exhausted"


# -- OCPP 1.6 ------------------------------------------------------------------------------------


class Point:
    """An adapter; `answer` is what the central system does."""

    def __init__(self, clock):
        self.clock = clock
        self.refusals = self.tell_ms = 0
        self.sent = []
        self.answer = None

    async def call(self, action, payload):
        self.sent.append((action, payload))
        if self.answer:
            raise self.answer
        return {}


def test_every_kind_has_a_type_of_the_whitepaper():
    types = [security_messages.event_type(kind.rstrip("!")) for kind in security_book.KINDS]
    assert len(set(types)) == len(types) == 19
    assert "InvalidTLSCipherSuite" in types and not [t for t in types if not t[0].isupper()]


def test_critical_events_are_told_in_order_and_once():
    with Scene() as s:
        s.clock.set(NOON)
        security_log.note("started", "1.0")
        security_log.note("login_failed", "page")
        security_log.note("reset")
        security_log.note("reset")
        s.keep()
        point = Point(s.clock)
        run(security_events.tell(point))
        now = s.clock.uptime_ms()
        assert now < point.tell_ms <= now + 1000  # the next one follows soon
        for _ in range(3):
            run(security_events.tell(point))
        assert point.sent == [
            (
                "SecurityEventNotification",
                {"type": "StartupOfTheDevice", "timestamp": "2027-01-01T12:00:00Z",
                 "techInfo": "1.0"},
            ),
            (
                "SecurityEventNotification",
                {"type": "ResetOrReboot", "timestamp": "2027-01-01T12:00:00Z",
                 "techInfo": "2 times"},
            ),
        ]  # fmt: skip
        assert security_log.untold is None
        security_log.note("clock_set", "by 99 s")
        s.keep()
        assert security_log.untold is not None
        security_log.untold = 0  # a restart: all that was acknowledged stays so
        run(security_events.tell(point))
        assert [p["type"] for _, p in point.sent[2:]] == ["SettingSystemTime"]


def test_what_a_version_does_not_tell_is_passed_over_at_once():
    for module, types in (
        (security_events, ["ResetOrReboot"]),
        (security_events_2, ["InvalidFirmwareSignature", "InvalidTLSVersion", "ResetOrReboot"]),
    ):
        with Scene() as s:
            s.clock.set(NOON)
            for kind in ("firmware_signature", "tls_version", "reset"):
                security_log.note(kind)
            s.keep()
            point = Point(s.clock)
            for _ in range(2):
                if module is security_events:
                    run(module.tell(point))
                    assert point.sent == [] and point.tell_ms <= s.clock.uptime_ms()
            for _ in range(4):
                run(module.tell(point))
            assert [payload["type"] for _, payload in point.sent] == types
            assert security_log.untold is None and len(s.rows()) == 3


def test_an_event_is_told_by_the_clock_that_has_been_put_right_since():
    with Scene() as s:
        s.clock.set(NOON + 7200)  # a time server that is two hours off
        security_log.note("started", "1.0")
        s.keep()
        s.ms += 5000
        s.clock.set(NOON + 5)
        point = Point(s.clock)
        run(security_events.tell(point))
        assert point.sent[0][1]["timestamp"] == "2027-01-01T12:00:00Z"
        assert s.rows()[0][1] == "2027-01-01T14:00:00Z"  # what the charger took it for then


def test_an_event_whose_time_is_not_known_says_when_it_was_otherwise():
    with Scene() as s:
        s.ms += 12000
        security_log.note("started", "1.0")
        s.keep()
        s.clock = Clock(lambda: s.ms)
        s.clock.boot = 4
        s.clock.set(NOON)
        point = Point(s.clock)
        run(security_events.tell(point))
        assert point.sent[0][1]["techInfo"] == "1.0; boot 1, 12 s after its start"


def test_without_an_answer_it_is_told_again_a_minute_later():
    with Scene() as s:
        s.clock.set(NOON)
        security_log.note("started", "1.0")
        s.keep()
        point = Point(s.clock)
        point.answer = OSError("lost")
        try:
            run(security_events.tell(point))
            raise AssertionError
        except OSError:
            pass
        assert point.tell_ms == s.clock.uptime_ms() + 60000
        point.answer = None
        run(security_events.tell(point))
        assert len(point.sent) == 2 and point.sent[0] == point.sent[1]


def test_a_central_system_that_does_not_know_it_is_not_asked_again_and_the_log_keeps_it():
    for code in security_messages.UNKNOWN:
        with Scene() as s:
            s.clock.set(NOON)
            security_log.note("started", "1.0")
            s.keep()
            point = Point(s.clock)
            point.answer = CallError(code, "")
            run(security_events.tell(point))
            assert point.refusals is None
            point = Point(s.clock)  # the next connection
            run(security_events.tell(point))
            assert len(point.sent) == 1


def test_an_event_that_is_refused_three_times_lets_the_next_one_pass():
    with Scene() as s:
        s.clock.set(NOON)
        security_log.note("started", "1.0")
        security_log.note("reset")
        s.keep()
        point = Point(s.clock)
        point.answer = CallError("FormationViolation", "")
        for _ in range(3):
            run(security_events.tell(point))
            if len(point.sent) < 3:
                assert point.tell_ms == s.clock.uptime_ms() + 60000
        assert [p["type"] for _, p in point.sent] == 3 * ["StartupOfTheDevice"]
        point.answer = None
        run(security_events.tell(point))
        assert point.sent[-1][1]["type"] == "ResetOrReboot"
        assert len(s.rows()) == 2


def test_a_flood_of_requests_for_a_log_is_one_task_with_another_target():
    """Each request began a task, which waited behind the ones before: 12 took all the memory."""

    class Settings:
        def text(self, name):
            return "CP 1"

    with Scene() as s:
        sends, most, tasks = [], [0], []
        create, sleep = asyncio.create_task, asyncio.sleep

        def counted(work):
            tasks.append(1)
            return create(work)

        async def send(location, source, size, name, stop):
            sends.append(location)
            most[0] = max(most[0], len(sends))
            try:
                while location != "http://good/":
                    if stop(False):
                        raise ValueError("given up")
                    await sleep(0)
                stop(False) or sends.append("sent")
            finally:
                sends.remove(location)

        async def story():
            s.send, s.report = send, lambda: ((lambda: iter([b"x"])), 1)
            for i in range(50):
                last, instead = log_upload.request(
                    Settings(), s.clock, log_upload.DIAGNOSTICS, i, "http://pit/"
                )
                assert instead == (i > 0)
                if i % 7 != 3:  # not all answers leave: the connection may break first
                    await last.begin()
                for _ in range(i % 5):
                    await sleep(0)
            assert last.number == 49 and last.news in ([], ["uploading"])
            last, _ = log_upload.request(
                Settings(), s.clock, log_upload.DIAGNOSTICS, 99, "http://good/"
            )
            for _ in range(20):
                await sleep(0)
            assert last.news == [] and sends == [], "it began before its answer was on its way"
            await last.begin()
            for _ in range(20):
                await sleep(0)
            assert last.news == ["uploading", "uploaded"] and sends == ["sent"]
            for word in list(last.news):
                last.told(word)
            assert security_log.upload is None

        log_upload.asyncio.create_task = counted
        try:
            run(story())
        finally:
            log_upload.asyncio.create_task = create
        # A new task only where the one before has ended, as the answer had not left.
        assert most == [1] and len(tasks) <= 1 + 50 // 7 + 2, (most, len(tasks))


def test_a_word_about_a_log_goes_before_events_and_is_told_once():
    with Scene() as s:
        s.clock.set(NOON)
        security_log.note("started", "1.0")
        s.keep()

        class Settings:
            def text(self, name):
                return "CP 1"

        upload, instead = log_upload.request(Settings(), s.clock, "security", 5, "http://x/")
        assert not instead and upload.name == "CP-1-security-20270101T120000Z.txt"
        upload.news += ["uploading", "uploaded"]
        upload.over = True
        point = Point(s.clock)
        run(security_events.tell(point))
        point.answer = CallError("NotSupported", "")  # cannot be told: not told again
        run(security_events.tell(point))
        assert [p for _, p in point.sent] == [
            {"status": "Uploading", "requestId": 5}, {"status": "Uploaded", "requestId": 5},
        ]  # fmt: skip
        assert security_log.upload is None and point.refusals == 0
