# Authorization, online and offline.
# MIT license; part of microevse
from helpers import run
from station import authorization
from station_parts import NOON, Charger
from store.ramflash import RamFlash
from store.taglist import TagList


def verdict(charger, token):
    result = run(charger.authorizer.check(token))
    return result.status, result.source


def test_online_the_central_system_is_asked():
    charger = Charger()
    charger.known["CARD"] = ("accepted", "G")
    assert verdict(charger, "CARD") == ("accepted", "central")
    assert verdict(charger, "CARD") == ("accepted", "central")
    assert verdict(charger, "OTHER") == ("invalid", "central")
    assert charger.asked == ["CARD", "CARD", "OTHER"]


def test_with_local_pre_authorize_a_cached_token_is_not_asked_for():
    charger = Charger(settings={"LocalPreAuthorize": "true"})
    charger.known["CARD"] = ("accepted", None)
    verdict(charger, "CARD")
    verdict(charger, "BAD")
    charger.asked = []
    assert verdict(charger, "card") == ("accepted", "cache")
    assert charger.asked == []
    assert verdict(charger, "BAD") == ("invalid", "central")
    assert charger.asked == ["BAD"]


def test_offline_a_cached_token_is_accepted_only_where_allowed():
    charger = Charger()
    charger.known["CARD"] = ("accepted", None)
    verdict(charger, "CARD")
    verdict(charger, "BAD")
    charger.online = False
    assert verdict(charger, "CARD") == ("accepted", "cache")
    assert verdict(charger, "BAD") == ("invalid", "cache")
    assert verdict(charger, "NEVER SEEN") == ("offline", "offline")
    charger.settings.set("LocalAuthorizeOffline", "false")
    assert verdict(charger, "CARD") == ("offline", "offline")


def test_offline_unknown_tokens_may_be_allowed_but_never_those_known_as_bad():
    charger = Charger(settings={"AllowOfflineTxForUnknownId": "true"})
    verdict(charger, "BAD")
    charger.online = False
    assert verdict(charger, "NEVER SEEN") == ("accepted", "offline")
    assert verdict(charger, "BAD") == ("invalid", "cache")


def test_the_cache_survives_a_restart_and_clearing_it_does_too():
    charger = Charger()
    charger.known["CARD"] = ("accepted", "G")
    verdict(charger, "CARD")
    again = Charger(flash=charger.flash, boot=2)
    again.online = False
    assert verdict(again, "card") == ("accepted", "cache")
    assert again.authorizer.parent_of("card") == "G"
    assert again.authorizer.clear_cache()
    assert verdict(again, "CARD") == ("offline", "offline")
    third = Charger(flash=charger.flash, boot=3)
    third.online = False
    assert verdict(third, "CARD") == ("offline", "offline")


def test_without_a_cache_clearing_it_is_refused():
    charger = Charger(settings={"AuthorizationCacheEnabled": "false", "LocalPreAuthorize": "true"})
    charger.known["CARD"] = ("accepted", None)
    verdict(charger, "CARD")
    assert not charger.authorizer.clear_cache()
    charger.online = False
    assert verdict(charger, "CARD") == ("offline", "offline")


def test_an_expired_entry_is_not_accepted_and_no_clock_means_no_expiry():
    charger = Charger(settings={"LocalPreAuthorize": "true"})
    info = {"status": "accepted", "expiry": NOON + 10, "parent": None}
    charger.authorizer.learn("CARD", info)
    charger.online = False
    assert verdict(charger, "CARD") == ("accepted", "cache")
    charger.clock.ms = 10000
    assert verdict(charger, "CARD") == ("expired", "cache")
    charger.clock.unix = None
    assert verdict(charger, "CARD") == ("accepted", "cache")


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago():
    charger = Charger()
    for i in range(authorization.CACHE_MAX):
        charger.authorizer.learn("T%d" % i, {"status": "accepted", "expiry": None, "parent": None})
    charger.online = False
    assert verdict(charger, "T0")[0] == "accepted"
    charger.authorizer.learn("NEW", {"status": "accepted", "expiry": None, "parent": None})
    assert verdict(charger, "T1")[0] == "offline"
    assert verdict(charger, "T0")[0] == "accepted"
    again = Charger(flash=charger.flash, boot=2)
    again.online = False
    assert verdict(again, "T1")[0] == "offline"
    assert verdict(again, "NEW")[0] == "accepted"


def test_a_verdict_that_cannot_be_stored_counts_all_the_same():
    for error in (MemoryError(), OSError(5), ValueError("large")):
        charger = Charger()
        charger.known["CARD"] = ("accepted", None)

        def refuse(*_, error=error):
            raise error

        charger.journal.keep = refuse
        assert verdict(charger, "CARD") == ("accepted", "central")


def test_concurrent_says_nothing_about_the_token():
    charger = Charger()
    charger.known["CARD"] = ("accepted", None)
    verdict(charger, "CARD")
    charger.known["CARD"] = ("concurrent", None)
    assert verdict(charger, "CARD") == ("concurrent", "central")
    charger.online = False
    assert verdict(charger, "CARD") == ("accepted", "cache")


