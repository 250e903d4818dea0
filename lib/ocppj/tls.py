# Certificates in, a TLS client context out; TLS errors in words.
# MIT license; part of microevse
"""TLS as OCPP security profiles 2 and 3 want it: the server is always verified.

There is no way to switch verification off. MicroPython's `ssl` module would start with it off,
so the context comes from `tls`. Not every build reads PEM (pem.py), all read DER.
"""

from evse_base import MICROPYTHON, crc32, log, urandom

# mbedTLS follows a chain of ten. A name has 60 to 140 bytes; a stranger's may have thousands.
_NAMES_MAX = 10
_NAME_MAX = 256
_MARK = 0x3FFFFFFF


def client_context(ca_der, chain=None, key_der=None, seen=None):
    """A context that trusts the CAs of `ca_der` (list of DER) and no others.

    chain, key_der: our own certificate first, and those that lead to a CA (list of DER), with its
        key (security profile 3); or None. MicroPython sends our own only: its `tls` takes one.
    seen: a list that gets the issuer's name (DER) of each certificate that the server shows, the
        server's own last. Nobody vouches for these names: they say which CA to look for, and
        change nothing about what is trusted. A first name that is very long is there as its mark
        (see `topmost`), b"" if it cannot be read. Stays empty on CPython, whose `ssl` does not
        tell.
    A CA that cannot be loaded is passed over as long as another one can: what one message has
    installed must not take the others away. ValueError if none is left, or none is given, or the
    client's certificate or key cannot be read.
    """
    if not ca_der:
        raise ValueError("no CA certificate: wss:// needs one to know the server by")
    if (not chain) != (key_der is None):
        raise ValueError("client certificate and key must be given together")
    context = _context(ca_der, chain, key_der)
    if MICROPYTHON and seen is not None:
        context.verify_callback = _noting(seen)
    return context


