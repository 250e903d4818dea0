# When the charger asks for a certificate of its own.
# MIT license; part of microevse
"""Before its certificate expires, and when the central system wants it to.

A certificate is renewed 30 days before its end, or when a third of its life is left, whichever is
later. Without a certificate it is asked again after CertSigningWaitMinimum, whose time doubles
CertSigningRepeatTimes times (2.x, A02.FR.17 to FR.19), then after a day. After an answer
that says no: after a day, if it still has to be renewed. Without a clock never.

`security_log.sign_at` is the minute (Unix time / 60) from which something is to be done, None:
never; ASKING: a request is under way, and there is no second one beside it.
`security_log.sign_tries` is how often was asked, None: look first whether to ask at all.

A request takes the chip some seconds, in pieces: it is made by a task of its own, and no message
waits for it.
"""

import asyncio

from evse_base import log, traceless

from . import certificates, own_certificate, security_log

# Of the settings, see `_read`.
_wait_min = 5
_doublings = 2
_DAY_MIN = 1440
_EARLY_S = 30 * 86400
ASKING = 0x3FFFFFFF  # later than any time; a small integer of the chip


def wanted(now, wake):
    """The central system wants a request: as soon as no car charges, but in the minute of the last
    one no other. A request that is under way is the one that is wanted: nothing more is done."""
    if security_log.sign_at != ASKING:
        minute = now // 60
        security_log.sign_at = minute + 1 if _last() == minute else 0
        security_log.sign_tries = 0
        wake()


def asked(settings, clock):
    """`wanted` by whoever has loaded this module for it alone."""
    _read(settings)
    try:
        wanted(clock.now(), security_log.on_news or (lambda: None))
    finally:
        certificates.dropped()


def _last():
    """The minute of the last request, counted back from the minute of the next step."""
    at, tries = security_log.sign_at or 0, security_log.sign_tries
    if tries is None:
        return at - _DAY_MIN  # `refused`
    return at - (_wait(tries) if tries else 1)  # `over`; `wanted` or `later`


def _wait(tries):
    return _wait_min << min(tries - 1, _doublings)


def _read(settings):
    global _wait_min, _doublings
    _wait_min = -(-settings.get("CertSigningWaitMinimum") // 60)
    _doublings = settings.get("CertSigningRepeatTimes")


async def look(config, now, pause):
    """See when the certificate in use has to be renewed. True if it is now."""
    if security_log.sign_at == own_certificate.TAKEN_BACK:
        refused(now)
        return False
    security_log.sign_at = None
    try:
        found = config.client_certificate()
        if not found:
            return False
        from pki import certificate  # large: not for a charger without a certificate

        own = await certificate.read(found[0][0], pause)
    except ValueError as exc:
        log.warn("security", "the charger's certificate cannot be read: %s", exc)
        return False
    if security_log.sign_at is not None:
        return False  # a request was wanted meanwhile
    life = own.not_after - own.not_before
    begin = own.not_after - min(_EARLY_S, life // 3)
    if now < begin:
        security_log.sign_at = begin // 60 + 1
        return False
    security_log.sign_at = now // 60
    security_log.sign_tries = 0
    log.info("security", "the charger's certificate ends in %d h", (own.not_after - now) // 3600)
    return True


def begin(now):
    """To be called before a request is made; `over` when it is over. False if it was asked often
    enough."""
    tries = security_log.sign_tries or 0
    if tries > _doublings + 1:
        log.warn("security", "no certificate has come: %d requests", tries)
        refused(now)
        return False
    security_log.sign_at, security_log.sign_tries = ASKING, tries + 1
    return True


def over(now):
    """A request is sent, or could not be made: without a certificate it is repeated."""
    if security_log.sign_at == ASKING:  # nothing else has come of it
        security_log.sign_at = now // 60 + _wait(security_log.sign_tries)


def refused(now):
    """The central system says no, or does not know the message."""
    security_log.sign_at, security_log.sign_tries = now // 60 + _DAY_MIN, None


def later(now):
    """A car has come: the request that has begun is made in a minute."""
    security_log.sign_at = now // 60 + 1
    security_log.sign_tries = max(0, (security_log.sign_tries or 0) - 1)


async def run(settings, clock, send):
    """Something is due: see what, and begin it. send: async fn(request in PEM) -> True if the
    central system takes it, False if not, None if it was not delivered."""
    _read(settings)
    try:
        now = clock.now()
        if security_log.sign_tries is None:
            if not await look(security_log.services.config, now, certificates.pause):
                return
        if begin(now):
            asyncio.create_task(traceless(_ask(settings, clock, send)))
    except certificates.CarCame:
        security_log.sign_at = 0
    except Exception as exc:  # no heap, say: it is looked at again after a day
        log.error("security", "the charger's certificate: %r", exc)
        refused(clock.now())
    finally:
        certificates.dropped()


async def _ask(settings, clock, send):
    """Make a request and send it."""
    from pki import csr

    try:
        der = await own_certificate.request(settings, certificates.pause)
        text = csr.pem(der)
        del csr  # the rest of it is dropped with it
        certificates.dropped()
        taken = await send(text)
    except certificates.CarCame:
        later(clock.now())
        return
    except Exception as exc:  # no room on flash, or in the heap: another time
        log.error("security", "no request for a certificate: %r", exc)
        return
    finally:
        certificates.dropped()
        over(clock.now())
    if taken is False:
        refused(clock.now())
