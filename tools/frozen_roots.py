# The public root certificates as a module that the base image has frozen in.
# MIT license; part of microevse
"""`write()` for boards/micropython/MICROEVSE/manifest.py. In a module the certificates take flash
of the base image, and none of a slot (firmware/roots.py reads either)."""

import pathlib

import names

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "roots"
MODULE = "roots_der.py"


def write():
    """Put the module into build/; returns its folder."""
    data = (ROOT / "firmware" / "roots.der").read_bytes()
    text = "# Made by tools/frozen_roots.py of firmware/roots.der.\nDATA = %r\n" % data
    names.put(OUT / MODULE, text.encode())
    return str(OUT)
