# A key and a request made here, a certificate made of it, and a TLS connection with both.
# MIT license; part of microevse
"""Mutual TLS (security profile 3) of MicroPython's ssl with a key that pki has written, against
CPython's ssl, which wants a certificate of the client. PyPI `cryptography` is the authority."""

import asyncio
import base64
import datetime
import json
import ssl
import subprocess

import authorities
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from interpreters import INTERPRETERS, command_of

DER = serialization.Encoding.DER


class Authority:
    """A CA and a server of its own."""

    def __init__(self, folder):
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = self.named("ca")
        sign = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = self.sign(
            self.name, self.key.public_key(), (x509.BasicConstraints(True, 0), True), (sign, True)
        )
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        own = self.sign(self.named("localhost"), key.public_key(), (names, False))
        pem = serialization.Encoding.PEM
        (folder / "server.pem").write_bytes(
            own.public_bytes(pem)
            + key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        (folder / "ca.pem").write_bytes(self.certificate.public_bytes(pem))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem")
        authorities.asks(self.context, folder / "ca.pem")

    @staticmethod
    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def sign(self, subject, public, *extensions):
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder(
            self.name, subject, public, x509.random_serial_number(), self.now - day, self.now + day
        )
        for value, critical in extensions:
            builder = builder.add_extension(value, critical)
        return builder.sign(self.key, hashes.SHA256())

    def answer(self, der, kind=ExtendedKeyUsageOID.CLIENT_AUTH):
        request = x509.load_der_x509_csr(der)
        assert request.is_signature_valid
        usage = x509.KeyUsage(True, *[False] * 8)
        return self.sign(
            request.subject,
            request.public_key(),
            (usage, True),
            (x509.ExtendedKeyUsage([kind]), False),
        )


async def attempt(interpreter, authority, **more):
    """(what the client says at the end, subject that the server saw)."""
    seen = []

    async def serve(reader, writer):
        peer = writer.get_extra_info("peercert")
        seen.append(dict(part[0] for part in peer["subject"]))
        await reader.readline()
        writer.write(b"hello %s\n" % seen[-1]["commonName"].encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.context)
    command, env = command_of(interpreter, "pki_child")
    async with server:
        process = await asyncio.create_subprocess_exec(
            *command, env=env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        request = base64.b64decode(await asyncio.wait_for(process.stdout.readline(), 30))
        made = authority.answer(request, **{k: more.pop(k) for k in ("kind",) if k in more})
        answer = {
            "certificate": base64.b64encode(made.public_bytes(DER)).decode(),
            "ca": base64.b64encode(authority.certificate.public_bytes(DER)).decode(),
            "port": server.sockets[0].getsockname()[1],
            "now": int(authority.now.timestamp()),
            **more,
        }
        out, _ = await asyncio.wait_for(
            process.communicate(json.dumps(answer).encode() + b"\n"), 30
        )
    return out.decode().strip().splitlines()[-1], seen


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_a_certificate_of_our_request_opens_a_mutual_connection(interpreter, tmp_path):
    authority = Authority(tmp_path)
    said, seen = asyncio.run(attempt(interpreter, authority))
    assert said == "hello CP1", said
    assert [one["commonName"] for one in seen] == ["CP1"]
    assert seen[0]["organizationName"] == "Operator"


def test_another_key_than_the_certificates_opens_none(tmp_path):
    """So the key that was written is what the server had believed."""
    said, seen = asyncio.run(attempt("micropython", Authority(tmp_path), swap=True))
    assert not seen and "hello" not in said, said


def test_a_certificate_for_another_purpose_is_not_used(tmp_path):
    kind = ExtendedKeyUsageOID.SERVER_AUTH
    said, seen = asyncio.run(attempt("micropython", Authority(tmp_path), kind=kind))
    assert said == "refused: the certificate is for another purpose" and not seen
