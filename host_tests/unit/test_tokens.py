# Tokens of different kinds at one station: which are the same, which are refused.
# MIT license; part of microevse

from helpers import run
from station import authorization
from station.authorization import ANY, bad_token, kept, same_token
from station_parts import NOON, Charger, FakeLock
from store import kinds
from store.ramflash import RamFlash
from store.taglist import KINDS, STATUSES, TagList

UID = "04A3B2C1D0E980"
ALL_KINDS = (
    "ISO14443", "ISO15693", "Local", "Central", "KeyCode", "MacAddress", "NoAuthorization",
)  # fmt: skip
LONG = "EVCC-" + "x" * 250
BAD = ("", "   ", "y" * 256, "AB\nC", "\x01AB", "AB\x7fC", "A\0B")


def info(status="accepted", parent=None, **more):
    out = {"status": status, "expiry": None, "parent": parent}
    out.update(more)
    return out


class Kinds(Charger):
    """A charger whose central system tells kinds apart, as 2.x does, or not, as 1.6."""

    def __init__(self, tells=True, **kw):
        Charger.__init__(self, **kw)
        self.tells = tells

    async def _remote(self, token, kind):
        if not self.online:
            return None
        self.asked.append((token, kind))
        status, parent = self.known.get((token, kind) if self.tells else token, ("invalid", None))
        return info(status, parent, kind=kind) if self.tells else info(status, parent)

    def verdict(self, token, kind=ANY):
        found = run(self.authorizer.check(token, kind))
        return found.status, found.source


# -- what is one token --------------------------------------------------------------------


def test_the_flash_has_a_number_for_every_kind_and_every_verdict():
    assert KINDS[0] == ANY and KINDS[1:] == ALL_KINDS
    assert len(STATUSES) == 10 and len(set(STATUSES)) == 10


def test_one_text_of_two_kinds_is_two_tokens_and_of_no_kind_it_is_each_of_them():
    for kind in ALL_KINDS:
        assert same_token(UID, UID.lower(), kind, kind)
        assert same_token(UID, UID, kind, ANY) and same_token(UID, UID, ANY, kind)
        assert not same_token(UID, UID + "0", kind, kind)
        for other in ALL_KINDS:
            assert same_token(UID, UID, kind, other) is (kind == other)


def test_a_token_is_kept_as_it_is_up_to_36_characters_and_by_a_hash_beyond():
    assert kept("a" * 36) == "a" * 36
    for text in ("a" * 37, LONG):
        short = kept(text)
        assert len(short) == 36 and short != text[:36]
        assert kept(short) == short
        assert kept(text.upper()) == short, "case does not matter"
        assert same_token(text, short) and same_token(text, text.upper())
        assert not same_token(text, text[:-1])
        # A reader or a page can never show the hash in place of the token.
        assert bad_token(short)


def test_a_bad_token_gets_a_sentence_and_changes_nothing():
    c = Kinds()

    async def body():
        c.evse.plug()
        await c.pass_s(1)
        before = bytes(c.flash.image), c.statuses()
        for token in BAD:
            for kind in ALL_KINDS:
                answer = await c.station.present_token(token, kind)
                assert answer == "No card." or answer.startswith("Not accepted: a token has "), (
                    token
                )
            assert not await c.station.remote_start(token, 1, None, "Central")
            assert c.station.reservations.reserve(1, 1, token, None, NOON + 60) == "rejected"
        await c.pass_s(1)
        assert c.asked == [] and c.connector.session is None
        assert (bytes(c.flash.image), c.statuses()) == before
        # The same story with a good token.
        assert await c.station.remote_start("GOOD", 1, None, "Central")

    run(body())


# -- the cache ----------------------------------------------------------------------------


def test_a_token_learnt_under_1_6_is_found_by_a_card_of_any_kind():
    c = Kinds(tells=False)
    c.known[UID] = ("accepted", "G")
    assert c.verdict(UID, "ISO14443") == ("accepted", "central")
    for flash, boot in ((None, 0), (c.flash, 2)):
        charger = c if flash is None else Kinds(flash=flash, boot=boot)
        charger.online = False
        for kind in ALL_KINDS + (ANY,):
            assert charger.verdict(UID.lower(), kind) == ("accepted", "cache"), kind
            assert charger.authorizer.parent_of(UID, kind) == "G"


