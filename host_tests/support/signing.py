# A manufacturer for the tests: its root, and signing certificates, good and bad.
# MIT license; part of microevse
"""PyPI `cryptography` is the manufacturer. Times are those of the bench: it begins in 2027."""

import base64
import datetime
import functools
import secrets

from bench import EPOCH
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = 86400
SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@functools.lru_cache(maxsize=None)
def key(name, kind="p256"):
    """A private key, the same one each time."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _time(seconds):
    return datetime.datetime.fromtimestamp(EPOCH + seconds, datetime.timezone.utc)


def issue(name, issuer=None, ca=False, kind="p256", begin=-DAY, end=900 * DAY, usage=True,
          extended=(SIGNING,), length=None, by=None):  # fmt: skip
    """A certificate of the key `name` by `issuer` (None: by itself). by: name of the key that
    signs, if it is not the issuer's. usage: digitalSignature (of a CA: keyCertSign), False: none
    of these."""
    signer = key(by or issuer or name, "p256" if issuer or by else kind)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer or name))
        .public_key(key(name, kind).public_key())
        .serial_number(1 + secrets.randbits(100))
        .not_valid_before(_time(begin))
        .not_valid_after(_time(end))
        .add_extension(x509.BasicConstraints(ca, length), critical=True)
        .add_extension(_usage(not ca and usage, ca and usage), critical=True)
    )
    if extended and not ca:
        made = made.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    return made.sign(signer, hashes.SHA256())


def _usage(sign, issue_others):
    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
        " key_cert_sign crl_sign encipher_only decipher_only"
    ).split()
    wanted = {"digital_signature": sign, "key_cert_sign": issue_others}
    # A key must be of some use.
    wanted["content_commitment"] = not sign and not issue_others
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


def pem(*certificates):
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


@functools.lru_cache(maxsize=None)
def root():
    return issue("Maker", ca=True)


@functools.lru_cache(maxsize=None)
def signer(kind="p256"):
    """The usual signing certificate."""
    return issue("Signer " + kind, "Maker", kind=kind)


def sign(data, name="Signer p256", kind="p256", pss=False):
    """The signature over a file, as the message has it."""
    private = key(name, kind)
    if kind == "p256":
        made = private.sign(data, ec.ECDSA(hashes.SHA256()))
    elif pss:
        made = private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    else:
        made = private.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(made).decode()


def bad_chains():
    """[(what is wrong, PEM of the chain, words of the charger about it)]"""
    other = issue("Other maker", ca=True)
    middle = issue("Middle", "Maker", ca=True)
    inner = issue("Inner", "Middle", ca=True)
    short = issue("Short", "Maker", ca=True, length=0)
    below = issue("Below", "Short", ca=True)
    good = issue("Leaf", "Middle")
    return [
        ("expired", pem(issue("Old", "Maker", begin=-20 * DAY, end=-DAY)), "has expired"),
        ("not yet valid", pem(issue("Young", "Maker", begin=DAY)), "is not valid yet"),
        ("another CA", pem(issue("Stranger", "Other maker")), "no root is installed"),
        (
            "another CA, shown",
            pem(issue("Stranger", "Other maker"), other),
            "no root is installed",
        ),
        ("the name of our CA", pem(issue("False", "Maker", by="Other maker")), "signature of"),
        ("no signatures", pem(issue("Mute", "Maker", usage=False)), "may not be used to sign"),
        ("for servers", pem(issue("Web", "Maker", extended=(SERVER,))), "for another purpose"),
        ("for anything", pem(issue("Plain", "Maker", extended=())), "not say that it signs code"),
        ("a CA", pem(middle), "may not be used to sign"),
        ("of no CA", pem(issue("Sub", "Signer p256"), signer()), "may not issue certificates"),
        ("too long", pem(issue("Deep", "Below"), below, short), "allows no chain"),
        ("five", pem(good, middle, root(), root(), root()), "has 5 certificates"),
        ("wrong order", pem(middle, good), "is not that of the issuer"),
        ("a gap", pem(issue("Far", "Inner"), middle, inner), "is not that of the issuer"),
        ("no PEM", "certificate", "there is no certificate"),
        ("cut", pem(signer())[:400], "there is no certificate"),
    ]
