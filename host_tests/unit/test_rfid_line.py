# Tags from readers that print lines.
# MIT license; part of microevse

import asyncio

from helpers import cancelled, run

from rfid.line import LineReader


class Uart:
    def __init__(self, data=b""):
        self.data = data

    def any(self):
        return len(self.data)

    def read(self, n):
        data = self.data[:n]
        self.data = self.data[n:]
        return data or None


class Time:
    def __init__(self):
        self.ms = 0

    def __call__(self):
        return self.ms


class Bench:
    """A reader, and what it makes of the bytes that arrive at given times."""

    def __init__(self):
        self.uart = Uart()
        self.time = Time()
        self.reader = LineReader(self.uart, self.time)

    def tags(self, *events):
        """events: bytes arrive, or an int of ms passes; returns the tags in order."""
        tags = []

        async def collect():
            while True:
                tags.append(await self.reader.next_tag())

        async def body():
            task = asyncio.create_task(collect())
            for event in events:
                if isinstance(event, int):
                    self.time.ms += event
                else:
                    self.uart.data += event
                await asyncio.sleep(0.12)  # two looks
            await cancelled(task)

        run(body())
        return tags


def test_line_endings_and_frames_of_all_kinds_are_accepted():
    data = b"04a3b2c1\r\nDEADBEEF\n\x02 0F1E2D\x03\r\n\x02CAFE01\r\n\x03ABC\r"
    assert Bench().tags(data) == ["04A3B2C1", "DEADBEEF", "0F1E2D", "CAFE01", "ABC"]


def test_tag_that_arrives_in_pieces_is_one_tag():
    assert Bench().tags(b"04A3", b"B2C1", b"\r", b"\n") == ["04A3B2C1"]


def test_twenty_characters_are_a_tag_and_twenty_one_are_none():
    b = Bench()
    assert b.tags(b"A" * 36 + b"\n" + b"B" * 37 + b"\n" + b"C" * 500 + b"\nD\n") == ["A" * 36, "D"]
    assert b.reader.dropped == 2


def test_line_with_other_than_printable_characters_is_dropped_whole():
    b = Bench()
    assert b.tags(b"04A3\x00B2\r\n\xff\xfeGOOD\r\n12\x7f34\nOK1\n") == ["OK1"]
    assert b.reader.dropped == 3


def test_empty_and_blank_lines_are_nothing():
    b = Bench()
    assert b.tags(b"\r\n\r\n   \r\n\x02\x03") == []
    assert b.reader.dropped == 0


def test_start_of_text_begins_anew():
    assert Bench().tags(b"04A\x0204A3B2\x03") == ["04A3B2"]


def test_fragment_is_not_put_before_the_next_tag():
    b = Bench()
    assert b.tags(b"04A3", 1100, b"DEADBEEF\n") == ["DEADBEEF"]
    assert b.reader.dropped == 1


def test_same_tag_within_a_second_and_a_half_is_one_tap():
    assert Bench().tags(b"AA\nAA\n", 1000, b"aa\n") == ["AA"]


def test_card_held_to_the_reader_is_one_tap_however_long():
    events = []
    for _ in range(6):
        events += [b"AA\n", 1000]
    assert Bench().tags(*events) == ["AA"]


def test_same_tag_later_is_a_second_tap():
    assert Bench().tags(b"AA\n", 1600, b"AA\n") == ["AA", "AA"]


def test_another_tag_is_reported_at_once():
    assert Bench().tags(b"AA\nBB\nAA\n") == ["AA", "BB", "AA"]


def test_tag_is_not_forgotten_while_nobody_asks():
    b = Bench()
    b.uart.data = b"AA\nBB\n"

    async def body():
        first = await b.reader.next_tag()
        await asyncio.sleep(0.05)
        return first, await b.reader.next_tag()

    assert run(body()) == ("AA", "BB")


def test_the_shape_of_the_text_says_what_card_it_is():
    b = Bench()
    assert b.reader.kind == "Local"
    for text, kind in (
        (b"04a3b2c1", "ISO14443"),
        (b"04A3B2C1D0E980", "ISO14443"),
        (b"08010203040506070809", "ISO14443"),
        (b"E004010203040506", "ISO15693"),
        (b"0A001B2C3D", "Local"),  # a 125 kHz tag
        (b"04A3B2CX", "Local"),
        (b"123E4567-E89B-12D3-A456-426614174000", "Local"),
        (b"04A3B2C1", "ISO14443"),
    ):
        assert b.tags(text + b"\n", 2000) == [text.decode().upper()]
        assert b.reader.kind == kind, text
