# What is installed as a root is loaded by the TLS of MicroPython, however odd it is.
# MIT license; part of microevse
"""PyPI `cryptography` makes the roots, a few have bytes changed. The code of InstallCertificate
judges them on MicroPython, and what is kept goes to its `tls`. One that TLS does not load took the
charger off the network for good."""

import base64
import datetime
import json
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from interpreters import MICROPYTHON, command_of
from pki import der

NOW = 1800000000
DAY = datetime.timedelta(days=1)
AT = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=NOW)
CA = x509.BasicConstraints(True, None)
SHA256 = hashes.SHA256()
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
NETSCAPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")  # what a certificate is for, once
POLICIES = x509.ObjectIdentifier("2.5.29.32")
OID_ECDSA, OID_RSA = bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a864886f70d01010b")


def common(text, *more):
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in more]
                     + [x509.NameAttribute(NameOID.COMMON_NAME, text)])  # fmt: skip


def made(key, digest, *extensions, name=None, begin=AT - DAY, end=AT + 4000 * DAY, serial=7,
         constraints=CA, **more):  # fmt: skip
    name = common("root") if name is None else name
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, begin, end)
    if constraints:
        builder = builder.add_extension(constraints, critical=True)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(key, digest, **more).public_bytes(serialization.Encoding.DER)


def unknown(kind, value, critical=False):
    return x509.UnrecognizedExtension(kind, value), critical


def pss(digest, salt):
    return {"rsa_padding": padding.PSS(padding.MGF1(digest), salt)}


def names(*kinds):
    return x509.SubjectAlternativeName(kinds), False


def odd_roots():
    """{what: DER}"""
    good, plain = made(P256, SHA256), made(RSA, SHA256)
    organization = NameOID.ORGANIZATION_NAME
    weak = rsa.generate_private_key(65537, 1024)
    strong = rsa.generate_private_key(65537, 4096)
    other = x509.ObjectIdentifier("1.2.3.4.5")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return {
        "p256-sha256": good,
        "p256-sha224": made(P256, hashes.SHA224()),
        "p256-sha384": made(P256, hashes.SHA384()),
        "p256-sha512": made(P256, hashes.SHA512()),
        "p256-sha3-256": made(P256, hashes.SHA3_256()),
        "p256-sha3-512": made(P256, hashes.SHA3_512()),
        "p256-unknown": good.replace(OID_ECDSA, OID_ECDSA[:-1] + b"\x7f"),
        "rsa-sha256": plain,
        "rsa-sha512": made(RSA, hashes.SHA512()),
        "rsa-sha3": made(RSA, hashes.SHA3_256()),
        "rsa-pss-256": made(RSA, SHA256, **pss(SHA256, 32)),
        "rsa-pss-512": made(RSA, hashes.SHA512(), **pss(hashes.SHA512(), 64)),
        "rsa-pss-salt": made(RSA, SHA256, **pss(SHA256, 20)),
        "rsa-sha1": plain.replace(OID_RSA, OID_RSA[:-1] + b"\x05"),
        "rsa-md5": plain.replace(OID_RSA, OID_RSA[:-1] + b"\x04"),
        "rsa-md2": plain.replace(OID_RSA, OID_RSA[:-1] + b"\x02"),
        "rsa-unknown": plain.replace(OID_RSA, OID_RSA[:-1] + b"\x7f"),
        "rsa-1024": made(weak, SHA256),
        "rsa-4096": made(strong, SHA256),
        "p384": made(ec.generate_private_key(ec.SECP384R1()), hashes.SHA384()),
        "p521": made(ec.generate_private_key(ec.SECP521R1()), hashes.SHA512()),
        "k256": made(ec.generate_private_key(ec.SECP256K1()), SHA256),
        "ed25519": made(ed25519.Ed25519PrivateKey.generate(), None),
        "no-extensions": made(P256, SHA256, constraints=None),
        "version-1": version_1(made(P256, SHA256, constraints=None)),
        "version-1-rsa": version_1(made(RSA, SHA256, constraints=None)),
        "path-length": made(P256, SHA256, constraints=x509.BasicConstraints(True, 0)),
        "path-length-huge": made(P256, SHA256, constraints=x509.BasicConstraints(True, 65535)),
        "path-length-more": made(P256, SHA256, constraints=x509.BasicConstraints(True, 1 << 31)),
        "serial-huge": made(P256, SHA256, serial=(1 << 159) - 1),
        "serial-negative": made(P256, SHA256, serial=0x70).replace(
            b"\xa0\x03\x02\x01\x02\x02\x01\x70", b"\xa0\x03\x02\x01\x02\x02\x01\xf0"
        ),
        "name-long": made(P256, SHA256, name=common("c" * 60, *[(organization, "o" * 64)] * 8)),
        "name-many": made(P256, SHA256, name=common("c", *[(organization, "o")] * 30)),
        "name-empty": made(P256, SHA256, name=x509.Name([])),
        "name-unicode": made(P256, SHA256, name=common("Wurzel \u2603 \U0001f512")),
        "name-wide": made(P256, SHA256, name=x509.Name([x509.NameAttribute(
            NameOID.COMMON_NAME, "wide", x509.name._ASN1Type.BMPString)])),
        "name-oid": made(P256, SHA256, name=common("c", (other, "strange"))),
        "name-two": made(P256, SHA256, name=x509.Name([x509.RelativeDistinguishedName([
            x509.NameAttribute(NameOID.COMMON_NAME, "a"),
            x509.NameAttribute(organization, "b")])])),
        "until-9999": made(P256, SHA256, end=datetime.datetime(9999, 12, 31, 23, 59, 59)),
        "from-1950": made(P256, SHA256, begin=datetime.datetime(1950, 1, 1)),
        "critical-unknown": made(P256, SHA256, unknown(other, b"\x05\x00", True)),
        "unknown": made(P256, SHA256, unknown(other, b"no DER")),
        "unknown-empty": made(P256, SHA256, unknown(other, b"")),
        "netscape": made(P256, SHA256, unknown(NETSCAPE, b"\x03\x02\x00\x07")),
        "netscape-broken": made(P256, SHA256, unknown(NETSCAPE, b"\x05\x00")),
        "netscape-rsa": made(RSA, SHA256, unknown(NETSCAPE, b"")),
        "policies": made(P256, SHA256, (x509.CertificatePolicies(
            [x509.PolicyInformation(other, ["http://x"])]), False)),
        "policies-critical": made(P256, SHA256, (x509.CertificatePolicies(
            [x509.PolicyInformation(other, None)]), True)),
        "policies-broken": made(P256, SHA256, unknown(POLICIES, b"\x30\x00")),
        "constraints-of-names": made(P256, SHA256, (x509.NameConstraints(
            [x509.DNSName("x")], None), True)),
        "usage": made(P256, SHA256, (usage, True)),
        "extended": made(P256, SHA256, (x509.ExtendedKeyUsage(
            [ExtendedKeyUsageOID.SERVER_AUTH, other]), False)),
        "names-of-all-kinds": made(P256, SHA256, names(
            x509.OtherName(other, b"\x0c\x01a"), x509.RFC822Name("a@b.c"),
            x509.UniformResourceIdentifier("http://x"), x509.RegisteredID(other),
            x509.DirectoryName(common("d")), x509.DNSName("x"))),
        "names-other-broken": made(P256, SHA256, names(x509.OtherName(other, b"\x05\x00"))),
        "key-id-long": made(P256, SHA256, (x509.SubjectKeyIdentifier(bytes(200)), False)),
        "authority": made(P256, SHA256, (x509.AuthorityKeyIdentifier(
            b"k" * 20, [x509.DirectoryName(common("root"))], 7), False)),
        "big": made(P256, SHA256, unknown(other, bytes(2300))),
    }  # fmt: skip


