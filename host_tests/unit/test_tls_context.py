# The calls to the chip's TLS library before a connection, with a library that only takes notes.
# MIT license; part of microevse
"""The code for MicroPython runs on both interpreters here. The verification of a server depends on
these calls, and a connection to a good server works without any of them."""

import sys

import evse_base as port
from helpers import raises
from ocppj import pem as pem_module
from ocppj import tls as own
from pem_files import (
    CLIENT, CLIENT_KEY, ONE, POINT, TWO, bits, certificate_of, element, pem,
)  # fmt: skip
from station.certificates import mark_of


class Library:
    """MicroPython's module `tls`; verification is off until the program asks for it."""

    PROTOCOL_TLS_CLIENT = "client"
    CERT_NONE = "none"
    CERT_REQUIRED = "required"

    def __init__(self, ca_fails=None, chain_fails=None, only=()):
        self.made = []
        library = self

        class SSLContext:
            def __init__(self, protocol):
                self.protocol = protocol
                self.verify_mode = library.CERT_NONE
                self.authorities = []
                self.chains = []
                library.made.append(self)

            def load_verify_locations(self, der):
                self.authorities.append(der)
                if ca_fails and (not only or der in only):
                    raise ca_fails

            def load_cert_chain(self, cert, key):
                self.chains.append((cert, key))
                if chain_fails:
                    raise chain_fails

        self.SSLContext = SSLContext


def certificate(issuer, version=True):
    """The beginning of a certificate up to its issuer, as far as the rest does not matter."""
    head = [element(0xA0, element(2, b"\2"))] if version else []
    head += [element(2, b"serial number"), element(0x30, element(6, b"algorithm"))]
    return element(0x30, element(0x30, *head, issuer, element(0x30, b"x" * 200)), element(3, b"s"))


def context(library, *files):
    """(what client_context of the chip gives, the contexts that the library made)."""
    package = sys.modules["ocppj"]
    kept = port.MICROPYTHON, sys.modules.get("tls")
    port.MICROPYTHON, sys.modules["tls"] = True, library
    port.forget("ocppj.tls")
    try:
        from ocppj import tls

        return tls.client_context(*files), library.made
    finally:
        port.MICROPYTHON = kept[0]
        if kept[1] is None:
            del sys.modules["tls"]
        else:
            sys.modules["tls"] = kept[1]
        sys.modules["ocppj.tls"] = package.tls = own


def test_a_server_is_verified_against_each_of_the_given_authorities():
    for files in (([ONE],), ([ONE, TWO],), ([TWO, ONE], [TWO], ONE)):
        found, made = context(Library(), *files)
        assert [found] == made and found.protocol == "client"
        assert found.verify_mode == "required"
        assert found.authorities == files[0]


def test_a_certificate_of_our_own_is_shown_only_if_there_is_one():
    found, _ = context(Library(), [ONE], [TWO, ONE], ONE)
    assert found.chains == [(TWO, ONE)]
    found, _ = context(Library(), [ONE])
    assert found.chains == []


def test_what_the_library_cannot_read_is_told_and_gives_no_context():
    for library, files, word in (
        (Library(ca_fails=ValueError("invalid cert")), ([ONE, TWO],), "CA certificate"),
        (
            Library(chain_fails=ValueError("invalid key")),
            ([ONE], [TWO], ONE),
            "client certificate",
        ),
    ):
        told = str(raises(ValueError, context, library, *files))
        assert word in told and "cannot be read" in told, told


def test_an_authority_that_cannot_be_read_does_not_take_the_others_away():
    """One root that the library did not know kept the charger off the network for good."""
    wrong = ValueError("invalid cert")
    for files, only in (([ONE, TWO], [ONE]), ([ONE, TWO], [TWO]), ([TWO, ONE, TWO], [TWO])):
        found, made = context(Library(wrong, None, only), files)
        assert [found] == made and found.authorities == files, "each is tried"
        assert found.verify_mode == "required"
    for files in ([ONE], [ONE, ONE]):
        told = str(raises(ValueError, context, Library(wrong, None, [ONE]), files))
        assert told == "a CA certificate cannot be read"


def test_too_little_memory_is_not_told_as_a_bad_certificate():
    for library, files in (
        (Library(ca_fails=MemoryError()), ([ONE, TWO],)),
        (Library(chain_fails=MemoryError()), ([ONE], [TWO], ONE)),
    ):
        raises(MemoryError, context, library, *files)


def test_too_little_memory_is_not_told_as_a_damaged_file():
    def full(_):
        raise MemoryError()

    real, pem_module.a2b_base64 = pem_module.a2b_base64, full
    try:
        raises(MemoryError, pem_module.pem_to_der, pem(ONE))
    finally:
        pem_module.a2b_base64 = real


def test_names_are_noted_and_nothing_is_objected_to():
    seen = []
    found, _ = context(Library(), [ONE], None, None, seen)
    names = [element(0x30, b"root"), element(0x30, b"r" * 150)]
    for depth, name in enumerate(names):
        for version in (True, False):
            shown = memoryview(certificate(name, version))
            assert found.verify_callback(shown, depth) == 0
    assert seen == names and [type(name) for name in seen] == [bytes] * 2
    assert found.verify_mode == "required", "verified as without it"
    # Names without end, of a stranger who wants memory.
    for size in (300, 254):
        assert found.verify_callback(certificate(element(0x30, b"n" * size)), 0) == 0
    assert seen == names
    most = element(0x30, b"m" * 253)
    assert len(most) == 256 and found.verify_callback(certificate(most), 0) == 0
    assert seen.pop() == most
    for number in range(20):
        found.verify_callback(certificate(element(0x30, b"%d" % number)), 0)
    assert len(seen) == 10


