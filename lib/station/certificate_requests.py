# Requests of a central system about certificates.
# MIT license; part of microevse
"""Nothing is worked on while a car charges: the answer says that it failed then. An answer is a
pair of a word and a sentence, as in certificates.py. Loaded for one request; `point` is whoever it
came to, with `settings` and `clock`.
"""

import gc

from evse_base import before_import

from . import security_log

CHARGES = "certificates have to wait: a car charges"
NO_HEAP = "there is not enough memory beside this connection"


async def worked(work):
    """The pair that `await work(certificates)` returns; ("failed", why) where a car charges or too
    little memory is free. certificates: the station's module, loaded for the work."""
    await before_import()
    # Before anything is loaded: together these modules would be too long a stall. Without the
    # charger's services never.
    if security_log.services is None or not security_log.services.allowed():
        return "failed", CHARGES
    gc.collect()  # numbers of RSA want room in one piece
    from . import certificates

    try:
        return await work(certificates)
    except certificates.CarCame:
        return "failed", CHARGES
    except MemoryError:
        return "failed", NO_HEAP
    finally:
        certificates.dropped()


async def install(point, kind, ders):
    """Install a root. kind: of certificates.py. ders: fn() -> the certificates (DER) of the
    message, asked when they are wanted."""

    async def work(certificates):
        found = ders()
        return await certificates.install(
            point.settings, point.clock, kind, found, certificates.pause
        )

    return await worked(work)


async def remove(point, hashes):
    """Remove a root. hashes: its hash data as three texts, None: of an unknown algorithm."""

    async def work(certificates):
        if hashes is None:
            return "unknown", "only SHA256 is known here"
        config = security_log.services.config
        return await certificates.remove(point.settings, config, hashes, certificates.pause)

    return await worked(work)


async def listed(point, kinds):
    """("done", [(kind, hash data as three texts), ...]) of the roots of these kinds."""

    async def work(certificates):
        config, found = security_log.services.config, []
        for kind in kinds:
            rows = await certificates.listed(point.settings, config, kind, certificates.pause)
            found += [(kind, row) for row in rows]
        return "done", found

    return await worked(work)


async def take(point, size, ders):
    """Take the certificate that was asked for. size: characters of its chain in the message;
    ders: as for `install`."""

    async def work(certificates):
        from . import own_certificate

        if size > own_certificate.CHAIN_MAX:
            text = "a chain of %d characters is too long" % size
            security_log.note("own_certificate", text)
            return "bad", text
        return await own_certificate.take(
            point.settings, point.clock, security_log.services.config, ders(), certificates.pause
        )

    return await worked(work)
