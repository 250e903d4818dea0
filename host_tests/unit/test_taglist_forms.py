# The list of tokens on flash in its two forms: kinds, long tokens, updates and rollbacks.
# MIT license; part of microevse
"""Form 1 is what the first version wrote. `first_version` writes a region as that version does and
`FirstVersion` finds in it what that version finds; both only know form 1.
"""

import struct

from helpers import run
from evse_base import crc32
from store.ramflash import RamFlash
from store.taglist import KINDS, STATUSES, TagList
from taglist_bench import CutFlash, Lost, info, tokens

OLD_STATUSES = STATUSES[:5]


def first_version(lists, blocks=24, block_size=512):
    """Region after these lists, oldest first: [(version, [(token, status, parent, expiry)])]."""
    half = blocks // 2 * block_size
    image = bytearray(b"\xff" * (blocks * block_size))
    for i, (version, entries) in enumerate(lists):
        body = b""
        for token, status, parent, expiry in sorted(entries):
            status = OLD_STATUSES.index(status)
            body += struct.pack("<20sB20sI", token.encode(), status, parent.encode(), expiry)
        head = struct.pack(
            "<4sB3sIIII", b"uTAG", 1, b"", i + 1, version, len(entries), crc32(body)
        )
        base = 0 if i % 2 else half
        image[base : base + half] = b"\xff" * half
        image[base : base + 28] = head + struct.pack("<I", crc32(head))
        image[base + 32 : base + 32 + len(body)] = body
    return image


class FirstVersion:
    """The entries that the first version finds in a region."""

    def __init__(self, image):
        half = len(image) // 2
        self.version, self.found = 0, {}
        best = 0
        for base in (0, half):
            head = bytes(image[base : base + 28])
            magic, form, _, generation, version, count, crc = struct.unpack(
                "<4sB3sIIII", head[:24]
            )
            if magic != b"uTAG" or crc32(head[:24]) != struct.unpack("<I", head[24:])[0]:
                continue
            if form != 1 or count > (half - 32) // 45 or generation <= best:
                continue
            body = bytes(image[base + 32 : base + 32 + 45 * count])
            if crc32(body) != crc:
                continue
            best, self.version, self.found = generation, version, {}
            for i in range(count):
                token, status, parent, expiry = struct.unpack(
                    "<20sB20sI", body[45 * i : 45 * i + 45]
                )
                entry = OLD_STATUSES[status], expiry or None, parent.rstrip(b"\0").decode() or None
                self.found[token.rstrip(b"\0").decode()] = entry


def old_entries(names):
    out = []
    for i, name in enumerate(names):
        status = OLD_STATUSES[i % 5]
        out.append(
            (name, status, "FAMILY%d" % (i % 3) if i % 2 else "", 1800000000 + i if i % 4 else 0)
        )
    return out


def found_by_first(names):
    return {
        name: (status, expiry or None, parent or None)
        for name, status, parent, expiry in old_entries(names)
    }


OLD, OLDER = tokens(80), tokens(60, 300)


def old_image():
    return first_version([(6, old_entries(OLDER)), (7, old_entries(OLD))])


def test_the_image_is_the_one_that_the_first_version_writes():
    # The checksum is that of a region which its own code has written with these lists.
    assert crc32(bytes(old_image())) == 0xF3C4F61D
    assert FirstVersion(old_image()).found == found_by_first(OLD)


def test_a_list_of_the_first_version_is_read_as_it_is_and_by_a_card_of_any_kind():
    flash = CutFlash(24, old_image())
    tags = TagList(flash)
    assert (tags.version, tags.count) == (7, 80)
    for name, entry in found_by_first(OLD).items():
        for kind in KINDS:
            assert tags.find(name, kind) == entry, (name, kind)
    assert tags.find(OLDER[0]) is None
    assert flash.ops == 0, "reading it has changed nothing"


def test_a_full_list_of_the_first_version_takes_changes_of_both_forms():
    room = (8 * 512 - 32) // 45
    names = tokens(room)
    for change, wanted in ((("NEW", None), 1), (("NEW", "ISO14443"), 2)):
        flash = CutFlash(16, first_version([(1, old_entries(names))], 16))
        tags = TagList(flash)
        assert tags.count == tags.capacity == room
        name, kind = change
        run(tags.merge(2, [(names[0], None), (name, info(), kind or "")]))
        again = TagList(flash)
        assert (again.form, again.count, again.version) == (wanted, room, 2)
        assert again.find("new", "ISO14443")
        assert (again.find("NEW", "Local") is None) is (kind is not None)
        for name in names[1:]:
            assert again.find(name, "ISO14443") == found_by_first(names)[name], name


