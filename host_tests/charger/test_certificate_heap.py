# Certificates in the heap of a plain ESP32 with the base image, beside a connection over TLS.
# MIT license; part of microevse
"""The named set; see heap_table.py. Not run where the 32-bit interpreters cannot be built."""

import asyncio

import authorities
import frozen
import heap_table
import pytest
from certificate_central import asked, hash_data, install, installed, pem, sign, trigger
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa


class Large(authorities.Authority):
    """One with an extension of so many bytes, and a key of RSA."""

    def __init__(self, name, size, has_rsa=False):
        authorities.Authority.__init__(self, name)
        if has_rsa:
            self.key = rsa.generate_private_key(65537, 2048)
        more = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), bytes(size))
        self.certificate = self.sign(
            name, self.key.public_key(), (-400, 4000),
            (x509.BasicConstraints(True, None), True), (more, False),
        )  # fmt: skip


def test_roots_and_a_certificate_are_installed_beside_the_connection():
    """A root of RSA with 4,096 bits finds no room here; docs/certificates.md says so. Three roots
    of 2 KB were read at once: then none could be listed, and no certificate was taken."""

    async def play():
        root, ca, third = Large("rsa", 900, True), Large("ca", 1400), Large("third", 1400)
        async with heap_table.bench("base, ROMFS", True, features="named") as b:
            b.csms.always("SignCertificate", {"status": "Accepted"})
            await b.boot()
            roots = [one.certificate for one in (root, ca, third)]
            for one in roots:
                assert await install(b, pem(one)) == "Accepted"
            found = await installed(b)
            assert [hash_data(one) for one in roots] == found[:3] and len(found) == 4
            assert await trigger(b) == "Accepted"
            csr = await asked(b, within=120)
            between = authorities.Authority("between", ca)
            chain = [between.signed_charger(csr.public_key(), "EVSE-1"), between.certificate]
            assert await sign(b, chain) == "Accepted"
            await b.advance(20)
            assert b.csms.wire.open
            heap = await b.twin.heap()
        print(heap)
        assert not heap["refused"]

    try:
        asyncio.run(asyncio.wait_for(play(), 200))
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)
