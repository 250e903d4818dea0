# OCPP 2.0.1 certification cases of block A: passwords, TLS, and the charger's own certificate.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after. Certificates are made by PyPI `cryptography`, and
TLS on the central system's side is OpenSSL's."""

import ssl

import authorities
import pytest
from bench import ID
from bench2 import VERSIONS, scenario2
from certificate_central import SERIAL, Server, another, asked, basic, event, pem, root, shown
from certificate_central2 import install, play, sign, trigger
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

EVENT = "SecurityEventNotification"
OWN = "InvalidChargingStationCertificate"
PASSWORD = "correct horse battery +"
# TLS 1.2 numbers (IANA) of the suites of which one pair must be offered.
ECDSA, RSA = {0xC02B, 0xC02C}, {0x009C, 0x009D}


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_A_01_CS(version):
    """Basic authentication: the id at the end of the address, and the password as it is."""

    @scenario2(version=version, password=PASSWORD, csms={"passwords": {ID: PASSWORD}})
    async def story(b):
        await b.boot()
        assert basic(b.csms.wire) == (ID, PASSWORD.encode())
        assert b.csms.wire.request.path.rsplit("/", 1)[1] == ID and b.csms.refusals == []
        await b.until(lambda: b.calls(EVENT, type="StartupOfTheDevice"), 60)

    story()


def test_TC_A_04_CS_and_TC_A_05_CS_and_TC_A_06_CS():
    """A server whose certificate is of a stranger, one of TLS 1.1, and the right one: only to that
    a password is sent, and it is told of the other two."""
    server = Server()
    good = server.context
    stranger = authorities.server_context(
        "stranger", *authorities.bad_chains()[1]["of another CA"]
    )
    old, _ = authorities.good_server("old")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    server.context = stranger

    async def fn(b):
        words = "the server's certificate is not from the given CA"
        await b.until(lambda: len(b.logged(words)) >= 2, 60, words)
        b.csms.ssl = old
        words = "the server wants another TLS version"
        await b.until(lambda: b.logged(words), 60, words)
        assert b.csms.connections == [] or not any(w.open for w in b.csms.connections)
        b.csms.ssl = good
        await b.boot(within=120)
        for kind in ("InvalidCsmsCertificate", "InvalidTLSVersion"):
            await b.until(lambda of=kind: b.calls(EVENT, type=of), 60, kind)
        types = [call["type"] for call in b.calls(EVENT)]
        assert types[0] == "StartupOfTheDevice", types
        assert b.csms.wire.tls_version == "TLSv1.2" and server.versions == {0x0303}
        assert ECDSA <= server.suites and RSA <= server.suites
        assert basic(b.csms.wire)[0] == ID
        assert b.csms.wire.peer_certificate is None

    play(fn, server, profile=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_A_07_CS_and_TC_A_11_CS_and_TC_A_14_CS_and_TC_A_15_CS(version):
    """It shows its certificate and sends no password. It asks for another one when that is wanted;
    a refusal ends that, a wrong certificate is rejected and told, and the right one is in use on
    the next connection, also after a power cut."""
    server = Server(client_authority=True)
    ca, _ = authorities.bad_chains()

    async def fn(b):
        await b.boot()
        certificate = x509.load_der_x509_certificate(b.csms.wire.peer_certificate)
        assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
        assert certificate.public_key().key_size >= 224 and certificate.serial_number
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == SERIAL and basic(b.csms.wire) is None
        assert ECDSA <= server.suites and server.versions == {0x0303}
        first = shown(b)

        assert await trigger(b) == "Accepted"
        csr = await asked(b)  # the usual answer is Rejected
        sent = b.calls("SignCertificate")[0]
        assert sent["certificateType"] == "ChargingStationCertificate"
        assert [a.value for a in csr.subject if a.oid == NameOID.COMMON_NAME] == [ID]
        assert csr.public_key().key_size >= 224
        await b.advance(90)
        assert len(b.calls("SignCertificate")) == 1, "a refusal is no reason to ask again"

        b.csms.always("SignCertificate", {"status": "Accepted"})
        mark = b.mark()
        assert await trigger(b) == "Accepted"
        key = (await asked(b, mark)).public_key()
        wrong = authorities.Authority("root of nobody").signed_charger(key, ID)
        assert await sign(b, [wrong]) == "Rejected"
        await event(b, OWN, mark, "")
        car = {"certificateType": "V2GCertificate"}
        new = ca.signed_charger(key, ID)
        assert await sign(b, [new], **car) == "Rejected"
        assert shown(b) == first and len(b.csms.connections) == 1

        assert await sign(b, [new], certificateType="ChargingStationCertificate") == "Accepted"
        await another(b)
        assert shown(b) == new.serial_number != first
        await b.do("power_cut", seconds=2)
        await another(b)
        assert shown(b) == new.serial_number and b.csms.refusals == []
        text = "\n".join(b.log)
        assert "PRIVATE" not in text and "BEGIN" not in text

    play(fn, server, version=version)


@scenario2(password=PASSWORD, csms={"passwords": {ID: PASSWORD}})
async def test_TC_A_09_CS_and_TC_A_10_CS(b):
    """A new password is in use from the next connection on, which comes by itself; one that is too
    short is rejected, and the one before stays."""
    await b.boot()
    new = "a new one, longer than sixteen"
    await b.set_variable("SecurityCtrlr.BasicAuthPassword", "too short", "Rejected")
    await b.advance(10)
    assert len(b.csms.connections) == 1
    b.csms.passwords[ID] = new
    await b.set_variable("SecurityCtrlr.BasicAuthPassword", new)
    await another(b)
    assert basic(b.csms.wire) == (ID, new.encode()) and b.csms.refusals == []
    assert not [line for line in b.log if new in line or PASSWORD in line]


@scenario2(settings={"CertSigningWaitMinimum": "60", "CertSigningRepeatTimes": "1"})
async def test_TC_A_23_CS(b):
    """A certificate that does not come is asked for again after the time, then after twice the
    time, and then no more until that is wanted; the answer to the last request is taken."""
    b.csms.always("SignCertificate", {"status": "Accepted"})
    await b.boot()
    assert await install(b, pem(root().certificate)) == "Accepted"
    assert await trigger(b) == "Accepted"
    times = []
    for number, least in enumerate((0, 60, 120)):
        await b.until(lambda of=number: len(b.calls("SignCertificate")) > of, least + 70, "asked")
        times.append(b.calls("SignCertificate")[number].t)
        assert not number or times[number] - times[number - 1] >= least - 1, times
    await b.advance(300)
    assert len(b.calls("SignCertificate")) == 3
    key = (await asked(b)).public_key()
    assert await sign(b, [root().signed_charger(key, ID)]) == "Accepted"
