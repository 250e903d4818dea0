# A new profile or password is on trial until it has worked, whenever the power is cut.
# MIT license; part of microevse
"""The central system of these tests accepts a set of accesses: (profile, password)."""

import asyncio

from config import CsmsConfig
from flash_cut import HalfFlash, PowerCut
from helpers import cancelled, run
from ocppj import connection, failure
from pem_files import ONE
from station import security_log
from station.settings import Settings
from store import norlog
from store.journal import Journal

K1 = "00112233445566778899aabbccddeeff"
K2 = "ffeeddccbbaa99887766554433221100"
B1, B2 = bytes(range(0, 256, 17)), bytes(range(255, -1, -17))
BEFORE, TRIES, ACCEPT_S = "AccessBefore", 3, 300
TEXT = "correct horse battery"
# As many attempts as it takes from any state to what works, where something works.
ATTEMPTS = 2 * (TRIES + 1)


def noted():
    return [(entry[0], entry[1], entry[3]) for entry in security_log.waiting]


class Config(CsmsConfig):
    """Certificates as the test wants them."""

    ca_der = [ONE]
    certificate = ([ONE], ONE)

    def client_certificate(self):
        return self.certificate


class Charger:
    """Settings and trial on a flash; attempts against `good`, the accesses that are accepted."""

    def __init__(self, flash=None, good=(), **factory):
        self.flash = flash or HalfFlash(8)
        if flash is None:
            norlog.format(self.flash)
        self.good = good
        self.factory = dict({"CentralSystemURI": "ws://h/x"}, **factory)
        self.calm = True
        self.held = []  # ms for which contactors were to stay open
        self.start()

    def start(self):
        journal = Journal(norlog.NorLog(self.flash))
        journal.prepare()
        self.settings = Settings(journal)
        self.settings.factory(self.factory)
        self.config = Config(self.settings, self.may_stall)
        self.access = self.config.access
        self.since = None  # the access of the connection that stands

    def may_stall(self, ms=0):
        self.held.append(ms)
        return self.calm

    def set(self, name, value, local=False):
        return self.settings.set(name, str(value), local)

    def holds(self):
        return self.settings.get("SecurityProfile"), self.settings.basic_auth_key()

    def attempt(self, status=None):
        """One attempt; True if it led to an accepted connection. status: how one fails that is
        not good; default: as servers do."""
        profile = self.access.profile()
        secure = self.config.secure()
        assert secure is (profile >= 2 or self.factory["CentralSystemURI"].startswith("wss")), (
            secure
        )
        password = None
        if profile not in [good[0] for good in self.good] and profile >= 2:
            self.access.failed(0 if status is None else status)  # no TLS there
            return False
        password = self.access.password()
        if (profile, password) not in self.good:
            self.access.failed(401 if status is None else status)
            return False
        assert self.access.look(True) is False
        return True

    def connects(self, attempts=ATTEMPTS):
        """How many attempts it took."""
        for count in range(1, attempts + 1):
            if self.attempt():
                return count
        raise AssertionError("no profile works: holds %s" % (self.holds(),))


def test_a_profile_that_connects_is_kept_and_what_was_before_is_forgotten():
    c = Charger(good=((1, B1),), AuthorizationKey=K1)
    assert c.set("SecurityProfile", 1) == "accepted"
    assert c.settings.text(BEFORE) == "0k" + K1
    assert c.connects() == 1
    assert c.settings.text(BEFORE) == "" and c.holds() == (1, B1)
    c.start()
    assert c.holds() == (1, B1) and c.access.profile() == 1


def test_a_profile_that_does_not_connect_gives_way_to_the_one_before():
    c = Charger(good=((1, B1),), AuthorizationKey=K1, SecurityProfile=1)
    assert c.set("SecurityProfile", 2) == "accepted"
    assert [c.attempt() for _ in range(TRIES)] == [False] * TRIES
    assert c.access.profile() == 1 and c.config.url == "ws://h/x" and not c.config.secure()
    assert c.holds() == (2, B1), "not yet: the one before has not worked either"
    assert c.attempt()
    assert c.holds() == (1, B1) and c.settings.text(BEFORE) == ""
    c.start()
    assert c.holds() == (1, B1)


