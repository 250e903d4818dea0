# RSA signatures over SHA-256, checked: PKCS#1 v1.5, and PSS.
# MIT license; part of microevse
"""RFC 8017 sections 8.2.2 and 8.1.2. The power is taken square by square, as the one call
`pow(s, e, n)` would be a single stall of 180 ms on a chip with 2,048 bits and of more than 600 ms
with 4,096. `pause` is an async callable that is awaited between the squares; None: all at once.
"""

import hashlib

from . import nothing

# DigestInfo of SHA-256 up to the digest (RFC 8017 section 9.2, note 1).
DIGEST_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
_SALT = 32  # bytes; the salt of PSS is as long as the digest (RFC 4055 section 3.1 advises it)


def good_key(n, e):
    """True if a key of this modulus and exponent is taken: 2,048 to 4,096 bits, and an odd
    exponent, 3 or more, of at most 32 bits, which bounds the time that a check takes."""
    return bool(n >> 2047 and not n >> 4096 and n & 1 and e & 1 and 3 <= e < 1 << 32)


async def _encoded(n, e, signature, pause):
    """The message that the signature is the root of, as long as the modulus; None if the key or
    the signature is none."""
    if not good_key(n, e):
        return None
    size = len(signature)
    number = int.from_bytes(signature, "big")
    if n >> 8 * size or not n >> 8 * size - 8 or number >= n:
        return None
    pause = pause or nothing
    found = number
    for bit in bin(e)[3:]:
        await pause()
        found = found * found % n
        if bit == "1":
            await pause()
            found = found * number % n
    await pause()
    return found.to_bytes(size, "big")


async def verify(n, e, digest, signature, pause=None):
    """True if the signature is that of `digest` (32 bytes) by PKCS#1 v1.5. The whole message is
    compared with the only one that is right, so no padding is parsed."""
    found = await _encoded(n, e, signature, pause)
    if found is None:
        return False
    padding = b"\xff" * (len(found) - 3 - len(DIGEST_INFO) - len(digest))
    return found == b"\x00\x01" + padding + b"\x00" + DIGEST_INFO + digest


async def verify_pss(n, e, digest, signature, pause=None):
    """True if the signature is that of `digest` (32 bytes) by PSS with MGF1, both with SHA-256,
    and a salt of 32 bytes (RFC 8017 section 9.1.2). The modulus must have whole bytes."""
    found = await _encoded(n, e, signature, pause)
    if found is None:
        return False
    size = len(found)
    masked, hashed = found[: size - 33], found[size - 33 : size - 1]
    # The message has one bit less than the modulus.
    if not n >> 8 * size - 1 or found[0] & 0x80 or found[-1] != 0xBC:
        return False
    block = bytearray(masked)
    at = 0
    while at < len(block):
        mask = hashlib.sha256(hashed + (at // 32).to_bytes(4, "big")).digest()
        for i in range(min(32, len(block) - at)):
            block[at + i] ^= mask[i]
        at += 32
    block[0] &= 0x7F
    zeros = len(block) - _SALT - 1
    if any(block[:zeros]) or block[zeros] != 1:
        return False
    return hashlib.sha256(bytes(8) + digest + block[zeros + 1 :]).digest() == hashed
