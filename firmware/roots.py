# The public root certificates, one at a time.
# MIT license; part of microevse
"""`CaFile=public`: the server's certificate may be from any authority of roots.der, which
tools/public_roots.py writes. `CaFile=public/isrg_x1`: from that one alone.

Only one root is in memory: mbedTLS keeps each one in the system's heap, of which a plain ESP32 has
little left beside a TLS connection. Which one it has to be, the server's chain says: the name of
an issuer in it is the name of a root (RFC 5280, 4.1.2.6: in the same bytes). This module is loaded
when it is needed, and dropped.
"""

from evse_base import crc32, forget

PUBLIC = "public"


def index(file):
    """[name, bytes, CRC-32 of the subject's name, name, ...] of an open roots.der; leaves it at
    the first certificate."""
    return file.readline().decode().split()


def _open():
    folder = __file__.replace("\\", "/").rpartition("/")[0]
    try:
        return open((folder + "/" if folder else "") + "roots.der", "rb")
    except OSError:
        pass
    try:
        from io import BytesIO
        from roots_der import DATA  # the base image has them frozen in (tools/frozen_roots.py)
    except ImportError:
        raise ValueError("CaFile: this build has no public roots: roots.der is missing") from None
    forget("roots_der")
    return BytesIO(DATA)


def load(setting, place):
    """DER of the root that `setting` names ("public/isrg_x1"), or of number `place` ("public").

    ValueError if there is no such root, or no file.
    """
    wanted = setting[len(PUBLIC) + 1 :]
    with _open() as file:
        words = index(file)
        if wanted and wanted not in words[::3]:
            raise ValueError("CaFile: no public root is called %s" % wanted)
        place = words[::3].index(wanted) if wanted else place
        sizes = [int(size) for size in words[1::3]]
        file.seek(sum(sizes[:place]), 1)
        return file.read(sizes[place])


def every():
    """DER of each root. ValueError without the file."""
    with _open() as file:
        return [file.read(int(size)) for size in index(file)[1::3]]


def wanted(issuers, place):
    """Number of the root that has the name of one of `issuers` (names as DER, that in the server's
    own certificate last), other than number `place`; None if there is none.

    Of several the nearest to the server's own certificate: a root that another authority has
    signed, too, is enough for itself. ValueError without the file.
    """
    with _open() as file:
        marks = index(file)[2::3]
    for name in reversed(issuers):
        mark = "%08x" % (crc32(name) & 0xFFFFFFFF)
        for number, known in enumerate(marks):
            if known == mark and number != place:
                return number
    return None
