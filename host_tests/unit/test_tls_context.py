# The calls to the chip's TLS library before a connection, with a library that only takes notes.
# MIT license; part of microevse
"""The code for MicroPython runs on both interpreters here. The verification of a server depends on
these calls, and a connection to a good server works without any of them."""

import sys

import evse_base as port
from helpers import raises
from ocppj import tls as own
from pem_files import ONE, TWO, pem


class Library:
    """MicroPython's module `tls`; verification is off until the program asks for it."""

    PROTOCOL_TLS_CLIENT = "client"
    CERT_NONE = "none"
    CERT_REQUIRED = "required"

    def __init__(self, ca_fails=None, chain_fails=None):
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
                if ca_fails and len(self.authorities) == 2:
                    raise ca_fails

            def load_cert_chain(self, cert, key):
                self.chains.append((cert, key))
                if chain_fails:
                    raise chain_fails

        self.SSLContext = SSLContext


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
    for files in (([ONE],), ([ONE, TWO],), ([TWO, ONE], TWO, ONE)):
        found, made = context(Library(), *files)
        assert [found] == made and found.protocol == "client"
        assert found.verify_mode == "required"
        assert found.authorities == files[0]


def test_a_certificate_of_our_own_is_shown_only_if_there_is_one():
    found, _ = context(Library(), [ONE], TWO, ONE)
    assert found.chains == [(TWO, ONE)]
    found, _ = context(Library(), [ONE])
    assert found.chains == []


def test_what_the_library_cannot_read_is_told_and_gives_no_context():
    for library, files, word in (
        (Library(ca_fails=ValueError("invalid cert")), ([ONE, TWO],), "CA certificate"),
        (Library(chain_fails=ValueError("invalid key")), ([ONE], TWO, ONE), "client certificate"),
    ):
        told = str(raises(ValueError, context, library, *files))
        assert word in told and "cannot be read" in told, told


def test_too_little_memory_is_not_told_as_a_bad_certificate():
    for library, files in (
        (Library(ca_fails=MemoryError()), ([ONE, TWO],)),
        (Library(chain_fails=MemoryError()), ([ONE], TWO, ONE)),
    ):
        raises(MemoryError, context, library, *files)


def test_too_little_memory_is_not_told_as_a_damaged_file():
    def full(_):
        raise MemoryError()

    real, own.a2b_base64 = own.a2b_base64, full
    try:
        raises(MemoryError, own.pem_to_der, pem(ONE))
    finally:
        own.a2b_base64 = real
