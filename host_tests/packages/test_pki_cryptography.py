# Certificates and keys against PyPI `cryptography` and openssl, in both directions.
# MIT license; part of microevse
"""What they make is read here, field by field, and what is made here they read and believe.
Hypothesis draws the fields; the examples are the same each time."""

import datetime
import hashlib
import ipaddress
import subprocess
import types

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pki import certificate, chain, csr, hashdata, keypair, p256, run, signature
from pki import rsa as ours
from pki.chain import ChainError

EXAMPLES = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
FEW = settings(EXAMPLES, max_examples=25)
NOW = 1800000000
EPOCH = datetime.datetime(1970, 1, 1)
DER = serialization.Encoding.DER
KINDS = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH,
         ExtendedKeyUsageOID.CODE_SIGNING]  # fmt: skip


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def secret_key(secret):
    return ec.derive_private_key(secret, ec.SECP256R1())


def name(common_name, organization=None):
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def at(seconds):
    return EPOCH + datetime.timedelta(seconds=seconds)


def build(subject, issuer, public, signer, serial, start, end, extensions=()):
    builder = x509.CertificateBuilder(issuer, subject, public, serial, at(start), at(end))
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(signer, hashes.SHA256())


texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0xFFFF, exclude_categories=("C",)),
    min_size=1,
    max_size=40,
)
short = texts.filter(lambda text: len(text.encode()) <= 64)  # as cryptography counts
secrets = st.integers(1, p256.N - 1)
labels = st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,3}", fullmatch=True)
bits = st.lists(st.booleans(), min_size=9, max_size=9)


@EXAMPLES
@given(
    secret=secrets,
    common=texts,
    organization=st.none() | texts,
    serial=st.integers(1, (1 << 159) - 1),
    start=st.integers(-631152000, 253402300799),
    length=st.integers(0, 253402300799),
    ca=st.none() | st.tuples(st.booleans(), st.none() | st.integers(0, 255)),
    usage=st.none() | bits.filter(any),
    extended=st.none() | st.sets(st.sampled_from(KINDS), min_size=1),
    hosts=st.lists(labels, max_size=8),
    addresses=st.lists(st.ip_addresses(), max_size=4),
    by_rsa=st.booleans(),
    critical=st.booleans(),
)
def test_what_cryptography_makes_is_read_field_by_field(
    secret, common, organization, serial, start, length, ca, usage, extended, hosts, addresses,
    by_rsa, critical, rsa_key,
):  # fmt: skip
    end = min(start + length, 253402300799)
    own, signer = secret_key(secret), rsa_key if by_rsa else secret_key(5)
    public = own.public_key()
    extensions = [
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    ]
    if ca:
        length = ca[1] if ca[0] else None
        extensions.append((x509.BasicConstraints(ca[0], length), critical))
    if usage:
        usage[7] = usage[7] and usage[4]
        usage[8] = usage[8] and usage[4]
        if not any(usage):
            usage[0] = True
        extensions.append((x509.KeyUsage(*usage), critical))
    if extended:
        extensions.append((x509.ExtendedKeyUsage(extended), critical))
    names = [x509.DNSName(host) for host in hosts] + [x509.IPAddress(a) for a in addresses]
    if names:
        extensions.append((x509.SubjectAlternativeName(names), critical))
    theirs = build(name(common, organization), name("issuer", "x"), public, signer, serial, start,
                   end, extensions)  # fmt: skip
    der = theirs.public_bytes(DER)
    made = certificate.parse(der)
    numbers = public.public_numbers()
    assert made.key == ("p256", numbers.x, numbers.y)
    assert made.serial == serial
    assert (made.not_before, made.not_after) == (start, end)
    assert made.subject == theirs.subject.public_bytes() and made.common_name == common
    assert made.issuer == theirs.issuer.public_bytes()
    assert made.organization == (organization or "")
    assert der[made.tbs[0] : made.tbs[1]] == theirs.tbs_certificate_bytes
    assert made.signature == theirs.signature
    assert made.algorithm == ("rsa" if by_rsa else "p256")
    assert made.ca == bool(ca and ca[0])
    assert made.path_length == (ca[1] if ca and ca[0] else None)
    flags = sum(1 << i for i, on in enumerate(usage) if on) if usage else None
    assert made.key_usage == flags
    wanted = {kind.dotted_string.rpartition(".")[2] for kind in extended} if extended else None
    found = made.extended_usage
    assert (None if found is None else {str(kind[-1]) for kind in found}) == wanted
    assert made.dns == tuple(hosts)
    assert made.addresses == tuple(address.packed for address in addresses)
    identifier = x509.SubjectKeyIdentifier.from_public_key
    assert made.subject_key_id == identifier(public).digest
    assert made.authority_key_id == identifier(signer.public_key()).digest
    issuer = types.SimpleNamespace(subject=made.issuer, key_bits=signer.public_key().public_bytes(
        DER if by_rsa else serialization.Encoding.X962,
        serialization.PublicFormat.PKCS1 if by_rsa
        else serialization.PublicFormat.UncompressedPoint))  # fmt: skip
    # The names of the hash data as RFC 6960 makes them; cryptography makes them for OCSP.
    from cryptography.x509 import ocsp

    if not by_rsa:
        ca_cert = build(theirs.issuer, theirs.issuer, signer.public_key(), signer, 1, 0, NOW)
        asked = ocsp.OCSPRequestBuilder().add_certificate(theirs, ca_cert, hashes.SHA256()).build()
        assert hashdata.of(made, issuer) == (
            asked.issuer_name_hash.hex(), asked.issuer_key_hash.hex(), "%x" % serial,
        )  # fmt: skip
        assert hashdata.of(certificate.parse(ca_cert.public_bytes(DER)))[1] == (
            asked.issuer_key_hash.hex()
        )
    digest = hashlib.sha256(theirs.tbs_certificate_bytes).digest()
    public = signer.public_key().public_numbers()
    key = ("rsa", public.n, public.e) if by_rsa else ("p256", public.x, public.y)
    assert run(signature.good(key, digest, made.signature)) is True


