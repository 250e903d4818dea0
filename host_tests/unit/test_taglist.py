# The list of tokens on flash: found, replaced, merged, and never half.
# MIT license; part of microevse

from helpers import raises, run
from evse_base import crc32
from store import taglist, tagwriter
from store.ramflash import RamFlash
from store.taglist import TagList
from store.tagwriter import packed
from taglist_bench import CutFlash, Lost, info, tokens


def entries(*tokens):
    return [(token, info()) for token in tokens]


def everything(tags, universe):
    return [(token, tags.find(token)) for token in universe if tags.find(token)]


def test_a_blank_region_is_an_empty_list_of_version_0():
    tags = TagList(RamFlash(4))
    assert (tags.version, tags.count) == (0, 0)
    assert tags.find("CARD") is None
    assert tags.capacity == (2 * 4096 - 32) // 45


def test_every_entry_of_a_full_list_is_found_and_nothing_else():
    flash = RamFlash(32)
    tags = TagList(flash)
    names = tokens(1000)
    run(tags.replace(7, entries(*names)))
    assert (tags.version, tags.count) == (7, 1000)
    for name in names:
        assert tags.find(name) == ("accepted", None, None), name
    for name in tokens(200, 1000) + ["", "0", "ZZ", "X" * 21]:
        assert tags.find(name) is None, name


def test_an_entry_keeps_all_it_was_given_and_case_does_not_matter():
    flash = RamFlash(4)
    run(TagList(flash).replace(1, [("Card-a", info("blocked", 1798761600, "Family"))]))
    again = TagList(flash)
    assert again.find("cARD-A") == ("blocked", 1798761600, "Family")
    assert again.find("CARD") is None and again.find("CARD-AB") is None
    for status in taglist.STATUSES:
        run(again.replace(2, [("X" * 36, info(status, 4102444800, "P" * 36))]))
        assert again.find("x" * 36) == (status, 4102444800, "P" * 36)


def test_an_expiry_before_1970_is_long_past_and_not_never():
    tags = TagList(RamFlash(4))
    run(tags.replace(1, [("A", info(expiry=-5)), ("B", info(expiry=1 << 33))]))
    assert tags.find("A")[1] == 1
    assert tags.find("B")[1] == 0xFFFFFFFF


def test_a_differential_update_adds_changes_and_removes():
    flash = RamFlash(4)
    tags = TagList(flash)
    run(tags.replace(1, entries("B", "D", "F")))
    changes = [("f", info("blocked")), ("A", info()), ("d", None)]
    changes += [("nobody", None), ("G", info())]
    run(tags.merge(4, changes))
    both = (tags, TagList(flash))
    for tags in both:
        assert (tags.version, tags.count) == (4, 4)
        assert tags.find("F")[0] == "blocked"
        assert tags.find("D") is None
        for name in "ABG":
            assert tags.find(name)[0] == "accepted", name


def test_many_differential_updates_give_the_same_as_one_full():
    flash = RamFlash(16)
    tags = TagList(flash)
    names = tokens(300)
    for i in range(0, 300, 50):
        run(tags.merge(i + 1, entries(*names[i : i + 50])))
    run(tags.merge(900, [(name, None) for name in names[::3]]))
    for i, name in enumerate(names):
        assert (tags.find(name) is None) == (i % 3 == 0), i
    assert tags.count == 200


def test_an_empty_list_has_the_version_that_it_was_given():
    flash = RamFlash(4)
    tags = TagList(flash)
    run(tags.replace(9, []))
    assert (tags.version, tags.count) == (9, 0)
    run(tags.replace(9, entries("A")))
    run(tags.merge(10, [("A", None)]))
    assert (tags.version, tags.count) == (10, 0)
    assert TagList(flash).version == 10


def failed(tags, coro):
    before = (tags.version, tags.count)
    try:
        run(coro)
    except ValueError as exc:
        assert (tags.version, tags.count) == before
        return str(exc)
    raise AssertionError("the update was made")


