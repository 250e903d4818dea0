# OCPP 1.6 security certification cases: certificates that are installed, removed and listed.
# MIT license; part of microevse
"""Each test is the case it is named after, or says what it is about. The whole firmware runs on
MicroPython; PyPI `cryptography` is the certificate authority."""

import authorities
from bench import ID, scenario
from certificate_central import (
    Server, another, asked, days, delete, event, framed, hash_data, install, installed, pem, play,
    root, shown, sign, trigger,
)  # fmt: skip
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OWN = "InvalidChargePointCertificate"
MANUFACTURER = "ManufacturerRootCertificate"


def test_TC_075_1_CS():
    """Install a ManufacturerRootCertificate: over TLS, while there is none, and no key for
    updates."""
    server = Server()

    async def fn(b):
        await b.boot()
        maker = root("maker").certificate
        assert await installed(b, MANUFACTURER) == []
        assert await install(b, pem(maker), MANUFACTURER) == "Accepted"
        assert await installed(b, MANUFACTURER) == [hash_data(maker)]
        # From now on it is not for the central system to change: it could sign its own firmware.
        assert await install(b, pem(maker), MANUFACTURER) == "Accepted", "as it is"
        assert await install(b, pem(root("thief").certificate), MANUFACTURER) == "Rejected"
        assert await delete(b, hash_data(maker)) == "Failed"
        await b.do("reboot")
        await b.start_of_day()
        await b.advance(5)
        assert await install(b, pem(root("thief").certificate), MANUFACTURER) == "Rejected"
        assert await installed(b, MANUFACTURER) == [hash_data(maker)]
        assert b.logged("no manufacturer root is taken from the central system: one is installed")

    play(fn, server, profile=2)


@scenario(settings={"AuthorizationKey": "00112233445566778899aabbccddeeff"})
async def test_without_tls_no_manufacturer_root_is_taken(b):
    """Anybody on the way to ws:// could install one, and would own the updates for good."""
    await b.boot()
    why = "no manufacturer root is taken from the central system: this connection is not over TLS"
    assert await install(b, pem(root("thief").certificate), MANUFACTURER) == "Rejected"
    assert await installed(b, MANUFACTURER) == [] and b.logged(why)
    # Nor while a profile that was raised waits for its answer to leave, still on ws://.
    assert await install(b, pem(root("thief").certificate)) == "Accepted"
    change = {"key": "SecurityProfile", "value": "2"}
    assert (await b.call("ChangeConfiguration", change))["status"] == "Accepted"
    assert await install(b, pem(root("thief").certificate), MANUFACTURER) == "Rejected"


@scenario
async def test_TC_075_2_CS(b):
    """Install a CentralSystemRootCertificate: it is listed, also after a power cut."""
    await b.boot()
    one = root().certificate
    assert await installed(b) == []
    assert await install(b, pem(one)) == "Accepted"
    assert await install(b, pem(one)) == "Accepted", "the same again is no second one"
    assert await installed(b) == [hash_data(one)]
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    await b.advance(5)
    assert await installed(b) == [hash_data(one)]


@scenario
async def test_TC_076_CS(b):
    """Delete a specific certificate: it is no longer listed, and the other one is."""
    await b.boot()
    first, second = root("first").certificate, root("second").certificate
    for one in (first, second):
        assert await install(b, pem(one)) == "Accepted"
    assert len(await installed(b)) == 2
    data = {k: v if k == "hashAlgorithm" else v.upper() for k, v in hash_data(first).items()}
    assert await delete(b, data) == "Accepted"
    assert await installed(b) == [hash_data(second)]
    assert await delete(b, data) == "NotFound"
    assert await delete(b, dict(hash_data(second), hashAlgorithm="SHA512")) == "NotFound"
    assert await delete(b, dict(hash_data(second), serialNumber="77")) == "NotFound"
    assert await installed(b) == [hash_data(second)]


@scenario
async def test_TC_078_CS(b):
    """Invalid CentralSystemCertificate: each fault is Rejected with its sentence, and told."""
    await b.boot()
    good = root()
    between = authorities.Authority("between", good).certificate
    late = authorities.Authority("late", days=days(5, 100)).certificate
    bad = {
        "the root has expired": pem(authorities.Authority("old", days=days(-20, -1)).certificate),
        "the root is not valid yet": pem(late),
        "the root may not issue certificates": pem(
            authorities.Authority("mute", signs=False).certificate
        ),
        "another one has issued it": pem(between),
        "one certificate is wanted, not 2": pem(good.certificate, late),
        "one certificate is wanted, not 0": "-----BEGIN CERTIFICATE-----\nMII",
        "the root cannot be read": framed(b"\x30\x03\x02\x01\x05"),
        "TLS here cannot load this root": framed(authorities.unloadable("strange")),
    }
    mark = b.mark()
    for text, certificate in bad.items():
        assert await install(b, certificate) == "Rejected", text
        assert text in b.logged("InstallCertificate: ")[-1]
    await event(b, "InvalidCentralSystemCertificate", mark, "the root has expired")
    await event(b, "InvalidCentralSystemCertificate", mark, " times)")
    assert await installed(b) == []


def test_a_root_with_a_long_name_that_is_in_use_cannot_be_removed():
    """It has issued another authority, which has issued the server's certificate. A name of more
    than 256 bytes was left out: what counted as the root in use was the one between."""
    ca = authorities.Authority("root", title=["o" * 60] * 5)
    between = authorities.Authority("between", ca)
    key = authorities.new_key()
    context = authorities.server_context("long", [between.server(key), between.certificate], key)
    server = Server()
    server.context, server.ca = context, authorities.pem_file("long-root", ca.certificate)
    assert len(ca.certificate.subject.public_bytes()) > 256

    async def fn(b):
        await b.boot()
        other = root("stranger").certificate
        for one in (ca.certificate, other):
            assert await install(b, pem(one)) == "Accepted"
        assert await delete(b, hash_data(ca.certificate)) == "Failed"
        assert b.logged("the connection in use knows the server by this root")
        assert await delete(b, hash_data(other)) == "Accepted"

    play(fn, server, profile=2)


