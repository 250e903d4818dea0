# Damaged certificates in messages: what is answered, and that nothing is installed.
# MIT license; part of microevse
"""`fuzz(count, seed)` on both interpreters, through the handlers of OCPP 1.6. What is damaged is
the PEM text of a message or the DER in it."""

from binascii import b2a_base64

import pki_made
from certificate_parts import Parts, signed
from helpers import run
from ocpp16 import certificates as messages
from pki import certificate
from pki_fuzz import SEED, Draw, changed
from station import certificates, own_certificate

KINDS = ("CentralSystemRootCertificate", "ManufacturerRootCertificate")


class Point:
    def __init__(self, parts):
        self.settings = self.clock = parts


def pem(der):
    text = b2a_base64(der).decode().strip()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n" % "\n".join(lines)


def damaged(ders, draw):
    """A message's text with these certificates, of which something is damaged."""
    if draw.below(3):
        at = draw.below(len(ders))
        other = ders[draw.below(len(ders))]
        ders = ders[:at] + [changed(ders[at], other, draw)] + ders[at + 1 :]
        if not draw.below(8):
            ders = ders[1:] + ders[:1]
        return "".join([pem(der) for der in ders])
    text = "".join([pem(der) for der in ders]).encode()
    return "".join([chr(byte & 0x7F) for byte in changed(text, text, draw)])


def fuzz(count, seed=SEED):
    """{status: how often}. AssertionError if anything damaged was taken."""
    draw = Draw(seed)
    parts = Parts()
    root, other = pki_made.root(), pki_made.root("other")
    parts.install(root)
    asked = parts.request()
    between = pki_made.authority("between", "root")
    good = [signed(asked, "between"), between]
    point = Point(parts)
    found = {}
    before = image(parts)
    for number in range(count):
        if draw.below(2):
            payload = {
                "certificateType": KINDS[draw.below(2)],
                "certificate": damaged([other], draw),
            }
            answer = run(messages.install_certificate(point, payload))
        else:
            payload = {"certificateChain": damaged(good, draw)}
            answer = run(messages.certificate_signed(point, payload))
        status = answer["status"]
        found[status] = found.get(status, 0) + 1
        now = image(parts)
        if now != before:
            # The damage was beside what counts: the certificates are the real ones.
            kept = own_certificate.load(parts.vault(), own_certificate.NEXT)
            assert list(kept[1]) in ([], good), (seed, number)
            for kind in (certificates.CENTRAL, certificates.MANUFACTURER):
                for der in certificates.roots(parts, kind):
                    real = der in (root, other) or certificate.parse(der).algorithm is None
                    assert real, (seed, number)
            assert status == "Accepted", (seed, number)
            found["undamaged"] = found.get("undamaged", 0) + 1
            parts = Parts(bytearray(start(root)))
            point = Point(parts)
            asked = parts.request()
            good = [signed(asked, "between"), between]
            before = image(parts)
    return found


def start(root):
    """The flash with that root alone."""
    fresh = Parts()
    fresh.install(root)
    return fresh.flash.image


def image(parts):
    vault = parts.vault()
    return {name: vault.get(name) for name in vault.names()}
