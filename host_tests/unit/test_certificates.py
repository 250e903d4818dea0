# Installed certificates: what is taken, what is refused, what stays whatever happens.
# MIT license; part of microevse

import os
import sys

import certificate_fuzz
import pki_made
from certificate_parts import NAME, Asked, Parts, signed, sweep
from evse_base import MICROPYTHON
from helpers import run
from pki import hashdata, keypair
from pki.certificate import parse
from pki.der import OCTET_STRING, OID, SEQUENCE, element
from station import certificates, own_certificate, renewal, security_log
from station.settings import Settings
from upkeep.access_trial import AccessTrial

DAY = 86400
INPUTS = 40 if MICROPYTHON else 100


def hashes(der):
    return hashdata.of(parse(der))


# -- roots ---------------------------------------------------------------------------------


def test_a_root_is_installed_once_and_stays_over_a_start():
    parts = Parts()
    root = pki_made.root()
    assert parts.install(root)[0] == parts.install(root)[0] == "done"
    assert parts.events() == [("security_changed", "central root installed: root")]
    again = Parts(parts.flash.image)
    assert certificates.roots(again, "central") == [root]
    assert again.listed() == [hashes(root)] and again.listed("manufacturer") == []


def test_each_fault_of_a_root_is_an_event_and_nothing_is_installed():
    made = pki_made
    key = made.key("root")
    start = b"500101000000Z"
    bad = {
        "is not valid yet": made.root(start=b"280101000000Z"),
        "has expired": made.root(end=b"270101000001Z", start=b"260101000000Z"),
        "may not issue": made.made("root", "root", key, key, made.usage(5)),
        "may not issue ": made.made("root", "root", key, key, made.constraints(), made.usage(0)),
        "no root: another one": made.authority("between", "root"),
        "cannot be read": b"\x30\x03\x02\x01\x05",
        "too large": b"\x30" * 3001,
        "signature of the root is wrong": made.root(signature=made.key("x").sign(b"x")),
        "for another purpose": made.made(
            "root", "root", key, key, made.constraints(), made.extended(2)
        ),
    }
    for text, der in bad.items():
        parts = Parts()
        word, said = parts.install(der)
        assert word == "bad" and text.strip() in said, (text, said)
        assert parts.events() == [("central_certificate", said)]
        assert parts.vault().names() == []
    parts = Parts()
    assert parts.install()[0] == parts.install(made.root(), made.root("b"))[0] == "bad"
    assert start and parts.vault().names() == []


def test_a_root_is_told_by_the_name_that_it_has():
    class Root:
        def __init__(self, common_name, organization):
            self.common_name, self.organization = common_name, organization

    for root, name in (
        (Root("root", "maker"), "root"),
        (Root("", "maker"), "maker"),
        (Root("", ""), "without a name"),
    ):
        assert certificates._title(root) == name


def test_without_a_region_for_secrets_values_are_files():
    class Settings:
        vault = None

    from store import value_files

    assert isinstance(certificates.opened(Settings), value_files.ValueFiles)
    Settings.vault = lambda: None
    assert isinstance(certificates.opened(Settings), value_files.ValueFiles)


def test_what_is_no_fault_of_the_root_is_no_event():
    parts = Parts()
    parts.time = None
    assert parts.install(pki_made.root())[0] == "failed"
    parts.time = pki_made.NOW
    for name in ("a", "b", "c"):
        assert parts.install(pki_made.root(name))[0] == "done"
    security_log.waiting[:] = []
    word, text = parts.install(pki_made.root("d"))
    assert word == "failed" and "3 roots, which is the most" in text
    assert parts.install(pki_made.root("b"))[0] == "done", "one that is there"
    parts.flash.program = parts.flash.erase = _fails
    parts.tls = False
    word, text = parts.remove(hashes(pki_made.root("a")))
    assert (word, text) == ("failed", "it could not be stored") and parts.events() == []


def _fails(*_):
    raise OSError(5)


