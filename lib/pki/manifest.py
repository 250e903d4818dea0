# Made by `make packages`: do not edit.
metadata(
    description="Certificates, certificate requests, P-256 and RSA signatures, in pieces.",
    version="0.1.0",
)

package(
    "pki",
    files=(
        "__init__.py",
        "certificate.py",
        "chain.py",
        "csr.py",
        "der.py",
        "hashdata.py",
        "keypair.py",
        "names.py",
        "p256.py",
        "rsa.py",
        "signature.py",
        "tls_reads.py",
    ),
    base_path="..",
)
package(
    "evse_base",
    files=(
        "__init__.py",
        "clock.py",
        "iso8601.py",
        "log.py",
        "redaction.py",
    ),
    base_path="..",
)