@EXAMPLES
@given(secret=secrets, message=st.binary(max_size=80))
def test_signatures_in_both_directions(secret, message):
    theirs = secret_key(secret)
    numbers = theirs.public_key().public_numbers()
    point = numbers.x, numbers.y
    assert run(keypair.public_key(secret)) == point
    digest = hashlib.sha256(message).digest()
    r, s = run(keypair.sign(secret, digest))
    kind = ec.ECDSA(hashes.SHA256())
    theirs.public_key().verify(keypair.signature(r, s), message, kind)
    deterministic = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    assert theirs.sign(message, deterministic) == keypair.signature(r, s)
    made = theirs.sign(message, kind)
    key = ("p256",) + point
    assert run(signature.good(key, digest, made)) is True
    r, s = utils.decode_dss_signature(made)
    for wrong in ((r, s ^ 1), (r ^ 1, s), (s, r)):
        assert run(p256.verify(point, digest, *wrong)) is False
    assert run(signature.good(key, hashlib.sha256(message + b"x").digest(), made)) is False


@pytest.mark.parametrize("size,exponent", [(2048, 3), (2048, 65537), (2056, 65537),
                                           (4096, 65537)])  # fmt: skip
def test_signatures_of_rsa(size, exponent):
    theirs = rsa.generate_private_key(exponent, size)
    public = theirs.public_key().public_numbers()
    digest = hashlib.sha256(b"it").digest()
    sha = hashes.SHA256()
    made = theirs.sign(b"it", padding.PKCS1v15(), sha)
    salted = theirs.sign(b"it", padding.PSS(padding.MGF1(sha), 32), sha)
    other = theirs.sign(b"it", padding.PSS(padding.MGF1(sha), 20), sha)
    for verify, good, bad in (
        (ours.verify, made, (salted, other)),
        (ours.verify_pss, salted, (made, other)),
    ):
        assert run(verify(public.n, public.e, digest, good)) is True
        assert run(verify(public.n, public.e, hashlib.sha256(b"x").digest(), good)) is False
        for wrong in bad + (good[:-1] + bytes([good[-1] ^ 1]),):
            assert run(verify(public.n, public.e, digest, wrong)) is False