def test_what_1_6_teaches_is_a_record_that_the_versions_without_kinds_read():
    c = Kinds(tells=False)
    c.known[UID] = ("accepted", "G")
    c.verdict(UID, "ISO14443")
    assert list(c.journal.state(kinds.CACHE)) == [(UID, [UID, "accepted", None, "G"])]


def test_a_token_learnt_with_its_kind_is_found_by_that_kind_alone():
    c = Kinds()
    c.known[(UID, "ISO14443")] = ("accepted", None)
    assert c.verdict(UID, "ISO14443") == ("accepted", "central")
    assert c.verdict(UID, "KeyCode") == ("invalid", "central")
    again = Kinds(flash=c.flash, boot=2)
    for charger in (c, again):
        charger.online = False
        assert charger.verdict(UID, "ISO14443") == ("accepted", "cache")
        assert charger.verdict(UID, "KeyCode") == ("invalid", "cache")
        assert charger.verdict(UID, "Local") == ("offline", "offline")
        # Of unknown kind, as 1.6 starts by remote: the word that refuses goes first.
        assert charger.verdict(UID) == ("invalid", "cache")


def test_the_newest_word_replaces_what_the_other_protocol_taught():
    c = Kinds()
    learn = c.authorizer.learn
    learn(UID, info("accepted"))
    learn(UID, info("blocked"), "ISO14443")
    c.online = False
    assert c.verdict(UID, "ISO14443") == ("blocked", "cache")
    assert c.verdict(UID, "Local") == ("offline", "offline"), "1.6 no longer speaks for it"
    learn(UID, info("accepted"), "Local")
    assert c.verdict(UID, "Local") == ("accepted", "cache")
    learn(UID.lower(), info("expired"))
    for charger in (c, Kinds(flash=c.flash, boot=2)):
        charger.online = False
        for kind in ALL_KINDS:
            assert charger.verdict(UID, kind) == ("expired", "cache"), kind
        assert len(list(charger.journal.state(kinds.CACHE))) == 1


def test_a_token_whose_expiry_cannot_be_read_is_forgotten_in_every_kind():
    c = Kinds()
    c.authorizer.learn(UID, info(), "ISO14443")
    c.authorizer.learn(UID, info("accepted", passing=True))
    c.online = False
    assert c.verdict(UID, "ISO14443") == ("offline", "offline")
    assert list(c.journal.state(kinds.CACHE)) == []


