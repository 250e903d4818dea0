# The public root certificates as a module that the base image has frozen in.
# MIT license; part of microevse
"""`write()` for boards/micropython/MICROEVSE/manifest.py. In a module the certificates take flash
of the base image, and none of a slot (firmware/roots.py reads either)."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "firmware" / "roots.der"
OUT = ROOT / "build" / "roots"
MODULE = "roots_der.py"


def write():
    """Put the module into build/; returns its folder. A file that is right already is left alone:
    MicroPython's build looks at its time."""
    OUT.mkdir(parents=True, exist_ok=True)
    text = (
        "# Made by tools/frozen_roots.py of firmware/roots.der.\nDATA = %r\n" % SOURCE.read_bytes()
    )
    path = OUT / MODULE
    if not path.exists() or path.read_text() != text:
        fresh = path.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(path)
    return str(OUT)
