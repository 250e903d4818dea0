# Keys and signatures at their bounds: P-256, RSA, and requests for certificates.
# MIT license; part of microevse
"""P-256 vectors are those of RFC 6979, A.2.5. What no vector has is made: a secret or a signature
is chosen so that an edge is met."""

import hashlib

import pki_made as m
from helpers import raises, run
from pki import csr, keypair, p256, rsa, signature
from pki import run as at_once
from pki.der import DerError, Reader, element, integer
from pki.p256 import G, N, P, add, double, on_curve
from pki_made import pss

SECRET = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
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


def digest(text):
    return hashlib.sha256(text).digest()


def number(text):
    return int.from_bytes(digest(text), "big")


def check(point, message, r, s):
    return at_once(p256.verify(point, digest(message), r, s))


def times(k):
    """k times the generator, by adding alone."""
    total = None
    for i in range(256, -1, -1):
        total = double(total)
        if k >> i & 1:
            total = add(total, G)
    return affine(total)


def affine(point):
    x, y, z = point
    w = pow(z, P - 2, P)
    return x * w * w % P, y * w * w * w % P


# -- P-256 ---------------------------------------------------------------------------------


def test_the_vectors_of_the_standard_and_nothing_beside_them():
    point = X, Y
    assert at_once(keypair.public_key(SECRET)) == point
    for message, pair in ((b"sample", SAMPLE), (b"test", TEST)):
        assert at_once(keypair.sign(SECRET, digest(message))) == pair
        assert check(point, message, *pair) is True
        # The mirrored s is a signature as well (FIPS 186-5 has no rule against it).
        assert check(point, message, pair[0], N - pair[1]) is True
        r, s = pair
        for wrong in ((r, s + 1), (r - 1, s), (s, r), (r, r), (N - r, s)):
            assert check(point, message, *wrong) is False
    assert check(point, b"samplf", *SAMPLE) is False
    assert check((X, P - Y), b"sample", *SAMPLE) is False


def test_numbers_out_of_their_range_are_refused():
    r, s = SAMPLE
    for wrong in ((0, s), (r, 0), (N, s), (r, N), (r + N, s), (r, s + N), (-r, s), (r, -s),
                  (r, s - N), (r - N, s)):  # fmt: skip
        assert check((X, Y), b"sample", *wrong) is False, wrong


def test_a_number_that_is_right_but_for_a_multiple_of_the_order_is_refused():
    z = number(b"sample")
    r = times(5)[0] % N
    for s in (1, 2, N - 1):
        # The secret for which the nonce 5 gives this s.
        point = times((5 * s - z) * pow(r, N - 2, N) % N)
        assert check(point, b"sample", r, s) is True
        assert check(point, b"sample", r, s + N) is False
        assert check(point, b"sample", r, s - N) is False


def test_a_point_that_is_not_on_the_curve_is_no_key():
    assert on_curve(X, Y) and on_curve(X, P - Y)
    for x, y in ((X, Y + 1), (X + 1, Y), (X + P, Y), (X, Y + P), (X - P, Y), (X, Y - P), (0, 0),
                 (-X, Y), (X, -Y)):  # fmt: skip
        assert not on_curve(x, y)
        assert check((x, y), b"sample", *SAMPLE) is False
    assert on_curve(0, root()) and on_curve(0, P - root()) and not on_curve(P, root())


