# Certificates for servers and chargers, made by PyPI `cryptography` in this process.
# MIT license; part of microevse
"""More kinds than certs.py has, and each wrong in one way only. Keys are EC P-256 but where RSA is
the point. Files go with the process."""

import atexit
import datetime
import functools
import ipaddress
import pathlib
import shutil
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
SEC1_OR_PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL
BOTH = ("localhost", "127.0.0.1")
_DAY = datetime.timedelta(days=1)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def _name(text, *title):
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, one) for one in title]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*names):
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    return x509.KeyUsage(**{name: name in names for name in every})


def _alternative(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class Authority:
    """A CA, its own or of `by`. signs: False: its key usage forbids what it is for. title: the
    names of organizations in its name."""

    def __init__(
        self, name, by=None, signs=True, is_ca=True, path=None, days=(-400, 4000), title=()
    ):
        self.name, self.key = _name(name, *title), new_key()
        self.by = by
        by = by or self
        usage = _usage("key_cert_sign", "crl_sign") if signs else _usage("digital_signature")
        self.certificate = by.sign(
            self.name, self.key.public_key(), days,
            (x509.BasicConstraints(is_ca, path), True), (usage, True),
        )  # fmt: skip

    def sign(self, subject, public_key, days, *extensions):
        """subject: a text, or a x509.Name."""
        now = datetime.datetime.now(datetime.timezone.utc)
        subject = _name(subject) if isinstance(subject, str) else subject
        builder = x509.CertificateBuilder(
            self.name, subject, public_key, x509.random_serial_number(),
            now + days[0] * _DAY, now + days[1] * _DAY,
        )  # fmt: skip
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, key, names=BOTH, days=(-10, 1000), purpose=ExtendedKeyUsageOID.SERVER_AUTH):
        """A server's certificate for these names; days: from and to, from now."""
        return self.sign(
            "server", key.public_key(), days,
            (x509.BasicConstraints(False, None), True),
            (x509.SubjectAlternativeName([_alternative(name) for name in names]), False),
            (x509.ExtendedKeyUsage([purpose]), False),
        )  # fmt: skip

    def charger(self, key, serial, days=(-10, 1000)):
        """A charge point's certificate: its CN is the serial number (security whitepaper, 3.3)."""
        return self.signed_charger(key.public_key(), serial, days)

    def signed_charger(
        self, public_key, serial, days=(-10, 1000), usage=ExtendedKeyUsageOID.CLIENT_AUTH
    ):
        """The same for a public key, that of a request, say."""
        return self.sign(
            serial, public_key, days,
            (x509.BasicConstraints(False, None), True),
            (x509.ExtendedKeyUsage([usage]), False),
        )  # fmt: skip

    def above(self):
        """The certificates that a server sends with its own: this CA up to, without, the root."""
        chain, at = [], self
        while at.by:
            chain.append(at.certificate)
            at = at.by
        return chain


@functools.lru_cache(maxsize=None)
def folder():
    made = pathlib.Path(tempfile.mkdtemp(prefix="microevse-authorities-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def pem_file(name, *parts, form=PKCS8):
    """Path of a file with these certificates and keys in PEM."""
    path = folder() / (name + ".pem")
    with open(path, "wb") as file:
        for part in parts:
            if hasattr(part, "public_bytes"):
                file.write(part.public_bytes(PEM))
            else:
                file.write(part.private_bytes(PEM, form, serialization.NoEncryption()))
    return str(path)


def unloadable(name):
    """DER of a root that pki takes and mbedTLS does not load: nobody knows how it is signed."""
    found = Authority(name).certificate.public_bytes(serialization.Encoding.DER)
    ecdsa = bytes.fromhex("2a8648ce3d040302")  # with SHA-256, RFC 5758 3.2
    assert found.count(ecdsa) == 2
    return found.replace(ecdsa, ecdsa[:-1] + b"\x7f")


def server_context(name, chain, key):
    """Server-side SSLContext that shows `chain`; TLS 1.2 or better."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pem_file("server-" + name, *chain, key))
    return context


def deep(root, count):
    """The lowest of `count` CAs, one below the other, below `root`."""
    at = root
    for number in range(count):
        at = Authority("between %d" % number, at)
    return at


@functools.lru_cache(maxsize=None)
def bad_chains():
    """(root, {what: (chain, key)}): "good" ones, and such that have one thing wrong."""
    root, stranger, key = Authority("root"), Authority("stranger"), new_key()
    two = deep(root, 2)
    first, second = two.above()
    old = Authority("old", root, days=(-20, -1))
    mute = Authority("mute", root, signs=False)
    no_ca = Authority("no CA", root, is_ca=False)
    nine = deep(root, 9)
    last = deep(Authority("last", root, path=0), 1)
    late, early = (-20, -1), (5, 100)
    return root, {
        what: (chain, key)
        for what, chain in {
            "good": [root.server(key)],
            "good, of a chain": [two.server(key), first, second],
            "expired": [root.server(key, days=late)],
            "not yet valid": [root.server(key, days=early)],
            "of an expired CA": [old.server(key), *old.above()],
            "of another CA": [stranger.server(key)],
            "of another CA's chain": [stranger.server(key), stranger.certificate],
            "another name": [root.server(key, names=("csms.example",))],
            "address alone": [root.server(key, names=("127.0.0.1",))],
            "for clients": [root.server(key, purpose=ExtendedKeyUsageOID.CLIENT_AUTH)],
            "of a CA that may not sign": [mute.server(key), *mute.above()],
            "of one that is no CA": [no_ca.server(key), *no_ca.above()],
            "of one CA more than allowed": [last.server(key), *last.above()],
            "too long": [nine.server(key), *nine.above()],
            "wrong order": [two.server(key), second, first],
            "incomplete": [two.server(key), second],
        }.items()
    }


def asks(context, ca):
    """The server wants a certificate of the client, of a CA in the file `ca`."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca)


def good_server(name):
    """(server-side context, file of its CA): a server with nothing wrong."""
    root, chains = bad_chains()
    return server_context(name, *chains["good"]), pem_file("root", root.certificate)


def rsa_server(root):
    """(chain, key) with an RSA key."""
    key = rsa.generate_private_key(65537, 2048)
    return [root.server(key)], key
