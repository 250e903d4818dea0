# Certificates, keys and signatures with small changes: what escapes, and what is believed.
# MIT license; part of microevse
"""`fuzz(count, seed)` on both interpreters. Each input is a real certificate, chain, key or
signature of which bytes were changed, left out, doubled, or taken from another. Only DerError and
ChainError may leave, nothing that was changed may be believed, and none may take long."""

import hashlib
import time

import pki_made as m
from pki import certificate, chain, keypair, names, run, signature
from pki.der import COUNT_MAX, DerError, Reader, element

SEED = 20270101
LONGEST_S = 0.5  # of the processor, on CPython; one check of P-256 takes 3 ms
_process = getattr(time, "process_time", None)


class Draw:
    """Numbers that are the same on each interpreter: an LCG with the constants of MMIX."""

    def __init__(self, seed):
        self._state = seed

    def below(self, n):
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self._state >> 33) % n


# Bytes that mean something to a reader of DER.
_TELLING = (
    b"\x00\x01\x02\x03\x04\x05\x06\x0c\x13\x17\x18\x1f\x30\x31\x7f\x80\x81\x82\x83\x84\xa0\xa3\xff"
)


def changed(data, other, draw):
    """`data` with one to four changes."""
    data = bytearray(data)
    for _ in range(1 + draw.below(4)):
        at = draw.below(len(data) + 1)
        kind = draw.below(8)
        size = 1 + draw.below(8)
        if kind == 0:
            data = data[:at]
        elif kind == 1:
            data = data[:at] + data[at + size :]
        elif kind == 2:
            data = data[:at] + data[at : at + size] + data[at:]
        elif kind == 3:
            start = draw.below(len(other))
            size = 1 + draw.below(60)
            data = data[:at] + other[start : start + size] + data[at + size :]
        elif at < len(data):
            if kind == 4:
                data[at] ^= 1 << draw.below(8)
            elif kind == 5:
                data[at] = draw.below(256)
            else:
                data[at] = _TELLING[draw.below(len(_TELLING))]
        if not data:
            break
    return bytes(data)


def whole(data, draw):
    """`data`, a sequence of sequences, with one element of it doubled, left out, moved or changed,
    so that all lengths are right: such comes farther than what has a wrong length."""
    try:
        reader = Reader(data)
        tag = reader.tag()
        inner = reader.inside(tag)
        parts = []
        while inner.tag() is not None:
            parts.append(inner.whole(inner.tag()))
    except DerError:
        return data
    if not parts:
        return data
    at = draw.below(len(parts))
    kind = draw.below(12)
    if kind == 0:
        parts.insert(at, parts[draw.below(len(parts))])
    elif kind == 1:
        parts.pop(at)
    elif kind == 2:
        parts.append(parts.pop(at))
    elif kind == 3:
        parts[at] = element(_TELLING[draw.below(len(_TELLING))], parts[at][2:])
    elif kind == 4 and len(parts[at]) > 2:
        body = bytearray(parts[at])
        body[2 + draw.below(len(body) - 2)] = draw.below(256)
        parts[at] = bytes(body)
    elif kind == 5:
        parts = parts[:at] + [parts[at]] * (COUNT_MAX + draw.below(3)) + parts[at:]
    elif parts[at][0] & 0x20 or kind < 8:
        parts[at] = whole(parts[at], draw)
    return element(tag, *parts)


def corpus():
    """(DER of good certificates, the chain that is believed, its roots)."""
    root = m.root(length=1)
    sub = m.authority("sub", "root")
    parts = m.usage(0), m.extended(2), m.alt("a.example", bytes(4)), m.authority_key_id(b"k")
    leaf = m.made("CP1", "sub", m.key("CP1"), m.key("sub"), *parts)
    own = m.rsa_key()
    by_rsa = m.made("CP1", "r", own, own, m.usage(0), m.constraints(False), signature=bytes(256))
    old = m.made(m.name("x", "Org"), "root", m.key("x"), m.key("root"), version=b"")
    return [leaf, sub, root, by_rsa, old], [leaf, sub], [root]


class Tally:
    """parsed, refused: certificates; reasons: {reason: chains}; longest: seconds."""

    def __init__(self):
        self.parsed = self.refused = self.signatures = self.keys = 0
        self.reasons = {}
        self.longest = 0


def fuzz(count, seed=SEED):
    """Play `count` inputs; AssertionError, or what escaped. Returns the Tally."""
    draw, tally = Draw(seed), Tally()
    certificates, good, roots = corpus()
    run(chain.check(good, roots, m.NOW, "client", None, "CP1"))
    owner = m.key("CP1")
    key = keypair.write_key(owner.secret, owner.x, owner.y)
    value = owner.sign(b"text")
    digest = hashlib.sha256(b"text").digest()
    for i in range(count):
        began = _process() if _process else 0
        one = certificates[draw.below(len(certificates))]
        other = certificates[draw.below(len(certificates))]
        way = whole if draw.below(2) else lambda data, draw: changed(data, other, draw)  # noqa: B023
        data = way(one, draw)
        try:
            made = certificate.parse(data)
            tally.parsed += 1
            names.is_host(made, "a.example")
        except DerError:
            tally.refused += 1
        at = draw.below(2)
        path = list(good)
        path[at] = way(path[at], draw)
        try:
            run(chain.check(path, roots, m.NOW, "client", None, "CP1"))
            assert path == good, "believed, though it was changed: input %d" % i
        except chain.ChainError as exc:
            tally.reasons[exc.reason] = tally.reasons.get(exc.reason, 0) + 1
        trusted = [way(roots[0], draw)]
        if i % 8 == 0:
            try:
                run(chain.check(good, trusted, m.NOW, "client"))
            except chain.ChainError:
                pass
        if i % 4 == 0:
            wrong = way(value, draw)
            believed = run(signature.good(("p256", owner.x, owner.y), digest, wrong))
            assert not believed or wrong == value, "a changed signature is right: input %d" % i
            tally.signatures += 1
        try:
            secret, x, y = keypair.read_key(way(key, draw))
            assert 0 < secret < keypair.N and y >= 0 <= x
            tally.keys += 1
        except DerError:
            pass
        if _process:
            tally.longest = max(tally.longest, _process() - began)
            assert tally.longest < LONGEST_S, "input %d took %.2f s" % (i, tally.longest)
    return tally
