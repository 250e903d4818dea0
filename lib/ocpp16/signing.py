# SignCertificate: the charger asks for a certificate of its own.
# MIT license; part of microevse
"""OCPP 1.6 security whitepaper edition 3, A02 and A03. A request takes the chip some seconds, in
pieces: it is made by a task of its own, and no message waits for it."""

import asyncio
from binascii import b2a_base64

from evse_base import log
from ocppj.messages import CallError, Disconnected
from station import security_log

_LINE = 48  # bytes of DER in a line of PEM (RFC 7468: 64 characters)


async def begin(point):
    """Something is due (station/renewal.py): see what, and begin it."""
    from station import certificates, renewal

    try:
        now = point.clock.now()
        if security_log.sign_tries is None:
            config = security_log.services.config
            if not await renewal.look(config, now, certificates.pause):
                return
        if renewal.begin(now):
            asyncio.create_task(_sign(point))
    except certificates.CarCame:
        security_log.sign_at = 0
    except Exception as exc:  # no heap, say: it is looked at again after a day
        log.error("security", "the charger's certificate: %r", exc)
        renewal.refused(point.clock.now())
    finally:
        certificates.dropped()


async def _sign(point):
    """Make a request and send it."""
    from station import certificates, own_certificate, renewal

    try:
        csr = await own_certificate.request(point.settings, certificates.pause)
        certificates.dropped()
        answer = await point.call("SignCertificate", {"csr": _pem(csr)})
        said = answer.get("status")
    except CallError as exc:
        said = exc.code
    except (asyncio.TimeoutError, Disconnected) as exc:
        log.warn("ocpp", "SignCertificate not delivered: %r", exc)
        return
    except certificates.CarCame:
        renewal.later(point.clock.now())
        return
    except Exception as exc:  # no room on flash, or in the heap: another time
        log.error("security", "no request for a certificate: %r", exc)
        return
    finally:
        certificates.dropped()
        renewal.over(point.clock.now())
    if said != "Accepted":
        log.warn("ocpp", "SignCertificate: %s", said)
        renewal.refused(point.clock.now())


def _pem(csr):
    lines = ["-----BEGIN CERTIFICATE REQUEST-----"]
    for at in range(0, len(csr), _LINE):
        lines.append(b2a_base64(csr[at : at + _LINE]).decode().strip())
    lines.append("-----END CERTIFICATE REQUEST-----\n")
    return "\n".join(lines)