def test_a_central_system_that_is_away_loses_neither():
    for good in ((1, B1), (2, B1)):
        c = Charger(AuthorizationKey=K1, SecurityProfile=1)
        c.set("SecurityProfile", 2)
        tried = []
        for _ in range(2 * TRIES + 2):
            tried.append(c.access.profile())
            c.attempt(0)
        assert tried == ([2] * TRIES + [1]) * 2
        c.good = (good,)
        c.connects()
        assert c.holds() == good


def test_only_attempts_count_that_were_made_and_say_something():
    c = Charger(good=((1, B1),), AuthorizationKey=K1, SecurityProfile=1)
    c.set("SecurityProfile", 2)
    for _ in range(9):
        c.access.failed(None)  # the connection that brought the change
    c.calm = False
    for _ in range(9):
        c.access.failed(0)  # a contactor has closed in the middle of it
    assert c.access.profile() == 2
    c.calm = True
    for _ in range(TRIES):
        assert c.access.profile() == 2
        c.access.password()
        c.access.failed(None)  # it was let in, and turned out before it was accepted
    assert c.access.profile() == 1
    # A password alone: that nobody is there says nothing about it.
    c = Charger(AuthorizationKey=K1)
    c.set("AuthorizationKey", K2)
    for status in (0, 0, 0, 500, 503, 404):
        assert c.access.password() == B2
        c.access.failed(status)
    for _ in range(TRIES):
        c.access.failed(403)
    assert c.access.password() == B1


def test_a_connection_that_is_not_accepted_in_time_is_ended():
    c = Charger(good=(), AuthorizationKey=K1)
    for _ in range(2 * ACCEPT_S):
        assert c.access.look(False) is False
    c.set("SecurityProfile", 1)
    for _ in range(2 * ACCEPT_S):
        assert c.access.look(False) is False, "not one of the trial"
    c.access.password()
    assert [c.access.look(False) for _ in range(ACCEPT_S)] == [False] * (ACCEPT_S - 1) + [True]
    c.access.failed(None)
    assert c.access.look(True) is False and c.settings.text(BEFORE), "that one has ended"
    for _ in range(TRIES - 1):
        c.access.failed(401)
    c.access.password()
    assert not any([c.access.look(False) for _ in range(2 * ACCEPT_S)]), "it is back already"
    assert c.access.look(True) is False and c.holds() == (0, B1)


def test_a_car_that_goes_first_counts_against_nothing_that_is_on_trial():
    """An EV waits while every contactor is open: TLS had to wait, and three such attempts took
    the new profile back without one handshake."""

    async def attempts(c, times):
        made = connection.Connection(
            c.config, open_stream=opened, allowed=lambda ms=0: not ms or not waits[0]
        )
        made._backoff._first_ms = made._backoff._step_ms = 1
        made.on_failure = failed
        task = asyncio.create_task(made.run())
        while made.attempts <= times:
            await asyncio.sleep(0.005)
        await cancelled(task)

    async def opened(*line):
        raise OSError(104)

    def failed(*what):
        c.access.failed(*what)
        then.append(c.access.profile())

    waits, then = [True], []
    c = Charger(good=(), AuthorizationKey=K1, CentralSystemURI="ws://10.0.0.1/x")
    assert c.set("SecurityProfile", 2) == "accepted"
    c.access.certificate = 0
    run(attempts(c, TRIES + 1))
    assert then == [] and c.access.profile() == 2 and c.access.certificate == 0
    waits[0] = False
    run(attempts(c, TRIES))
    assert then[:TRIES] == [2, 2, 0], "a server that resets is a failure"


def test_what_refuses_is_a_security_event_and_dates_are_told_to_the_clock():
    told = []
    c = Charger(good=((0, B1),), AuthorizationKey=K1)
    c.access.on_date = lambda: told.append(True)
    del security_log.waiting[:]
    for status, reason in (
        (401, "HTTP 401"),
        (0, "the server's certificate is for another name"),
        (0, "network: ECONNREFUSED"),
        (None, ""),
        (0, "not enough memory to connect"),
    ):
        c.access.failed(status, failure.event(status, reason), reason)
    assert not told
    dated = ("the server's certificate has expired", "the server's certificate is not valid yet")
    for reason in (dated[0], dated[1] + ": is the clock right?"):
        c.access.failed(0, failure.event(0, reason), reason)
    assert len(told) == 2
    assert noted() == [
        ("refused_by_central", "HTTP 401", 1),
        ("central_certificate", "the server's certificate is for another name", 1),
        ("memory_exhausted", "not enough memory to connect", 1),
        ("central_certificate", dated[0], 2),  # the log tells two infos of a kind apart
    ]


