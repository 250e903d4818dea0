# Keys that may sign an update: RSA PKCS#1 v1.5 and ECDSA P-256, both over SHA-256, in integers.
# MIT license; part of microevse
"""RFC 8017 section 8.2.2 and FIPS 186-5 section 6.4.2. All numbers here are public, so nothing
needs constant time.

A key is one line of text: `rsa N E` or `p256 X Y`, numbers hexadecimal. Its id is the
beginning of the SHA-256 of that line. A file may hold several, for a key to be replaced.
"""

import hashlib
from binascii import hexlify

# DigestInfo of SHA-256 up to the digest (RFC 8017 section 9.2, note 1).
_DIGEST_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
_RSA_BYTES = (256, 384, 512)

# Curve P-256 (SP 800-186 section 3.2.1.3): y^2 = x^3 - 3x + b over the prime p, order n.
_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_GX = 0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296
_GY = 0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5


def key_id(line):
    """Id of a key from its line."""
    return hexlify(hashlib.sha256(line.strip().encode()).digest()[:8]).decode()


def load(content):
    """The keys in a file, as lines. ValueError if a line is no key, or there is none: a device
    whose key is damaged takes no update rather than every one."""
    lines = [line.strip() for line in content.split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    for line in lines:
        _numbers(line)
    if not lines:
        raise ValueError("no key in the file")
    return lines


def _numbers(line):
    """(kind, number, number) of a key. ValueError if it is none."""
    words = line.split(" ")
    try:
        kind, a, b = words[0], int(words[1], 16), int(words[2], 16)
    except (IndexError, ValueError):
        raise ValueError("a key that cannot be read")
    if kind == "rsa" and a >> 2047 and a & 1 and b > 2 and b & 1:
        return kind, a, b
    if kind == "p256" and 0 <= a < _P and 0 <= b < _P:
        if (b * b - (a * a * a - 3 * a + _B)) % _P == 0:
            return kind, a, b
    raise ValueError("a key that cannot be one")


def check(lines, name, data, signature):
    """ValueError unless one of the keys, the one called `name`, has signed `data`."""
    if not name or not signature:
        raise ValueError("the bundle is not signed")
    for line in lines:
        if key_id(line) == name:
            kind, a, b = _numbers(line)
            digest = hashlib.sha256(data).digest()
            good = rsa(a, b, digest, signature) if kind == "rsa" else p256(a, b, digest, signature)
            if not good:
                raise ValueError("the bundle's signature is wrong")
            return
    raise ValueError("signed with key %s, which this charger does not know" % name[:16])


def rsa(n, e, digest, signature):
    """True if the signature is that of `digest` (32 bytes)."""
    size = len(signature)
    number = int.from_bytes(signature, "big")
    if size not in _RSA_BYTES or n >> (8 * size) or not n >> (8 * size - 8) or number >= n:
        return False
    padding = b"\xff" * (size - 3 - len(_DIGEST_INFO) - len(digest))
    wanted = b"\x00\x01" + padding + b"\x00" + _DIGEST_INFO + digest
    return pow(number, e, n).to_bytes(size, "big") == wanted


def p256(x, y, digest, signature):
    """True if the signature (64 bytes, r and s) is that of `digest` (32 bytes)."""
    if len(signature) != 64:
        return False
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not 0 < r < _N or not 0 < s < _N:
        return False
    w = pow(s, _N - 2, _N)
    u = int.from_bytes(digest, "big") * w % _N
    v = r * w % _N
    g, q = (_GX, _GY, 1), (x, y, 1)
    table = (None, g, q, _add(g, q))
    point = None
    # Both multiples in one pass, bit by bit from the top.
    for i in range(255, -1, -1):
        point = _double(point)
        which = (u >> i & 1) | (v >> i & 1) << 1
        if which:
            point = _add(point, table[which])
    if point is None:
        return False
    z = point[2]
    return point[0] * pow(z * z, _P - 2, _P) % _P % _N == r


# Points in Jacobian coordinates, (X, Y, Z) for x = X/Z^2, y = Y/Z^3; None: infinity.


def _double(point):
    if point is None or point[1] == 0:
        return None
    x, y, z = point
    zz = z * z % _P
    m = 3 * (x - zz) * (x + zz) % _P
    yy = y * y % _P
    s = 4 * x * yy % _P
    nx = (m * m - 2 * s) % _P
    return nx, (m * (s - nx) - 8 * yy * yy) % _P, 2 * y * z % _P


def _add(a, b):
    if a is None:
        return b
    if b is None:
        return a
    ax, ay, az = a
    bx, by, bz = b
    azz, bzz = az * az % _P, bz * bz % _P
    u, v = ax * bzz % _P, bx * azz % _P
    s, t = ay * bz * bzz % _P, by * az * azz % _P
    h, r = (v - u) % _P, (t - s) % _P
    if h == 0:
        return _double(a) if r == 0 else None
    hh = h * h % _P
    hhh = h * hh % _P
    w = u * hh % _P
    nx = (r * r - hhh - 2 * w) % _P
    return nx, (r * (w - nx) - s * hhh) % _P, h * az * bz % _P
