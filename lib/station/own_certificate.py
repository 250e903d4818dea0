# The charger's own certificate and key, by which the central system knows it (profile 3).
# MIT license; part of microevse
"""Two values of the region for secrets (certificates.opened), each a key with its chain:

    own       what is in use. Without it: the owner's files, ClientCertFile and ClientKeyFile.
    own.next  the key that a certificate was asked for, without a chain; when the certificate has
              come, with it: then it is on trial.

A new certificate takes the place of the one in use only after a connection with it was accepted.
So the old key stays until then, and a power cut at any moment leaves one that works. Nothing of a
key leaves the charger: a request has its public half.

Loaded when it is needed, while every contactor is open. Answers as in certificates.py.
"""

import gc

from evse_base import log

from . import certificates, security_log

OWN = "own"
NEXT = "own.next"
# Characters of a chain in a message (setting CertificateSignedMaxChainSize): with what is in use
# beside it, and the roots, it has to fit the region.
CHAIN_MAX = 5000
# Failures of a certificate on trial before the one before has its turn (upkeep/access_trial.py).
TRIES = 3
# security_log.sign_at after a certificate that did not connect: not at once again, for an
# authority that gives wrong certificates gives another wrong one.
TAKEN_BACK = -1


def load(values, name):
    """(key, chain) of a value, in DER; None if there is none, or it is damaged."""
    from store import cbor

    data = values.get(name)
    try:
        key, chain = cbor.loads(data) if data else (None, ())
    except (TypeError, ValueError):
        log.error("security", "the value %s is damaged", name)
        return None
    return (key, chain) if key else None


def shown(settings, trial):
    """(chain, key) that the next connection shows, None without. MemoryError.

    trial: an object whose `certificate` counts the failures of the certificate on trial, None
    while there is none; after TRIES of them the one that was in use before has one turn. Its
    `waited_s` becomes None when a trial begins: a connection that stands says nothing about it.
    """
    try:
        values = certificates.opened(settings)
        found = load(values, NEXT)
        if not found or not found[1]:
            trial.certificate = None
            found = load(values, OWN)
        elif trial.certificate is None:
            trial.certificate, trial.waited_s = 0, None
        elif trial.certificate >= TRIES:
            found = load(values, OWN)
        return (list(found[1]), found[0]) if found else None
    except MemoryError:
        raise  # it is there, and another one is not to be shown in its place
    except Exception as exc:
        log.error("security", "the own certificate cannot be read: %r", exc)
        return None  # the owner's files may do


async def request(settings, pause=None):
    """A request for a certificate (PKCS#10, DER). It takes 4 s of a chip's time, in pieces, and
    the same key as before as long as its certificate has not come. OSError: not now."""
    from pki import csr, keypair
    from store import cbor

    values = certificates.opened(settings)
    subject = csr.name(settings.text("ChargePointId"), settings.text("CpoName"))
    waiting = load(values, NEXT)
    if waiting and waiting[1]:
        raise OSError("a certificate is on trial")
    if waiting:
        secret, x, y = keypair.read_key(waiting[0])
    else:
        secret = keypair.new_secret()
        x, y = await keypair.public_key(secret, pause)
        values = certificates.opened(settings)
        if load(values, NEXT):  # its certificate would fit no key any more
            raise OSError("another request has made a key meanwhile")
        values.replace({NEXT: cbor.dumps([keypair.write_key(secret, x, y), []])})
    return await csr.request(secret, x, y, subject, pause)


async def take(settings, clock, config, chain, pause=None):
    """A certificate has come. chain: DER, the certificate itself first. It is judged, kept, and
    from the next connection on trial."""
    waiting = load(certificates.opened(settings), NEXT)
    if not waiting:
        return _bad("no certificate was asked for")
    now = clock.now()
    if now is None:
        return "failed", "the time is not known: a certificate cannot be checked"
    # What reads the flash is dropped before what checks is loaded, and that before what writes:
    # a plain ESP32 has no room for both. Nor for roots that have nothing to do with the chain.
    roots = _about(chain, settings, config)
    certificates.dropped()
    gc.collect()
    name = settings.text("ChargePointId")
    why = await _wrong(waiting[0], chain, roots, now, name, pause or _go_on)
    if why:
        return _bad(why)
    roots = None
    certificates.dropped()
    gc.collect()
    from store import cbor

    try:
        certificates.opened(settings).replace({NEXT: cbor.dumps([waiting[0], chain])})
    except Exception as exc:
        log.error("security", "certificate: %r", exc)
        return "failed", "it could not be stored"
    security_log.sign_at = None  # until the trial is over
    for fn in settings.listeners:
        fn("ClientCertFile", "")  # a connection shows it from now on: it is made anew
    return "done", "the new certificate is on trial"


def _about(chain, settings, config):
    """The roots that have the name in them of who has issued the last of the chain."""
    from pki.der import INTEGER, SEQUENCE, DerError, Reader

    try:
        inner = Reader(chain[-1]).inside(SEQUENCE).inside(SEQUENCE)  # RFC 5280 4.1
        if inner.tag() == 0xA0:
            inner.span(0xA0)
        inner.span(INTEGER)
        inner.span(SEQUENCE)
        name = inner.whole(SEQUENCE)
    except (DerError, IndexError):
        return ()  # _wrong says what is wrong
    every = certificates.each(settings, certificates.CENTRAL, config)
    return [der for der in every if name in der]


async def _wrong(key, chain, roots, now, name, pause):
    """What is wrong with a chain for that key, "" if nothing is."""
    from pki import certificate, keypair, tls_reads
    from pki import chain as judge
    from pki.der import DerError

    try:
        _, x, y = keypair.read_key(key)
        if chain:
            first = await certificate.read(chain[0], pause)
            if first.key != ("p256", x, y):
                return "the certificate is not for the key that it was asked for"
        await judge.check(chain, roots, now, "client", pause, name)
        await pause()
        if not tls_reads.own(chain[0], key):
            return "TLS cannot load the certificate with its key"
    except judge.ChainError as exc:
        return str(exc)
    except DerError as exc:
        return "the certificate cannot be read: %s" % exc
    return ""


async def _go_on():
    pass


def _bad(why):
    security_log.note("own_certificate", why)
    return "bad", why


def settle(settings, trial):
    """A connection was accepted while a certificate is on trial (see `shown`): what it has shown
    stays. It never raises: if flash fails, the trial goes on with the next connection."""
    try:
        values = certificates.opened(settings)
        if trial.certificate < TRIES:
            values.replace({OWN: values.get(NEXT), NEXT: None})
            log.info("security", "the new certificate is in use")
            security_log.sign_at = 0
        else:
            values.replace({NEXT: None})
            why = "the new certificate does not connect: the one before is in use again"
            log.warn("security", "%s", why)
            security_log.note("own_certificate", why)
            security_log.sign_at = TAKEN_BACK
        security_log.sign_tries = None
        trial.certificate = None
    except Exception as exc:
        log.error("security", "the certificate stays on trial: %r", exc)
