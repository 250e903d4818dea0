# OCPP 1.6 certification cases of the security block: passwords and security profiles.
# MIT license; part of microevse
"""Each test is the case it is named after; titles in octt16_cases.tsv. Certificates are made by
PyPI `cryptography`, and TLS on the central system's side is OpenSSL's."""

import asyncio

import authorities
from bench import ID, Bench
from certificate_central import K1, SERIAL, Server, basic, charger_files
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twin.host import NETWORK

K2 = "ffeeddccbbaa99887766554433221100a1b2c3d4"
# TLS 1.2 numbers (IANA) of the suites of which one pair must be offered.
ECDSA, RSA = {0xC02B, 0xC02C}, {0x009C, 0x009D}


def play(fn, profile, key=K1, server=None, client=False, **more):
    """Run `fn(b)`: a charger of that profile and key, both as its owner has set them."""

    async def inside():
        csms = {"passwords": {ID: bytes.fromhex(key)}, "ssl": server.context if server else None}
        options = {
            "provision": {**NETWORK, "SecurityProfile": str(profile), "AuthorizationKey": key}
        }
        if profile >= 2 or "ca" in more:
            options["ca"] = authorities.pem_file("root", authorities.bad_chains()[0].certificate)
        if client:
            options["cert"], options["key"] = charger_files()
        more.pop("ca", None)
        async with Bench(csms=csms, **options, **more) as b:
            await fn(b)

    asyncio.run(asyncio.wait_for(inside(), 120))


async def change(b, key, value):
    return (await b.call("ChangeConfiguration", {"key": key, "value": value}))["status"]


async def started(b, within=90):
    """Boot and statuses on a connection from now on."""
    mark = b.mark()
    await b.until(lambda: b.calls("BootNotification", mark), within, "BootNotification")
    for connector in (0, 1):
        await b.until(
            lambda n=connector: b.calls(
                "StatusNotification", mark, connectorId=n, status="Available"
            ),
            20, "Available",
        )  # fmt: skip
    b.skip()


def test_TC_073_CS():
    """Update Charge Point Password: it comes back with the new one, of 20 bytes here."""

    async def fn(b):
        await b.boot()
        old = b.csms.wire
        assert basic(old) == (ID, bytes.fromhex(K1))
        b.csms.passwords[ID] = bytes.fromhex(K2)
        assert await change(b, "AuthorizationKey", K2) == "Accepted"
        await b.until(lambda: b.csms.wire not in (None, old), 30, "a new connection")
        assert basic(b.csms.wire) == (ID, bytes.fromhex(K2))
        answer = await b.call("GetConfiguration", {"key": ["AuthorizationKey"]})
        assert answer["configurationKey"] == [{"key": "AuthorizationKey", "readonly": False}]
        for bad in ("\ud800" * 32, "xy" * 16, K1[:-2], K2 + "00", K1[:-1], "ab" * 16, ""):
            assert await change(b, "AuthorizationKey", bad) == "Rejected", bad
        await b.advance(5)
        assert b.csms.refusals == [] and basic(b.csms.wire) == (ID, bytes.fromhex(K2))
        assert not [line for line in b.log if K1 in line or K2 in line]

    play(fn, 1)


def test_TC_083_CS():
    """Upgrade security profile, from 1 to 2 and from 2 to 3: with each it comes back by itself on
    the same host and port, boots, and is Available."""
    second, third = Server(), Server(client_authority=True)

    async def fn(b):
        await b.boot()
        assert b.csms.wire.tls_version is None
        for profile, server in (("2", second), ("3", third)):
            b.csms.ssl = server.context
            assert await change(b, "SecurityProfile", profile) == "Accepted"
            await started(b)
            assert b.csms.wire.tls_version == "TLSv1.2"
            assert await b.configuration("SecurityProfile") == {"SecurityProfile": profile}
            if profile == "2":
                assert basic(b.csms.wire) == (ID, bytes.fromhex(K1))
                b.csms.passwords = None
        assert basic(b.csms.wire) is None and b.csms.wire.peer_certificate
        assert b.csms.refusals == []
        await b.advance(2)
        assert (await b.call("Reset", {"type": "Hard"}))["status"] == "Accepted"
        await started(b)
        assert b.csms.wire.peer_certificate, "it is the profile from now on"

    play(fn, 1, ca=True, client=True)


def test_TC_084_CS():
    """Downgrade security profile: Rejected, and nothing changes."""

    async def fn(b):
        await b.boot()
        wires = len(b.csms.connections)
        for lower in ("1", "0", "-1", "4", "two"):
            assert await change(b, "SecurityProfile", lower) == "Rejected"
        assert await change(b, "SecurityProfile", "2") == "Accepted", "as it is"
        await b.advance(10)
        assert len(b.csms.connections) == wires
        assert await b.configuration("SecurityProfile") == {"SecurityProfile": "2"}
        assert b.logged("SecurityProfile can only be raised: it is 2")

    play(fn, 2, server=Server())


def test_TC_085_CS():
    """Basic Authentication: after a reset the upgrade has the id of the address, and the key as
    raw bytes."""

    async def fn(b):
        await b.boot()
        assert (await b.call("Reset", {"type": "Hard"}))["status"] == "Accepted"
        await started(b)
        user, password = basic(b.csms.wire)
        assert user == b.csms.wire.request.path.rsplit("/", 1)[1] == ID
        assert password == bytes.fromhex(K2) and 16 <= len(password) <= 20

    play(fn, 1, key=K2)


def test_TC_086_CS():
    """TLS, server-side certificate: TLS 1.2, the whitepaper's suites, and the password."""
    server = Server()

    async def fn(b):
        await b.boot()
        assert (await b.call("Reset", {"type": "Hard"}))["status"] == "Accepted"
        await started(b)
        assert server.versions == {0x0303}, "TLS 1.2 and nothing older"
        assert ECDSA <= server.suites and RSA <= server.suites
        assert basic(b.csms.wire) == (ID, bytes.fromhex(K1))
        assert b.csms.wire.peer_certificate is None
        assert b.csms.refusals == []

    play(fn, 2, server=server)


def test_TC_087_CS():
    """TLS, client-side certificate: it is shown, and no password is sent."""
    server = Server(client_authority=True)

    async def fn(b):
        b.csms.passwords = None
        await b.boot()
        assert (await b.call("Reset", {"type": "Hard"}))["status"] == "Accepted"
        await started(b)
        shown = x509.load_der_x509_certificate(b.csms.wire.peer_certificate)
        assert isinstance(shown.public_key(), ec.EllipticCurvePublicKey)
        assert shown.public_key().key_size >= 224 and shown.serial_number
        (name,) = shown.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
        assert name.value == SERIAL
        assert ECDSA <= server.suites and server.versions == {0x0303}
        assert basic(b.csms.wire) is None

    play(fn, 3, server=server, client=True)
