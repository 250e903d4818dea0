# The curve P-256: points, and ECDSA signatures checked, in pieces.
# MIT license; part of microevse
"""FIPS 186-5 section 6.4.2 over the curve of SP 800-186 section 3.2.1.3: y^2 = x^3 - 3x + b modulo
P, order N. All numbers that come here are public, so nothing takes the same time for each.

A check takes 2.4 s on a chip. `pause` is an async callable without arguments that is awaited
between two pieces of at most 40 ms (make bench ARGS=pki); None: all is one piece.
"""

from . import nothing

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
# The generator.
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    1,
)
# One piece: so many bits of `verify`, so many steps of `inverse`.
_BITS = 3
_STEPS = 128


def on_curve(x, y):
    """True if this is a point of the curve, which infinity is not."""
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x - 3) * x - B) % P == 0


async def inverse(number, modulus, pause=None):
    """1 / number modulo a prime, by Euclid's algorithm. `number` is no multiple of the prime."""
    a, b = modulus, number % modulus
    x, y = 0, 1
    steps = 0
    while b:
        q = a // b
        a, b = b, a - q * b
        x, y = y, x - q * y
        steps += 1
        if steps % _STEPS == 0:
            await (pause or nothing)()
    return x % modulus


async def verify(point, digest, r, s, pause=None):
    """True if (r, s) is the signature of `digest` (32 bytes) with the key `point`, (x, y)."""
    if not on_curve(point[0], point[1]) or not 0 < r < N or not 0 < s < N:
        return False
    pause = pause or nothing
    await pause()
    w = await inverse(s, N, pause)
    await pause()
    u = int.from_bytes(digest, "big") * w % N
    v = r * w % N
    key = (point[0], point[1], 1)
    table = (None, G, key, add(G, key))
    total = None
    # Both multiples in one pass, bit by bit from the top.
    for i in range(255, -1, -1):
        total = double(total)
        which = (u >> i & 1) | (v >> i & 1) << 1
        if which:
            total = add(total, table[which])
        if i % _BITS == 0:
            await pause()
    if total is None:
        return False
    # Its x modulo N is r: x = X / Z^2 is r, or r + N where that is below P.
    zz = total[2] * total[2] % P
    return (r * zz - total[0]) % P == 0 or (r + N < P and ((r + N) * zz - total[0]) % P == 0)


# Points in Jacobian coordinates, (X, Y, Z) for x = X/Z^2, y = Y/Z^3; None: infinity.


def double(point):
    """Twice the point."""
    if point is None:
        return None
    x, y, z = point
    zz = z * z % P
    m = 3 * (x - zz) * (x + zz) % P
    yy = y * y % P
    s = 4 * x * yy % P
    nx = (m * m - 2 * s) % P
    return nx, (m * (s - nx) - 8 * yy * yy) % P, 2 * y * z % P


def add(a, b):
    """The sum of two points."""
    if a is None:
        return b
    if b is None:
        return a
    ax, ay, az = a
    bx, by, bz = b
    azz, bzz = az * az % P, bz * bz % P
    u, v = ax * bzz % P, bx * azz % P
    s, t = ay * bz * bzz % P, by * az * azz % P
    h, r = (v - u) % P, (t - s) % P
    if h == 0:
        return double(a) if r == 0 else None
    hh = h * h % P
    hhh = h * hh % P
    w = u * hh % P
    nx = (r * r - hhh - 2 * w) % P
    return nx, (r * (w - nx) - s * hhh) % P, h * az * bz % P
