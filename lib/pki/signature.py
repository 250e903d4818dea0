# Whether a signature is that of a key, whatever kind of key it is.
# MIT license; part of microevse
"""Keys are as certificate.py has them; the digest is SHA-256. Only the arithmetic that a key needs
is loaded."""

from .der import SEQUENCE, DerError, Reader

_NUMBER_MAX = 33  # bytes of r and s: 32, and one for the sign


async def good(key, digest, value, pause=None, pss=False):
    """True if `value` (bytes) is the signature of `digest` with `key`.

    P-256: r and s in DER (RFC 3279 section 2.2.3). RSA: PKCS#1 v1.5, or with `pss` PSS. False for
    a key that is not known here. `pause`: see p256.py.
    """
    if key[0] == "p256":
        from . import p256

        try:
            outer = Reader(value)
            inner = outer.inside(SEQUENCE)
            outer.done()
            r, s = inner.integer(_NUMBER_MAX), inner.integer(_NUMBER_MAX)
            inner.done()
        except DerError:
            return False
        return await p256.verify(key[1:], digest, r, s, pause)
    if key[0] == "rsa":
        from . import rsa

        verify = rsa.verify_pss if pss else rsa.verify
        return await verify(key[1], key[2], digest, value, pause)
    return False


def strong(key):
    """True if a key of this kind and size is taken: P-256 and on the curve, RSA as rsa.py says."""
    if key[0] == "p256":
        from . import p256

        return p256.on_curve(key[1], key[2])
    if key[0] == "rsa":
        from . import rsa

        return rsa.good_key(key[1], key[2])
    return False