def test_what_the_old_form_can_say_is_written_in_it():
    flash = CutFlash(24, old_image())
    run(TagList(flash).merge(8, [("X" * 20, info("blocked", 5, "P" * 20)), (OLD[0], None)]))
    first = FirstVersion(flash.image)
    assert first.version == 8
    assert first.found["X" * 20] == ("blocked", 5, "P" * 20) and OLD[0] not in first.found
    assert len(first.found) == 80
    again = TagList(flash)
    assert (again.form, again.token, again.parent) == (1, 20, 20)


def test_each_thing_that_the_old_form_cannot_say_makes_it_the_new_one():
    more = (
        ("CARD", info(), "Local"),
        ("C" * 21, info(), ""),
        ("CARD", info(parent="P" * 21), ""),
        ("CARD", info("no_credit"), ""),
    )
    for change in more:
        for full in (True, False):
            flash = CutFlash(24, old_image())
            tags = TagList(flash)
            run(tags.replace(8, [change]) if full else tags.merge(8, [change]))
            again = TagList(flash)
            assert again.form == 2, change
            entry = change[1]
            wanted = entry["status"], None, entry["parent"]
            assert again.find(change[0], change[2]) == wanted, change
            assert again.count == (1 if full else 81)
    # A change that takes a long token out is no reason.
    flash = CutFlash(24, old_image())
    run(TagList(flash).merge(8, [("C" * 36, None, "Local")]))
    assert TagList(flash).form == 1


def test_the_header_tells_form_widths_and_the_form_of_the_list_before():
    """An empty list is none that was before."""
    for image, before in ((None, 0), (old_image(), 1)):
        tags = TagList(CutFlash(24, image))
        for change, head in (
            (("CARD", info(), "Local"), (2, 4, 0, before)),
            (("CARD7", info(parent="P7"), "Local"), (2, 5, 2, 2)),
            (("CARD", info(), ""), (1, 0, 0, 0)),
            (("CARD", info(), "Local"), (2, 4, 0, 1)),
        ):
            run(tags.replace(8, [change]))
            assert bytes(tags.flash.image[tags.base : tags.base + 8]) == b"uTAG" + bytes(head)
        run(tags.replace(9, []))
        run(tags.replace(10, [("CARD", info(), "Local")]))
        assert tags.flash.image[tags.base + 7] == 0


def test_a_token_is_found_by_its_own_kind_first_then_without_a_kind():
    tags = TagList(RamFlash(4))
    run(
        tags.replace(
            1,
            [
                ("04A3B2C1", info("blocked"), "ISO14443"),
                ("04a3b2c1", info("accepted", parent="ANY"), ""),
                ("04A3B2C1", info("accepted", parent="PIN"), "KeyCode"),
                ("04A3B2C100", info("accepted"), "Local"),
                ("1234", info("accepted", parent="A"), "KeyCode"),
                ("1234", info("accepted", parent="B"), "Central"),
            ],
        )
    )
    assert tags.count == 6
    assert tags.find("04a3B2c1", "ISO14443")[0] == "blocked"
    assert tags.find("04A3B2C1", "KeyCode")[2] == "PIN"
    assert tags.find("04A3B2C1", "ISO15693")[2] == "ANY"
    assert tags.find("04A3B2C1")[0] == "blocked", "of unknown kind: the one that refuses"
    assert tags.find("04A3B2C100", "Local") and tags.find("04A3B2C100")
    assert tags.find("04A3B2C100", "ISO14443") is None
    assert tags.find("1234", "Local") is None and tags.find("1234")[0] == "accepted"
    assert tags.find("1234", "no such kind") is None
    run(tags.merge(2, [("1234", None, "Central"), ("1234", info("expired"), "KeyCode")]))
    assert tags.find("1234", "Central") is None and tags.find("1234", "KeyCode")[0] == "expired"
    assert tags.count == 5


def test_one_token_of_two_kinds_is_no_repetition_and_of_one_kind_it_is():
    tags = TagList(RamFlash(4))
    run(tags.replace(1, [("A", info(), "Local"), ("a", info(), "Central"), ("A", info())]))
    assert tags.count == 3
    for kind in ("", "Local"):
        try:
            run(tags.replace(2, [("B", info(), kind), ("b", info("blocked"), kind)]))
        except ValueError as exc:
            assert "twice" in str(exc)
        else:
            raise AssertionError("taken")
    assert tags.version == 1


def test_every_token_of_a_long_list_of_kinds_is_found():
    flash = RamFlash(32)
    tags = TagList(flash)
    names = tokens(900)
    changes = [(name, info(STATUSES[i % 10]), KINDS[i % 8]) for i, name in enumerate(names)]
    for first in range(0, 900, 100):
        run(tags.merge(first + 1, changes[first : first + 100]))
    again = TagList(flash)
    assert again.count == 900 and again.form == 2
    for i, name in enumerate(names):
        assert again.find(name.lower(), KINDS[i % 8]) == (STATUSES[i % 10], None, None), i
        other = KINDS[1 + i % 7]
        if KINDS[i % 8] not in ("", other):
            assert again.find(name, other) is None, i