def test_a_manufacturer_root_is_set_once_and_never_by_the_central_system_again():
    maker, thief = pki_made.root("maker"), pki_made.root("thief")
    parts = Parts()
    assert parts.install(maker, kind="manufacturer")[0] == "done"
    word, text = parts.install(thief, kind="manufacturer")
    assert word == "bad" and text.endswith("one is installed")
    assert ("signing_certificate", text) in parts.events()
    assert parts.install(maker, kind="manufacturer")[0] == "done"
    word, text = parts.remove(hashes(maker))
    assert word == "failed" and "not for the central system" in text
    assert parts.listed("manufacturer") == [hashes(maker)] and parts.listed() == []
    # One of the owner's files is there: an update key counts as well.
    from store import value_files  # here: a message drops it

    is_file = value_files.is_file
    for path in ("manufacturer.pem", "update.pub"):
        parts = Parts()
        value_files.is_file = lambda name, path=path: name == path
        try:
            word, text = parts.install(maker, kind="manufacturer")
        finally:
            value_files.is_file = is_file
        assert word == "bad" and text.endswith("there is a file " + path)
        assert parts.vault().names() == []


def test_a_manufacturer_root_comes_over_tls_alone():
    """On ws:// anybody on the way could install one, and would own the updates for good."""
    maker = pki_made.root("maker")
    # The second: the profile has been raised, the connection in use is still the one before.
    for tls, known_by in ((False, None), (True, 0), (False, 0), (False, 7)):
        parts = Parts()
        parts.tls, parts.known_by = tls, known_by
        word, text = parts.install(maker, kind="manufacturer")
        assert word == "bad" and text.endswith("this connection is not over TLS")
        assert parts.events() == [("signing_certificate", text)]
        assert parts.vault().names() == [] and parts.asked_signed == 0
        assert parts.install(maker)[0] == "done", "a central root is taken all the same"
    parts = Parts()
    parts.known_by = 7
    assert parts.install(maker, kind="manufacturer")[0] == "done"
    assert parts.asked_signed == 1, "the page is to say at once what holds now"
    # One that is there stays, by whatever connection.
    parts.tls = False
    assert parts.install(maker, kind="manufacturer")[0] == "done"
    assert parts.listed("manufacturer") == [hashes(maker)]


def test_the_last_root_and_the_one_in_use_can_not_be_removed():
    a, b = pki_made.root("a"), pki_made.root("b")
    parts = Parts()
    parts.install(a)
    assert parts.remove(hashes(a)) == ("failed", "it is the last root")
    parts.install(b)
    assert parts.remove(hashes(a))[0] == "failed", "nobody knows which one is in use"
    parts.known_by = certificates.mark_of(parse(a).subject)
    assert parts.remove(hashes(a))[0] == "failed"
    assert parts.remove(hashes(b))[0] == "done"
    assert parts.remove(hashes(b))[0] == "unknown"
    assert parts.remove(hashes(a)) == ("failed", "it is the last root")
    # Without TLS no root is needed; what is in a file is not for a message to remove.
    parts.file = [b]
    assert parts.remove(hashes(b)) == ("failed", "this root is in a file of the owner")
    assert parts.listed() == [hashes(a), hashes(b)]
    parts.file, parts.tls = [], False
    assert parts.remove(hashes(a))[0] == "done"
    assert parts.listed() == []


def test_a_root_that_tls_cannot_load_is_refused_and_no_other_is_lost():
    """It was kept: the next connection failed, and each one after it."""
    from pki import tls_reads  # here: a message drops it

    parts, pauses = Parts(), []
    good, odd = pki_made.root(), pki_made.root("odd")
    assert parts.install(good)[0] == "done"
    assert tls_reads.root(good) and not tls_reads.root(b"\x30\x03abc")

    async def pause():
        pauses.append(len(tried))

    tried = []
    real, tls_reads.root = tls_reads.root, lambda der: tried.append(der) or der != odd
    security_log.waiting[:] = []
    try:
        word, text = run(certificates.install(parts, parts, "central", [odd], pause))
        assert word == "bad" and "cannot load" in text
        assert parts.events() == [("central_certificate", text)]
        assert certificates.roots(parts, "central") == [good]
        assert tried == [odd] and set(pauses) == {0}, "the last thing, after a pause"
        # A car that comes goes before the stall.
        parts.free = False
        try:
            run(certificates.install(parts, parts, "central", [odd], certificates.pause))
            raise AssertionError("it goes on")
        except certificates.CarCame:
            assert tried == [odd]
        # A manufacturer root is never given to TLS.
        parts.free = True
        assert parts.install(odd, kind="manufacturer")[0] == "done" and tried == [odd]
    finally:
        tls_reads.root = real


