# OCPP 2.0.1 certification cases: certificates that are installed, removed and listed.
# MIT license; part of microevse
"""Each test_TC_ is the cases it is named after. The whole firmware runs on MicroPython; PyPI
`cryptography` is the certificate authority, and TLS on the central system's side is OpenSSL's."""

import authorities
import pytest
from bench import ID
from bench2 import VERSIONS, scenario2
from certificate_central import Server, another, asked, days, event, framed, hash_data, pem, root
from certificate_central2 import (
    CSMS, MANUFACTURER, delete, install, installed, play, sign, trigger,
)  # fmt: skip

OPTION = "AdditionalRootCertificateCheck is not offered"


@pytest.mark.parametrize("version", VERSIONS)
def test_TC_M_01_CS_and_TC_M_02_CS_and_TC_M_12_CS_and_TC_M_13_CS_and_TC_M_17_CS_and_TC_M_18_CS_and_TC_M_19_CS(  # noqa: E501
    version,
):
    """Nothing is there; then a root of each type is installed, and listed: of one type, of both,
    and of all. Also after a power cut."""
    server = Server()
    ca, _ = authorities.bad_chains()

    async def fn(b):
        await b.boot()
        # The root by which it knows this server is the owner's, in a file.
        one, maker = root().certificate, root("maker").certificate
        owners, first = [(CSMS, hash_data(of)) for of in (ca.certificate, one)]
        second = MANUFACTURER, hash_data(maker)
        assert await installed(b, CSMS) == await installed(b) == [owners]
        assert await installed(b, MANUFACTURER) == []
        assert await install(b, pem(one)) == "Accepted"
        assert await installed(b, CSMS) == await installed(b) == [first, owners]
        assert await installed(b, MANUFACTURER) == []
        assert await install(b, pem(maker), MANUFACTURER) == "Accepted"
        await b.do("power_cut", seconds=2)
        await b.start_of_day()
        await b.advance(5)
        assert await installed(b, CSMS) == [first, owners]
        assert await installed(b, MANUFACTURER) == [second]
        for rows in (await installed(b, MANUFACTURER, CSMS), await installed(b)):
            assert len(rows) == 3 and all(row in rows for row in (first, owners, second))
        # Roots for cars are not for this charger: it says so, and has none.
        for kind in ("V2GRootCertificate", "MORootCertificate"):
            assert await install(b, pem(root("car").certificate), kind) == "Rejected"
            assert await installed(b, kind) == []
        assert len(await installed(b, "V2GRootCertificate", CSMS)) == 2
        if version == "2.1":
            assert await install(b, pem(one), "OEMRootCertificate") == "Rejected"
        assert await installed(b, "V2GCertificateChain") == []
        # What vouches for programs is not for the central system to change.
        assert await install(b, pem(root("thief").certificate), MANUFACTURER) == "Rejected"
        assert await delete(b, hash_data(maker)) == "Failed"

    play(fn, server, profile=2, version=version)


@scenario2
async def test_TC_M_07_CS_and_TC_M_20_CS_and_TC_M_22_CS(b):
    """A root with a fault is rejected, told, and not listed. A root that is deleted is gone; one
    that is not there is not found."""
    await b.boot()
    bad = {
        "the root has expired": pem(authorities.Authority("old", days=days(-20, -1)).certificate),
        "the root may not issue certificates": pem(
            authorities.Authority("mute", signs=False).certificate
        ),
        "another one has issued it": pem(authorities.Authority("between", root()).certificate),
        "one certificate is wanted, not 0": "-----BEGIN CERTIFICATE-----\nMII",
        "TLS here cannot load this root": framed(authorities.unloadable("strange")),
    }
    mark = b.mark()
    for text, certificate in bad.items():
        assert await install(b, certificate) == "Rejected", text
        assert text in b.logged("InstallCertificate: ")[-1]
    await event(b, "InvalidCsmsCertificate", mark, "the root has expired")
    assert await installed(b) == []
    first, second = root("first").certificate, root("second").certificate
    for one in (first, second):
        assert await install(b, pem(one)) == "Accepted"
    data = hash_data(first)
    assert await delete(b, data) == "Accepted"
    assert await installed(b, CSMS) == [(CSMS, hash_data(second))]
    assert await delete(b, data) == "NotFound"
    assert await delete(b, dict(hash_data(second), hashAlgorithm="SHA512")) == "NotFound"
    assert await installed(b) == [(CSMS, hash_data(second))]
    # While a car charges nothing of this is worked on, and the answer says so.
    await b.charging()
    payload = {"certificateType": CSMS, "certificate": pem(first)}
    answer = await b.call("InstallCertificate", payload)
    assert answer["status"] == "Failed" and "car charges" in answer["statusInfo"]["additionalInfo"]
    assert await delete(b, hash_data(second)) == "Failed"
    error = await b.call_error("GetInstalledCertificateIds", {})
    assert "car charges" in error.description
    assert await sign(b, "x") == "Rejected"


def test_TC_M_23_CS():
    """The charger's own certificate is none of those that can be deleted: it goes on connecting
    with it."""
    server = Server(client_authority=True)
    ca, _ = authorities.bad_chains()

    async def fn(b):
        b.csms.always("SignCertificate", {"status": "Accepted"})
        await b.boot()
        assert await trigger(b) == "Accepted"
        new = ca.signed_charger((await asked(b)).public_key(), ID)
        assert await sign(b, [new]) == "Accepted"
        await another(b)
        assert await delete(b, hash_data(new, ca.certificate)) == "NotFound"
        # Nor is the root by which the connection in use knows the server.
        assert await install(b, pem(root().certificate)) == "Accepted"
        assert await install(b, pem(ca.certificate)) == "Accepted"
        assert await delete(b, hash_data(ca.certificate)) == "Failed"
        b.csms.wire.drop()
        await another(b)

    play(fn, server)


def test_TC_M_09_CS():
    pytest.skip(OPTION)


def test_TC_M_30_CS():
    pytest.skip(OPTION)


def test_TC_M_31_CS():
    pytest.skip(OPTION)
