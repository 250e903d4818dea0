# Timestamps as central systems really send them.
# MIT license; part of microevse

import iso8601
from helpers import raises

T = 1767323045  # 2026-01-02T03:04:05Z


def test_the_forms_that_central_systems_send():
    for text in (
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.000Z",
        "2026-01-02T03:04:05.123456Z",
        "2026-01-02T03:04:05.123456789+00:00",
        "2026-01-02T03:04:05.1234567+00:00",
        "2026-01-02T04:04:05+01:00",
        "2026-01-02T04:04:05+0100",
        "2026-01-01T22:04:05-05:00",
        "2026-01-02T08:34:05.9+05:30",
        "2026-01-02t03:04:05z",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05",
    ):
        assert iso8601.parse(text) == T, text


def test_known_moments():
    for text, unix in (
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T12:00:00Z", 951825600),
        ("2026-11-01T00:00:00Z", 1793491200),
        ("2028-02-29T23:59:59Z", 1835481599),
        ("2038-01-19T03:14:08Z", 2147483648),
        ("2099-12-31T23:59:59Z", 4102444799),
        ("2100-03-01T00:00:00Z", 4107542400),
    ):
        assert iso8601.parse(text) == unix, text
        assert iso8601.format(unix) == text, unix
    assert iso8601.parse("2016-12-31T23:59:60Z") == iso8601.parse("2017-01-01T00:00:00Z")


def test_every_day_of_a_century_there_and_back():
    last = ""
    for day in range(0, 48000):
        text = iso8601.format(day * 86400 + 43200)
        assert text > last
        last = text
        if day % 7 == 0:
            assert iso8601.parse(text) == day * 86400 + 43200


def test_nonsense_is_refused():
    for text in (
        "",
        "now",
        "2026-01-02",
        "2026-01-02T03:04",
        "2026-13-02T03:04:05Z",
        "2026-00-02T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "2100-02-29T03:04:05Z",
        "2026-04-31T03:04:05Z",
        "2026-01-00T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05ZZ",
        "2026-01-02T03:04:05+1",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+01:60",
        "2026-01-02T03:04:05 UTC",
        "2026/01/02T03:04:05Z",
        "2026-01-02X03:04:05Z",
        "+026-01-02T03:04:05Z",
        "2026-01-02T03:04: 5Z",
        "2026-01-02T03:04:-5Z",
        "1969-12-31T23:59:59Z",
        "２０２６-01-02T03:04:05Z",
        "2026-01-02T03:04:05." + "0" * 100 + "Z",
        None,
        1767323045,
    ):
        raises(ValueError, iso8601.parse, text)
    raises(ValueError, iso8601.format, -1)
    raises(ValueError, iso8601.format, 1 << 40)
