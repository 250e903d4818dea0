# Which addresses of a central system are good enough for the security profile.
# MIT license; part of microevse
"""OCPP security whitepaper, section 3: 1 is Basic authentication, 2 is TLS with it, 3 TLS with
a client certificate. A charger that is set to TLS must not speak in the open."""

from config import CsmsConfig
from helpers import raises, run
from ocppj.dial import Dialer
from ocppj.resolver import Resolver
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


def dialled(cfg):
    """Where a connection is begun, before anything is said; None if there is none."""
    places = []

    async def open_stream(host, port, context, name):
        places.append((host, port, context is not None))
        raise OSError(111)

    async def attempt():
        resolver = Resolver(lambda host, port: host, lambda: True)
        try:
            await Dialer(cfg, open_stream, resolver, lambda: ("ocpp1.6",)).open()
        except (OSError, ValueError):
            pass

    run(attempt())
    return places[0] if places else None


def test_no_profile_with_tls_takes_an_address_without():
    for profile in (2,):
        for address in OPEN:
            cfg = config(profile, address)
            text = str(raises(ValueError, lambda: cfg.url))  # noqa: B023
            assert "SecurityProfile %d" % profile in text and "wss://" in text
            assert PASSWORD not in text
            assert dialled(cfg) is None, "a connection in the open"


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
    raises(ValueError, lambda: cfg.url)
    cfg._settings.set("CentralSystemURI", "wss://h", True)
    assert cfg.url == "wss://h"


def test_basic_authentication_needs_a_password():
    assert "password" in str(raises(ValueError, lambda: config(1, "ws://h", "").url))
    assert config(0, "ws://h", "").url


def test_tls_without_an_authority_never_connects():
    assert dialled(config(2, "wss://h")) is None  # CaFile is not set
