# Which addresses of a central system are good enough for the security profile.
# MIT license; part of microevse
"""OCPP security whitepaper, section 3: 1 is Basic authentication, 2 is TLS with it, 3 TLS with
a client certificate. A charger that is set to TLS must not speak in the open."""

from config import CsmsConfig
from helpers import raises, run
from ocppj.dial import Dialer
from ocppj.resolver import Resolver
from pem_files import ONE
from station.settings import Settings

PASSWORD = "correct horse battery"
OPEN = ("ws://h/ocpp", "ws://h:443/ocpp", "WS://h", "Ws://10.0.0.1:9000/x", " ws://h ")
TLS = ("wss://h/ocpp", "wss://h:80/ocpp", "WSS://h", "wSs://10.0.0.1:9000/x", " wss://h ")


def config(profile, address, password=PASSWORD):
    settings = Settings(None)
    settings.factory({
        "SecurityProfile": profile, "CentralSystemURI": address, "BasicAuthPassword": password,
        "ChargePointId": "CP",
    })  # fmt: skip
    return CsmsConfig(settings)


class WithFiles(CsmsConfig):
    """With certificates, and without the files that they are read from."""

    ca_der = [ONE]

    def client_certificate(self):
        return None


def with_authority(profile, address):
    return WithFiles(config(profile, address)._settings)


def dialled(cfg):
    """Where a connection is begun, before anything is said; None if there is none."""
    places = []

    def context(ca_der, chain, key_der, seen=None):
        if not ca_der:
            raise ValueError("no CA")
        return "context"

    async def open_stream(host, port, context, name):
        places.append((host, port, context is not None))
        raise OSError(111)

    async def attempt():
        resolver = Resolver(lambda host, port: host, lambda ms=0: True)
        try:
            await Dialer(cfg, open_stream, resolver, lambda: ("ocpp1.6",)).open()
        except (OSError, ValueError):
            pass

    from ocppj import tls

    real, tls.client_context = tls.client_context, context
    try:
        run(attempt())
    finally:
        tls.client_context = real
    return places[0] if places else None


def test_profiles_with_tls_call_an_address_without_by_tls():
    """The central system can raise the profile, and cannot change the address."""
    urls = ("wss://h/ocpp", "wss://h:443/ocpp", "wss://h", "wss://10.0.0.1:9000/x", "wss://h")
    for profile in (2, 3):
        for address, url in zip(OPEN, urls):
            cfg = config(profile, address)
            assert cfg.url == url and cfg.secure()
            assert dialled(cfg) is None, "no CA: a connection that verifies nobody"
            cfg = with_authority(profile, address)
            host, port, secure = dialled(cfg)
            assert secure and port in (443, 9000) and host in ("h", "10.0.0.1")
    assert not config(2, "nonsense").secure()
    raises(ValueError, lambda: config(2, "nonsense").url)


def test_other_profiles_take_both():
    for profile in (0, 1):
        for address in OPEN:
            cfg = config(profile, address)
            assert cfg.url == address and not cfg.secure()
            assert dialled(cfg)[2] is False
    for profile in (0, 1, 2):
        for address in TLS:
            cfg = config(profile, address)
            assert cfg.url == address and cfg.secure()


def test_a_profile_that_is_raised_later_holds_from_the_next_attempt_on():
    cfg = config(0, "ws://h")
    assert cfg.url
    cfg._settings.set("SecurityProfile", "2", True)
    assert cfg.url == "wss://h"
    cfg._settings.set("SecurityProfile", "1", True)
    assert cfg.url == "ws://h"


def test_basic_authentication_needs_a_password():
    assert "password" in str(raises(ValueError, lambda: config(1, "ws://h", "").url))
    assert "password" in str(raises(ValueError, lambda: config(2, "wss://h", "").url))
    assert config(0, "ws://h", "").url and config(3, "wss://h", "").url


def test_tls_without_an_authority_never_connects():
    assert dialled(config(2, "wss://h")) is None  # CaFile is not set
