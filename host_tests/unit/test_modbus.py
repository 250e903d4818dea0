# Modbus RTU master against a UART whose other end is written down here.
# MIT license; part of microevse

from helpers import cancelled, raises, run

from modbus.rtu import (
    BadFrame,
    Master,
    ModbusError,
    NoAnswer,
    Refused,
    WrongAnswer,
    crc16,
)


def frame(*data):
    data = bytes(data)
    crc = crc16(data)
    return data + bytes([crc & 255, crc >> 8])


class Line:
    """A UART: answers each written request with the next of `answers`.

    An answer is bytes, or a list of pieces; one piece becomes visible at every second look.
    """

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []
        self.pieces = []
        self.here = b""
        self.looks = 0

    def write(self, data):
        self.sent.append(bytes(data))
        answer = self.answers.pop(0) if self.answers else b""
        self.pieces = list(answer) if isinstance(answer, list) else [answer]

    def any(self):
        self.looks += 1
        if self.pieces and self.looks % 2 == 0:
            self.here += self.pieces.pop(0)
        return len(self.here)

    def read(self, n):
        data = self.here[:n]
        self.here = self.here[n:]
        return data or None


def master(line, **options):
    return Master(line, baud=115200, answer_ms=30, **options)


def read(line, address=1, function=4, register=0, count=2, **options):
    return run(master(line, **options).read(address, function, register, count))


def error(line, exc_type, **options):
    async def body():
        await master(line, **options).read(1, 4, 0, 2)

    return raises(exc_type, run, body())


GOOD = frame(1, 4, 4, 0x43, 0x66, 0x33, 0x34)
DATA = b"\x43\x66\x33\x34"


def test_checksum_is_that_of_the_protocol_description():
    # Request of the SDM630 description: read input registers 0 and 1 of station 1.
    assert crc16(b"\x01\x04\x00\x00\x00\x02") == 0xCB71
    assert crc16(b"123456789") == 0x4B37  # check value of CRC-16/MODBUS
    assert crc16(b"xx123456789xx", 2, 11) == 0x4B37
    assert crc16(b"") == 0xFFFF


def test_request_is_sent_as_written_in_the_protocol_description():
    line = Line(GOOD)
    assert read(line) == DATA
    assert line.sent == [b"\x01\x04\x00\x00\x00\x02\x71\xcb"]


def test_large_register_numbers_and_counts_are_encoded():
    line = Line(frame(7, 3, 250, *([5] * 250)))
    assert read(line, 7, 3, 0xFF00, 125) == b"\x05" * 250
    assert line.sent[0][:6] == b"\x07\x03\xff\x00\x00\x7d"


def test_answer_that_comes_byte_by_byte_is_put_together():
    line = Line([GOOD[i : i + 1] for i in range(len(GOOD))])
    m = Master(line, baud=115200, answer_ms=500, retries=0)
    assert run(m.read(1, 4, 0, 2)) == DATA


def test_silence_is_no_answer_after_the_retry():
    line = Line()
    exc = error(line, NoAnswer)
    assert "station 1" in str(exc)
    assert len(line.sent) == 2


def test_one_lost_answer_is_asked_for_again():
    line = Line(b"", GOOD)
    assert read(line) == DATA
    assert len(line.sent) == 2


def test_half_a_frame_is_refused_and_the_next_request_starts_clean():
    line = Line(GOOD[:6], GOOD)
    m = master(line, retries=0)

    async def body():
        failed = None
        try:
            await m.read(1, 4, 0, 2)
        except BadFrame as exc:
            failed = exc
        assert failed is not None
        return await m.read(1, 4, 0, 2)

    assert run(body()) == DATA
    assert m.failures == 1 and m.requests == 2


def test_every_single_bit_error_is_refused():
    for i in range(len(GOOD)):
        for bit in (0, 3, 7):
            bad = bytearray(GOOD)
            bad[i] ^= 1 << bit
            line = Line(bytes(bad))
            failed = None
            m = Master(line, baud=115200, answer_ms=5, retries=0)
            try:
                run(m.read(1, 4, 0, 2))
            except ModbusError as exc:
                failed = exc
            assert failed is not None, (i, bit)


def test_answer_of_another_station_is_refused():
    exc = error(Line(frame(2, 4, 4, 1, 2, 3, 4)), WrongAnswer, retries=0)
    assert "answered by 2" in str(exc)


def test_answer_to_another_function_is_refused():
    error(Line(frame(1, 3, 4, 1, 2, 3, 4)), WrongAnswer, retries=0)


