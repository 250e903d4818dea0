# Roots that are installed as on a charger, and then given to TLS; for test_odd_roots.py.
# MIT license; part of microevse
"""MicroPython runs it. Gets the time (Unix seconds) and then lines of a name and a root, base64 of
DER. Prints for each line [name, word and sentence of the installation, whether TLS loads what is
kept: None where nothing is]."""

import json
import sys
from binascii import a2b_base64

import tls
from certificate_parts import Parts
from station import certificates


def loads(der):
    try:
        tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).load_verify_locations(der)
        return True
    except ValueError:
        return False


now = int(sys.stdin.readline())
for line in sys.stdin:
    name, root = line.split()
    parts = Parts()
    parts.time = now
    word, text = parts.install(a2b_base64(root))
    kept = certificates.roots(parts, "central")
    assert len(kept) == (word == "done")
    print(json.dumps([name, word, text, loads(kept[0]) if kept else None]))