def root():
    """y of a point of the curve at x = 0."""
    return pow(p256.B, (P + 1) // 4, P)


def test_a_number_that_is_nought_is_refused_by_itself():
    """The point at x = 0 in place of the generator: its x is the r of nought."""
    restore = patched(p256, "G", (0, root(), 1))
    try:
        assert at_once(p256.verify((X, Y), (1).to_bytes(32, "big"), 0, 1)) is False
    finally:
        restore()


def test_a_sum_that_is_infinity_is_no_signature():
    """u G + v Q is infinity for each s, where z + r d is nought (SEC 1 section 4.1.4, step 5)."""
    z = number(b"sample")
    for r in (5, times(5)[0] % N):
        point = times(-z * pow(r, N - 2, N) % N)
        for s in (1, SAMPLE[1]):
            assert check(point, b"sample", r, s) is False


def test_the_key_may_be_the_generator_or_its_mirror():
    """The two are added at the start: twice one point, and infinity in the middle."""
    for secret in (1, N - 1, 2, N - 2, 3):
        point = times(secret)
        assert at_once(keypair.public_key(secret)) == point
        pair = at_once(keypair.sign(secret, digest(b"x")))
        assert check(point, b"x", *pair) is True
        assert check(point, b"y", *pair) is False
        assert check((point[0], P - point[1]), b"x", *pair) is False


def test_a_digest_of_nought_leaves_the_keys_multiple_alone():
    """u is nought: only v Q counts."""
    for z in (bytes(32), N.to_bytes(32, "big")):
        k = 77
        r = times(k)[0] % N
        s = r * SECRET * pow(k, N - 2, N) % N
        assert at_once(p256.verify((X, Y), z, r, s)) is True
        assert at_once(p256.verify((X, Y), (1).to_bytes(32, "big"), r, s)) is False


def test_a_digest_may_be_above_the_order():
    for z in (b"\xff" * 32, (N + 5).to_bytes(32, "big")):
        pair = at_once(keypair.sign(SECRET, z))
        assert at_once(p256.verify((X, Y), z, *pair)) is True
        assert pair == at_once(
            keypair.sign(SECRET, (int.from_bytes(z, "big") - N).to_bytes(32, "big"))
        )


def test_a_doubling_inside_of_the_pass_and_every_small_multiple():
    """u and v from few bits: all entries of the table, and sums that meet the total."""
    for u in (1, 2, 3):
        for v in (1, 3):
            for secret in (1, 2, N - 1):
                if (u + v * secret) % N == 0:
                    continue
                # With r = x of u G + v Q, s = r / v and the digest u s this is a signature.
                x = times((u + v * secret) % N)[0] % N
                s = x * pow(v, N - 2, N) % N
                z = (u * s % N).to_bytes(32, "big")
                assert at_once(p256.verify(times(secret), z, x, s)) is True, (u, v, secret)


def lifted():
    """(x, y) of a point whose x is not below the order; the smallest."""
    x = N
    while True:
        y2 = ((x * x - 3) * x + p256.B) % P
        y = pow(y2, (P + 1) // 4, P)
        if y * y % P == y2:
            return x, y
        x += 1


def test_an_x_above_the_order_counts_modulo_the_order():
    """R = u G + v Q has an x of N + r: Q is chosen for an R (SEC 1 section 4.1.6)."""
    x, y = lifted()
    r = x % N
    assert N < x < P and r == x - N and 0 < r
    s, z = 9, number(b"sample")
    w = pow(r, N - 2, N)
    # Q = (s R - z G) / r
    point = add(multiple(s * w % N, (x, y, 1)), multiple(-z * w % N, G))
    assert check(affine(point), b"sample", r, s) is True
    assert check(affine(point), b"sample", r + 1, s) is False
    # An r for which r + N is not below P is compared with x alone: x = r + N - P is another.
    x = 1
    while pow(((x * x - 3) * x + p256.B) % P, (P - 1) // 2, P) != 1:
        x += 1
    for x in (0, x):  # noqa: B020
        y = pow(((x * x - 3) * x + p256.B) % P, (P + 1) // 4, P)
        r = x + P - N
        w = pow(r, N - 2, N)
        point = add(multiple(s * w % N, (x, y, 1)), multiple(-z * w % N, G))
        assert check(affine(point), b"sample", r, s) is False


def multiple(k, point):
    total = None
    for i in range(255, -1, -1):
        total = double(total)
        if k >> i & 1:
            total = add(total, point)
    return total


def test_points_add_up():
    minus = (G[0], P - G[1], 1)
    two = double(G)
    assert affine(add(G, G)) == affine(two) and add(G, minus) is None
    assert add(None, G) == G == add(G, None) and double(None) is None
    three = add(two, G)
    assert affine(add(G, two)) == affine(three) and affine(add(three, minus)) == affine(two)
    assert affine(double(two)) == affine(add(three, G))
    y = root()
    point = 0, y, 1
    slope = -3 * pow(2 * y, P - 2, P) % P
    twice = (slope * slope % P, (-slope * slope * slope - y) % P)
    assert affine(double(point)) == affine(add(point, point)) == twice
    for x, y in (affine(two), affine(three), affine(double(point))):
        assert on_curve(x, y)


def test_the_inverse_of_every_kind_of_number():
    for modulus in (N, P):
        for value in (1, 2, 3, modulus - 1, modulus // 2, X, 1 << 255, SECRET + modulus):
            found = at_once(p256.inverse(value, modulus))
            assert 0 < found < modulus and found * value % modulus == 1


class Pauses:
    def __init__(self):
        self.count = 0

    async def __call__(self):
        self.count += 1


def test_all_that_takes_long_pauses():
    """The numbers are those of pieces of at most 40 ms on a chip (bench_pki.py)."""
    restore = patched(keypair, "urandom", lambda size: b"\x5a" * size)
    try:
        for call, count in (
            (lambda pause: p256.verify((X, Y), digest(b"sample"), *SAMPLE, pause), 89),
            (lambda pause: keypair.public_key(SECRET, pause), 67),
            (lambda pause: keypair.sign(SECRET, digest(b"sample"), pause), 70),
            (lambda pause: rsa.verify(N_RSA, 65537, digest(b"x"), bytes(256), pause), 18),
            (lambda pause: rsa.verify(N_RSA, (1 << 32) - 1, digest(b"x"), bytes(256), pause), 63),
            (lambda pause: p256.inverse(FAR[0], FAR[1], pause), 2),
        ):
            pauses = Pauses()
            run(call(pauses))
            assert pauses.count == count, (pauses.count, count)
    finally:
        restore()


def fibonacci():
    a, b = 1, 1
    while b < N:
        a, b = b, a + b
    return a, b


def test_the_last_step_of_a_multiple_and_what_it_is_divided_by_are_two_pieces():
    done = []
    real, real_double = keypair.inverse, keypair.double

    async def divided(number, modulus, pause):
        done.append("inverse")
        return await real(number, modulus, pause)

    async def pause():
        done.append("pause")

    def doubled(point):
        done.append("double")
        return real_double(point)

    undo = patched(keypair, "inverse", divided), patched(keypair, "double", doubled)
    try:
        run(keypair.public_key(SECRET, pause))
    finally:
        for restore in undo:
            restore()
    at = done.index("inverse")
    assert done[at - 5 : at] == ["double"] * 4 + ["pause"]


N_RSA = (1 << 2047) + 1
FAR = fibonacci()  # Euclid's algorithm takes the most steps


def test_a_pause_that_waits_is_told_where_nobody_can_wait():
    class Turn:
        def __iter__(self):
            yield

        __await__ = __iter__

    async def waits():
        await Turn()

    coroutine = p256.verify((X, Y), digest(b"sample"), *SAMPLE, waits)
    raises(RuntimeError, at_once, coroutine)
    coroutine.close()


# -- secrets and signatures ------------------------------------------------------------------


def test_a_secret_is_above_nought_and_below_the_order():
    for wrong in (0, N, -1, N + 1):
        raises(ValueError, at_once, keypair.public_key(wrong))
        raises(ValueError, at_once, keypair.sign(wrong, digest(b"x")))
    found = [keypair.new_secret() for _ in range(20)]
    assert len(set(found)) == 20 and all([0 < secret < N for secret in found])


def patched(module, name, value):
    """The value before; `restore` puts it back."""
    old = getattr(module, name)
    setattr(module, name, value)
    return lambda: setattr(module, name, old)


def drawn(*numbers):
    given = list(numbers)
    return lambda size: given.pop(0).to_bytes(size, "big")


def test_a_random_number_out_of_the_range_is_drawn_again():
    restore = patched(keypair, "urandom", drawn(0, N, N + 1, (1 << 256) - 1, N - 1, 1))
    try:
        assert keypair.new_secret() == N - 1 and keypair.new_secret() == 1
    finally:
        restore()


def test_the_scale_of_the_coordinates_changes_nothing_but_the_way():
    for z in (1, 2, P - 1):
        restore = patched(keypair, "urandom", drawn(z))
        try:
            assert at_once(keypair.public_key(SECRET)) == (X, Y)
        finally:
            restore()
    seen = set()
    real = keypair.double

    def watched(point):
        seen.add(point[2])
        return real(point)

    restore = patched(keypair, "double", watched)
    try:
        for _ in range(2):
            at_once(keypair.public_key(5))
    finally:
        restore()
    assert len(seen) == 2 * 256, "each time another scale"


def test_each_multiple_takes_the_same_steps():
    counts = []
    real = keypair.add

    def counted(a, b):
        counts[-1] += 1
        return real(a, b)

    restore = patched(keypair, "add", counted)
    try:
        for secret in (1, 2, 1 << 200, (1 << 256) - N - 1, (1 << 256) - N, N - 1, SECRET):
            counts.append(0)
            assert at_once(keypair.public_key(secret)) == times(secret)
    finally:
        restore()
    assert counts == [129] * 7


def test_a_signature_is_the_same_each_time_and_needs_no_good_random_number():
    restore = patched(keypair, "urandom", lambda size: bytes(size - 1) + b"\x01")
    try:
        assert at_once(keypair.sign(SECRET, digest(b"sample"))) == SAMPLE
    finally:
        restore()


def test_what_is_divided_by_is_hidden():
    """Never the nonce itself: Euclid's algorithm takes as long as its number is."""
    seen = []
    real = keypair.inverse

    async def watched(number, modulus, pause):
        seen.append((number, modulus))
        return await real(number, modulus, pause)

    restore = patched(keypair, "inverse", watched)
    try:
        for _ in range(2):
            at_once(keypair.sign(SECRET, digest(b"sample")))
    finally:
        restore()
    assert len(seen) == 4 == len(set(seen))


def test_a_nonce_that_does_not_do_is_followed_by_the_next():
    """RFC 6979 section 3.2 h: r or s of nought; a number out of the range is not tried."""
    nonces = keypair._nonces(SECRET, digest(b"sample"))
    first = next(nonces)
    assert first == 0xA6E3C57DD01ABE90086538398355DD4C3B17AA873382B0F24D6129493D8AAD60
    second = next(nonces)
    assert second != first and 0 < second < N
    real = keypair._hmac
    # The wanted numbers come in as if the hash had given them; what follows is the hash's again.
    count = [0]

    def forged(key, *parts):
        count[0] += 1
        wanted = {5: bytes(32), 8: b"\xff" * 32, 11: N.to_bytes(32, "big")}
        return wanted.get(count[0]) or real(key, *parts)

    restore = patched(keypair, "_hmac", forged)
    try:
        assert 0 < next(keypair._nonces(SECRET, digest(b"sample"))) < N
        assert count[0] == 14
        for edge in (1, N - 1):
            patched(keypair, "_hmac", lambda *_: edge.to_bytes(32, "big"))  # noqa: B023
            assert next(keypair._nonces(SECRET, digest(b"sample"))) == edge
    finally:
        restore()
    # s is nought for the nonce 5 where z = -r d.
    r = times(5)[0] % N
    z = (-r * SECRET % N).to_bytes(32, "big")
    restore = patched(keypair, "_nonces", lambda *_: iter((5, 6)))
    try:
        found = at_once(keypair.sign(SECRET, z))
    finally:
        restore()
    assert found[0] == times(6)[0] % N and at_once(p256.verify((X, Y), z, *found))

    async def at_nought(k, pause):
        return (N, 1) if k == 5 else times(k)

    undo = (
        patched(keypair, "_times", at_nought),
        patched(keypair, "_nonces", lambda *_: iter((5, 6))),
    )
    try:
        found = at_once(keypair.sign(SECRET, z))
    finally:
        for restore in undo:
            restore()
    assert found[0] == times(6)[0] % N


def test_a_key_is_written_and_read():
    der = keypair.write_key(SECRET, X, Y)
    assert keypair.read_key(der) == (SECRET, X, Y)
    assert keypair.read_key(keypair.write_key(1, G[0], G[1])) == (1, G[0], G[1])
    pieces = [
        integer(1),
        element(4, SECRET.to_bytes(32, "big")),
        element(0xA0, element(6, m.P256)),
        element(0xA1, m.bits(keypair.point_bytes(X, Y))),
    ]
    assert element(0x30, *pieces) == der
    for at, wrong in (
        (0, integer(0)), (0, integer(2)),
        (1, element(4, bytes(32))), (1, element(4, N.to_bytes(32, "big"))),
        (1, element(4, SECRET.to_bytes(33, "big"))), (1, element(4, bytes(30) + b"\x01")),
        (2, element(0xA0, element(6, m.EC))), (2, element(0xA0, element(6, m.P256), element(5))),
        (3, element(0xA1, m.bits(keypair.point_bytes(X, Y + 1)))),
        (3, element(0xA1, m.bits(keypair.point_bytes(X, Y)), element(5))),
        (3, pieces[3] + element(5)), (3, b""),
    ):  # fmt: skip
        changed = list(pieces)
        changed[at] = wrong
        raises(DerError, keypair.read_key, element(0x30, *changed))
    for wrong in (der + b"\x00", der[:-1], b""):
        raises(DerError, keypair.read_key, wrong)


# -- RSA -----------------------------------------------------------------------------------


def padded(size, before=b"\x00\x01", fill=b"\xff", info=rsa.DIGEST_INFO, text=b"x"):
    head = before + fill * (size - 3 - len(info) - 32) + b"\x00" + info
    return head + digest(text)


class Plain:
    """RSA with the exponent 1, which the check allows here: the padding and the sizes alone."""

    def __enter__(self):
        # What `signature` imports now: another test of this process may have dropped the package.
        from pki import rsa as found

        modules = [rsa] if found is rsa else [rsa, found]
        self.restore = [patched(module, "good_key", lambda n, e: True) for module in modules]

    def __exit__(self, *_):
        for restore in self.restore:
            restore()


def plain(n, text, verify=rsa.verify, message=b"x"):
    return at_once(verify(n, 1, digest(message), text))


def test_rsa_wants_the_one_right_message():
    with Plain():
        for size in (256, 257, 384, 511, 512):
            n = (1 << (8 * size)) - 1
            assert plain(n, padded(size)) is True
            assert plain(n, padded(size), message=b"y") is False
            for wrong in (
                padded(size, b"\x00\x02"), padded(size, b"\x01\x01"), padded(size, fill=b"\xfe"),
                padded(size, info=b"\x31" + rsa.DIGEST_INFO[1:]), padded(size)[:-1],
                padded(size) + b"\x00", padded(size)[1:], b"\x00" + padded(size), b"",
                # Shorter padding and something behind the digest (Bleichenbacher 2006).
                padded(size - 8) + bytes(8),
            ):  # fmt: skip
                assert plain(n, wrong) is False
        # The signature has as many bytes as the modulus, also where that has fewer bits.
        for n in ((1 << 2047) + 1, (1 << 2040) + 1):
            assert plain(n, padded(256)) is True
        for n in ((1 << 2040) - 1, (1 << 2048) + 1):
            assert plain(n, padded(256)) is False
        n = (1 << 2047) + 1
        more = int.from_bytes(padded(256), "big") + n
        assert plain(n, more.to_bytes(256, "big")) is False
        assert plain(int.from_bytes(padded(256), "big"), padded(256)) is False


def test_a_number_above_the_modulus_is_no_signature():
    """The same modulo the modulus (RFC 8017 section 5.2.2, step 1)."""
    own = m.rsa_key()
    right = own.sign(b"4")
    more = int.from_bytes(right, "big") + own.n
    assert at_once(rsa.verify(own.n, own.e, digest(b"4"), right)) is True
    assert at_once(rsa.verify(own.n, own.e, digest(b"4"), more.to_bytes(256, "big"))) is False


def test_an_rsa_key_has_2048_to_4096_bits_and_a_short_odd_exponent():
    n = (1 << 2047) + 1
    for good in ((n, 3), (n, 65537), ((1 << 4096) - 1, 3), (n, (1 << 32) - 1)):
        assert rsa.good_key(*good) is True
    for wrong in (((1 << 2047) - 1, 3), ((1 << 4096) + 1, 3), (n + 1, 3), (n, 1), (n, 2), (n, 4),
                  (n, 0), (n, -3), (n, (1 << 32) + 1), (0, 3), (-n, 3)):  # fmt: skip
        assert rsa.good_key(*wrong) is False, wrong
    cube = pow(1 << 100, 1, n).to_bytes(256, "big")
    assert at_once(rsa.verify(n, 1, digest(b"x"), padded(256))) is False
    assert at_once(rsa.verify(n, 3, digest(b"x"), cube)) is False


def test_the_power_is_taken_for_every_exponent():
    n = (1 << 2047) + 9
    for e in (3, 5, 17, 65537, 0x10101, (1 << 32) - 1):
        value = number(b"%d" % e)
        found = at_once(rsa._encoded(n, e, value.to_bytes(256, "big"), None))
        assert int.from_bytes(found, "big") == pow(value, e, n)


def test_pss_with_a_salt_of_the_length_of_the_digest():
    with Plain():
        for size in (256, 257, 384, 512):
            n = (1 << (8 * size)) - 1
            assert plain(n, pss(size), rsa.verify_pss) is True
            assert plain(n, pss(size, b"\x00" * 32), rsa.verify_pss) is True
            assert plain(n, pss(size), rsa.verify_pss, b"y") is False
            for wrong in (
                pss(size, trailer=b"\xbd"), pss(size, one=b"\x02"), pss(size, one=b"\x01\x01"),
                pss(size, b"s" * 31), pss(size, b"s" * 33), pss(size, b""),
                bytes((pss(size)[0] ^ 0x80,)) + pss(size)[1:],
                bytes((pss(size)[0] ^ 1,)) + pss(size)[1:],
                pss(size)[:100] + bytes((pss(size)[100] ^ 1,)) + pss(size)[101:],
                pss(size)[:-2] + bytes((pss(size)[-2] ^ 1,)) + b"\xbc",
                padded(size), pss(size)[1:], pss(size) + b"\xbc",
            ):  # fmt: skip
                assert plain(n, wrong, rsa.verify_pss) is False
            assert plain(n, pss(size)) is False
        # The highest bit of the mask does not count: it is 1 for some of these.
        for i in range(8):
            assert plain((1 << 2048) - 1, pss(salt=bytes((i,)) * 32), rsa.verify_pss) is True
        # A modulus whose bits are no whole bytes is not taken, also where all else fits.
        short = [pss(salt=bytes((i,)) * 32) for i in range(32)]
        short = [text for text in short if not text[0] & 0x40][0]
        assert plain((1 << 2048) - 1, short, rsa.verify_pss) is True
        assert plain((1 << 2047) - 1, short, rsa.verify_pss) is False
        assert plain((1 << 2047) + (1 << 2046), pss(), rsa.verify_pss) is True
    assert at_once(rsa.verify_pss((1 << 2048) - 1, 1, digest(b"x"), pss())) is False


# -- signatures as they come -----------------------------------------------------------------


def good(key, value, message=b"sample", **more):
    return at_once(signature.good(key, digest(message), value, **more))


def test_a_signature_of_a_curve_is_two_numbers_in_der():
    key = "p256", X, Y
    r, s = SAMPLE
    right = keypair.signature(r, s)
    assert good(key, right) is True and good(key, right, b"other") is False
    for wrong in (
        b"", right[:-1], right + b"\x00", element(0x30, integer(r)),
        element(0x30, integer(r), integer(s), integer(s)), element(0x31, integer(r), integer(s)),
        element(0x30, element(2, r.to_bytes(32, "big")), integer(s)),  # below nought
        element(0x30, integer(r), element(2, bytes(2) + s.to_bytes(32, "big"))),
        element(0x30, integer(r), element(2, b"\x01" + bytes(33))),
        r.to_bytes(32, "big") + s.to_bytes(32, "big"), keypair.signature(0, s),
        keypair.signature(r, 0),
    ):  # fmt: skip
        assert good(key, wrong) is False, wrong
    assert good((None,), right) is False


def test_a_lack_of_memory_is_no_wrong_signature():
    def full(_):
        raise MemoryError

    restore = patched(signature, "Reader", full)
    try:
        raises(MemoryError, good, ("p256", X, Y), keypair.signature(*SAMPLE))
    finally:
        restore()


def test_a_signature_of_rsa_is_of_one_of_two_kinds():
    with Plain():
        key = "rsa", (1 << 2048) - 1, 1
        assert good(key, padded(256), b"x") is True and good(key, pss(), b"x") is False
        assert good(key, pss(), b"x", pss=True) is True
        assert good(key, padded(256), b"x", pss=True) is False


def test_keys_that_are_strong_enough():
    n = (1 << 2047) + 1
    for key, strong in (
        (("p256", X, Y), True), (("p256", X, Y + 1), False), (("rsa", n, 3), True),
        (("rsa", n, 1), False), ((None,), False),
    ):  # fmt: skip
        assert signature.strong(key) is strong


# -- requests ------------------------------------------------------------------------------


def test_a_request_says_what_it_should_and_is_signed():
    subject = csr.name("CP1", "\u00d6rtliche Werke", "DE")
    der = at_once(csr.request(SECRET, X, Y, subject))
    outer = Reader(der).inside(0x30)
    body = outer.whole(0x30)
    algorithm, value = outer.whole(0x30), outer.bits()
    outer.done()
    assert algorithm == element(0x30, element(6, m.ECDSA_SHA256))
    assert good(("p256", X, Y), value, body) is True
    inner = Reader(body).inside(0x30)
    assert inner.integer() == 0 and inner.whole(0x30) == subject
    own = m.Key(SECRET)
    assert inner.whole(0x30) == own.info() and inner.content(0xA0) == b""
    inner.done()
    organization = m.attribute(10, "\u00d6rtliche Werke")
    assert subject == element(
        0x30, m.attribute(6, "DE", 0x13), organization, m.attribute(3, "CP1")
    )
    assert csr.name("CP1") == m.name("CP1") and csr.name("a", "b") == m.name("a", "b")


def test_texts_that_no_subject_has():
    csr.name("x" * 64, "\u00e4" * 64)
    for wrong in (("",), ("x" * 65,), ("x", "y" * 65), ("a\nb",), ("a\x1f",), ("a\x7f",),
                  ("x", "\x00"),
                  ("x", "y", "D"), ("x", "y", "DEU"), ("x", "y", "de"), ("x", "y", "D["),
                  ("x", "y", "@A")):  # fmt: skip
        raises(ValueError, csr.name, *wrong)
    assert csr.name(" ~") == m.name(" ~") and csr.name("a", "", "AZ") and csr.name("a", "", "ZA")