def test_access_that_is_taken_back_is_a_security_event():
    c = Charger(good=((0, B1),), AuthorizationKey=K1)
    c.set("SecurityProfile", 1)
    del security_log.waiting[:]
    for _ in range(TRIES):
        assert not c.attempt()
    assert noted() == []
    assert c.attempt() and c.holds() == (0, B1)
    assert noted() == [("security_changed", "SecurityProfile and password taken back", 1)]
    del security_log.waiting[:]
    assert c.set("SecurityProfile", 1) == "accepted"
    c.good = ((1, B1),)
    c.connects()
    assert noted() == []


def test_the_first_password_has_a_trial_too():
    """It had none: a wrong one was kept for good."""
    c = Charger(good=((0, None),))
    assert c.set("AuthorizationKey", K1) == "accepted"
    assert [c.attempt() for _ in range(TRIES)] == [False] * TRIES
    assert c.attempt() and c.holds() == (0, None)


def test_a_password_of_text_comes_back_as_it_was():
    """It came back in hexadecimal: 21 bytes of it were more than the setting may have, and the
    next start had no password."""
    c = Charger(good=((0, TEXT.encode()),), BasicAuthPassword=TEXT)
    c.set("AuthorizationKey", K1)
    assert c.connects() == TRIES + 1
    c.start()
    assert c.settings.text("BasicAuthPassword") == TEXT and c.connects() == 1


def test_a_second_change_belongs_to_the_same_trial():
    """A password set while a profile was on trial once took the profile back."""
    c = Charger(good=((2, B1),), AuthorizationKey=K1, SecurityProfile=2)
    assert c.set("SecurityProfile", 3) == "accepted"
    assert c.set("AuthorizationKey", K2) == "accepted"
    assert c.access.profile() == 3 and c.holds() == (3, B2)
    assert c.settings.text(BEFORE) == "2k" + K1
    c.start()
    assert c.access.profile() == 3 and c.access.password() is None
    for good, holds in (((3, None), (3, B2)), ((2, B1), (2, B1))):
        c = Charger(good=(good,), AuthorizationKey=K1, SecurityProfile=2)
        c.set("SecurityProfile", 3)
        c.set("AuthorizationKey", K2)
        c.connects()
        assert c.holds() == holds and not c.settings.text(BEFORE)
    # The other way round, and during the one attempt with what held before.
    c = Charger(good=((1, B2),), AuthorizationKey=K1)
    c.set("AuthorizationKey", K2)
    c.set("SecurityProfile", 1)
    assert c.connects() == 1 and c.holds() == (1, B2)
    c = Charger(good=((0, B1),), AuthorizationKey=K1)
    c.set("SecurityProfile", 1)
    for _ in range(TRIES):
        c.attempt()
    assert c.access.profile() == 0
    c.set("AuthorizationKey", K2)
    assert (c.access.profile(), c.access.password(False)) == (1, B2)
    c.connects()
    assert c.holds() == (0, B1)


def refused(c, profile):
    before = c.holds(), c.settings.text(BEFORE)
    assert c.set("SecurityProfile", profile) == "rejected"
    assert (c.holds(), c.settings.text(BEFORE)) == before
    assert c.settings.reason.startswith("SecurityProfile"), c.settings.reason
    return c.settings.reason


def test_the_central_system_can_only_raise_the_profile_and_only_with_what_it_needs():
    c = Charger(AuthorizationKey=K1, SecurityProfile=2)
    for lower in (0, 1):
        assert "only be raised: it is 2" in refused(c, lower)
    assert c.set("SecurityProfile", 2) == "accepted" and not c.settings.text(BEFORE)
    for wrong in (4, "-1", "", "x", "2.0"):
        assert c.set("SecurityProfile", wrong) == "rejected"
    c.calm = False
    assert "charges" in refused(c, 3)
    c.calm = True
    c.config.certificate = None
    assert "ClientCertFile" in refused(c, 3)

    def broken():
        raise ValueError("ClientKeyFile is not the key of ClientCertFile")

    c.config.client_certificate = broken
    assert "is not the key" in refused(c, 3)
    for password in ("", "fifteen of them"):
        c = Charger()
        # Stored when that was still allowed.
        assert c.settings.keep_own("BasicAuthPassword", password)
        for profile in (1, 2):
            assert "AuthorizationKey of 16 bytes" in refused(c, profile)
        assert c.set("SecurityProfile", 3) == "accepted"
    c = Charger(BasicAuthPassword="exactly sixteen.")
    c.config.ca_der = []
    assert "CaFile" in refused(c, 2) and "CaFile" in refused(c, 3)
    assert c.set("SecurityProfile", 1) == "accepted"
    # On trial: not down to what was before, and not below it.
    assert "only be raised" in refused(c, 0)