def test_of_two_manufacturer_roots_at_once_one_is_taken():
    """Whether there is one was asked before the work on it alone."""
    parts = Parts()
    first, second = pki_made.root("first"), pki_made.root("second")
    said = []

    async def pause():
        if not said:
            said.append(None)  # once
            said[0] = await certificates.install(parts, parts, "manufacturer", [second])

    word, text = run(certificates.install(parts, parts, "manufacturer", [first], pause))
    assert said[0][0] == "done" and word == "bad" and text.endswith("one is installed")
    assert certificates.roots(parts, "manufacturer") == [second]


def test_what_changes_while_a_root_is_judged_is_not_lost():
    """The change was made of what had been read before: a key that a request had stored in the
    middle was gone."""
    parts = Parts()
    a, b = pki_made.root("a"), pki_made.root("b")
    assert parts.install(b)[0] == "done"
    for work in (
        lambda pause: certificates.install(parts, parts, "central", [a], pause),
        lambda pause: certificates.remove(parts, parts, hashes(b), pause),
    ):
        parts.vault().replace({"own.next": None})
        stored = []

        async def pause():
            if not stored:
                stored.append(1)
                parts.vault().put("own.next", b"a key")

        parts.known_by = certificates.mark_of(parse(a).subject)
        assert run(work(pause))[0] == "done" and stored
        assert parts.vault().get("own.next") == b"a key"
    assert certificates.roots(parts, "central") == [a]


def test_roots_are_read_one_at_a_time_and_a_lost_file_is_passed_over():
    """Three of 2 KB at once had no room in a plain ESP32: none was listed."""
    parts = Parts()
    a, b, c = [pki_made.root(name) for name in "abc"]
    for der in (a, b):
        parts.install(der)
    parts.file = [b, c]
    ready = []
    real = parts.vault

    def vault():
        made = real()
        get = made.get
        made.get = lambda name: ready.append(name) or get(name)
        return made

    parts.vault = vault
    roots = certificates.each(parts, "central", parts)
    assert ready == [] and next(roots) == a and len(ready) == 1
    assert [next(roots), next(roots), next(roots)] == [b, b, c] and len(ready) == 2
    assert parts.listed() == [hashes(a), hashes(b), hashes(c)]
    parts.texts["CaFile"] = "public/x"
    assert parts.listed() == [hashes(a), hashes(b)]
    assert list(certificates.each(parts, "central", parts)) == [a, b, b, c]
    parts.texts["CaFile"] = "ca.pem"

    def lost():
        raise ValueError("CaFile: no file ca.pem")

    parts.file_roots = lost
    assert parts.listed() == [hashes(a), hashes(b)]
    parts.known_by = certificates.mark_of(parse(a).subject)
    assert parts.remove(hashes(b))[0] == "done"
    assert parts.remove(hashes(a)) == ("failed", "it is the last root")


