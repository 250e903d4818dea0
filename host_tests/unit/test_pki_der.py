# DER at its bounds: each encoding that the rules do not allow is refused, and nothing else.
# MIT license; part of microevse
"""ITU-T X.690. What is refused is refused with DerError, before memory is taken for it."""

from helpers import raises
from pki import der
from pki.der import DerError, Reader, element, integer
from pki_made import unhex

OCTETS = der.OCTET_STRING


def refused(data, take):
    return str(raises(DerError, take, Reader(data)))


def test_elements_come_one_after_another():
    reader = Reader(unhex("020105" + "0402aabb" + "0500"))
    assert reader.tag() == 2 and reader.integer() == 5
    assert reader.content(OCTETS) == b"\xaa\xbb"
    raises(DerError, reader.done)
    assert reader.whole(der.NULL) == b"\x05\x00"
    assert reader.tag() is None and reader.done() is None
    raises(DerError, reader.span, der.NULL)


def test_a_reader_stays_within_its_part():
    data = unhex("3003020105" + "020106")
    outer = Reader(data)
    inner = outer.inside(der.SEQUENCE)
    assert inner.integer() == 5 and inner.tag() is None
    raises(DerError, inner.integer)
    assert outer.integer() == 6
    part = Reader(data, 2, 5)
    assert part.span(2) == (4, 5) and part.tag() is None
    # The length of the inner one says more than the outer one has, though the bytes are there.
    cut = Reader(unhex("3003020205" + "020106")).inside(der.SEQUENCE)
    raises(DerError, cut.integer)


def test_a_length_is_definite_and_as_short_as_it_can_be():
    for size in (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x1000):
        data = element(OCTETS, bytes(size))
        assert Reader(data).content(OCTETS) == bytes(size), size
        assert Reader(data).whole(OCTETS) == data
        if size:
            assert "longer" in refused(data[:-1], lambda r: r.span(OCTETS))
    for head in (
        "0480",  # indefinite
        "04817f", "04820080", "048200ff", "0481", "0482",
        "0483000100", "0483010000", "048400000100", "04ff",
    ):  # fmt: skip
        refused(unhex(head) + bytes(300), lambda r: r.span(OCTETS))
        refused(unhex(head), lambda r: r.span(OCTETS))
    assert "cut short" in refused(b"\x04", lambda r: r.span(OCTETS))
    assert "cut short" in refused(b"", lambda r: r.span(OCTETS))
    assert Reader(b"\x04\x00").content(OCTETS) == b""


def test_an_element_is_bounded_also_where_the_bytes_are_there():
    most = 8192 - 4
    assert len(Reader(element(OCTETS, bytes(most))).content(OCTETS)) == most
    two = Reader(element(OCTETS, bytes(4000)) + element(OCTETS, bytes(5000)))
    assert [len(two.content(OCTETS)), len(two.content(OCTETS))] == [4000, 5000]
    data = element(OCTETS, bytes(most + 1))
    assert "longer" in refused(data, lambda r: r.span(OCTETS))


def test_a_list_is_bounded():
    full = element(der.NULL) * der.COUNT_MAX
    for data, count in ((full, 32), (full + element(der.NULL), 33)):
        reader = Reader(data)
        for _ in range(32):
            reader.span(der.NULL)
        if count == 32:
            reader.done()
        else:
            assert "32 elements" in str(raises(DerError, reader.span, der.NULL))
    # Each list counts for itself.
    many = Reader(element(der.SEQUENCE, element(der.NULL)) * 32)
    for _ in range(32):
        many.inside(der.SEQUENCE).span(der.NULL)


def test_another_tag_and_a_tag_of_several_bytes_are_refused():
    assert "0x02" in refused(b"\x02\x01\x05", lambda r: r.span(OCTETS))
    for tag in (0x1F, 0x9F, 0xBF):
        refused(bytes((tag, 0)), lambda r: r.span(tag))
    assert Reader(b"\x9e\x00").span(0x9E) == (2, 2)


def test_integers_are_minimal_bounded_and_not_negative():
    for number, text in (
        (0, "020100"), (1, "020101"), (127, "02017f"), (128, "02020080"), (255, "020200ff"),
        (256, "02020100"), (32768, "0203008000"), ((1 << 256) - 1, "022100" + "ff" * 32),
    ):  # fmt: skip
        assert integer(number) == unhex(text), number
        assert Reader(unhex(text)).integer() == number
    for text in ("0200", "020200", "0202007f", "03020000", "020180", "0201ff", "0202ff7f",
                 "0203000080"):  # fmt: skip
        refused(unhex(text), lambda r: r.integer())
    big = b"\x01" + bytes(31)
    assert Reader(element(2, big)).integer(32) == 1 << 248
    assert "32 bytes" in refused(element(2, big), lambda r: r.integer(31))
    most = b"\x00\x80" + bytes(511)
    assert Reader(element(2, most)).integer() == 1 << 4095
    refused(element(2, b"\x01" + bytes(513)), lambda r: r.integer())


def test_a_boolean_is_nought_or_all_ones():
    assert Reader(b"\x01\x01\xff").boolean() is True
    assert Reader(b"\x01\x01\x00").boolean() is False
    for text in ("010101", "0100", "0102ffff", "0201ff"):
        refused(unhex(text), lambda r: r.boolean())


def test_an_object_identifier_is_minimal():
    for text in ("550403", "2a864886f70d", "00", "7f", "8101", "818001"):
        assert Reader(element(der.OID, unhex(text))).oid() == unhex(text)
    for text in ("", "80", "8001", "2a8001", "2a018001", "2a86", "ff"):
        refused(element(der.OID, unhex(text)), lambda r: r.oid())
    assert Reader(element(der.OID, unhex("2a818001"))).oid()  # a nought inside of a number
    assert Reader(element(der.OID, b"\x2a" * 32)).oid() == b"\x2a" * 32
    refused(element(der.OID, b"\x2a" * 33), lambda r: r.oid())


def test_bits_are_whole_bytes():
    assert Reader(unhex("0303000102")).bits() == b"\x01\x02"
    assert Reader(unhex("030100")).bits() == b""
    for text in ("0300", "03020780", "030101"):
        refused(unhex(text), lambda r: r.bits())


def test_flags_are_minimal_and_bounded():
    for text, flags in (
        ("030100", 0), ("03020780", 1), ("03020640", 2), ("030206c0", 3), ("03020001", 1 << 7),
        ("0303070080", 1 << 8), ("030307ff80", 0x1FF), ("03020204", 1 << 5),
        ("030500ffffffff", 0xFFFFFFFF), ("03050700000080", 1 << 24),
    ):  # fmt: skip
        assert Reader(unhex(text)).flags() == flags, text
    for text in ("0300", "030101", "03020000", "03020680", "030207c0", "03020880", "0302ff80",
                 "0303078000", "030807ffffffffffff80", "03060000000000ff",
                 "03020600"):  # fmt: skip
        refused(unhex(text), lambda r: r.flags())


def test_what_is_written_is_what_is_read():
    for size in (0, 0x7F, 0x80, 0xFF, 0x100, 0x1FF0):
        data = element(der.SEQUENCE, bytes(size - 1 if size else 0), b"x" if size else b"")
        assert len(Reader(data).content(der.SEQUENCE)) == size
    assert element(0x30, b"a", b"bc") == b"\x30\x03abc"
    assert element(4, bytes(0xFFFF))[:4] == unhex("0482ffff")
    for size in (0x10000, 0x10001):
        assert "too much" in str(raises(ValueError, element, 4, bytes(size)))