def test_the_owner_sets_any_profile_and_that_ends_a_trial():
    c = Charger(AuthorizationKey=K1, SecurityProfile=1)
    c.set("SecurityProfile", 2)
    for profile in (0, 3, 1, 2):
        assert c.set("SecurityProfile", profile, True) == "accepted"
        assert not c.settings.text(BEFORE) and c.access.profile() == profile
    for _ in range(9):
        c.attempt()
    assert c.access.profile() == 2, "nothing to go back to"


def test_nothing_is_changed_where_what_holds_cannot_be_kept():
    c = Charger(AuthorizationKey=K1)

    def full(*_):
        raise OSError(28)

    c.settings.journal.keep = full
    assert c.set("SecurityProfile", 1) == "rejected" and "stored" in c.settings.reason
    assert c.set("AuthorizationKey", K2) == "rejected"
    assert c.holds() == (0, B1)


# Each story changes the access of a charger that works, and says what the central system takes
# while and after it.
def _raise(c):
    c.set("SecurityProfile", 1)
    c.connects()


def _raise_in_vain(c):
    c.set("SecurityProfile", 2)
    c.connects()


def _both(c):
    c.set("AuthorizationKey", K2)
    c.set("SecurityProfile", 2)
    c.connects()


def _first_password(c):
    c.set("AuthorizationKey", K1)
    c.connects()


STORIES = (
    (_raise, {"AuthorizationKey": K1}, ((0, B1), (1, B1))),
    (_raise, {"AuthorizationKey": K1}, ((0, B1),)),
    (_raise_in_vain, {"AuthorizationKey": K1, "SecurityProfile": 1}, ((1, B1),)),
    (_raise_in_vain, {"BasicAuthPassword": TEXT, "SecurityProfile": 1}, ((1, TEXT.encode()),)),
    (_both, {"AuthorizationKey": K1, "SecurityProfile": 1}, ((1, B1),)),
    (_both, {"BasicAuthPassword": TEXT, "SecurityProfile": 1}, ((1, TEXT.encode()),)),
    (_both, {"AuthorizationKey": K1, "SecurityProfile": 1}, ((1, B1), (2, B2))),
    (_first_password, {}, ((0, None),)),
    (_first_password, {}, ((0, None), (0, B1))),
)


def test_whenever_the_power_is_cut_the_charger_comes_back_on_a_profile_that_works():
    cuts = 0
    for story, factory, good in STORIES:
        whole = Charger(good=good, **factory)
        whole.flash.power.operations = 0
        story(whole)
        most = whole.flash.power.operations
        assert most >= 3, most
        for number in range(1, most + 1):
            c = Charger(good=good, **factory)
            c.flash.power.operations, c.flash.power.cut_at = 0, number
            try:
                story(c)
                raise AssertionError("operation %d was never reached" % number)
            except PowerCut:
                cuts += 1
            c.flash.power.cut_at = None
            c.start()
            c.connects()
            assert c.holds() in good
            # It is what holds from now on: also after the next start, and at the first attempt.
            c.start()
            assert c.connects(1) == 1 and not c.settings.text(BEFORE)
    assert cuts >= 30, cuts


def test_after_a_restart_what_is_new_gets_its_tries_again():
    c = Charger(AuthorizationKey=K1, SecurityProfile=1)
    c.set("SecurityProfile", 2)
    c.attempt()
    c.start()
    tried = []
    for _ in range(TRIES + 2):
        tried.append(c.access.profile())
        c.attempt(0)
    assert tried == [2] * TRIES + [1, 2]


def test_a_password_of_the_owner_has_a_trial_and_other_settings_have_none():
    c = Charger(AuthorizationKey=K1)
    assert c.set("MessageTimeout", 33) == "accepted" and c.settings.text(BEFORE) == ""
    assert c.set("AuthorizationKey", K2, True) == "accepted"
    assert c.settings.text(BEFORE) == "0k" + K1