def test_a_board_without_a_region_keeps_them_in_files():
    from store import value_files

    parts = Parts()
    parts.vault = lambda: None
    root = pki_made.root()
    folder = (os.getenv("TMPDIR") or "/tmp") + "/microevse-kept-%d" % (id(parts) & 0xFFFFFF)
    before = os.getcwd()
    os.mkdir(folder)
    os.chdir(folder)
    try:
        assert parts.install(root)[0] == "done"
        assert certificates.roots(parts, "central") == [root]
        parts.free = False
        parts.tls = False
        assert parts.remove(hashes(root)) == ("failed", "it could not be stored")
        parts.free = True
        assert parts.remove(hashes(root))[0] == "done" and parts.listed() == []
        values = value_files.ValueFiles(parts.allowed)
        values.replace({"own": b"1", "own.next": b"2"})
        values.replace({"own": b"3", "own.next": None})
        assert values.names() == ["own"] and values.get("own") == b"3"
        assert values.get("own.next") is None
        for name in ("kept-note.txt", "other.crt"):
            with open(name, "w") as file:
                file.write("of somebody else")
        values.replace({"gone": None})
        values.replace({"own": None})
        assert values.names() == [] and len(os.listdir()) == 2
        # One that is not there keeps no other one from changing.
        for first in ("gone", "own"):
            both = {first: None}
            both["own.next" if first == "own" else "own"] = b"4"
            values.replace({"own": b"3"})
            values.replace(both)
        assert values.names() == ["own.next"] and values.get("own.next") == b"4"
    finally:
        os.chdir(before)
        for name in os.listdir(folder):
            os.remove(folder + "/" + name)
        os.rmdir(folder)


# -- the own certificate -------------------------------------------------------------------


def asked_for():
    """(parts with the root and a request, what was asked for)."""
    parts = Parts()
    assert parts.install(pki_made.root())[0] == "done"
    asked = parts.request()
    security_log.waiting[:] = []
    return parts, asked


def test_each_fault_of_a_certificate_is_an_event_and_nothing_is_kept():
    made = pki_made
    parts, asked = asked_for()
    between = made.authority("between", "root")
    below = signed(asked, "between")
    bad = {
        "there is no certificate": [],
        "is not for the key": [made.device(NAME)],
        "has expired": [signed(asked, start=b"260101000000Z", end=b"270101000001Z")],
        "is not valid yet": [signed(asked, start=b"300101000000Z")],
        "no root is installed": [signed(asked, "stranger")],
        "no root is installed ": [below],
        "the signature of the certificate": [signed(asked, signature=made.key("x").sign(b"x"))],
        "for another name": [signed(asked, called="EVSE-2")],
        "for another purpose": [signed(asked, "root", made.usage(0), made.extended(1))],
        "may not be used to sign": [signed(asked, "root", made.usage(2), made.extended(2))],
        "the chain has 5": [below] + [between] * 4,
        "not that of the issuer": [below, made.root(), between],
        "cannot be read": [b"\x30\x00"],
    }
    before = parts.vault().get("own.next")
    for text, chain in bad.items():
        security_log.waiting[:] = []
        word, said = parts.take(*chain)
        assert word == "bad" and text.strip() in said, (text, said)
        assert parts.events() == [("own_certificate", said)]
        assert parts.vault().get("own.next") == before and parts.told == []
    parts.time = None
    assert parts.take(signed(asked))[0] == "failed"
    parts.time = made.NOW
    assert parts.take(below, between)[0] == "done" and parts.told == ["ClientCertFile"]


def test_of_the_roots_only_that_of_the_issuer_is_held_while_a_chain_is_judged():
    parts, asked = asked_for()
    assert parts.install(pki_made.root("stranger"))[0] == "done"
    assert len(parts.ca_der) == 2
    assert own_certificate._about([signed(asked)], parts, parts) == [pki_made.root()]
    assert own_certificate._about([pki_made.device(NAME, "nobody")], parts, parts) == []


def test_code_that_reads_judges_and_writes_is_not_in_memory_at_once():
    parts, asked = asked_for()
    steps, wrong, dropped = [], own_certificate._wrong, certificates.dropped

    async def judged(*arguments):
        steps.append("judged")
        return await wrong(*arguments)

    def drop():
        steps.append("dropped")
        dropped()

    own_certificate._wrong, certificates.dropped = judged, drop
    try:
        assert parts.take(signed(asked))[0] == "done"
    finally:
        own_certificate._wrong, certificates.dropped = wrong, dropped
    assert steps == ["dropped", "judged", "dropped"]


def test_between_two_pieces_of_work_others_have_their_turn():
    import asyncio

    turns = []

    async def other():
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def work():
        beside = asyncio.create_task(other())
        for _ in range(5):
            await certificates.pause()
        beside.cancel()

    parts = Parts()
    assert parts.free
    asyncio.run(work())
    assert len(turns) >= 4


