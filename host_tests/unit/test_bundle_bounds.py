# Headers of bundles and ROMFS images at their bounds: what is taken, and what a person is told.
# MIT license; part of microevse
"""A refusal alone proves little: a later step may refuse for another reason, or with words that a
person does not understand."""

from bundle_texts import lines, parsed
from helpers import raises
from slots import HEADER, bundle, rom
from store.ramflash import RamFlash


def told(fn, *arguments):
    return str(raises(ValueError, fn, *arguments))


def test_numbers_of_a_header_have_one_to_eight_digits():
    good = lines()
    for text in (b"12345678", b"1234567", b"1", b"0", b"00000008"):
        assert parsed(good.replace(b"length 8192", b"length " + text)).length == int(text)
        assert parsed(good.replace(b"block 4096", b"block " + text)).block == int(text)
    for text in (b"-5", b"+5", b"1x", b"x", b"0x10", b"123456789", b"1" * 30):
        for name in (b"length 8192", b"block 4096"):
            word = name.split(b" ")[0]
            wrong = good.replace(name, word + b" " + text)
            assert "%s is no number" % word.decode() in told(parsed, wrong), text


def test_what_is_not_hexadecimal_is_told_with_its_name():
    wrong = lines().replace(b"sha256 0", b"sha256 x")
    assert "sha256 is not hexadecimal" in told(parsed, wrong)
    assert "signature is not hexadecimal" in told(parsed, lines() + b"signature xy\n")


def test_too_little_memory_is_not_told_as_a_wrong_bundle():
    def full(_):
        raise MemoryError()

    real, bundle.unhexlify = bundle.unhexlify, full
    try:
        raises(MemoryError, parsed, lines())
    finally:
        bundle.unhexlify = real


def test_a_header_is_read_from_any_kind_of_bytes():
    data = bundle.header(lines())
    for kind in (bytes, bytearray, memoryview):
        assert bundle.parse(kind(data)).version == "1.2"


def test_a_header_may_come_in_pieces_of_any_size():
    data = bundle.header(lines() + b"key 0123456789abcdef\n") + b"image"
    whole = bundle.parse(data)
    assert whole.digest == data[HEADER - 32 : HEADER]
    for size in (1, 7, 256, 1024, 2015, 2017, HEADER - 1, HEADER + 5):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        found = bundle.parse(pieces)
        assert (found.signed, found.digest) == (whole.signed, whole.digest), size
        assert (found.key, found.sha256) == (whole.key, whole.sha256)
        for at in (40, 300, 1000, 2015, 2016, HEADER - 1):
            wrong = bytearray(data)
            wrong[at] ^= 4
            pieces = [bytes(wrong[i : i + size]) for i in range(0, len(wrong), size)]
            assert "damaged" in told(bundle.parse, pieces), (size, at)
    assert "cut off" in told(bundle.parse, [data[:1000], data[1000 : HEADER - 1]])
    assert "not a microevse" in told(bundle.parse, [])
    assert "not a microevse" in told(bundle.parse, [b"something else", data])


def test_a_header_that_is_cut_off_is_told_as_such():
    data = bundle.header(lines())
    for size in (len(bundle.MAGIC), 100, HEADER - 1):
        assert "cut off" in told(bundle.parse, data[:size])


def test_an_empty_line_hides_none_of_those_behind_it():
    for name in (b"version", b"board", b"sha256"):
        head = parsed(lines().replace(name, b"\n" + name))
        assert (head.version, head.board, head.sha256) == ("1.2", "b", bytes(32))


def test_a_version_and_a_board_have_32_characters_at_most():
    for name in ("version", "board"):
        assert getattr(parsed(lines(**{name: "x" * 32})), name) == "x" * 32
        assert "too long" in told(parsed, lines(**{name: "x" * 33}))


def test_an_image_of_an_unknown_format_is_refused_by_its_header():
    for known in ("lfs2", "romfs"):
        assert parsed(lines(format=known)).format == known
    for unknown in ("ext4", "lfs", "ROMFS"):
        assert "another format" in told(parsed, lines(format=unknown))


def test_a_header_that_is_too_long_is_told_with_its_size():
    room = HEADER - 32
    signed = lines() + bytes(room - len(lines()) + 1)
    assert "%d bytes are too much" % (room + 1) in told(bundle.header, signed)


def test_an_image_may_have_one_byte():
    head = parsed(lines(format="romfs", block=0, length=1))
    bundle.admit(head, "b", 1, [])


# -- ROMFS ---------------------------------------------------------------------------------


def window(at, size, blocks=8):
    flash = RamFlash(blocks=blocks)
    return rom.Window(flash, at * flash.block_size, int(size * flash.block_size))


def test_a_window_has_two_whole_blocks_or_more_inside_of_the_flash():
    for at, size in ((0, 2), (0, 3), (0, 8), (6, 2), (3, 5)):
        assert window(at, size).blocks == size
    for at, size in ((0, 1), (0, 2.5), (1, 3.5), (0, 0)):
        assert "are no blocks" in told(window, at, size)
    for at, size in ((0, 9), (7, 2), (8, 2)):
        assert "are outside" in told(window, at, size)


def record(kind, body):
    return bytes([kind, len(body)]) + body


def pointed(name, kind=3, at=5, size=9):
    """The body of a file: its name, then the place of its data."""
    return bytes([len(name)]) + name + record(kind, bytes([size, at]))


def romfs(*records):
    body = b"".join(records)
    size = bytes([0x80 | len(body) >> 7, len(body) & 0x7F]) if len(body) > 127 else None
    return rom.MAGIC + (size or bytes([len(body)])) + body


def test_files_are_those_of_the_root_whose_data_is_pointed_to():
    one = record(5, pointed(b"one"))
    two = record(5, pointed(b"two", at=7, size=3))
    assert rom.files(romfs(one)) == {"one": (4 + 5, 9)}
    assert rom.files(romfs(one, two)) == {"one": (9, 9), "two": (11, 3)}
    assert rom.files(romfs()) == {}
    # Something else than a file, and a file whose data follows.
    for other in (record(4, pointed(b"x")), record(1, pointed(b"x")), record(5, pointed(b"x", 2))):
        assert rom.files(romfs(other, one)) == {"one": (9, 9)}
        assert rom.files(romfs(one, other)) == {"one": (9, 9)}


def test_what_is_no_romfs_or_is_damaged_is_told_apart():
    good = romfs(record(5, pointed(b"one")))
    for head in (b"", b"\xd2\xcd", b"\xff" * 128, bytes(128), b"\xd2\xcd\x30" + good[3:]):
        assert "no ROMFS" in told(rom.files, head)
    for size in range(3, len(good)):
        assert "damaged head" in told(rom.files, good[:size]), size


def test_a_head_of_128_bytes_is_enough():
    padding = record(1, bytes(100))
    image = romfs(padding, record(5, pointed(b"one")))
    assert 100 < len(image) <= 128
    assert rom.files(image[: rom.HEAD]) == {"one": (4 + 5, 9)}
