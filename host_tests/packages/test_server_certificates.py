# Each thing that can be wrong with a server's certificate is refused with its sentence.
# MIT license; part of microevse
"""The charger's own TLS code on MicroPython and CPython against servers of CPython, whose
certificates have one thing wrong each. OCPP security whitepaper edition 3, section 3."""

import json
import socket
import ssl
import subprocess
import threading

import authorities
import pytest
from cryptography import x509
from interpreters import INTERPRETERS, MICROPYTHON, command_of

GAPS = "not from the given CA, or its chain has gaps or is out of order"
# What: (words of the sentence, failure.event). OpenSSL lets some in, or tells them otherwise.
WRONG = {
    "expired": ("has expired", "central_certificate date"),
    "not yet valid": ("is not valid yet", "central_certificate date"),
    "of an expired CA": ("has expired", "central_certificate date"),
    "of another CA": (GAPS, "central_certificate"),
    "of another CA's chain": (GAPS, "central_certificate"),
    "another name": ("is for another name", "central_certificate"),
    "address alone": ("is for another name", "central_certificate"),
    "for clients": ("is not meant for a server", "central_certificate"),
    "of a CA that may not sign": (GAPS, "central_certificate"),
    "of one that is no CA": (GAPS, "central_certificate"),
    "of one CA more than allowed": (GAPS, "central_certificate"),
    "too long": ("has too many others above it", "central_certificate"),
    "wrong order": (GAPS, "central_certificate"),
    "incomplete": (GAPS, "central_certificate"),
}
# OpenSSL puts a chain in order, follows longer ones, and has its own words.
OPENSSL = {
    "of one CA more than allowed": ("has too many others above it", "central_certificate"),
    "too long": ("HTTP 400", ""),
    "wrong order": ("HTTP 400", ""),
}
# Security whitepaper, 3.2: one pair of the two has to be there.
SUITES = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": False, "ECDHE-ECDSA-AES256-GCM-SHA384": False,
    "AES128-GCM-SHA256": True, "AES256-GCM-SHA384": True,
}  # fmt: skip


class Servers:
    """One listener for each context; each refuses to be a WebSocket."""

    def __init__(self, contexts):
        self.heads = {}  # what: bytes that came through TLS
        self.errors = {}
        self.chosen = {}  # what: (cipher, TLS version)
        self.peers = {}  # what: certificate of the client, in DER
        self._listeners = {what: socket.create_server(("127.0.0.1", 0)) for what in contexts}
        self.ports = {what: s.getsockname()[1] for what, s in self._listeners.items()}
        self._threads = []
        for what, context in contexts.items():
            thread = threading.Thread(target=self._serve, args=(what, context), daemon=True)
            thread.start()
            self._threads.append(thread)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for listener in self._listeners.values():
            listener.close()

    def _serve(self, what, context):
        listener = self._listeners[what]
        listener.settimeout(60)
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.settimeout(20)
        try:
            with context.wrap_socket(sock, server_side=True) as tls:
                self.chosen[what] = (tls.cipher()[0], tls.version())
                self.peers[what] = tls.getpeercert(True)
                self.heads[what] = tls.recv(2000)
                tls.sendall(b"HTTP/1.1 400 No\r\n\r\n")
        except (OSError, ValueError) as exc:
            self.errors[what] = str(exc)


def attempts(interpreter, servers, root, *others, **more):
    """{what: (sentence, kind)} of one attempt with each of the servers. others: more roots."""
    command, env = command_of(interpreter, "verify_child")
    given = {
        "ca": authorities.pem_file("root", *others, root.certificate),
        "ports": servers.ports,
        **more,
    }
    done = subprocess.run(
        command, input=json.dumps(given) + "\n", env=env, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.strip().split("\n")[-1])


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_whatever_is_wrong_with_a_certificate_is_refused_in_a_sentence(interpreter):
    root, chains = authorities.bad_chains()
    contexts = {
        what: authorities.server_context("%d" % number, *chains[what])
        for number, what in enumerate(chains)
    }
    expected = dict(WRONG, **(OPENSSL if interpreter == "cpython" else {}))
    with Servers(contexts) as servers:
        found = attempts(interpreter, servers, root)
    assert set(found) == set(expected) | {"good", "good, of a chain"}
    for what, (sentence, kind) in found.items():
        words, wanted = expected.get(what, ("HTTP 400", ""))
        assert words in sentence and kind == wanted, (what, sentence, kind)
        # Not a byte, and so no name and no password, to a server that is not known.
        assert (what in servers.heads) is (words == "HTTP 400"), what
        if words != "HTTP 400":
            assert sentence.startswith("the server's certificate"), sentence


@pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel")
def test_a_root_that_tls_cannot_load_does_not_take_the_others_away():
    """One that a program before this one had installed kept the charger off the network."""
    root, chains = authorities.bad_chains()
    strange = x509.load_der_x509_certificate(authorities.unloadable("strange"))
    for others in ([strange], [strange, strange]):
        context = authorities.server_context("beside", *chains["good"])
        wrong = authorities.server_context("beside", *chains["of another CA"])
        with Servers({"good": context, "of another CA": wrong}) as servers:
            found = attempts("micropython", servers, root, *others)
        assert found["good"][0].startswith("HTTP 400") and GAPS in found["of another CA"][0], found


def test_the_cipher_suites_of_the_whitepaper_are_there():
    """With TLS 1.2, and nothing older; the chip's library may have others beside them."""
    if not MICROPYTHON:
        pytest.skip("NOT RUN: no MicroPython wheel")
    root, chains = authorities.bad_chains()
    with_rsa = authorities.rsa_server(root)
    contexts = {}
    for name, is_rsa in SUITES.items():
        context = authorities.server_context("suite", *(with_rsa if is_rsa else chains["good"]))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(name)
        contexts[name] = context
    old, _ = authorities.good_server("old")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    other, _ = authorities.good_server("other")
    other.maximum_version = ssl.TLSVersion.TLSv1_2
    other.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
    contexts.update({"old": old, "other": other})
    with Servers(contexts) as servers:
        found = attempts("micropython", servers, root)
    for name in SUITES:
        assert found[name] == ["HTTP 400: the server did not understand the request", ""], found
        assert servers.chosen[name] == (name, "TLSv1.2")
    assert found["old"] == ["the server wants another TLS version", "tls_version"]
    assert "wants another cipher, TLS version or client" in found["other"][0], found["other"]
    assert not {"old", "other"} & set(servers.heads)


@pytest.mark.skipif(not MICROPYTHON, reason="NOT RUN: no MicroPython wheel")
@pytest.mark.parametrize("closes", [False, True])
def test_the_handshake_begins_after_the_last_question(closes):
    """MicroPython's streams connect TCP and leave TLS to the first byte (dial.py asks between)."""
    context, _ = authorities.good_server("gate")
    named = []
    context.sni_callback = lambda _socket, name, _context: named.append(name)  # of a ClientHello
    with Servers({"gate": context}) as servers:
        root, _ = authorities.bad_chains()
        found = attempts("micropython", servers, root, closes=closes)
        for thread in servers._threads:
            thread.join(5)
    assert ("a car goes first" in found["gate"][0]) is closes, found
    assert named == ([] if closes else ["localhost"]) and ("gate" in servers.errors) is closes


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("form", ["PKCS8", "SEC1_OR_PKCS1"])
def test_a_certificate_of_the_charger_is_shown_to_a_server_that_asks(interpreter, form):
    root, _ = authorities.bad_chains()
    key = authorities.new_key()
    certificate = root.charger(key, "EVSE-1")
    asking, ca = authorities.good_server("asking")
    authorities.asks(asking, ca)
    files = {
        "cert": authorities.pem_file("charger", certificate),
        "key": authorities.pem_file("charger-key", key, form=getattr(authorities, form)),
    }
    with Servers({"asking": asking}) as servers:
        found = attempts(interpreter, servers, root, **files)
    assert found["asking"][0].startswith("HTTP 400"), (found, servers.errors)
    der = authorities.serialization.Encoding.DER
    assert servers.peers["asking"] == certificate.public_bytes(der)
