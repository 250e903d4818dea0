# Key pairs of P-256: made, used to sign, and written as DER.
# MIT license; part of microevse
"""A secret is an integer, 1 to N - 1.

What is not promised: MicroPython's integers take longer for some values than for others, and a
garbage collection may come at any time. Against who measures the time, or the current, of many
signatures, this is no protection. It does what is cheap: each multiple takes the same number of
steps, its coordinates begin at a random scale, and what is divided by is multiplied by a random
number before. A signature is the same for each call (RFC 6979), so a bad random number cannot tell
the secret.

A key pair takes 2 s on a chip, a signature the same. `pause` is an async callable that is awaited
between pieces of at most 40 ms (make bench ARGS=pki); None: all is one piece.
"""

import hashlib

from evse_base import urandom

from . import nothing
from .certificate import P256, point
from .der import OCTET_STRING, OID, SEQUENCE, DerError, Reader, element, integer
from .p256 import G, N, P, add, double, inverse, on_curve

_PAIRS = 2  # pairs of bits that are one piece


def _random(below):
    """A random integer, 1 to below - 1 (FIPS 186-5 A.2.2: drawn again if it is not in there)."""
    while True:
        number = int.from_bytes(urandom(32), "big")
        if 0 < number < below:
            return number


def new_secret():
    """A random secret."""
    return _random(N)


async def public_key(secret, pause=None):
    """(x, y) of the public key. ValueError if the secret is none."""
    if not 0 < secret < N:
        raise ValueError("no secret of P-256")
    return await _times(secret, pause or nothing)


async def _times(k, pause):
    """k times the generator, (x, y); 0 < k < N."""
    # The same point with always 257 bits, so that their number does not tell how small k is.
    k += N
    if not k >> 256:
        k += N
    z = _random(P)
    zz = z * z % P
    one = (G[0] * zz % P, G[1] * zz * z % P, z)
    two = double(one)
    table = (one, one, two, add(two, one))
    await pause()
    total = one
    for i in range(254, -2, -2):
        total = double(double(total))
        which = k >> i & 3
        more = add(total, table[which])  # also where it is not used
        if which:
            total = more
        if i // 2 % _PAIRS == 0:
            await pause()
    w = await inverse(total[2], P, pause)
    await pause()
    ww = w * w % P
    return total[0] * ww % P, total[1] * ww * w % P


def _hmac(key, *parts):
    """HMAC-SHA-256 (RFC 2104) with a key of 32 bytes."""
    inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in key]) + b"\x36" * 32)
    for part in parts:
        inner.update(part)
    outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in key]) + b"\x5c" * 32)
    outer.update(inner.digest())
    return outer.digest()


def _nonces(secret, digest):
    """The numbers that a signature is tried with, in their order (RFC 6979 section 3.2)."""
    seed = secret.to_bytes(32, "big")
    seed += (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    v, key = b"\x01" * 32, bytes(32)
    for mark in (b"\x00", b"\x01"):
        key = _hmac(key, v, mark, seed)
        v = _hmac(key, v)
    while True:
        v = _hmac(key, v)
        k = int.from_bytes(v, "big")
        if 0 < k < N:
            yield k
        key = _hmac(key, v, b"\x00")
        v = _hmac(key, v)


async def sign(secret, digest, pause=None):
    """The signature (r, s) of `digest` (32 bytes). ValueError if the secret is none."""
    if not 0 < secret < N:
        raise ValueError("no secret of P-256")
    pause = pause or nothing
    z = int.from_bytes(digest, "big")
    for k in _nonces(secret, digest):
        await pause()
        x, _ = await _times(k, pause)
        r = x % N
        # s = (z + r * secret) / k, above and below multiplied by a random number.
        blind = _random(N)
        w = await inverse(k * blind % N, N, pause)
        await pause()
        s = (z * blind + r * blind % N * secret) % N * w % N
        if r and s:
            return r, s


def signature(r, s):
    """A signature as DER (RFC 3279 section 2.2.3)."""
    return element(SEQUENCE, integer(r), integer(s))


def point_bytes(x, y):
    """A public key as SEC 1 2.3.3 writes it, not compressed."""
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def write_key(secret, x, y):
    """The key pair as an ECPrivateKey (RFC 5915), which MicroPython's ssl takes."""
    return element(
        SEQUENCE,
        integer(1),
        element(OCTET_STRING, secret.to_bytes(32, "big")),
        element(0xA0, element(OID, P256)),
        element(0xA1, element(0x03, b"\x00", point_bytes(x, y))),
    )


def read_key(der):
    """(secret, x, y) of what `write_key` has made. DerError if it is something else, or damaged so
    that it cannot be a key; that the two belong together is not checked."""
    outer = Reader(der)
    inner = outer.inside(SEQUENCE)
    outer.done()
    if inner.integer(1) != 1:
        raise DerError("no private key")
    data = inner.content(OCTET_STRING)
    secret = int.from_bytes(data, "big")
    curve = inner.inside(0xA0)
    if len(data) != 32 or not 0 < secret < N or curve.oid() != P256:
        raise DerError("no private key of P-256")
    curve.done()
    public = inner.inside(0xA1)
    x, y = point(public.bits())
    public.done()
    inner.done()
    if not on_curve(x, y):
        raise DerError("a point that is not on the curve")
    return secret, x, y