def test_what_cannot_be_kept_first_is_not_changed():
    c = Charger(AuthorizationKey=K1)
    c.settings.keep_own = lambda name, value: False
    assert c.set("SecurityProfile", 1) == "rejected"
    assert c.settings.reason == "SecurityProfile could not be stored" and c.holds() == (0, B1)


def test_nobody_needs_to_hear_of_dates():
    c = Charger(AuthorizationKey=K1)
    reason = "the server's certificate has expired"
    c.access.failed(0, failure.event(0, reason), reason)
    assert noted()[-1][0] == "central_certificate"


def test_without_a_trial_a_connection_may_stand_unaccepted():
    c = Charger(AuthorizationKey=K1)
    c.access.password()
    assert not any([c.access.look(False) for _ in range(2 * ACCEPT_S)])
    # With a certificate on trial it may not, but for the turn of the one before.
    for certificate, ended in ((0, [ACCEPT_S - 1]), (TRIES, [])):
        c.access.certificate = certificate
        c.access.password()
        looks = [c.access.look(False) for _ in range(2 * ACCEPT_S)]
        assert [at for at, end in enumerate(looks) if end] == ended


def test_a_trial_ends_when_no_car_charges_and_counts_nothing_until_then():
    """Its end loaded 155 ms of code while a car charged: the pilot was not looked at."""
    for good, tries, holds in (((1, B1), 1, (1, B1)), ((0, B1), TRIES + 1, (0, B1))):
        c = Charger(good=(good,), AuthorizationKey=K1)
        c.set("SecurityProfile", 1)
        for _ in range(tries - 1):
            c.attempt()
        c.calm = False
        c.access.password()
        written = c.flash.power.operations
        assert not any([c.access.look(True) for _ in range(3)])
        assert c.flash.power.operations == written and c.settings.text(BEFORE)
        # That connection ends, and more attempts fail: what has worked stays in use.
        for status in (None, 401, 403, 0, 401, 401, 401):
            c.access.password()
            c.access.failed(status)
            assert (c.access.profile(), c.access.password(False)) == good
        c.access.password()
        assert not any([c.access.look(False) for _ in range(2 * ACCEPT_S)]), "it may stand"
        assert c.flash.power.operations == written and c.settings.text(BEFORE)
        c.calm = True
        del c.held[:]
        assert c.access.look(False) is False
        assert max(c.held) >= 1000, "no contactor closes in the middle"
        assert c.holds() == holds and c.settings.text(BEFORE) == ""
        c.start()
        assert c.connects(1) == 1
    # A start before that: the trial begins anew.
    c = Charger(good=((1, B1),), AuthorizationKey=K1)
    c.set("SecurityProfile", 1)
    c.calm = False
    c.access.password()
    c.access.look(True)
    c.start()
    assert c.settings.text(BEFORE) and c.access.profile() == 1
    # A certificate's trial waits likewise.
    c = Charger(AuthorizationKey=K1)
    c.calm = False
    c.access.certificate = 0
    c.access.password()
    assert c.access.look(True) is False and c.access.waited_s == 0, "it is done later"
    c.access.certificate = TRIES
    assert c.access.look(True) is False and c.access.waited_s == 0, "no time passes for it"


def test_access_is_not_changed_while_a_car_charges():
    c = Charger(AuthorizationKey=K1)
    c.calm = False
    written = c.flash.power.operations
    for local in (False, True):
        assert c.set("AuthorizationKey", K2, local) == "rejected"
        assert c.settings.reason == "AuthorizationKey has to wait: a car charges"
        assert c.set("SecurityProfile", 1, local) == "rejected" and c.holds() == (0, B1)
    assert c.set("BasicAuthPassword", TEXT, True) == "rejected"
    assert c.set("AuthorizationKey", K1) == "accepted", "as it is"
    assert c.flash.power.operations == written
    assert c.set("MessageTimeout", 33) == "accepted"
    c.calm = True
    del c.held[:]
    assert c.set("AuthorizationKey", K2) == "accepted" and max(c.held) >= 1000
    del c.held[:]
    # An owner sets several, and an EV that waits is held up once.
    assert c.set("AuthorizationKey", K1, True) == "accepted" and max(c.held) == 0