def test_a_broken_way_to_the_central_system_counts_as_offline():
    charger = Charger()

    async def broken(token, kind):
        raise OSError("gone")

    charger.authorizer.remote = broken
    assert verdict(charger, "CARD") == ("offline", "offline")
    charger.authorizer.remote = None
    assert verdict(charger, "CARD") == ("offline", "offline")


def test_groups_and_tokens_are_compared_without_case_and_nothing_is_no_group():
    assert authorization.same_token("ab", "AB")
    assert authorization.same_group("Fleet", "fleet")
    assert not authorization.same_group("", "")
    assert not authorization.same_group(None, None)
    assert not authorization.same_group("a", None)


# --- the local list ----------------------------------------------------------------------


def listed(charger, *entries):
    """Give the charger a local list of (token, status, expiry, parent)."""
    charger.authorizer.tags = tags = TagList(RamFlash(4))
    out = []
    for token, status, expiry, parent in entries:
        out.append((token, {"status": status, "expiry": expiry, "parent": parent}))
    run(tags.replace(1, out))


def test_the_list_goes_before_the_cache():
    charger = Charger(settings={"LocalPreAuthorize": "true"})
    charger.known["CARD"] = ("accepted", "CACHED")
    assert verdict(charger, "CARD") == ("accepted", "central")
    assert verdict(charger, "CARD") == ("accepted", "cache")
    listed(charger, ("card", "blocked", None, None))
    assert verdict(charger, "CARD") == ("blocked", "list")
    listed(charger, ("CARD", "accepted", None, "LISTED"))
    assert verdict(charger, "CARD") == ("accepted", "list")
    assert charger.authorizer.parent_of("CARD") == "LISTED"
    assert charger.asked == ["CARD"]


def test_a_listed_card_is_asked_about_unless_pre_authorization_is_on():
    charger = Charger()
    listed(charger, ("CARD", "accepted", None, None))
    charger.known["CARD"] = ("accepted", None)
    assert verdict(charger, "CARD") == ("accepted", "central")
    charger.known["CARD"] = ("blocked", None)
    assert verdict(charger, "CARD") == ("blocked", "central"), "the list is only a promise"


def test_a_card_listed_as_bad_is_refused_whatever_the_settings_and_nobody_is_asked():
    for setting in ("LocalPreAuthorize", "AllowOfflineTxForUnknownId"):
        charger = Charger(settings={setting: "true"})
        for status in ("blocked", "expired", "invalid", "concurrent"):
            listed(charger, ("CARD", status, None, None))
            for charger.online in (True, False):
                assert verdict(charger, "CARD") == (status, "list")
        assert charger.asked == []


def test_offline_the_list_is_enough_where_local_authorization_is_on():
    charger = Charger(settings={"AuthorizationCacheEnabled": "false"})
    listed(charger, ("CARD", "accepted", None, "G"))
    charger.online = False
    assert verdict(charger, "card") == ("accepted", "list")
    assert verdict(charger, "OTHER") == ("offline", "offline")
    charger.settings.set("LocalAuthorizeOffline", "false")
    assert verdict(charger, "CARD") == ("offline", "offline")


def test_a_list_entry_expires_by_the_clock_and_not_without_one():
    charger = Charger(settings={"LocalPreAuthorize": "true"})
    listed(charger, ("CARD", "accepted", NOON + 10, None))
    assert verdict(charger, "CARD") == ("accepted", "list")
    charger.clock.ms = 10000
    assert verdict(charger, "CARD") == ("expired", "list")
    charger.clock.unix = None
    assert verdict(charger, "CARD") == ("accepted", "list")


def test_a_list_that_is_switched_off_says_nothing():
    charger = Charger(settings={"LocalAuthListEnabled": "false"})
    listed(charger, ("CARD", "blocked", None, None))
    charger.known["CARD"] = ("accepted", None)
    assert verdict(charger, "CARD") == ("accepted", "central")


def test_the_central_system_may_be_left_out():
    charger = Charger(settings={"DisableRemoteAuthorization": "true"})
    charger.known["CARD"] = ("accepted", None)
    assert verdict(charger, "CARD")[0] == "offline" and charger.asked == []


def test_a_token_that_the_cache_refuses_is_asked_for_unless_that_is_off():
    charger = Charger()
    verdict(charger, "BAD")
    charger.known["BAD"] = ("accepted", None)
    charger.settings.set("AuthCacheDisablePostAuthorize", "true", True)
    assert verdict(charger, "BAD") == ("invalid", "cache")
    charger.settings.set("AuthCacheDisablePostAuthorize", "false", True)
    assert verdict(charger, "BAD") == ("accepted", "central")


def test_a_token_that_the_list_refuses_is_asked_for_where_that_is_on():
    charger = Charger()
    listed(charger, ("BAD", "blocked", None, None))
    charger.known["BAD"] = ("accepted", None)
    assert verdict(charger, "BAD") == ("blocked", "list") and charger.asked == []
    charger.settings.set("LocalAuthListDisablePostAuthorize", "false", True)
    assert verdict(charger, "BAD") == ("accepted", "central")
