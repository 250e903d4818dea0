# Whether to believe a certificate: its chain to a root that is installed.
# MIT license; part of microevse
"""RFC 5280 section 6, without policies and without revocation lists. A certificate with name
constraints, which are critical, is refused by certificate.py.

What costs little is judged first. Signatures come last, the topmost first: each takes 2.4 s with
P-256 and 0.2 s with RSA of 2,048 bits on a chip, in pieces of at most 40 ms.
"""

import hashlib

from . import names, nothing
from .certificate import DIGITAL_SIGNATURE, KEY_CERT_SIGN, read
from .der import DerError
from .signature import good, strong

# Certificates that are shown, a root among them or not.
CHAIN_MAX = 4
# The extended key usages (RFC 5280 4.2.1.12) by their purpose. One that names usages, but not this
# one, is refused, also if it says `any`: the section allows that.
_KEY_PURPOSE = b"\x2b\x06\x01\x05\x05\x07\x03"
PURPOSES = {"server": 1, "client": 2, "signing": 3}


class ChainError(ValueError):
    """Why a chain is not believed. `reason`: one of expired, not_yet_valid, unknown_root,
    wrong_name, wrong_usage, too_long, wrong_order, bad_signature, weak_key, malformed."""

    def __init__(self, reason, text):
        super().__init__(text)
        self.reason = reason


async def check(chain, roots, now, purpose, pause=None, name=None):
    """The Certificate of the first of `chain`. ChainError if it is not to be believed.

    chain: list of DER, the certificate itself first, then that of its issuer, and so on; the root
    may be the last. roots: DER of each root that is installed, any iterable; one that cannot be
    read is passed over. now: Unix seconds. purpose: a word of PURPOSES. pause: async callable,
    awaited between pieces. name: the host that a "server" must have, the common name of others;
    None: any.
    """
    pause = pause or nothing
    if not chain:
        raise ChainError("malformed", "there is no certificate")
    if len(chain) > CHAIN_MAX:
        raise ChainError("too_long", "the chain has %d certificates" % len(chain))
    path = []
    for der in chain:
        await pause()
        try:
            path.append(await read(der, pause))
        except DerError as exc:
            raise ChainError("malformed", "%s cannot be read: %s" % (_which(len(path)), exc))
    _in_order(path)
    for i in range(len(path)):
        await pause()
        _fit(path[i], _which(i), now, purpose)
        if i:
            _authority(path[i], _which(i), path[1:i])
    _usable(path[0], purpose)
    _named(path[0], purpose, name)
    await _anchored(path, roots, now, purpose, pause)
    for i in range(len(path) - 1, 0, -1):
        await _signed(path[i - 1], path[i], _which(i - 1), pause)
    return path[0]


async def check_root(der, now, purpose, pause=None):
    """The Certificate that may be installed as a root for this purpose. ChainError if it may not.

    It has to be one that has issued itself. That its own signature is right says only that it is
    not damaged; one that is made in a way not known here is not checked (RFC 5280 6.1: a root is
    believed because it is installed). Whether TLS knows that way is another question: tls_reads.
    """
    pause = pause or nothing
    try:
        root = await read(der, pause)
    except DerError as exc:
        raise ChainError("malformed", "the root cannot be read: %s" % exc)
    if root.subject != root.issuer:
        raise ChainError("wrong_order", "the certificate is no root: another one has issued it")
    _authority(root, "the root", ())
    _fit(root, "the root", now, purpose)
    if root.algorithm is not None:
        await _signed(root, root, "the root", pause)
    return root


def _which(index):
    return "certificate %d of the chain" % (index + 1) if index else "the certificate"


def _in_order(path):
    for i in range(1, len(path)):
        if path[i].subject != path[i - 1].issuer:
            text = "%s is not that of the issuer of the one before it"
            raise ChainError("wrong_order", text % _which(i))


def _fit(certificate, which, now, purpose):
    """What holds for each certificate."""
    if now < certificate.not_before:
        raise ChainError("not_yet_valid", "%s is not valid yet: is the clock right?" % which)
    if now > certificate.not_after:
        raise ChainError("expired", "%s has expired" % which)
    if not strong(certificate.key):
        raise ChainError("weak_key", "the key of %s is too weak, or of an unknown kind" % which)
    usages = certificate.extended_usage
    if usages is not None and _KEY_PURPOSE + bytes((PURPOSES[purpose],)) not in usages:
        raise ChainError("wrong_usage", "%s is for another purpose" % which)


def _authority(certificate, which, below):
    """What holds for each that issues others. `below`: those between it and the first."""
    usage = certificate.key_usage
    if not certificate.ca or usage is not None and not usage & KEY_CERT_SIGN:
        raise ChainError("wrong_usage", "%s may not issue certificates" % which)
    # RFC 5280 4.2.1.9: who issues itself anew is not counted.
    count = sum([one.subject != one.issuer for one in below])
    if certificate.path_length is not None and count > certificate.path_length:
        raise ChainError("too_long", "%s allows no chain of this length" % which)


def _usable(leaf, purpose):
    usage = leaf.key_usage
    if usage is None and purpose != "signing":
        usage = DIGITAL_SIGNATURE
    if leaf.ca or not usage or not usage & DIGITAL_SIGNATURE:
        raise ChainError("wrong_usage", "the certificate's key may not be used to sign data")
    # Who makes chargers may certify them, and servers, below the same root. What tells a signer of
    # firmware from these is its extended usage: one without any could be a charger's.
    if purpose == "signing" and leaf.extended_usage is None:
        raise ChainError("wrong_usage", "the certificate does not say that it signs code")


def _named(leaf, purpose, name):
    if name is None:
        return
    if purpose == "server":
        right = names.is_host(leaf, name)
    else:
        right = leaf.common_name == name
    if not right or not name:
        raise ChainError("wrong_name", "the certificate is for another name")


async def _anchored(path, roots, now, purpose, pause):
    """ChainError unless a root has issued the last of `path`, or is it."""
    last = path[-1]
    which = _which(len(path) - 1)
    problem = ChainError("unknown_root", "no root is installed that has issued %s" % which)
    for der in roots:
        await pause()
        if der == last.der:
            if len(path) > 1:
                return  # it has been judged with the others
            break  # a root is no certificate of a device
        try:
            root = await read(der, pause)
        except DerError:
            continue
        # Of two roots with one name, their key's names tell which is meant.
        asked, has = last.authority_key_id, root.subject_key_id
        if root.subject != last.issuer or asked and has and asked != has:
            continue
        try:
            _fit(root, "the root", now, purpose)
            _authority(root, "the root", path[1:])
            await _signed(last, root, which, pause)
            return
        except ChainError as exc:
            problem = exc
    raise problem


async def _signed(certificate, issuer, which, pause):
    if certificate.algorithm is None:
        raise ChainError("weak_key", "%s is signed with an algorithm not known here" % which)
    await pause()
    begin, end = certificate.tbs
    digest = hashlib.sha256(memoryview(certificate.der)[begin:end]).digest()
    right = certificate.algorithm == issuer.key[0]
    if not right or not await good(issuer.key, digest, certificate.signature, pause):
        raise ChainError("bad_signature", "the signature of %s is wrong" % which)
