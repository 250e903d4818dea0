# Signatures and bundle headers at their bounds: numbers that are almost right are wrong.
# MIT license; part of microevse
"""The P-256 vectors are those of RFC 6979, A.2.5. The arithmetic has its own tests
(test_pki_signatures.py)."""

import hashlib
from binascii import unhexlify

import signed_images
from bundle_texts import lines, parsed
from helpers import raises
from pki import p256
from slots import HEADER, bundle, keys

X = 0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
Y = 0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299
SAMPLE = (
    0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
    0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
)
TEST = (
    0xF1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367,
    0x019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083,
)
P, N = p256.P, p256.N
# x of a point of the curve at y = -1.
MINUS_ONE = 0x9E78D4EF60D05F750F6636209092BC43CBDD6B47E11A9DE20A9FEB2A50BB96C


def pair(r, s):
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def digest(text):
    return hashlib.sha256(text).digest()


def test_p256_takes_the_vectors_of_the_standard_and_nothing_beside_them():
    assert keys.p256(X, Y, digest(b"sample"), pair(*SAMPLE)) is True
    assert keys.p256(X, Y, digest(b"test"), pair(*TEST)) is True
    r, s = SAMPLE
    for wrong in (
        (r, TEST[1]),
        (TEST[0], s),
        (r + 1, s),
        (r, s - 1),
        (0, s),
        (r, 0),
        (N, s),
        (r, N),
        (s, r),
    ):
        assert keys.p256(X, Y, digest(b"sample"), pair(*wrong)) is False, wrong
    assert keys.p256(X, P - Y, digest(b"sample"), pair(*SAMPLE)) is False
    for cut in (b"", pair(*SAMPLE)[:-1], pair(*SAMPLE) + b"\x00"):
        assert keys.p256(X, Y, digest(b"sample"), cut) is False


def multiple(k):
    """k times the generator, affine."""
    point = None
    for i in range(255, -1, -1):
        point = p256.double(point)
        if k >> i & 1:
            point = p256.add(point, p256.G)
    return affine(point)


def test_a_number_that_is_right_but_for_a_multiple_of_the_order_is_refused():
    """s and s + N are the same number to the arithmetic (SEC 1 section 4.1.4, step 1)."""
    z = int.from_bytes(digest(b"sample"), "big")
    r = multiple(5)[0] % N
    for s in (1, 2):
        # The private key for which the nonce 5 gives this s.
        x, y = multiple((5 * s - z) * pow(r, N - 2, N) % N)
        assert keys.p256(x, y, digest(b"sample"), pair(r, s)) is True
        assert keys.p256(x, y, digest(b"sample"), pair(r, s + N)) is False


def test_a_signature_has_64_bytes_though_the_numbers_would_fit_into_others():
    z = int.from_bytes(digest(b"sample"), "big")
    r = multiple(5)[0] % N
    x, y = multiple((5 - z) * pow(r, N - 2, N) % N)
    good = pair(r, 1)
    assert keys.p256(x, y, digest(b"sample"), good) is True
    for second in (b"\x01", bytes(30) + b"\x01", bytes(32) + b"\x01"):
        cut = good[:32] + second
        assert keys.p256(x, y, digest(b"sample"), cut) is False, len(cut)


def test_a_sum_that_is_infinity_is_no_signature():
    """u G + v Q is infinity for each s, where z + r d is nought (SEC 1 section 4.1.4, step 5)."""
    z = int.from_bytes(digest(b"sample"), "big")
    for r in (5, multiple(5)[0] % N):
        x, y = multiple(-z * pow(r, N - 2, N) % N)
        for s in (1, SAMPLE[1]):
            assert keys.p256(x, y, digest(b"sample"), pair(r, s)) is False


