# A store of certificates on flash, with all that its user needs, and a life of it that can be cut.
# MIT license; part of microevse
"""Runs on both interpreters; certificates are those of pki_made.py."""

import pki_made
from pki import keypair, run
from pki.certificate import parse
from flash_cut import WAYS, CutFlash, Random, watch
from station import certificates, own_certificate, security_log
from store.vault import Vault

NAME = "EVSE-1"
BLOCKS, BLOCK = 6, 4096


class Parts:
    """Settings, clock, configuration and services in one; `image`: what is on flash."""

    def __init__(self, image=None, blocks=BLOCKS):
        self.flash = CutFlash(image, blocks, BLOCK)
        self.texts = {"ChargePointId": NAME, "CpoName": "Operator", "CaFile": "ca.pem"}
        self.certificate = self.waited_s = None  # of the trial
        self.listeners = [lambda name, value: self.told.append(name)]
        self.told = []
        self.time = pki_made.NOW
        self.free = True
        self.file = []  # DER of the roots in the owner's file
        self.tls = True
        self.known_by = None
        self.shown = None  # of the owner's files
        self.waked = self.asked_signed = 0
        security_log.waiting[:] = []
        security_log.services = self
        security_log.sign_at, security_log.sign_tries = 0, None

    # settings
    def text(self, name):
        return self.texts[name]

    def vault(self):
        return Vault(self.flash, self.allowed)

    # clock
    def now(self):
        return self.time

    # services
    @property
    def config(self):
        return self

    def allowed(self):
        return self.free

    def only_signed(self):
        self.asked_signed += 1

    # config
    def secure(self):
        return self.tls

    @property
    def ca_der(self):
        return certificates.roots(self, certificates.CENTRAL) + self.file

    def file_roots(self):
        return list(self.file)

    def client_certificate(self):
        return own_certificate.shown(self, self) or self.shown

    # what a test does
    def install(self, *ders, kind="central"):
        return run(certificates.install(self, self, kind, list(ders)))

    def listed(self, kind="central"):
        return run(certificates.listed(self, self, kind))

    def remove(self, hashes):
        return run(certificates.remove(self, self, hashes))

    def request(self):
        """The Key that a certificate is asked for: x and y of its public half."""
        der = run(own_certificate.request(self))
        return Asked(der)

    def take(self, *chain):
        return run(own_certificate.take(self, self, self, list(chain)))

    def next(self):
        """The certificate that the next connection shows, None without."""
        found = own_certificate.shown(self, self)
        return found and found[0][0]

    def before(self):
        """The same in the turn of the one before a certificate on trial."""
        self.next()
        trial, self.certificate = self.certificate, own_certificate.TRIES
        try:
            return self.next() if trial is not None else None
        finally:
            self.certificate = trial

    def settle(self, worked=True):
        self.next()
        self.certificate = 0 if worked else own_certificate.TRIES
        own_certificate.settle(self, self)

    def events(self):
        return [(entry[0], entry[1]) for entry in security_log.waiting]


class Asked:
    """The public half of a key, read out of a request."""

    def __init__(self, request):
        at = request.index(b"\x03\x42\x00\x04") + 4
        self.x = int.from_bytes(request[at : at + 32], "big")
        self.y = int.from_bytes(request[at + 32 : at + 64], "big")

    info = pki_made.Key.info


def signed(asked, issuer="root", *extensions, called=NAME, **more):
    """A certificate for that key."""
    extensions = extensions or (pki_made.usage(0), pki_made.extended(2))
    return pki_made.made(called, issuer, asked, pki_made.key(issuer), *extensions, **more)


def life(parts):
    """Each change there is, the power may be cut in any: yields after each the certificates that
    may be shown next, as (key, leaf) or None."""
    root = pki_made.root()
    parts.install(root)
    yield "installed"
    first = signed(parts.request())
    yield "asked"
    parts.take(first)
    yield "taken"
    parts.settle()
    yield "in use"
    second = signed(parts.request())
    parts.take(second)
    yield "taken"
    parts.settle(False)
    yield "taken back"
    third = signed(parts.request(), serial=b"\x02\x01\x09")
    parts.take(third)
    parts.settle()
    parts.install(pki_made.root("other"))
    own = [n for n in parts.listed() if n][0]
    parts.tls = False
    parts.remove(own)
    yield "removed"


def works(parts):
    """AssertionError unless all that may be shown is a certificate with its key, and both turns of
    a trial have one (or none has)."""
    values = parts.vault()
    for name in (own_certificate.OWN, own_certificate.NEXT):
        one = own_certificate.load(values, name)
        if one and one[1]:
            secret, x, y = keypair.read_key(one[0])
            assert parse(one[1][0]).key == ("p256", x, y)
            assert run(keypair.public_key(secret)) == (x, y)
    for kind in (certificates.CENTRAL, certificates.MANUFACTURER):
        for der in certificates.roots(parts, kind):
            parse(der)
    waiting = own_certificate.load(parts.vault(), own_certificate.NEXT)
    assert waiting is None or keypair.read_key(waiting[0])
    return parts.next()


def sweep(stride=1, ways=WAYS, seed=20270101):
    """Cut every `stride`-th operation of a life. Returns [operations, cuts, erases]."""
    torn = Random(seed)
    parts = Parts()
    had = [False]

    def look(image, way):
        other = Parts(image)
        found = works(other)
        assert found or not had[0], "it has a certificate once, and then always"
        other.vault().tidy(other.allowed)
        works(other)
        security_log.services = parts

    counts = watch(parts.flash, torn, stride, ways, look)
    for what in life(parts):
        if what == "in use":
            had[0] = True
    assert works(parts)
    return counts
