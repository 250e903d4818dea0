# Keys that may sign an update: RSA PKCS#1 v1.5 and ECDSA P-256, both over SHA-256, in integers.
# MIT license; part of microevse
"""The arithmetic is that of lib/pki, which is loaded when a key is read.

A key is one line of text: `rsa N E` or `p256 X Y`, numbers hexadecimal. Its id is the
beginning of the SHA-256 of that line. A file may hold several, for a key to be replaced.
"""

import hashlib
from binascii import hexlify


class NotBelieved(ValueError):
    """Why a bundle is not believed: its signature is missing or wrong, or of a key not known."""


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
    good = False
    if kind == "rsa":
        from pki import rsa

        good = rsa.good_key(a, b)
    elif kind == "p256":
        from pki import p256

        good = p256.on_curve(a, b)
    if good:
        return kind, a, b
    raise ValueError("a key that cannot be one")


def check(lines, name, data, signature):
    """NotBelieved unless one of the keys, the one called `name`, has signed `data`."""
    if not name or not signature:
        raise NotBelieved("the bundle is not signed")
    for line in lines:
        if key_id(line) == name:
            kind, a, b = _numbers(line)
            digest = hashlib.sha256(data).digest()
            good = rsa(a, b, digest, signature) if kind == "rsa" else p256(a, b, digest, signature)
            if not good:
                raise NotBelieved("the bundle's signature is wrong")
            return
    raise NotBelieved("signed with key %s, which this charger does not know" % name[:16])


def rsa(n, e, digest, signature):
    """True if the signature is that of `digest` (32 bytes)."""
    from pki import rsa, run

    return run(rsa.verify(n, e, digest, signature))


def p256(x, y, digest, signature):
    """True if the signature (64 bytes, r and s) is that of `digest` (32 bytes)."""
    if len(signature) != 64:
        return False
    from pki import p256, run

    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    return run(p256.verify((x, y), digest, r, s))