# -- the charger's own certificate ---------------------------------------------------------


@scenario(settings={"CpoName": "Operator"})
async def test_TC_077_CS(b):
    """Invalid ChargePointCertificate: each fault is Rejected with its sentence, and told. One
    event comes at once; many in a row are told more and more rarely (docs/security_events.md),
    each of them alone in host_tests/unit/test_certificates.py."""
    b.csms.always("SignCertificate", {"status": "Accepted"})
    await b.boot()
    assert await install(b, pem(root().certificate)) == "Accepted"
    mark = b.mark()
    assert await sign(b, [root().charger(authorities.new_key(), ID)]) == "Rejected"
    await event(b, OWN, mark, "no certificate was asked for")
    assert await trigger(b) == "Accepted"
    key = (await asked(b)).public_key()
    good = root().signed_charger(key, ID)
    between = authorities.Authority("between", root())
    below = between.signed_charger(key, ID)
    three = authorities.deep(root(), 4)
    bad = {
        "not for the key": [root().charger(authorities.new_key(), ID)],
        "the certificate has expired": [root().signed_charger(key, ID, days(-20, -1))],
        "the certificate is not valid yet": [root().signed_charger(key, ID, days(5, 100))],
        "no root is installed": [root("stranger").signed_charger(key, ID)],
        "for another name": [root().signed_charger(key, "EVSE-2")],
        "for another purpose": [
            root().signed_charger(key, ID, usage=ExtendedKeyUsageOID.SERVER_AUTH)
        ],
        "the chain has 5 certificates": [three.signed_charger(key, ID), *three.above()],
        "is not that of the issuer": [below, root().certificate, between.certificate],
        "there is no certificate": "-----BEGIN CERTIFICATE-----\nMII",
        "characters is too long": pem(good) * 10,
        "the signature of the certificate is wrong": [
            authorities.Authority("root").signed_charger(key, ID)
        ],
    }
    for text, chain in bad.items():
        assert await sign(b, chain) == "Rejected", text
        assert b.logged("CertificateSigned: ") and text in b.logged("CertificateSigned: ")[-1]
    await event(b, OWN, mark, "not for the key")
    await event(b, OWN, mark, " times)")
    # The root is gone: what it has signed is worth nothing.
    assert await delete(b, hash_data(root().certificate)) == "Accepted"
    assert await sign(b, [good]) == "Rejected"
    assert len(b.csms.connections) == 1, "nothing was kept"
    # None of this has used up the request.
    assert await install(b, pem(root().certificate)) == "Accepted"
    assert await sign(b, [below, between.certificate]) == "Accepted"


def test_TC_074_CS():
    """Update Charge Point Certificate by request of the Central System: it comes back with the new
    one, and after a power cut, too."""
    server = Server(client_authority=True)
    ca, _ = authorities.bad_chains()

    async def fn(b):
        b.csms.always("SignCertificate", {"status": "Accepted"})
        await b.boot()
        first = shown(b)
        assert await trigger(b) == "Accepted"
        csr = await asked(b)
        subject = {a.oid: a.value for a in csr.subject}
        assert subject[NameOID.COMMON_NAME] == ID
        new = ca.signed_charger(csr.public_key(), ID)
        assert await sign(b, [new]) == "Accepted"
        await another(b)
        assert shown(b) == new.serial_number != first
        assert b.logged("the new certificate is in use")
        await b.do("power_cut", seconds=2)
        await another(b)
        assert shown(b) == new.serial_number and b.csms.refusals == []
        text = "\n".join(b.log)
        assert "PRIVATE" not in text and "BEGIN" not in text
        # A year is left: nothing more is asked.
        await b.advance(400)
        assert len(b.calls("SignCertificate")) == 1

    play(fn, server)


def test_a_certificate_that_does_not_connect_is_taken_back():
    """Signed by the right root, but the server does not want it: the one before is in use again,
    told as an event, and there is no endless row of requests."""
    server = Server(client_authority=True)
    ca, _ = authorities.bad_chains()
    wrong = authorities.Authority("root of nobody")

    async def fn(b):
        b.csms.always("SignCertificate", {"status": "Accepted"})
        await b.boot()
        first, mark = shown(b), b.mark()
        assert await install(b, pem(wrong.certificate)) == "Accepted"
        assert await trigger(b) == "Accepted"
        key = (await asked(b)).public_key()
        assert await sign(b, [wrong.signed_charger(key, ID)]) == "Accepted"
        await another(b, 300)
        assert len(b.csms.refusals) == 3 and shown(b) == first
        await event(b, OWN, mark, "the one before is in use again")
        await b.advance(700)
        assert len(b.calls("SignCertificate")) == 1
        mark = b.mark()
        assert await trigger(b) == "Accepted"
        await asked(b, mark)
        assert await sign(b, [ca.signed_charger(key, ID)]) == "Rejected", "the key is gone"
        # The root in use can not be removed, the other one can.
        assert await delete(b, hash_data(wrong.certificate)) == "Accepted"
        assert await install(b, pem(ca.certificate)) == "Accepted"
        assert await delete(b, hash_data(ca.certificate)) == "Failed"
        assert await installed(b) == [hash_data(ca.certificate)]

    play(fn, server)