def root():
    """y of a point of the curve at x = 0."""
    y = pow(p256.B, (P + 1) // 4, P)
    assert y * y % P == p256.B
    return y


def affine(point):
    x, y, z = point
    w = pow(z, P - 2, P)
    return x * w * w % P, y * w * w * w % P


def test_rsa_is_checked_with_the_whole_message():
    line, signature = signed_images.RSA_KEY, unhexlify(signed_images.RSA_SIGNATURE)
    _, n, e = keys._numbers(line)
    data = bundle.parse(signed_images.signed(line, signed_images.RSA_SIGNATURE)).signed
    right = hashlib.sha256(data).digest()
    assert keys.rsa(n, e, right, signature) is True
    assert keys.rsa(n, e, digest(b"x"), signature) is False
    assert keys.rsa(n, e, right, signature[:-1]) is False
    assert keys.rsa(n, e + 2, right, signature) is False


def test_numbers_that_can_be_no_key_are_refused():
    big = (1 << 2047) + 1
    for line, good in (
        ("p256 %x %x" % (X, Y), True), ("p256 %x %x" % (0, root()), True),
        ("p256 %x %x" % (P, root()), False),
        ("p256 %x %x" % (MINUS_ONE, P - 1), True), ("p256 %x -1" % MINUS_ONE, False),
        ("p256 %x %x" % (X, Y + P), False), ("p256 %x %x" % (X + P, Y), False),
        ("p256 %x %x" % (X, Y + 1), False),
        ("p256 -1 %x" % Y, False), ("p256 %x" % X, False), ("p256 x y", False),
        ("p384 %x %x" % (X, Y), False),
        ("rsa %x 10001" % big, True), ("rsa %x 3" % big, True),
        ("rsa %x 10001" % (big + 1), False),
        ("rsa %x 10001" % ((1 << 2047) - 1), False), ("rsa %x 1" % big, False),
        ("rsa %x 2" % big, False),
        ("rsa %x 4" % big, False), ("rsa %x -3" % big, False),
    ):  # fmt: skip
        if good:
            assert keys._numbers(line)[0] == line.split(" ")[0]
        else:
            raises(ValueError, keys._numbers, line)


def test_empty_lines_and_remarks_of_a_key_file_are_no_keys():
    line = "p256 %x %x" % (X, Y)
    for content in (line, line + "\n", "# ours\n\n  " + line + " \r\n\n"):
        assert keys.load(content) == [line]
    for content in ("", "\n\n", "# ours\n", line + "\np256 1\n"):
        raises(ValueError, keys.load, content)


def test_too_little_memory_is_not_told_as_a_wrong_key():
    def full(*_):
        raise MemoryError()

    keys.int = full
    try:
        raises(MemoryError, keys.load, "p256 1 2")
    finally:
        del keys.int


def test_only_the_key_that_is_named_may_have_signed():
    line = "p256 %x %x" % (X, Y)
    other = "rsa %x 10001" % ((1 << 2047) + 1)
    name = keys.key_id(line)
    assert keys.check([other, line], name, b"sample", pair(*SAMPLE)) is None
    for known, named, data, signature, word in (
        ([line], name, b"samplf", pair(*SAMPLE), "wrong"),
        ([line], "", b"sample", pair(*SAMPLE), "not signed"),
        ([line], name, b"sample", b"", "not signed"),
        ([line], None, b"sample", None, "not signed"),
        ([other], name, b"sample", pair(*SAMPLE), "does not know"),
        ([], name, b"sample", pair(*SAMPLE), "does not know"),
        ([line, other], keys.key_id(other), b"sample", pair(*SAMPLE), "wrong"),
    ):  # fmt: skip
        why = raises(keys.NotBelieved, keys.check, known, named, data, signature)
        assert word in str(why), word


# -- headers -----------------------------------------------------------------------------


def test_a_header_with_a_line_twice_or_a_strange_one_is_refused():
    good = lines()
    assert parsed(good).version == "1.2" and parsed(good).signature is None
    assert len(bundle.header(good)) == HEADER
    for signed in (
        good + b"version 1.3\n",
        good + b"colour red\n",
        good.replace(b"board b\n", b""),
    ):
        raises(ValueError, parsed, signed)
    for name in (b"version", b"board", b"format", b"block", b"length", b"sha256"):
        raises(
            ValueError,
            parsed,
            b"\n".join([x for x in good.split(b"\n") if not x.startswith(name)]),
        )


def test_the_signature_is_the_last_line_and_over_all_before_it():
    from slots import keys  # as it is loaded now: other tests have forgotten it since

    head = parsed(lines(), b"\x12\x34")
    assert head.signature == b"\x12\x34" and head.signed == lines()
    body = lines() + b"signature 1234\nkey abc\n"
    raises(keys.NotBelieved, parsed, body)
    raises(keys.NotBelieved, parsed, lines() + b"signature xyz\n")
    other = raises(ValueError, parsed, lines(version="signed").replace(b"sha256 ", b"sha256 x"))
    assert not isinstance(other, keys.NotBelieved)


def test_a_header_that_is_cut_damaged_or_foreign_is_told():
    data = bundle.header(lines())
    for i in (0, 20, len(lines()) - 1, HEADER - 40, HEADER - 1):
        raises(ValueError, bundle.parse, data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :])
    raises(ValueError, bundle.parse, data[:-1])
    assert bundle.parse(data + b"more").length == 8192
    assert bundle.foreign(b"x") and not bundle.foreign(data[:3]) and not bundle.foreign(b"")