@FEW
@given(secret=secrets, common=short, organization=short)
def test_a_request_is_believed_by_cryptography(secret, common, organization):
    x, y = run(keypair.public_key(secret))
    der = run(csr.request(secret, x, y, csr.name(common, organization, "DE")))
    request = x509.load_der_x509_csr(der)
    assert request.is_signature_valid
    assert request.public_key() == secret_key(secret).public_key()
    assert [(part.oid, part.value) for part in request.subject] == [
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, organization),
        (NameOID.COMMON_NAME, common),
    ]
    assert not list(request.extensions)
    # The key as a file, which cryptography reads.
    key = serialization.load_der_private_key(keypair.write_key(secret, x, y), None)
    assert key.private_numbers().private_value == secret
    assert keypair.read_key(
        key.private_bytes(DER, serialization.PrivateFormat.TraditionalOpenSSL,
                          serialization.NoEncryption())
    ) == (secret, x, y)  # fmt: skip


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_openssl_reads_the_request_and_the_key(tmp_path):
    secret = 0x1234567890ABCDEF << 100
    x, y = run(keypair.public_key(secret))
    request = tmp_path / "request.der"
    request.write_bytes(run(csr.request(secret, x, y, csr.name("CP1", "L\u00e4den"))))
    code, said = openssl(
        "req", "-inform", "DER", "-in", str(request), "-verify", "-noout", "-text"
    )
    assert code == 0 and "verify OK" in said and "prime256v1" in said, said
    data = request.read_bytes()
    request.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    code, said = openssl("req", "-inform", "DER", "-in", str(request), "-verify", "-noout")
    assert code or "failure" in said, said
    key = tmp_path / "key.der"
    key.write_bytes(keypair.write_key(secret, x, y))
    code, said = openssl("pkey", "-inform", "DER", "-in", str(key), "-check", "-noout")
    assert code == 0 and "valid" in said, said


def test_openssl_makes_a_certificate_of_the_request_and_its_chain_is_believed(tmp_path):
    def der(name):
        path = tmp_path / name
        code, said = openssl("x509", "-in", str(path), "-outform", "DER", "-out", str(path) + "d")
        assert code == 0, said
        return (tmp_path / (name + "d")).read_bytes()

    files = {word: str(tmp_path / word) for word in ("ca", "key", "request", "leaf", "extensions")}
    secret = keypair.new_secret()
    x, y = run(keypair.public_key(secret))
    (tmp_path / "request").write_bytes(run(csr.request(secret, x, y, csr.name("CP1", "Org"))))
    (tmp_path / "extensions").write_text(
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"
    )
    commands = (
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", files["key"], "-out", files["ca"], "-subj", "/CN=ca", "-days", "9",
         "-addext", "keyUsage=critical,keyCertSign"],
        ["x509", "-req", "-inform", "DER", "-in", files["request"], "-CA", files["ca"],
         "-CAkey", files["key"], "-CAcreateserial", "-out", files["leaf"], "-days", "8",
         "-extfile", files["extensions"]],
    )  # fmt: skip
    for command in commands:
        code, said = openssl(*command)
        assert code == 0, said
    now = certificate.parse(der("leaf")).not_before + 60
    found = run(chain.check([der("leaf")], [der("ca")], now, "client", None, "CP1"))
    assert found.organization == "Org" and found.key == ("p256", x, y)


# -- chains --------------------------------------------------------------------------------


def believed_by_cryptography(leaf, between, roots, now, purpose):
    from cryptography.x509 import verification

    store = verification.Store(roots)
    policy = verification.PolicyBuilder().store(store).time(at(now)).max_chain_depth(3)
    try:
        policy.build_client_verifier().verify(leaf, between)
        return True
    except verification.VerificationError:
        return False