def test_a_new_change_ends_the_waiting_for_the_end_of_the_last():
    c = Charger(good=((0, B2), (1, B2)), AuthorizationKey=K1)
    c.set("AuthorizationKey", K2)
    c.calm = False
    c.access.password()
    c.access.look(True)
    c.calm = True
    assert c.set("SecurityProfile", 1) == "accepted" and c.settings.text(BEFORE) == "0k" + K1
    c.access.look(False)
    assert c.settings.text(BEFORE) == "0k" + K1, "the new profile has not worked"
    assert c.connects() == 1 and c.holds() == (1, B2)


def test_code_that_finds_no_memory_is_loaded_a_minute_later_and_look_does_not_raise():
    """It raised a second after a second in the task that feeds the watchdogs."""
    from upkeep import access_end, certificate_trial

    calls = []

    def full(*_):
        calls.append(len(calls))
        raise MemoryError

    for module, name in ((access_end, "settle"), (certificate_trial, "judge")):
        real = getattr(module, name)
        c = Charger(good=((1, B1),), AuthorizationKey=K1)
        if module is access_end:
            c.set("SecurityProfile", 1)
        else:
            c.access.certificate = 0
        c.access.password()
        setattr(module, name, full)
        import upkeep.access_trial as trial

        log, release = trial.log, trial.release
        trial.release = lambda name: None
        del calls[:]
        try:
            for told in (log, type("Log", (), {"error": full})):
                trial.log = told
                looks = [c.access.look(True) for _ in range(61)]
                assert looks == [False] * 61
            tried = len(calls)
        finally:
            setattr(module, name, real)
            trial.log, trial.release = log, release
        # Each minute one load, and in the second one line of the log.
        assert tried == 3, tried
        if module is access_end:
            c.access.look(True)
            assert c.settings.text(BEFORE) == "" and c.holds() == (1, B1)


def test_the_end_of_a_trial_opens_the_region_for_secrets_once():
    for good, attempts in (((1, B1), 1), ((0, B1), TRIES + 1)):
        c = Charger(good=(good,), AuthorizationKey=K1)
        c.set("SecurityProfile", 1)
        c.set("AuthorizationKey", K2)
        c.good = ((good[0], B1 if good[0] == 0 else c.settings.basic_auth_key()),)
        opened = []

        class Region:
            def names(self):
                return []

            def put(self, name, value):
                pass

        def vault():
            opened.append(True)
            return Region()

        c.settings.vault, c.settings.secured = vault, True
        assert c.connects() == attempts
        assert not any([c.access.look(True) for _ in range(3)])
        assert len(opened) == 1 and c.settings.vault is vault
        assert c.settings.text(BEFORE) == ""


def test_the_end_of_a_certificates_trial_writes_nothing_of_access():
    from station import own_certificate

    kept = own_certificate.settle
    c = Charger(AuthorizationKey=K1)
    settled = []
    own_certificate.settle = lambda settings, access: settled.append(access)

    def never(name, value):
        raise AssertionError(name)

    c.settings.keep_own = never
    try:
        c.access.certificate = 0
        c.access.password()
        assert c.access.look(True) is False and settled == [c.access]
    finally:
        own_certificate.settle = kept


def test_flash_that_fails_at_the_end_is_tried_once_a_minute():
    c = Charger(good=((0, B1),), AuthorizationKey=K1)
    c.set("SecurityProfile", 1)
    for _ in range(TRIES):
        c.attempt()
    keep, tried = c.settings.keep_own, []
    c.settings.keep_own = lambda name, value: tried.append(name)
    c.access.password()
    assert [c.access.look(True) for _ in range(61)] == [False] * 61
    assert tried == ["SecurityProfile"] and c.settings.text(BEFORE) == "0k" + K1
    c.settings.keep_own = keep
    assert c.access.look(True) is False and c.holds() == (0, B1) and c.settings.text(BEFORE) == ""
    # Also where only the end of the trial cannot be written.
    c.set("SecurityProfile", 1)
    c.good = ((1, B1),)
    c.settings.keep_own = lambda name, value: name != BEFORE and keep(name, value)
    assert c.attempt() and c.access.look(True) is False
    assert c.settings.text(BEFORE) == "0k" + K1
    c.settings.keep_own = keep
    for _ in range(61):
        c.access.look(True)
    assert c.settings.text(BEFORE) == "" and c.holds() == (1, B1)
    c.set("SecurityProfile", 0, True)
    # It is over: what the settings say holds, and the next change has a trial of its own.
    assert c.access.profile() == 0 and c.access.password() == B1
    c.set("SecurityProfile", 1)
    assert c.settings.text(BEFORE) == "0k" + K1