def test_what_a_board_admits():
    def admit(room=8192, keys=(), oldest=None, format=None, board="b", **more):
        return bundle.admit(parsed(lines(**more)), board, room, list(keys), oldest, format)

    admit()
    for block in (512, 1024, 2048, 4096):
        admit(block=block, length=block)
        raises(ValueError, lambda: admit(block=block, length=block + 1))  # noqa: B023
    for wrong in ({"room": 8191}, {"length": 0}, {"block": 256}, {"block": 8192}, {"block": 0},
                  {"board": "c"}, {"format": "romfs"}, {"sha256": bytes(31)},
                  {"sha256": bytes(33)},
                  {"oldest": "1.3"}, {"oldest": "1.2.1"}, {"oldest": "2"},
                  {"keys": ["p256 %x %x" % (X, Y)]}):  # fmt: skip
        raises(ValueError, lambda: admit(**wrong))  # noqa: B023
    for good in (
        {"room": 8193},
        {"oldest": "1.2"},
        {"oldest": "1.2.0"},
        {"oldest": "1.1.9"},
        {"format": "lfs2"},
    ):
        admit(**good)


def test_a_header_too_long_for_its_block_is_not_made():
    signed = lines()
    room = HEADER - 32
    assert len(bundle.header(signed + bytes(room - len(signed)))) == HEADER
    raises(ValueError, bundle.header, signed + bytes(room - len(signed) + 1))


def test_versions_are_numbers_in_their_order():
    for text, numbers in (
        ("1.2", [1, 2]), ("1.10.0", [1, 10]), ("v2.0", [2]), ("1.2-rc3", [1, 2]), ("", []),
        ("0", []),
        ("1..3", [1, 0, 3]), ("1.x.3", [1, 0, 3]),
    ):  # fmt: skip
        assert bundle.order(text) == numbers, text


def test_a_bundle_that_needs_a_newer_base_image_is_refused_in_a_sentence():
    def admit(needs, there):
        head = parsed(lines(format="romfs", block=0, base=needs))
        assert head.base == needs
        bundle.admit(head, "b", 8192, [], None, "romfs", there)

    for needs, there in ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (7, None)):
        admit(needs, there)
    for needs, there, word in ((1, 0, "none"), (2, 1, "1"), (10, 9, "9")):
        said = str(raises(ValueError, admit, needs, there))
        assert said == (
            "it needs base image %d, this board has %s: write the base image by cable"
            % (needs, word)
        )
    assert b"base" not in lines()  # versions from before there was a number take it
    raises(ValueError, parsed, lines(base=1).replace(b"base 1", b"base x"))