def test_nothing_is_taken_that_was_not_asked_for():
    parts = Parts()
    parts.install(pki_made.root())
    assert parts.take(pki_made.device(NAME)) == ("bad", "no certificate was asked for")


def test_the_old_certificate_stays_until_the_new_one_has_worked():
    parts, asked = asked_for()
    first = signed(asked)
    parts.take(first)
    parts.waited_s = 5  # of the connection that stands
    assert parts.next() == first and parts.before() is None
    assert (parts.certificate, parts.waited_s) == (0, None)
    parts.settle()
    assert parts.next() == first and parts.certificate is None
    assert (security_log.sign_at, security_log.sign_tries) == (0, None)
    second = parts.request()
    assert (second.x, second.y) != (asked.x, asked.y)
    assert parts.next() == first and parts.certificate is None, "while it is asked for, too"
    parts.take(signed(second))
    assert parts.next() == signed(second) and parts.before() == first
    parts.settle(False)
    assert parts.next() == first and parts.before() is None
    assert parts.events()[-1][0] == "own_certificate"
    assert security_log.sign_at == own_certificate.TAKEN_BACK
    assert parts.take(signed(second))[0] == "bad", "its key is gone"


def test_a_trial_goes_on_where_flash_fails_at_its_end():
    parts, asked = asked_for()
    parts.take(signed(asked))
    program = parts.flash.program
    parts.flash.program = _fails
    parts.settle()
    assert parts.certificate == 0 and parts.next() == signed(asked)
    parts.flash.program = program
    parts.settle()
    assert parts.certificate is None and Parts(parts.flash.image).next() == signed(asked)


def test_the_same_key_is_asked_for_until_its_certificate_has_come():
    parts, asked = asked_for()
    again = Parts(parts.flash.image)
    other = again.request()
    assert (other.x, other.y) == (asked.x, asked.y)
    again.take(signed(asked))
    try:
        again.request()
        raise AssertionError("a second one, while the first is on trial")
    except OSError:
        pass


def test_of_two_requests_at_once_one_makes_a_key():
    """Each made its own: the certificate of the first was refused, as the second had replaced its
    key."""
    parts = Parts()
    parts.install(pki_made.root())
    inner = []

    async def pause():
        if not inner:
            inner.append(None)  # once
            inner[0] = await own_certificate.request(parts)

    try:
        run(own_certificate.request(parts, pause))
        raise AssertionError("it goes on")
    except OSError:
        pass
    assert parts.take(signed(Asked(inner[0])))[0] == "done"


def test_a_certificate_that_tls_cannot_load_is_refused_and_the_request_stays():
    """Its type, an extension that was Netscape's, is read by mbedTLS and by nobody else."""
    parts, asked = asked_for()
    netscape = element(OID, b"\x60\x86\x48\x01\x86\xf8\x42\x01\x01")
    odd = element(SEQUENCE, netscape, element(OCTET_STRING, b"\x05\x00"))
    word, text = parts.take(signed(asked, "root", pki_made.usage(0), odd))
    if MICROPYTHON:
        assert word == "bad" and "TLS cannot load" in text
        assert parts.events() == [("own_certificate", text)] and parts.told == []
        assert parts.next() is None and parts.take(signed(asked))[0] == "done"
    # Wherever it runs: what TLS says counts, and is asked last.
    from pki import tls_reads  # here: a message drops it

    parts, asked = asked_for()
    given = []
    real, tls_reads.own = tls_reads.own, lambda der, key: given.append((der, key))
    kept, certificates.dropped = certificates.dropped, _never
    try:
        assert parts.take(signed(asked, "stranger"))[0] == "bad" and given == []
        assert parts.take(signed(asked))[0] == "bad" and parts.next() is None
    finally:
        tls_reads.own, certificates.dropped = real, kept
    secret, x, y = keypair.read_key(given[0][1])
    assert given[0][0] == signed(asked) and (x, y) == (asked.x, asked.y)
    assert parts.take(signed(asked))[0] == "done"


