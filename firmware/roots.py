# The public root certificates, one at a time.
# MIT license; part of microevse
"""`CaFile=public`: the server's certificate may be from any authority of roots.der, which
tools/public_roots.py writes. `CaFile=public/isrg_x1`: from that one alone.

Only the root that is tried is in memory: mbedTLS keeps each one in the system's heap, of which a
plain ESP32 has little left beside a TLS connection. Loaded when it is needed, and dropped.
"""

PUBLIC = "public"


def names(file):
    """[name, bytes, name, bytes, ...] of an open roots.der; leaves it at the first certificate."""
    return file.readline().decode().split()


def load(setting, place):
    """(name, DER, how many there are to try) of the root that `setting` names ("public/isrg_x1"),
    or number `place` ("public").

    ValueError if there is no such root, or no file.
    """
    wanted = setting[len(PUBLIC) + 1 :]
    folder = __file__.replace("\\", "/").rpartition("/")[0]
    try:
        with open((folder + "/" if folder else "") + "roots.der", "rb") as file:
            words = names(file)
            if wanted and wanted not in words[::2]:
                raise ValueError("CaFile: no public root is called %s" % wanted)
            place = words[::2].index(wanted) if wanted else place % (len(words) // 2)
            before = sum([int(size) for size in words[1 : 2 * place : 2]])
            file.seek(before, 1)
            der = file.read(int(words[2 * place + 1]))
            return words[2 * place], der, 1 if wanted else len(words) // 2
    except OSError:
        raise ValueError("CaFile: this build has no public roots: roots.der is missing") from None