def test_the_cache_is_bounded_whatever_the_kinds():
    c = Kinds()
    for i in range(3 * authorization.CACHE_MAX):
        c.authorizer.learn("T%d" % (i // 7), info(), ALL_KINDS[i % 7])
    assert len(list(c.journal.state(kinds.CACHE))) == authorization.CACHE_MAX
    again = Kinds(flash=c.flash, boot=2)
    again.online = False
    last = 3 * authorization.CACHE_MAX - 1
    assert again.verdict("t%d" % (last // 7), ALL_KINDS[last % 7]) == ("accepted", "cache")


def test_all_ten_verdicts_are_kept_and_only_one_of_them_lets_charge():
    c = Kinds()
    for status in STATUSES:
        c.known[(status, "Central")] = (status, None)
        found = run(c.authorizer.check(status, "Central"))
        assert found.status == status and found.accepted is (status == "accepted")
    again = Kinds(flash=c.flash, boot=2, settings={"AllowOfflineTxForUnknownId": "true"})
    again.online = False
    for status in STATUSES:
        if status != "concurrent":  # says nothing about the token
            assert again.verdict(status, "Central") == (status, "cache")


def test_a_long_token_and_group_are_kept_by_their_hash_and_found_by_their_text():
    c = Kinds()
    c.known[(LONG, "Central")] = ("accepted", "G" * 200)
    assert c.verdict(LONG, "Central") == ("accepted", "central")
    ((_, record),) = c.journal.state(kinds.CACHE)
    assert record == [kept(LONG), "accepted", None, kept("G" * 200), "Central"]
    assert LONG not in str(record)
    again = Kinds(flash=c.flash, boot=2)
    again.online = False
    assert again.verdict(LONG.upper(), "Central") == ("accepted", "cache")
    assert again.verdict(kept(LONG), "Central")[0] == "accepted" and bad_token(kept(LONG))
    assert authorization.same_group(again.authorizer.parent_of(LONG, "Central"), "g" * 200)


def test_records_of_a_newer_version_with_more_fields_are_read():
    c = Kinds()
    c.journal.keep(kinds.CACHE, UID, [UID, "accepted", None, None, "Local", {"more": 1}])
    c.journal.keep(kinds.RESERVATION, 4, [4, 1, "A", None, NOON + 60, "Local", "more"])
    again = Kinds(flash=c.flash, boot=2)
    again.station.reservations.restore()
    again.online = False
    assert again.verdict(UID, "Local") == ("accepted", "cache")
    assert again.station.reservations.admits(again.connector, "a", None, "Local")
    assert not again.station.reservations.admits(again.connector, "a", None, "Central")


# -- the local list -----------------------------------------------------------------------


def test_the_local_list_is_asked_with_the_kind_and_the_hash():
    c = Kinds(settings={"LocalPreAuthorize": "true"})
    c.online = False
    c.authorizer.tags = tags = TagList(RamFlash(4))
    entries = [
        (UID, info(), "ISO14443"),
        (kept(LONG), info(parent="G"), "Central"),
        ("OLD", info()),
    ]
    run(tags.replace(1, entries))
    assert c.verdict(UID, "ISO14443") == ("accepted", "list")
    assert c.verdict(UID, "KeyCode") == ("offline", "offline")
    assert c.verdict(LONG, "Central") == ("accepted", "list")
    for kind in ALL_KINDS:
        assert c.verdict("old", kind) == ("accepted", "list")


# -- sessions, reservations, cables -------------------------------------------------------


def test_a_session_is_ended_by_its_own_kind_of_token():
    c = Kinds(settings={"AllowOfflineTxForUnknownId": "true"})
    c.online = False

    async def body():
        c.evse.plug()
        assert await c.station.present_token("1234", "KeyCode") == "Accepted."
        await c.pass_s(1)
        assert c.connector.session.kind == "KeyCode"
        assert await c.station.present_token("1234", "ISO14443") == "In use."
        assert await c.station.present_token("1234", "KeyCode") == "Session ended."
        session = c.connector.session
        assert (session.stop_token, session.stop_kind) == ("1234", "KeyCode")
        await c.pass_s(1)
        # Held a moment too long it does not start again; another kind is another token.
        assert await c.station.present_token("1234", "KeyCode") == "Session ended."
        assert await c.station.present_token("1234", "ISO14443") == "Accepted."

    run(body())


def test_a_remote_start_without_a_kind_is_ended_by_the_card_of_that_text():
    c = Kinds(tells=False)

    async def body():
        c.evse.plug()
        await c.pass_s(1)
        assert await c.station.remote_start(UID, 1)
        await c.pass_s(1)
        assert c.connector.session.kind == ANY
        assert await c.station.present_token(UID.lower(), "ISO14443") == "Session ended."

    run(body())


def test_a_remote_start_with_a_kind_is_ended_by_that_kind_alone():
    c = Kinds()

    async def body():
        c.evse.plug()
        await c.pass_s(1)
        assert await c.station.remote_start(LONG, 1, None, "Central")
        await c.pass_s(1)
        assert c.records(kinds.START)[0][2] == LONG, "what must be told is there in full"
        assert await c.station.present_token(LONG, "Local") == "In use."
        assert await c.station.present_token(LONG, "Central") == "Session ended."

    run(body())


def test_a_session_of_free_mode_has_no_authorization_and_no_card_is_the_same():
    c = Kinds(settings={"FreeMode": "true", "FreeModeIdTag": "HOME"})

    async def body():
        c.evse.plug()
        await c.pass_s(2)
        assert c.connector.session.kind == "NoAuthorization"
        assert c.records(kinds.START)[0][2] == "HOME"
        assert await c.station.present_token("HOME", "ISO14443") == "In use."

    run(body())


def test_a_card_waits_for_the_cable_as_the_kind_that_it_is():
    c = Kinds()
    c.known[(UID, "ISO14443")] = ("accepted", None)

    async def body():
        assert await c.station.present_token(UID, "ISO14443") == "Accepted."
        assert await c.station.present_token(UID.lower(), "ISO14443") == "Accepted: plug in."
        assert await c.station.present_token(UID, "Local") != "Accepted: plug in."

    run(body())


def test_a_locked_cable_comes_back_to_the_kind_of_token_that_began():
    c = Kinds(
        lock=FakeLock(),
        settings={"UnlockConnectorOnEVSideDisconnect": "false", "LocalPreAuthorize": "true"},
    )
    c.known[(UID, "ISO14443")] = ("accepted", None)

    async def body():
        c.evse.plug()
        await c.pass_s(1)
        assert await c.station.present_token(UID, "ISO14443") == "Accepted."
        await c.pass_s(1)
        c.evse.unplug()
        await c.pass_s(1)
        assert c.lock.locked
        await c.station.present_token(UID, "Local")
        await c.pass_s(1)
        assert c.lock.locked
        assert "yours" in await c.station.present_token(UID, "ISO14443")
        await c.pass_s(1)
        assert not c.lock.locked

    run(body())


def test_a_reservation_is_for_its_kind_of_token_and_of_1_6_for_every_kind():
    for kind, others in (("ISO14443", False), (ANY, True)):
        c = Kinds()
        book = c.station.reservations
        assert book.reserve(1, 1, UID, None, NOON + 600, kind) == "accepted"
        again = Kinds(flash=c.flash, boot=2)
        again.station.reservations.restore()
        for charger in (c, again):
            book = charger.station.reservations
            assert book.admits(charger.connector, UID.lower(), None, "ISO14443")
            assert book.admits(charger.connector, UID, None, "Local") is others
            assert book.used_by(charger.connector, UID, None, "Local") is None or others
            assert book.best(UID, None, False, "ISO14443") is charger.connector
    ((_, record),) = c.journal.state(kinds.RESERVATION)
    assert record == [1, 1, UID, None, NOON + 600], "1.6: as the versions without kinds wrote it"


def test_a_reservation_for_a_long_token_is_kept_by_its_hash():
    c = Kinds()
    book = c.station.reservations
    assert book.reserve(1, 1, LONG, "G" * 99, NOON + 600, "Central") == "accepted"
    again = Kinds(flash=c.flash, boot=2)
    again.station.reservations.restore()
    assert again.station.reservations.admits(again.connector, LONG.lower(), None, "Central")
    assert again.station.reservations.admits(again.connector, "OTHER", "g" * 99, "Local")
    assert not again.station.reservations.admits(again.connector, LONG[:-1], None, "Central")


def test_a_group_learnt_for_another_kind_does_not_open_a_session():
    c = Kinds(settings={"AllowOfflineTxForUnknownId": "true"})

    async def body():
        c.online = False
        c.evse.plug()
        await c.station.present_token(UID, "ISO14443")
        await c.pass_s(1)
        session = c.connector.session
        c.authorizer.learn(UID, info(parent="OTHERS"), "KeyCode")
        assert session.parent is None
        c.authorizer.learn(UID.lower(), info(parent="FAMILY"), "ISO14443")
        assert session.parent == "FAMILY"

    run(body())


def test_without_a_master_group_no_group_is_one():
    c = Charger()

    async def body():
        c.known["CARD"] = ("accepted", None)
        await c.charge("CARD")
        asked = len(c.asked)
        assert await c.station.present_token("OTHER") == "In use." and len(c.asked) == asked

    run(body())