def test_a_car_that_comes_ends_the_work_and_nothing_is_kept():
    parts = Parts()
    count = [0]

    async def pause():
        count[0] += 1
        if count[0] == 20:
            raise certificates.CarCame("a car charges")

    try:
        run(own_certificate.request(parts, pause))
        raise AssertionError("it goes on")
    except certificates.CarCame:
        assert parts.vault().names() == []


def test_a_damaged_value_is_as_if_there_were_none():
    parts, asked = asked_for()
    parts.vault().replace({"own": b"\xff\x00", "own.next": b"\x81\x01"})
    assert parts.next() is None and parts.certificate is None
    assert isinstance(parts.request(), Asked) and asked


def test_the_power_is_cut_at_the_operations_of_a_life():
    """Each of them in one way; `make bench ARGS=certificates_cut` has all ways."""
    operations, cuts, _ = sweep(stride=5, ways=1)
    print("%d operations, %d cuts" % (operations, cuts))
    assert operations > 100 and cuts >= operations // 5


# -- when it is asked for ------------------------------------------------------------------


def looked(parts, now):
    security_log.sign_at, security_log.sign_tries = 0, None
    return run(renewal.look(parts, now, _nothing))


async def _nothing():
    pass


def _never():
    pass


def test_a_certificate_is_renewed_in_time():
    parts = Parts()
    assert not looked(parts, pki_made.NOW) and security_log.sign_at is None
    parts.shown = ([pki_made.device(NAME)], b"")  # ends at 2114380800, ten years
    assert not looked(parts, pki_made.NOW)
    begin = 2114380800 - 30 * DAY
    assert security_log.sign_at == begin // 60 + 1
    assert looked(parts, begin) and security_log.sign_tries == 0
    assert looked(parts, begin + 100 * DAY), "expired: there is nothing better to do"
    # A short one: a third of its life before the end.
    parts.shown = ([pki_made.device(NAME, end=b"270110000000Z")], b"")  # 9 days
    begin = 1798761600 + 6 * DAY
    assert not looked(parts, begin - 1) and looked(parts, begin)
    parts.shown = ([b"\x30\x00"], b"")
    assert not looked(parts, begin) and security_log.sign_at is None


def test_a_request_that_is_wanted_while_the_certificate_is_read_is_not_forgotten():
    parts = Parts()
    parts.shown = ([pki_made.device(NAME)], b"")

    async def pause():
        renewal.wanted(pki_made.NOW, _never)

    security_log.sign_at, security_log.sign_tries = 0, None
    assert not run(renewal.look(parts, pki_made.NOW, pause))
    assert (security_log.sign_at, security_log.sign_tries) == (0, 0)


def test_without_a_certificate_nothing_is_loaded_to_read_one():
    """At each start, that was: four modules, and the holes that they leave in the heap."""
    loaded = {name: sys.modules[name] for name in list(sys.modules) if name[:3] == "pki"}
    for name in loaded:
        del sys.modules[name]
    try:
        assert not looked(Parts(), pki_made.NOW)
        assert not [name for name in sys.modules if name[:3] == "pki" and name != "pki_made"]
    finally:
        sys.modules.update(loaded)


