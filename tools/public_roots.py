#!/usr/bin/env python3
# The public root certificates that the charger carries, from the package certifi.
# MIT license; part of microevse
"""usage: public_roots.py       writes firmware/roots.der anew

certifi carries Mozilla's list. Only the roots that web servers of the large authorities end in are
taken. The file: a line `name bytes mark name bytes mark ...`, then the certificates in DER, one
after the other. A mark is the CRC-32 of the subject's name in DER, by which the charger finds the
root that a server's chain names; the first root is the one that a charger tries first.
"""

import base64
import pathlib
import re
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "lib"))

from ocppj import tls  # noqa: E402

FILE = ROOT / "firmware" / "roots.der"
# name here: common name of the subject
ROOTS = {
    "isrg_x1": "ISRG Root X1",  # Let's Encrypt
    "amazon_1": "Amazon Root CA 1",
    "digicert_g2": "DigiCert Global Root G2",  # Azure, too
    "gts_r1": "GTS Root R1",  # Google
    "gts_r4": "GTS Root R4",
    "usertrust_rsa": "USERTrust RSA Certification Authority",  # Sectigo
    "usertrust_ecc": "USERTrust ECC Certification Authority",
    "sectigo_r46": "Sectigo Public Server Authentication Root R46",
    "sectigo_e46": "Sectigo Public Server Authentication Root E46",
    "globalsign_r6": "GlobalSign",  # the organisational unit says R6
    "globalsign_r46": "GlobalSign Root R46",
    "digicert_g3": "DigiCert Global Root G3",
    "isrg_x2": "ISRG Root X2",
}
_BLOCK = re.compile(
    r"# Subject: ([^\n]*)\n(?:#[^\n]*\n)*-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)-----END"
)


def wanted(pem):
    """{name: DER} of ROOTS, from certifi's text. ValueError for a missing one."""
    found = {}
    for subject, body in _BLOCK.findall(pem):
        for name, common in ROOTS.items():
            exact = re.search(r"CN=%s(?: O=|$)" % re.escape(common), subject)
            if exact and (name != "globalsign_r6" or "R6" in subject):
                found[name] = base64.b64decode(body)
    missing = [name for name in ROOTS if name not in found]
    if missing:
        raise ValueError("certifi has no %s" % ", ".join(missing))
    return {name: found[name] for name in ROOTS}


def packed(roots):
    """The content of the file, of {name: DER}."""
    head = " ".join(
        # A root has signed itself: its issuer is its subject.
        "%s %d %08x" % (name, len(der), zlib.crc32(tls.issuer(der)))
        for name, der in roots.items()
    )
    return head.encode() + b"\n" + b"".join(roots.values())


def main():
    import certifi

    try:
        data = packed(wanted(pathlib.Path(certifi.where()).read_text()))
    except ValueError as exc:
        sys.exit("public_roots: %s" % exc)
    FILE.write_bytes(data)
    print("%s: %d roots, %d bytes" % (FILE.relative_to(ROOT), len(ROOTS), len(data)))


if __name__ == "__main__":
    main()