def _inside(der, at):
    """(where the content of the DER element at `at` begins, where it ends)."""
    size, start = der[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(bytes(der[at + 2 : start]), "big")
    return start, start + size


def _field(certificate, number):
    """A field of tbsCertificate behind the version (RFC 5280, 4.1), as DER: 2 is the issuer, 5 the
    public key. ValueError or IndexError if there is none."""
    at = _inside(certificate, _inside(certificate, 0)[0])[0]
    for _ in range(number + 1 if certificate[at] == 0xA0 else number):  # the version may lack
        at = _inside(certificate, at)[1]
    end = _inside(certificate, at)[1]
    if certificate[at] != 0x30 or end > len(certificate):
        raise ValueError("a certificate without that field")
    return bytes(certificate[at:end])


def issuer(certificate):
    """The issuer's name in a certificate, as DER. ValueError or IndexError if it is none."""
    return _field(certificate, 2)


def fits(key_der, certificate):
    """False if a private key is that of another certificate; both DER, the key as PKCS#8 (RFC
    5958), SEC 1 (RFC 5915) or PKCS#1 (RFC 8017).

    No arithmetic: the key's file holds its public half, too. True also where it does not (it may
    be left out for EC). ValueError if one of the two is damaged.
    """
    try:
        return _public(key_der) in _field(certificate, 5)  # nothing is in everything
    except (IndexError, ValueError):
        raise ValueError("the client certificate or key cannot be read") from None


def _public(der):
    """What a private key and its public key have in common: modulus or point; b"" if unknown."""
    at, end = _inside(der, 0)
    version, at = der[_inside(der, at)[0]], _inside(der, at)[1]
    start, after = _inside(der, at)
    if der[at] == 0x02:  # PKCS#1: the modulus
        return bytes(der[start:after])
    if der[at] == 0x30:  # PKCS#8: an algorithm, then the key inside
        start, after = _inside(der, after)
        return _public(bytes(der[start:after]))
    if version != 1 or der[at] != 0x04:
        raise ValueError("no key")
    while after < end:  # SEC 1: behind the parameters [0] the point [1], a bit string
        at, (start, after) = after, _inside(der, after)
        if der[at] == 0xA1:
            return bytes(der[_inside(der, start)[0] + 1 : after])
    return b""


def topmost(seen):
    """A number for the first name in `seen` of client_context: that of the root that vouches for
    the server. None if it is not known. station.certificates.mark_of makes the same of a name."""
    if not seen or not seen[0]:
        return None
    # The shortest name with an attribute has more bytes than a mark.
    return int.from_bytes(seen[0], "big") if len(seen[0]) == 4 else crc32(seen[0]) & _MARK


def _noting(seen):
    """A verify_callback that puts names into `seen` and objects to nothing.

    mbedTLS calls it for each certificate of the chain that it has built, the topmost first, after
    it has verified them; what it has found wrong stays (extmod/modtls_mbedtls.c,
    ssl_sock_cert_verify: the flags are not passed on).
    """

    def note(certificate, depth):
        # Not to be kept: its memory is mbedTLS's. No exception may leave: there is C above.
        try:
            name = issuer(certificate)
            if len(name) > _NAME_MAX:
                name = b"" if seen else (crc32(name) & _MARK).to_bytes(4, "big")
        except Exception:
            name = b""
        # The first place is that of the topmost, whatever its name: the next one would be taken
        # for the root otherwise. An empty list has room for it.
        try:
            if not seen or name and name not in seen and len(seen) < _NAMES_MAX:
                seen.append(name)
        except Exception:
            pass
        return 0

    return note


def _trust(ca_der, load, error):
    """load(der) each CA. ValueError if none can be loaded."""
    left = len(ca_der)
    for der in ca_der:
        try:
            load(der)
        except error:
            left -= 1
            log.warn("net", "a CA certificate of %d bytes cannot be loaded", len(der))
    if not left:
        raise ValueError("a CA certificate cannot be read")


if MICROPYTHON:
    import tls as _tls

    def _context(ca_der, chain, key_der):
        context = _tls.SSLContext(_tls.PROTOCOL_TLS_CLIENT)
        # It is the default of this class. Set again, because the security depends on it.
        context.verify_mode = _tls.CERT_REQUIRED
        _trust(ca_der, context.load_verify_locations, ValueError)
        if chain:
            try:
                context.load_cert_chain(chain[0], key_der)
            except ValueError:
                raise ValueError("the client certificate or key cannot be read") from None
        return context

else:
    import os as _os
    import ssl as _ssl

    def _context(ca_der, chain, key_der):
        context = _ssl.SSLContext(_ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = _ssl.TLSVersion.TLSv1_2
        _trust(ca_der, lambda der: context.load_verify_locations(cadata=der), _ssl.SSLError)
        if chain:
            # CPython takes a certificate and key from a PEM file only.
            folder = _os.environ.get("TMPDIR", "/tmp")
            name = "%s/client-%s.pem" % (folder, urandom(16).hex())
            # No other user may read it, or have made a file of that name before.
            handle = _os.open(name, _os.O_WRONLY | _os.O_CREAT | _os.O_EXCL, 0o600)
            try:
                with _os.fdopen(handle, "w") as f:
                    f.write("".join([_ssl.DER_cert_to_PEM_cert(der) for der in chain]))
                    pem = _ssl.DER_cert_to_PEM_cert(key_der)
                    f.write(pem.replace("CERTIFICATE", _key_label(key_der)))
                context.load_cert_chain(name)
            except _ssl.SSLError:
                raise ValueError("the client certificate or key cannot be read") from None
            finally:
                _os.unlink(name)
        return context

    def _key_label(der):
        # PKCS#8 starts with version 0 and an algorithm SEQUENCE, RSA with version 0 and an
        # INTEGER, SEC 1 (EC) with version 1.
        body = der[2 + (der[1] & 0x7F if der[1] & 0x80 else 0) :]
        if body[2] == 1:
            return "EC PRIVATE KEY"
        return "PRIVATE KEY" if body[3] == 0x30 else "RSA PRIVATE KEY"


# What `explain` says where another CA might do. mbedTLS does not tell the three apart.
UNTRUSTED = (
    "the server's certificate is not from the given CA, or its chain has gaps or is out of order"
)

# Our words, then fragments of mbedTLS's and OpenSSL's for the same. First match wins: a
# certificate of the wrong CA may have other faults too, and the chain has to be mended first.
# One text instead of tuples: a quarter of the heap.
_WORDS = """\
the server's certificate is not from the given CA, or its chain has gaps or is out of order=\
not correctly signed by the trusted|\
self-signed certificate|self signed certificate|unable to get local issuer|\
unable to get issuer|signature failure|invalid CA certificate
the server's certificate is for another name=Common Name|Hostname mismatch|IP address mismatch
the server's certificate has expired=validity has expired|certificate has expired
the server's certificate is not valid yet: is the clock right?=starts in the future|not yet valid
the server's certificate is not meant for a server=BAD_CERTIFICATE|BAD_HS_CERTIFICATE|\
Usage does not match|unsuitable certificate purpose
the server's certificate has too many others above it=X509_FATAL_ERROR|path length constraint|\
chain too long
no CA certificate: wss:// needs one to know the server by=CA_CHAIN_REQUIRED
the server wants another TLS version=PROTOCOL_VERSION
the server does not speak TLS on this port=WRONG_VERSION_NUMBER|INVALID_RECORD
the server offers no cipher we have=NO_CIPHER
not enough memory for TLS=ALLOC_FAILED
the server ended the TLS handshake=CONN_EOF
the server refused the TLS handshake: it wants another cipher, TLS version or client certificate=\
HANDSHAKE_FAILURE|handshake failure|FATAL_ALERT|alert
the server's certificate cannot be verified=certificate verify failed"""


def explain(exc):
    """A TLS failure in plain words, or None if `exc` does not look like one."""
    text = " ".join([str(part) for part in exc.args])
    for line in _WORDS.split("\n"):
        words, _, fragments = line.partition("=")
        for fragment in fragments.split("|"):
            if fragment in text:
                return words
    return None


def another_ca(exc, next_ca, seen):
    """True if `exc` says that the CA does not vouch for the server, and next_ca(seen) has another
    one for the issuers that the server names (see client_context)."""
    return explain(exc) == UNTRUSTED and next_ca(seen)
