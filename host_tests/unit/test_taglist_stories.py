# The list of tokens through updates and rollbacks: all short stories, tried one by one.
# MIT license; part of microevse
"""A story is a row of lists, each written by the first version (which sees form 1 only) or by this
one. After each of them this version must have the list that was written last: any other one could
accept a card that is blocked."""

import struct

from evse_base import MICROPYTHON, crc32
from helpers import run
from store.ramflash import RamFlash
from store.taglist import TagList
from taglist_bench import info

HALF = 256  # bytes of a half
LINK = 28  # offset of the name of the list before


def heads_of_first(image):
    """[(generation, base)] of the lists that the first version sees, the newest last."""
    heads = []
    for base in (0, HALF):
        head = bytes(image[base : base + 28])
        fields = struct.unpack("<4sB3sIIIII", head)
        if fields[:2] == (b"uTAG", 1) and fields[-1] == crc32(head[:24]):
            heads.append((fields[3], base))
    return sorted(heads)


def first_writes(image, version, entries):
    """Write a list of [(token, status number)] as the first version does."""
    heads = heads_of_first(image)
    generation, base = heads[-1] if heads else (0, 0)
    base = HALF - base
    body = b""
    for token, status in entries:
        body += struct.pack("<20sB20sI", token.encode(), status, b"", 0)
    head = struct.pack(
        "<4sB3sIIII", b"uTAG", 1, b"", generation + 1, version if entries else 0,
        len(entries), crc32(body),
    )  # fmt: skip
    image[base : base + HALF] = b"\xff" * HALF
    image[base : base + 28] = head + struct.pack("<I", crc32(head))
    image[base + 32 : base + 32 + len(body)] = body


class Told:
    """may_erase: true so many times."""

    def __init__(self, times):
        self.left = times

    def __call__(self, ms):
        self.left -= 1
        return self.left >= 0


# Who writes, and what: the first version, this one in form 1, in form 2, an empty list by each; an
# update that ends after its erase, because a car begins to charge.
# Each write more takes six times as long; MicroPython leaves the longest stories to CPython.
DEPTH = 4 if MICROPYTHON else 5
WRITES = ("first", "form 1", "form 2", "first empty", "empty", "ended")


def tell(image, write, version, status):
    """Image after one write, and what this version must find then; None: as before."""
    image = bytearray(image)
    if write == "first":
        first_writes(image, version, [("A", ("accepted", "blocked").index(status))])
        return image, (version, status)
    if write == "first empty":
        first_writes(image, version, [])
        return image, (0, None)
    flash = RamFlash(2, HALF, image)
    if write == "ended":
        try:
            run(TagList(flash, Told(1)).replace(version, [("A", info(status), "Local")]))
            raise AssertionError("not ended")
        except ValueError:
            return image, None
    entries = [] if write == "empty" else [("A", info(status), "Local" if "2" in write else "")]
    run(TagList(flash).replace(version, entries))
    return image, (version, status if entries else None)


def stories(image, wanted, depth, version_of, told=()):
    """Try all stories of `depth` more writes; returns how many."""
    if not depth:
        return 1
    count = 0
    for write in WRITES:
        step = told + (write,)
        after, found = tell(image, write, version_of(len(step)), version_of.status(len(step)))
        found = found or wanted
        tags = TagList(RamFlash(2, HALF, bytearray(after)))
        entry = tags.find("A", "Local")
        assert (tags.version, entry and entry[0]) == found, (step, tags.version, entry)
        count += stories(after, found, depth - 1, version_of, step)
    return count


class Rising:
    """Each list has a version of its own."""

    def __call__(self, number):
        return number

    def status(self, number):
        return "blocked" if number % 2 else "accepted"


class Same(Rising):
    """All lists have one version, and the odd ones one content: byte for byte the same lists."""

    def __call__(self, number):
        return 7


def test_after_every_story_the_list_written_last_counts():
    blank = b"\xff" * (2 * HALF)
    for versions in (Rising(), Same()):
        assert stories(blank, (0, None), DEPTH, versions) == len(WRITES) ** DEPTH


def test_after_two_lists_of_form_2_the_list_of_an_older_version_counts():
    """Once a list with a token accepted came back, although the older version had blocked it."""
    image, _ = tell(b"\xff" * (2 * HALF), "form 1", 1, "accepted")
    for version in (2, 3):
        image, _ = tell(image, "form 2", version, "accepted")
    image, _ = tell(image, "first", 10, "blocked")
    tags = TagList(RamFlash(2, HALF, image))
    assert tags.version == 10 and tags.find("A", "Local")[0] == "blocked"


def test_form_2_without_a_link_counts_by_the_form_before_it():
    """A program of between wrote no links."""
    image, _ = tell(b"\xff" * (2 * HALF), "form 1", 1, "accepted")
    image, _ = tell(image, "form 2", 2, "blocked")
    base = TagList(RamFlash(2, HALF, image)).base
    assert image[base + LINK : base + LINK + 4] != b"\xff" * 4
    image[base + LINK : base + LINK + 4] = b"\xff" * 4
    assert TagList(RamFlash(2, HALF, image)).version == 2
    image, _ = tell(image, "form 2", 3, "blocked")
    newer = TagList(RamFlash(2, HALF, image)).base
    image[newer + LINK : newer + LINK + 4] = b"\xff" * 4
    written = bytearray(b"\xff" * (2 * HALF))
    first_writes(written, 4, [("A", 0)])
    image[HALF - newer : 2 * HALF - newer] = written[HALF:]
    assert TagList(RamFlash(2, HALF, image)).version == 4