def test_a_bad_update_changes_nothing():
    flash = RamFlash(2)
    tags = TagList(flash)
    run(tags.replace(1, entries("A", "B")))
    assert "twice" in failed(tags, tags.replace(2, entries("C", "D", "c")))
    too_many = entries(*tokens(tags.capacity + 1))
    assert "more than" in failed(tags, tags.replace(2, too_many))
    assert "more than" in failed(tags, tags.merge(2, entries(*tokens(tags.capacity - 1))))
    run(tags.merge(2, entries(*tokens(tags.capacity - 2))))
    assert tags.count == tags.capacity == TagList(flash).count
    for token in ("", "X" * 37, "A\0B", "A\nB", "A\x7f", "\x01B", "\u00e4" * 19):
        raises(ValueError, packed, token, info())
    raises(ValueError, packed, "A", info(parent="P" * 37))


def test_while_a_contactor_is_closed_nothing_is_erased():
    flash = RamFlash(8)
    left = [2]

    def may_erase(ms):
        left[0] -= 1
        return left[0] >= 0

    tags = TagList(flash, may_erase)
    old = flash.image[:]
    left[0] = 0
    assert "contactor" in failed(tags, tags.replace(1, entries("A")))
    assert flash.image == old and flash.erases == 0
    # It closes in the middle: the update is given up, the list is the old one.
    left[0] = 99
    run(tags.replace(1, entries("A")))
    left[0] = 2
    assert "contactor" in failed(tags, tags.replace(2, entries(*tokens(300))))
    assert TagList(flash).find("A") and TagList(flash).version == 1
    left[0] = 99
    run(tags.replace(2, entries("B")))
    assert TagList(flash).find("B") and not TagList(flash).find("A")


def test_two_updates_at_once_are_not_mixed():
    import asyncio

    tags = TagList(RamFlash(8))

    async def both():
        first = asyncio.create_task(tags.replace(1, entries(*tokens(150))))
        await asyncio.sleep(0)
        try:
            await tags.replace(2, entries("A"))
        except ValueError:
            await first
            return True
        return False

    assert run(both())
    assert (tags.version, tags.count) == (1, 150)


def test_a_cut_at_every_flash_operation_leaves_the_old_list_or_the_new_one():
    old_names, new_names = tokens(80), tokens(40, 80)
    universe = old_names + new_names
    base = CutFlash(24)
    run(TagList(base).replace(1, entries(*tokens(120, 200))))
    run(TagList(base).replace(2, entries(*old_names)))
    cuts = outcomes_new = 0
    for full in (False, True):

        def update(tags, full=full):
            if full:
                return tags.replace(3, entries(*new_names))
            changes = entries(*new_names) + [(name, None) for name in old_names[::2]]
            return tags.merge(3, changes)

        whole = CutFlash(24, bytearray(base.image))
        tags = TagList(whole)
        old = everything(tags, universe)
        run(update(tags))
        new = everything(tags, universe)
        assert old != new and len(new) == tags.count
        for i in range(5 * whole.ops):
            cut = i // 5 + 1
            flash = CutFlash(24, bytearray(base.image), cut, i % 5)
            try:
                run(update(TagList(flash)))
                raise AssertionError("no cut at %d of %d" % (cut, whole.ops))
            except Lost:
                pass
            cuts += 1
            after = TagList(CutFlash(24, flash.image))
            found = everything(after, universe)
            if after.version == 3:
                outcomes_new += 1
                assert found == new, cut
            else:
                assert after.version == 2 and found == old, (cut, after.version)
            # The remains of the cut do not prevent the next update.
            run(after.merge(4, entries("LAST")))
            again = TagList(CutFlash(24, flash.image))
            assert again.version == 4 and again.find("last")
            assert again.count == len(found) + 1
    # The header torn after its last byte is the only cut that leaves the new list.
    assert cuts > 150 and outcomes_new == 2, (cuts, outcomes_new)
    print("%d cuts, %d of them after the new list was whole" % (cuts, outcomes_new))