def test_it_is_asked_for_a_few_times_and_then_a_day_later():
    parts = Parts()
    now = pki_made.NOW
    renewal.wanted(now, _never)
    waits = []
    while renewal.begin(now):
        assert security_log.sign_at == renewal.ASKING
        renewal.over(now)
        waits.append(security_log.sign_at - now // 60)
        now = 60 * security_log.sign_at
    assert waits == [5, 10, 20, 20]
    assert security_log.sign_at == now // 60 + 1440 and security_log.sign_tries is None
    renewal.wanted(now, _never)
    assert renewal.begin(now)
    renewal.refused(now)
    assert security_log.sign_at == now // 60 + 1440 and security_log.sign_tries is None
    assert not run(renewal.look(parts, now, _nothing)) and security_log.sign_at is None
    security_log.sign_at = own_certificate.TAKEN_BACK
    assert not run(renewal.look(parts, now, _nothing))
    assert security_log.sign_at == now // 60 + 1440
    # The central system does not make it faster than once a minute, and not two at once.
    for state in ("under way", "sent", "refused", "a car came"):
        now = 60 * (now // 60) + 86400 * 5
        renewal.wanted(now, _never)
        assert security_log.sign_at == 0 and renewal.begin(now)
        if state == "under way":
            woken = []
            renewal.wanted(now + 59, lambda: woken.append(1))
            assert (security_log.sign_at, security_log.sign_tries) == (renewal.ASKING, 1)
            assert woken == []
        if state == "refused":
            renewal.refused(now)
        elif state == "a car came":
            renewal.later(now)
        renewal.over(now)
        for _ in range(3):
            renewal.wanted(now + 59, _never)
            assert (security_log.sign_at, security_log.sign_tries) == (now // 60 + 1, 0)
        renewal.wanted(now + 60, _never)
        assert security_log.sign_at == 0
    for back in (0, -3600, -86400):  # and a clock that is set back makes it not slower
        security_log.sign_at, security_log.sign_tries = now // 60 + 5, 1
        renewal.wanted(now + 60 + back, _never)
        assert security_log.sign_at == 0
    security_log.sign_at = renewal.ASKING
    security_log.sign_at = None  # the certificate has come before the answer to the request
    renewal.over(now)
    assert security_log.sign_at is None
    # A car that comes costs no try.
    renewal.wanted(now, _never)
    assert renewal.begin(now)
    renewal.later(now)
    assert (security_log.sign_at, security_log.sign_tries) == (now // 60 + 1, 0)


def test_damaged_messages_install_nothing():
    """`make bench ARGS=certificates` plays 20,000."""
    found = certificate_fuzz.fuzz(INPUTS)
    assert found["Rejected"] > INPUTS // 2


def test_the_settings_tell_the_limits():
    settings = Settings(None)
    assert settings.get("CertificateSignedMaxChainSize") == own_certificate.CHAIN_MAX
    assert settings.get("CertificateStoreMaxLength") == certificates.ROOTS_MAX
    assert settings.get("AdditionalRootCertificateCheck") is False


REFUSED = 0, "refused_by_central", "the server refused the TLS handshake"
NOBODY = 0, "", "network: ECONNREFUSED"
AGAIN_S, ROUNDS = 14400, 6


class Line:
    """The real trial with a central system that accepts certificates of `good` alone."""

    def __init__(self, parts, good):
        self.settings = Settings(None, parts.vault)
        self.free = True
        self.access = AccessTrial(self.settings, None, lambda ms=0: self.free)
        self.good = good
        self.says = REFUSED

    def attempt(self):
        """One attempt to connect; the certificate that it has shown."""
        found = own_certificate.shown(self.settings, self.access)
        shown = found and found[0][0]
        if shown in self.good:
            self.access.password()
            for _ in range(2):
                self.access.look(True)
            self.access.failed(None)  # and it ends some time
        else:
            self.access.failed(*self.says)
        return shown

    def stands(self, seconds):
        """A connection that stands so long; True if it is to be made anew."""
        return any([self.access.look(True) for _ in range(seconds)])


def on_trial():
    """(parts, the certificate in use, the one on trial)."""
    parts, asked = asked_for()
    first = signed(asked)
    parts.take(first)
    parts.settle()
    parts.take(signed(parts.request()))
    return parts, first, own_certificate.load(parts.vault(), "own.next")[1][0]


def test_the_new_certificate_has_three_turns_and_the_one_before_has_one():
    parts, old, new = on_trial()
    line = Line(parts, ())
    assert [line.attempt() for _ in range(8)] == 2 * [new, new, new, old]
    line.good = (new, old)
    assert line.attempt() == new and line.access.certificate is None
    assert own_certificate.load(parts.vault(), "own")[1] == [new]
    assert parts.vault().names() == ["central." + parts.vault().names()[0][8:], "own"]


def test_what_was_in_use_goes_to_work_and_the_new_one_is_tried_again_for_a_day():
    """Three forged alerts once threw a good certificate away."""
    parts, old, new = on_trial()
    line = Line(parts, (old,))
    security_log.sign_at = security_log.sign_tries = None
    for _ in range(1, ROUNDS):
        assert [line.attempt() for _ in range(3)] == [new] * 3
        own_certificate.shown(line.settings, line.access)
        line.access.password()
        assert line.stands(AGAIN_S - 1) is False, "it stands for four hours"
        assert line.stands(1) is True
        line.access.failed(None)
        assert own_certificate.load(parts.vault(), "own.next")[1] == [new]
        told = [event for event in parts.events() if event[0] == "own_certificate"]
        assert len(told) == 1, "told once"
    assert [line.attempt() for _ in range(6)] == [new, new, new, old, old, old]
    assert own_certificate.load(parts.vault(), "own.next") is None
    assert security_log.sign_at == own_certificate.TAKEN_BACK
    # Whoever was on the path has gone in time: the new one is in use.
    parts, old, new = on_trial()
    line = Line(parts, (old,))
    assert [line.attempt() for _ in range(4)] == [new, new, new, old]
    line.good = (new, old)
    assert line.attempt() == new and line.access.certificate is None
    assert own_certificate.load(parts.vault(), "own")[1] == [new]


def test_dropped_packets_throw_no_certificate_away():
    for says in (NOBODY, (0, "", "no answer within 30 s"), (503, "", "HTTP 503")):
        parts, old, new = on_trial()
        line = Line(parts, (old,))
        line.says = says
        security_log.sign_at = security_log.sign_tries = 0  # however much another one is wanted
        for _ in range(3 * ROUNDS):
            assert [line.attempt() for _ in range(4)] == [new, new, new, old]
        assert own_certificate.load(parts.vault(), "own.next")[1] == [new]
        line.good = (new,)
        line.attempt()
        assert own_certificate.load(parts.vault(), "own")[1] == [new]


def test_where_another_certificate_is_wanted_one_round_of_refusals_is_enough():
    parts, old, new = on_trial()
    line = Line(parts, (old,))
    security_log.sign_at, security_log.sign_tries = None, 1  # as it is when one has come
    assert [line.attempt() for _ in range(3)] == [new] * 3
    own_certificate.shown(line.settings, line.access)
    line.access.password()
    assert line.stands(60) is False
    assert own_certificate.load(parts.vault(), "own.next")[1] == [new]
    renewal.wanted(10**9, lambda: None)
    line.access.look(True)
    assert own_certificate.load(parts.vault(), "own.next") is None
    assert (security_log.sign_at, security_log.sign_tries) == (0, 0), "it is still wanted"


def test_a_car_stops_no_count_and_starts_no_attempt():
    parts, old, new = on_trial()
    line = Line(parts, (old,))
    assert [line.attempt() for _ in range(3)] == [new] * 3
    own_certificate.shown(line.settings, line.access)
    line.access.password()
    line.free = False
    assert line.stands(2 * AGAIN_S) is False
    line.free = True
    assert line.stands(AGAIN_S) is True


def test_a_connection_with_the_old_certificate_ends_no_trial():
    """The one by which the new certificate has come stands on while a car charges."""
    parts, old, new = on_trial()
    own = parts.vault().get("own.next")
    parts.vault().remove("own.next")
    line = Line(parts, (old, new))
    own_certificate.shown(line.settings, line.access)
    line.access.password()
    line.access.look(True)
    parts.vault().put("own.next", own)
    # Something asks which certificate there is, and the second goes on.
    own_certificate.shown(line.settings, line.access)
    line.access.look(True)
    assert own_certificate.load(parts.vault(), "own.next")[1] == [new]
    line.access.failed(None)
    assert line.access.certificate == 0, "its end is no failure of the new one"
    # Neither is it decided, or counted, while a car charges.
    own_certificate.shown(line.settings, line.access)
    line.access.password()
    line.free = False
    line.access.look(True)
    assert own_certificate.load(parts.vault(), "own.next")[1] == [new]
    line.free = True
    line.access.look(True)
    assert own_certificate.load(parts.vault(), "own.next") is None
    assert line.attempt() == new