def test_a_word_of_a_newer_version_is_a_refusal():
    flash = RamFlash(4)
    run(TagList(flash).replace(1, [("A", info("unknown"), "Local")]))
    base = TagList(flash).base
    at = base + 32 + 1  # a token of one byte, then kind and status
    assert flash.image[at] == KINDS.index("Local") << 4 | STATUSES.index("unknown")
    flash.image[at] |= 0x0E
    head = flash.image[base : base + 24]
    entry = bytes(flash.image[base + 32 : base + 32 + 6])
    head[20:24] = struct.pack("<I", crc32(entry))
    flash.image[base : base + 28] = head + struct.pack("<I", crc32(bytes(head)))
    tags = TagList(flash)
    assert tags.count == 1 and tags.find("A", "Local")[0] == "invalid"


def test_a_form_that_is_not_known_is_left_out_and_the_list_before_it_counts():
    flash = RamFlash(4)
    run(TagList(flash).replace(1, [("A", info())]))
    run(TagList(flash).replace(2, [("B", info())]))
    base = TagList(flash).base
    head = flash.image[base : base + 24]
    # Form and bytes of a token and of a parent; the entries have 45 bytes in any case. The form
    # before it is 1.
    for form, token, parent, known in (
        (3, 0, 0, False), (3, 20, 20, False), (0, 20, 20, False), (2, 0, 40, False),
        (2, 37, 3, False), (2, 3, 37, False), (2, 20, 20, True), (2, 36, 4, True),
    ):  # fmt: skip
        head[4:8] = bytes((form, token, parent, 1))
        flash.image[base : base + 28] = head + struct.pack("<I", crc32(bytes(head)))
        tags = TagList(flash)
        assert tags.version == (2 if known else 1), (form, token, parent)
        assert (tags.find("A") is None) is known and (tags.find("B") is None) is not known


def _update(tags):
    changes = [(name, info("no_credit", 5, "G" * 30), "ISO14443") for name in tokens(20, 500)]
    return tags.merge(8, changes + [(name, None) for name in OLD[::2]])


def test_a_cut_at_every_operation_of_the_change_of_form_keeps_the_old_list_or_has_the_new_one():
    whole = CutFlash(24, old_image())
    run(_update(TagList(whole)))
    universe = [(n, k) for n in OLD + tokens(20, 500) for k in ("", "ISO14443", "Local")]

    def everything(image):
        tags = TagList(CutFlash(24, image))
        return tags.version, [tags.find(*token) for token in universe]

    old, new = everything(old_image()), everything(whole.image)
    assert old[0] == 7 and new[0] == 8 and TagList(whole).form == 2
    became_new = 0
    for i in range(5 * whole.ops):
        flash = CutFlash(24, old_image(), i // 5 + 1, i % 5)
        try:
            run(_update(TagList(flash)))
            raise AssertionError("no cut")
        except Lost:
            pass
        after = everything(flash.image)
        assert after in (old, new), i
        became_new += after == new
        # Rolled back at any of these moments the first version has the list it wrote itself.
        first = FirstVersion(flash.image)
        assert first.version == 7 and first.found == found_by_first(OLD), i
        # And the update that was cut can be made again.
        again = TagList(CutFlash(24, flash.image))
        run(_update(again))
        assert everything(again.flash.image) == new, i
    # The header torn after its last byte is the only cut that leaves the new list.
    assert became_new == 1
    print("%d cuts, %d of them after the new list was whole" % (5 * whole.ops, became_new))


def test_after_a_rollback_and_an_update_by_the_first_version_its_list_counts():
    flash = CutFlash(24, old_image())
    for version in (8, 9, 10):
        run(TagList(flash).replace(version, [("CARD", info(), "ISO14443")]))
    assert FirstVersion(flash.image).version == 0, "to the first version there is no list"
    # It counts anew and takes the second half first.
    written = first_version([(1, old_entries(OLDER))])
    half = len(written) // 2
    for here in (flash.image, bytearray(flash.image)):
        here[half:] = written[half:]
        tags = TagList(CutFlash(24, here))
        assert tags.version == 1 and tags.find("CARD", "ISO14443") is None, "blocked meanwhile"
        assert tags.find(OLDER[0])
        run(tags.merge(2, [("CARD", info("blocked"), "ISO14443")]))
        again = TagList(CutFlash(24, here))
        assert again.version == 2 and again.find("CARD", "ISO14443")[0] == "blocked"
        assert again.count == 61