def test_a_cut_in_the_very_first_update_leaves_an_empty_list():
    whole = CutFlash(4)
    run(TagList(whole).replace(1, entries("A")))
    for i in range(5 * whole.ops):
        cut = i // 5 + 1
        flash = CutFlash(4, None, cut, i % 5)
        try:
            run(TagList(flash).replace(1, entries("A")))
        except Lost:
            pass
        tags = TagList(CutFlash(4, flash.image))
        assert (tags.version, tags.count) in ((0, 0), (1, 1)), cut


def test_a_rotten_list_is_noticed_and_the_one_before_it_counts():
    flash = RamFlash(4)
    tags = TagList(flash)
    run(tags.replace(1, entries("A")))
    run(tags.replace(2, entries("B", "C")))
    assert TagList(flash).version == 2
    base = tags.base
    flash.image[base + 32 + 45] ^= 1
    fallen = TagList(flash)
    assert fallen.version == 1 and fallen.find("A") and not fallen.find("B")
    run(fallen.replace(3, entries("D")))
    assert TagList(flash).version == 3


def test_somebody_elses_data_is_not_overwritten_unless_told():
    flash = RamFlash(4)
    flash.program(8, b"littlefs")
    flash.program(0, b"\0\0\0\0")
    raises(taglist.ForeignContent, TagList, flash)
    tagwriter.format(flash)
    assert TagList(flash).count == 0
    assert flash.erases == 1, "what is blank is left alone"


def test_both_halves_wear_alike():
    flash = RamFlash(2)
    tags = TagList(flash)
    for i in range(10):
        run(tags.replace(i + 1, entries("A")))
    assert flash.erases == 8, "the first two found blank blocks"


def test_the_entries_on_flash_are_what_they_were_in_the_first_version():
    flash = RamFlash(2)
    run(TagList(flash).replace(5, [("abc", info("invalid", 0x01020304, "Par"))]))
    at = TagList(flash).base
    entry = bytes(flash.image[at + 32 : at + 32 + 45])
    assert entry[:4] == b"ABC\0" and entry[20] == 3
    assert entry[21:25] == b"Par\0" and entry[41:] == b"\4\3\2\1"
    assert bytes(flash.image[at : at + 5]) == b"uTAG\1"
    assert crc32(entry) == int.from_bytes(flash.image[at + 20 : at + 24], "little")


def test_a_parent_is_as_bounded_as_a_token():
    longest = "P" * taglist.TOKEN
    packed("CARD", {"status": "accepted", "expiry": None, "parent": longest})
    for parent in (longest + "P", "a\0b"):
        raises(
            ValueError, packed, "CARD", {"status": "accepted", "expiry": None, "parent": parent}
        )


def test_of_control_characters_only_the_one_of_a_hash_has_a_place():
    """A token of more than 36 characters is kept as a hash of 36, which begins with 1."""
    kept = "\x01" + "0123456789ABCDEF" * 2 + "012"
    tags = TagList(RamFlash(4))
    run(tags.replace(1, entries(kept)))
    assert tags.find(kept) == ("accepted", None, None) and TagList(tags.flash).find(kept)
    for first in ("\x00", "\x02", "\x1f", "\x7f"):
        raises(ValueError, packed, first + kept[1:], info())
    for token in (kept[:-1], kept + "3", kept[:5] + "\x01" + kept[6:]):
        raises(ValueError, packed, token, info())


def test_a_block_that_is_blank_is_not_erased_again():
    flash = RamFlash(2, 1024)
    erases = []
    flash.erase = erases.append
    assert tagwriter._blank(flash, 1) is False and erases == []
    flash.program(2047, b"\x00")
    assert tagwriter._blank(flash, 0) is False and tagwriter._blank(flash, 1) is True
    assert erases == [1]


def test_a_region_that_cannot_hold_two_halves_of_whole_pages_is_refused():
    for blocks, size in ((1, 4096), (2, 4000), (4, 4096 + 128)):
        raises(ValueError, TagList, RamFlash(blocks, size))
    assert TagList(RamFlash(2, 4096)).capacity > 0