def version_1(root):
    """The same without the field of its version. The signature is wrong then, which is looked at
    after the rest."""
    whole = der.Reader(root).inside(der.SEQUENCE)
    body = whole.inside(der.SEQUENCE)
    body.span(0xA0)
    body, rest = root[body.at : body.end], root[whole.at :]
    return der.element(der.SEQUENCE, der.element(der.SEQUENCE, body), rest)


@pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel")
def test_whatever_is_installed_as_a_root_is_loaded_by_tls():
    roots = odd_roots()
    command, env = command_of("micropython", "odd_roots_child")
    lines = ["%d" % NOW]
    lines += ["%s %s" % (what, base64.b64encode(root).decode()) for what, root in roots.items()]
    done = subprocess.run(
        command, input="\n".join(lines) + "\n", env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
    found = {}
    for line in done.stdout.splitlines():
        what, word, text, loads = json.loads(line)
        found[what] = (word, text)
        print("%-22s %-6s %-5s %s" % (what, word, loads, text))
        assert loads in ((True,) if word == "done" else (None,)), (what, text)
    assert set(found) == set(roots) and {word for word, _ in found.values()} == {"done", "bad"}
    refused = {what for what, (_, text) in found.items() if "TLS here cannot load" in text}
    assert refused >= {"p256-sha3-256", "p256-unknown", "rsa-pss-256", "netscape-broken"}, refused
    # What MicroPython's TLS is built with decides about these; what everybody has is taken.
    taken = {what for what, (word, _) in found.items() if word == "done"}
    assert taken >= {"p256-sha256", "rsa-sha256", "rsa-4096", "p256-sha384", "big", "name-long"}