@FEW
@given(
    faults=st.sets(
        st.sampled_from(
            ["expired", "early", "unsigned", "no ca", "no sign", "length", "unknown", "purpose"]
        ),
        max_size=2,
    ),
    by_rsa=st.booleans(),
)
def test_a_chain_with_a_fault_is_refused_and_one_without_is_not(faults, by_rsa, rsa_key):
    """The verifier of `cryptography` has the web's rules, which are stricter than RFC 5280, but
    not for these certificates: both believe the same ones."""
    root_key, sub_key, own = secret_key(3), rsa_key if by_rsa else secret_key(4), secret_key(6)
    signer = secret_key(9) if "unsigned" in faults else sub_key

    def keys(public, issuer):
        return [
            (x509.SubjectKeyIdentifier.from_public_key(public), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False),
        ]

    def sign_usage(on):
        return x509.KeyUsage(not on, False, False, False, False, on, on, False, False)

    root_public, sub_public = root_key.public_key(), sub_key.public_key()
    root = build(
        name("root"), name("root"), root_public, root_key, 1, NOW - 99, NOW + 99,
        [(x509.BasicConstraints(True, 0 if "length" in faults else 1), True),
         (sign_usage(True), True)] + keys(root_public, root_public),
    )  # fmt: skip
    sub = build(
        name("sub"), name("root"), sub_public, root_key, 2, NOW - 99, NOW + 99,
        [(x509.BasicConstraints("no ca" not in faults, None), True),
         (sign_usage("no sign" not in faults), True)] + keys(sub_public, root_public),
    )  # fmt: skip
    kind = KINDS[0 if "purpose" in faults else 1]
    leaf = build(
        name("CP1"), name("sub"), own.public_key(), signer, 3,
        NOW + 50 if "early" in faults else NOW - 60, NOW - 50 if "expired" in faults else NOW + 60,
        [(x509.KeyUsage(True, *[False] * 8), True), (x509.ExtendedKeyUsage([kind]), False),
         (x509.SubjectAlternativeName([x509.DNSName("cp1")]), False)]
        + keys(own.public_key(), sub_public),
    ) if not {"early", "expired"} <= faults else None  # fmt: skip
    if leaf is None:
        return
    other = build(name("other"), name("other"), own.public_key(), own, 1, NOW - 99, NOW + 99,
                  [(x509.BasicConstraints(True, None), True)])  # fmt: skip
    roots = [other if "unknown" in faults else root]
    ders = [one.public_bytes(DER) for one in (leaf, sub)]
    try:
        run(chain.check(ders, [one.public_bytes(DER) for one in roots], NOW, "client"))
        believed = True
    except ChainError as exc:
        believed = False
        reasons = {
            "expired": "expired", "early": "not_yet_valid", "unsigned": "bad_signature",
            "no ca": "wrong_usage", "no sign": "wrong_usage", "length": "too_long",
            "unknown": "unknown_root", "purpose": "wrong_usage",
        }  # fmt: skip
        assert exc.reason in {reasons[fault] for fault in faults}, (exc.reason, faults)
    assert believed is not bool(faults)
    assert believed_by_cryptography(leaf, [sub], roots, NOW, "client") is believed


def test_a_host_of_each_kind():
    own = secret_key(8)
    names = [x509.DNSName("*.a.example"), x509.IPAddress(ipaddress.ip_address("10.0.0.1"))]
    leaf = build(
        name("cn"), name("cn"), own.public_key(), own, 1, NOW - 9, NOW + 9,
        [(x509.SubjectAlternativeName(names), False)],
    )  # fmt: skip
    from pki.names import is_host

    made = certificate.parse(leaf.public_bytes(DER))
    assert is_host(made, "x.a.example") and is_host(made, "10.0.0.1")
    assert not is_host(made, "cn") and not is_host(made, "a.example")


def test_public_roots_are_read_or_refused_with_a_word():
    """Certificates of the world: of certifi's, most can be read, and none raises anything else."""
    import certifi
    from ocppj.pem import pem_to_der
    from pki.der import DerError

    with open(certifi.where(), encoding="utf-8") as file:
        ders = pem_to_der(file.read())
    refused = []
    for der in ders:
        try:
            made = certificate.parse(der)
        except DerError as exc:
            refused.append(str(exc))
            continue
        theirs = x509.load_der_x509_certificate(der)
        assert made.serial == theirs.serial_number
        assert made.not_after == (theirs.not_valid_after_utc.replace(tzinfo=None) - EPOCH) // (
            datetime.timedelta(seconds=1)
        )
        assert made.ca or theirs.version == x509.Version.v1
    print(len(ders), "roots, refused:", refused)
    assert len(ders) > 100 and len(refused) <= 3, refused