def test_answer_of_another_length_is_refused():
    error(Line(frame(1, 4, 2, 1, 2)), WrongAnswer, retries=0)


def test_exception_is_reported_with_its_number_and_not_repeated():
    line = Line(frame(1, 0x84, 2), GOOD)
    exc = error(line, Refused)
    assert exc.code == 2 and "illegal data address" in str(exc)
    assert len(line.sent) == 1


def test_unknown_exception_number_is_shown():
    for code in (0, 7, 9, 12, 77, 255):
        text = str(error(Line(frame(1, 0x84, code)), Refused))
        assert text == "station 1 refuses: exception %d" % code


def test_known_exception_numbers_have_their_names():
    for code, name in (
        (1, "illegal function"), (6, "device busy"), (8, "memory parity error"),
        (10, "gateway path unavailable"), (11, "gateway target silent"),
    ):  # fmt: skip
        text = str(error(Line(frame(1, 0x84, code)), Refused))
        assert text == "station 1 refuses: " + name


def test_echo_of_the_request_is_skipped():
    echo = b"\x01\x04\x00\x00\x00\x02\x71\xcb"
    assert read(Line(echo + GOOD), retries=0) == DATA
    assert "only an echo" in str(error(Line(echo), NoAnswer, retries=0))


def test_noise_before_and_after_the_answer_is_skipped():
    assert read(Line(b"\x00\xff" + GOOD + b"\x00"), retries=0) == DATA


def test_stale_bytes_are_thrown_away_before_the_request():
    line = Line(GOOD)
    line.here = frame(1, 4, 4, 9, 9, 9, 9)
    assert read(line) == DATA


def test_answer_after_its_deadline_is_not_taken_for_the_next_one():
    late = frame(1, 4, 4, 9, 9, 9, 9)

    class Slow(Line):
        def write(self, data):
            super().write(data)
            if len(self.sent) == 2:
                assert not self.here  # what came late was thrown away before

    line = Slow(b"", GOOD)

    async def body():
        m = master(line, retries=0)
        failed = None
        try:
            await m.read(1, 4, 0, 2)
        except NoAnswer as exc:
            failed = exc
        assert failed is not None
        line.here = late
        return await m.read(1, 4, 0, 2)

    assert run(body()) == DATA


def test_line_that_never_falls_silent_ends_in_an_error():
    class Talker(Line):
        def any(self):
            return 64

        def read(self, n):
            return b"\x55" * n

    error(Talker(), BadFrame, retries=0)


def test_cancelled_read_leaves_the_line_usable():
    import asyncio

    line = Line([b""] * 40 + [GOOD], GOOD)
    m = master(line, retries=0)

    async def body():
        task = asyncio.create_task(m.read(1, 4, 0, 2))
        await asyncio.sleep(0.01)
        await cancelled(task)
        return await m.read(1, 4, 0, 2)

    assert run(body()) == DATA


def test_two_readers_take_turns():
    import asyncio

    line = Line(GOOD, frame(2, 4, 4, 1, 2, 3, 4))
    m = master(line, retries=0)

    async def body():
        return await asyncio.gather(m.read(1, 4, 0, 2), m.read(2, 4, 0, 2))

    assert list(run(body())) == [DATA, b"\x01\x02\x03\x04"]


def test_driver_is_enabled_for_the_request_only():
    log = []

    class Wired(Line):
        def write(self, data):
            log.append("write")
            super().write(data)
            self.left = 3

        def txdone(self):
            self.left -= 1
            log.append("done" if self.left <= 0 else "busy")
            return self.left <= 0

    assert read(Wired(GOOD), dir_pin=log.append) == DATA
    assert log == [0, 1, "write", "busy", "busy", "done", 0]


def test_driver_is_released_when_the_uart_fails():
    log = []

    class Broken(Line):
        def write(self, data):
            raise OSError(5)

    m = master(Broken(), dir_pin=log.append)
    raises(OSError, run, m.read(1, 4, 0, 2))
    assert log[-1] == 0


def test_impossible_requests_are_refused_before_anything_is_sent():
    line = Line()
    for args in ((0, 4, 0, 1), (248, 4, 0, 1), (1, 6, 0, 1), (1, 4, 0, 0), (1, 4, 0, 126)):
        raises(ValueError, run, master(line).read(*args))
    raises(ValueError, run, master(line).read(1, 4, 0xFFFF, 2))
    assert line.sent == []
