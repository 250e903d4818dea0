# Whether the TLS of this interpreter can use a certificate.
# MIT license; part of microevse
"""What is kept for TLS has to be loaded by it: mbedTLS on a chip, OpenSSL on a computer. Neither
loads all that may be good: mbedTLS as MicroPython builds it knows no root that is signed with
RSA-PSS or SHA-3, and reads extensions that nothing here looks at. So a certificate is tried before
it is kept.

A stall of some milliseconds: only while every contactor is open. The memory is free again after
the next collection.
"""

from evse_base import MICROPYTHON

if MICROPYTHON:
    from tls import PROTOCOL_TLS_CLIENT, SSLContext

    def root(der):
        """True if TLS loads it as a root. mbedTLS does not say what it dislikes: False, too, where
        there is not enough memory in the system's heap."""
        return _done(lambda context: context.load_verify_locations(der))

    def own(der, key):
        """True if TLS loads it as the own certificate, with this key; both DER."""
        return _done(lambda context: context.load_cert_chain(der, key))

    def _done(load):
        try:
            load(SSLContext(PROTOCOL_TLS_CLIENT))
            return True
        except ValueError:
            return False

else:
    import ssl

    def root(der):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
            return True
        except ssl.SSLError:
            return False

    def own(der, key):
        # CPython loads a key from a file only: the certificate is tried alone.
        return root(der)