def test_what_is_no_certificate_is_not_objected_to_and_not_noted():
    """An exception would leave through the C code of the TLS library."""
    seen = []
    found, _ = context(Library(), [ONE], None, None, seen)
    whole = certificate(element(0x30, b"root"))
    for size in range(0, 45):
        assert found.verify_callback(memoryview(whole)[:size], 0) == 0
    for wrong in (b"", b"\xff" * 50, b"\x30\x84" * 30, certificate(element(0x31, b"set")), None):
        assert found.verify_callback(wrong, 0) == 0
    # The first place is kept: what comes after it is not the topmost.
    assert seen == [b""] or seen == [b"", element(0x30, b"root")]
    assert own.topmost(seen) is None
    seen.clear()
    found.verify_callback(whole[:40], 0)
    assert seen == [b""], "cut in the middle of the name"


def test_the_topmost_is_known_whatever_the_length_of_its_name():
    """A name of more than 256 bytes was left out. The one below it counted as the root in use, and
    the root could be removed."""
    below = element(0x30, b"below")
    for size in (1, 100, 249, 252, 253, 300, 2000):
        seen = []
        found, _ = context(Library(), [ONE], None, None, seen)
        name = element(0x30, b"r" * size)
        for depth, issuer in ((2, name), (1, name), (0, below)):
            assert found.verify_callback(memoryview(certificate(issuer)), depth) == 0
        assert own.topmost(seen) == mark_of(name) != mark_of(below)
        assert seen[1:] == [below] and (len(name) <= 256) == (seen[0] == name)
        assert sum([len(one) for one in seen]) <= 256 + len(below)
    assert own.topmost([]) is None and own.topmost([b"", below]) is None
    zeros = (0).to_bytes(4, "big")
    assert own.topmost([zeros]) == 0 and own.topmost([below, zeros]) == mark_of(below)


def test_nobody_asks_for_the_chain_where_it_is_not_wanted():
    found, _ = context(Library(), [ONE])
    assert not hasattr(found, "verify_callback")


def wrapped(key):
    """PKCS#8 around a key (RFC 5958)."""
    return element(0x30, element(2, b"\0"), element(0x30, element(6, b"alg")), element(4, key))


def test_a_private_key_is_told_from_that_of_another_certificate():
    other = certificate_of(bits(b"\4" + bytes(range(1, 65))))
    for key in (CLIENT_KEY, wrapped(CLIENT_KEY)):
        for version in (True, False):
            assert own.fits(key, certificate_of(bits(POINT), version))
        assert not own.fits(key, other)
    modulus = b"\0\xc3" + bytes(range(255))
    rsa = element(0x30, element(2, b"\0"), element(2, modulus), element(2, b"\1\0\1"))
    public = bits(element(0x30, element(2, modulus), element(2, b"\1\0\1")))
    for key in (rsa, wrapped(rsa)):
        assert own.fits(key, certificate_of(public))
        assert not own.fits(key, CLIENT)
    assert not own.fits(CLIENT_KEY, certificate_of(public))


def test_a_private_key_without_its_public_half_is_not_judged():
    bare = element(0x30, element(2, b"\1"), element(4, bytes(32)))
    curve = element(0x30, element(2, b"\1"), element(4, bytes(32)), element(0xA0, b"\6\0"))
    for key in (bare, curve, wrapped(bare)):
        assert own.fits(key, CLIENT)


def test_a_damaged_key_or_certificate_is_told_and_nothing_else_happens():
    for key, cert in (
        (b"", CLIENT), (b"\x30", CLIENT), (TWO, CLIENT),
        (element(0x30, element(2, b"\1")), CLIENT),
        (CLIENT_KEY, b""), (CLIENT_KEY, TWO), (CLIENT_KEY, ONE), (CLIENT_KEY, CLIENT[:60]),
        (element(0x30, element(2, b"\2"), element(4, b"x")), CLIENT),
        (element(0x30, element(2, b"\1"), element(5, b"x")), CLIENT),
    ):  # fmt: skip
        assert "cannot be read" in str(raises(ValueError, own.fits, key, cert)), (key, cert)
    for size in range(len(CLIENT_KEY)):
        try:
            own.fits(CLIENT_KEY[:size], CLIENT)
        except ValueError:
            pass


def test_too_little_memory_is_not_told_as_a_damaged_key():
    def full(_):
        raise MemoryError()

    real, own._public = own._public, full
    try:
        raises(MemoryError, own.fits, CLIENT_KEY, CLIENT)
    finally:
        own._public = real


def test_a_field_may_be_the_last_thing_in_a_certificate_and_not_go_beyond_it():
    name = element(0x30, b"root")
    parts = element(2, b"serial number"), element(0x30, element(6, b"algorithm"))
    whole = element(0x30, element(0x30, *parts, name))
    assert own.issuer(whole) == name
    raises(ValueError, own.issuer, whole[:-1])
