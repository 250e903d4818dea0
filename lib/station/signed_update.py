# Updates that the manufacturer has signed: the certificate, its chain, and the file's signature.
# MIT license; part of microevse
"""The request brings a signing certificate, with its chain, and a signature over the SHA-256 of
the file (OCPP 1.6 security whitepaper edition 3, SignedUpdateFirmware; 2.x, block L). The chain
must lead to a root of the manufacturer, and its key must be meant for signatures. It is judged
when the request comes, and once more with the file: a root may have been taken away meanwhile.

There are no revocation lists. Loaded for a request, and when its file is there.
"""

import asyncio

from evse_base import before_import, const, forget, log
from store import kinds

from . import security_log, update_request

SIGNATURE_MAX = const(512)  # bytes: RSA of 4,096 bits
# A time of installation so far ahead is not taken: a file would lie there for years, and the
# certificate would have expired.
LATEST_S = const(31 * 86400)


class Refused(ValueError):
    """Why a file or its signature is not believed."""


class BadCertificate(Refused):
    """Why a signing certificate is not believed."""


class _Occupied(Exception):
    """A car has begun to charge."""


def packed(location, signature, chain):
    """The request as bytes, for the journal. chain: list of DER."""
    text = location.encode()
    sizes = bytes((len(signature) >> 8, len(signature) & 255, len(text) >> 8, len(text) & 255))
    # A version that knows no signed updates takes this for a location that is no text.
    return b"".join([b"\xff", sizes, signature, text] + chain)


def unpacked(data):
    """(location, signature, chain) of what `packed` has made; ("", b"", []) of anything else."""
    try:
        after = 5 + (data[1] << 8 | data[2])
        end = after + (data[3] << 8 | data[4])
        location, chain = data[after:end].decode(), []
        while end < len(data):
            size, head = data[end + 1], 2
            if size & 0x80:
                head += size & 0x7F
                size = int.from_bytes(data[end + 2 : end + head], "big")
            chain.append(data[end : end + head + size])
            end += head + size
        if data[0] == 255 and end == len(data):
            return location, data[5:after], chain
    except (IndexError, ValueError):
        pass
    return "", b"", []


# fmt: off
async def request(jobs, number, location, at, install_at, chain, signature, retries, interval,
                  tells=False):
    # fmt: on
    """Take a request. at, install_at: Unix times, the second one None: at once. chain: list of
    DER, the signing certificate first; chain and signature None: nobody has signed it. tells: the
    word download_scheduled is said, too, when it waits for a car. Returns "accepted", "canceled"
    (accepted in place of another one), "rejected" or "invalid_certificate". See `Jobs.wake`.

    While a car charges nothing is checked: the request waits, and is checked before its file is
    fetched.
    """
    now = jobs.clock.now()
    if now is None or install_at is not None and install_at > now + LATEST_S:
        log.warn("file", "update refused: %s", _when(now))
        return "rejected"
    if signature is None:
        why = jobs.services.only_signed()
        if why:
            log.warn("file", "update refused: %s", why)
            return "rejected"
    elif not 0 < len(signature) <= SIGNATURE_MAX:
        _note(Refused("the signature has %d bytes" % len(signature)))
        return "rejected"
    believed = False
    try:
        if not chain and signature is not None:
            raise BadCertificate("there is no certificate")
        if chain and jobs.services.allowed():
            await _key(jobs, chain, False)
            believed = True
    except _Occupied:
        pass
    except Refused as exc:
        _note(exc)
        return "invalid_certificate"
    except MemoryError:
        log.warn("file", "signed update refused: no memory to check its certificate")
        return "rejected"
    instead = jobs.update is not None and jobs.update.pending
    why = jobs.request_update(
        location, at, retries, interval, (number, install_at, signature, chain, believed, tells)
    )
    if why:
        log.warn("file", "signed update refused: %s", why)
        return "rejected"
    return "canceled" if instead else "accepted"


def _when(now):
    if now is None:
        return "the clock is not known, so nothing can be checked"
    return "it is to be installed more than %d days from now" % (LATEST_S // 86400)


async def judge(jobs, journal, digest=None):
    """True if the request in the journal is to be believed: its chain, and with `digest` (the
    SHA-256 of the file) its signature, too. None if there is no memory to find out now: that says
    nothing of a signature. Waits while a car charges."""
    try:
        request = journal.get(kinds.FIRMWARE, update_request.REQUEST)
        _, signature, chain = unpacked(update_request.pieces(journal, request))
        key = await _key(jobs, chain, True)
        if digest is not None:
            await _signed(jobs.services, key, digest, signature)
        return True
    except Refused as exc:
        _note(exc)
    except MemoryError:
        log.warn("file", "signed update: no memory to check its signature now")
        return None
    except (TypeError, OSError) as exc:
        log.warn("file", "signed update refused: not checked, %r", exc)
    return False


def _note(exc):
    log.warn("file", "signed update refused: %s", exc)
    if isinstance(exc, BadCertificate):
        security_log.note("signing_certificate", str(exc))
    else:
        security_log.note("firmware_signature", str(exc))


def _pause(services, waits):
    async def pause():
        await asyncio.sleep(0)
        while not services.allowed():
            if not waits:
                raise _Occupied
            await asyncio.sleep(1)

    return pause


async def _key(jobs, chain, waits):
    """Key of the signing certificate. Raises Refused; _Occupied unless it `waits`."""
    pause = _pause(jobs.services, waits)
    try:
        await before_import()
        from pki import chain as judges

        roots = jobs.services.manufacturer_roots()
        certificate = await judges.check(chain, roots, jobs.clock.now() or 0, "signing", pause)
        return certificate.key
    except ValueError as exc:
        raise BadCertificate(str(exc)) from None
    finally:
        forget("pki")


async def _signed(services, key, digest, signature):
    """Raises Refused unless `signature` is the key's over a file with this SHA-256."""
    pause = _pause(services, True)
    try:
        await before_import()
        from pki import signature as judges

        right = await judges.good(key, digest, signature, pause)
        if not right and key[0] == "rsa":
            right = await judges.good(key, digest, signature, pause, pss=True)
    finally:
        forget("pki")
    if not right:
        raise Refused("the signature over the file is wrong")
