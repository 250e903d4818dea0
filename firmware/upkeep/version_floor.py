# The oldest version that is taken: an old program with a good signature must not come again.
# MIT license; part of microevse
"""The floor rises to a version once that has been confirmed, if the update was signed. It lies in
the chip's NVS, which a factory reset leaves alone and a flash of the whole chip by cable erases.

A signed update writes its version there as the next floor before it is the newest; it counts from
when the slot with that update is marked as confirmed. So no step is needed at that moment, in
which a power cut could lose it. Loaded for an update.

A charger whose updates must be signed has a floor from its first day: the version that runs, which
came by cable or before there was a key or root.
"""

from binascii import hexlify

from evse_base import log
from hal import kept
from slots import bundle

_MOST = 120  # bytes of the value: two versions and eight bytes of a digest, hexadecimal


def _read():
    """[floor, next floor, digest of its header]: texts, "" for none."""
    found = kept.value(kept.FLOOR, _MOST).decode().split("\n")
    return found if len(found) == 3 else ["", "", ""]


def now(records, least=""):
    """The floor, "" if there is none. records: slots.Record of both slots. least: a version that
    it is not below. ValueError if it cannot be read: then no version is known to be new enough."""
    try:
        floor, after, digest = _read()
    except (OSError, ValueError) as exc:
        raise ValueError("the oldest version that is taken cannot be read: %r" % exc)
    if least and bundle.order(least) > bundle.order(floor or "0"):
        floor = least
    if after and bundle.order(after) > bundle.order(floor or "0"):
        for record in records:
            if record.whole and record.confirmed and _mark(record.digest) == digest:
                return after
    return floor


def settle(floor, head=None):
    """Write down the floor (see `now`), as a slot is about to be erased. head: of a signed bundle,
    the next floor. ValueError, OSError."""
    found = [floor] + ([head.version, _mark(head.digest)] if head else ["", ""])
    if head is None and floor == _read()[0]:
        return
    kept.put(kept.FLOOR, "\n".join(found).encode())
    if head is None:
        log.info("update", "no version before %s is taken any more", floor)


def _mark(digest):
    return hexlify(digest[:8]).decode()
