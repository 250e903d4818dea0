# CBOR: what goes in comes out, and damaged bytes are refused.
# MIT license; part of microevse

from helpers import raises
from store.cbor import dumps, loads

SAMPLES = (
    0,
    23,
    24,
    255,
    256,
    65535,
    65536,
    (1 << 30) - 1,
    1 << 30,
    1793491200,
    (1 << 32) - 1,
    1 << 32,
    (1 << 64) - 1,
    -1,
    -24,
    -25,
    -10000,
    -(1 << 31),
    -(1 << 64),
    "",
    "idTag-0123456789",
    "Zähler €",
    "x" * 300,
    b"",
    b"\x00\xff" * 20,
    True,
    False,
    None,
    [],
    [1, [2, [3, None]], "x"],
    {},
    {"a": 1, 2: [True]},
    [17, 1, "TAG", 12345, None, [3, 4711, 0]],
)


def test_every_value_comes_back():
    for value in SAMPLES:
        back = loads(dumps(value))
        assert back == value, value
        assert type(back) is type(value), value


def test_bytes_are_those_of_the_rfc_examples():
    # RFC 8949, appendix A
    for value, text in (
        (0, "00"),
        (10, "0a"),
        (24, "1818"),
        (1000, "1903e8"),
        (1000000, "1a000f4240"),
        (1000000000000, "1b000000e8d4a51000"),
        # The last and the first number of each length.
        (23, "17"),
        (255, "18ff"),
        (256, "190100"),
        (65535, "19ffff"),
        (65536, "1a00010000"),
        (4294967295, "1affffffff"),
        (4294967296, "1b0000000100000000"),
        (-24, "37"),
        (-25, "3818"),
        (18446744073709551615, "1bffffffffffffffff"),
        (-1, "20"),
        (-1000, "3903e7"),
        (-18446744073709551616, "3bffffffffffffffff"),
        (False, "f4"),
        (True, "f5"),
        (None, "f6"),
        (b"\x01\x02\x03\x04", "4401020304"),
        ("IETF", "6449455446"),
        ("\u00fc", "62c3bc"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
        ({"a": 1}, "a1616101"),
    ):
        assert dumps(value).hex() == text, (value, dumps(value).hex())
        assert loads(bytes.fromhex(text)) == value


def test_tuples_and_views_are_taken():
    assert loads(dumps((1, 2))) == [1, 2]
    assert loads(memoryview(dumps([1, 2]))) == [1, 2]


def test_what_has_no_place_in_a_record_is_refused():
    raises(TypeError, dumps, 1.5)
    raises(TypeError, dumps, [object()])
    raises(ValueError, dumps, 1 << 64)
    raises(ValueError, dumps, -(1 << 64) - 1)
    raises(ValueError, dumps, [[[[[[[[[[1]]]]]]]]]])


def test_every_truncation_is_refused():
    data = dumps([17, 1, "TAG", 1 << 40, None, [3, -4711, b"xyz"], {"a": True}])
    for n in range(len(data)):
        raises(ValueError, loads, data[:n])
    raises(ValueError, loads, data + b"\x00")


def test_foreign_types_and_huge_lengths_are_refused():
    for text in (
        "ff",  # break
        "9f01ff",  # indefinite array
        "f93c00",  # half float
        "fb3ff0000000000000",  # double
        "c074",  # tag
        "f7",  # undefined
        "1c",  # reserved length
        "9affffffff",  # four thousand million elements
        "5affffffff",
        "bb7fffffffffffffff",
        "62c328",  # not UTF-8
        "a1810102",  # list as key
        "81" * 20 + "00",  # nested too deeply
    ):
        raises(ValueError, loads, bytes.fromhex(text))


def test_any_flipped_bit_gives_a_value_or_a_value_error():
    data = dumps([17, 1, "TAG", 12345, None, [3, 4711, 0], {"k": [1, 2]}])
    for i in range(len(data) * 8):
        bad = bytearray(data)
        bad[i >> 3] ^= 1 << (i & 7)
        try:
            loads(bad)
        except ValueError:
            pass
