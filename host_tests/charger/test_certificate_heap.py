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


class Rsa(authorities.Authority):
    def __init__(self, name):
        authorities.Authority.__init__(self, name)
        self.key = rsa.generate_private_key(65537, 2048)
        self.certificate = self.sign(
            name, self.key.public_key(), (-400, 4000),
            (x509.BasicConstraints(True, None), True),
        )  # fmt: skip


def test_a_root_and_a_certificate_are_installed_beside_the_connection():
    """A root of RSA with 4,096 bits finds no room here; docs/certificates.md says so."""

    async def play():
        root, ca = Rsa("rsa"), authorities.Authority("ca")
        async with heap_table.bench("base, ROMFS", True, features="named") as b:
            b.csms.always("SignCertificate", {"status": "Accepted"})
            await b.boot()
            for one in (root, ca):
                assert await install(b, pem(one.certificate)) == "Accepted"
            assert hash_data(root.certificate) in await installed(b)
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
