# Updates that the manufacturer has signed: what is believed, what is told, who gives way to whom.
# MIT license; part of microevse
"""A real journal, certificates and signatures; installer and network are the test's own."""

import asyncio
from binascii import b2a_base64

from evse_base import MICROPYTHON, iso8601
from helpers import raises, run
from ocpp16 import security_events, signed_firmware
from ocpp16.firmware import Firmware
from ocppj.messages import CallError
from pki.der import element
from pki_made import extended, key, made, root, rsa_key, usage
from station import security_log, signed_update, update_request
from station.jobs import FIRMWARE as PROGRAM
from station.jobs import Jobs
from station_parts import NOON, Charger
from store import kinds

SIGNED = "SignedFirmwareStatusNotification"
PLAIN = "FirmwareStatusNotification"
FILE = b"data of an update"
DONE = ["Downloading", "Downloaded", "SignatureVerified"]
# Of pki_made: valid from START to END, NOON is within.
ROOT = root()
CHAIN = [made("signer", "root", key("signer"), key("root"), usage(0), extended(3))]
SIGNATURE = key("signer").sign(FILE)


def pem(chain):
    text = ""
    for der in chain:
        body = b2a_base64(der).decode()
        text += "-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % body
    return text


class Services:
    """The services of the charger and its installer, as far as signed updates ask them."""

    errors = (ValueError, OSError)

    def __init__(self):
        self.open = self.free = self.works = True
        self.file = FILE
        self.roots = [ROOT]
        self.runs = False  # what `installed` says
        self.yields = False
        self.wrong = None  # what `finish` raises
        self.refuses = self.begins = self.finished = self.aborted = self.reboots = 0
        self.during = None  # fn() in the middle of a download
        self.judged = None  # fn() when the roots are read
        self.closes_in = None  # so many questions later a car charges

    def allowed(self, ms=0):
        if self.closes_in is not None:
            self.closes_in -= 1
            if self.closes_in < 0:
                self.open, self.closes_in = False, None
        return self.open

    def vacant(self):
        return self.open and self.free

    def only_signed(self):
        return ""

    def manufacturer_roots(self):
        assert self.open, "the region for secrets is read while a car charges"
        if self.judged:
            judged, self.judged = self.judged, None
            judged()
        return self.roots

    async def fetch(self, location, sink, stop):
        assert location == "http://h/f"
        if not self.works:
            raise ValueError("no route")
        await sink.begin(len(self.file))
        for i in range(len(self.file)):
            await sink.write(self.file[i : i + 1])
        if self.during:
            during, self.during = self.during, None
            during()
        return len(self.file)

    def installer(self):
        return self

    def begin(self, size, vouched=False):
        assert vouched
        self.begins += 1
        self.data = b""
        self.yields = False

    def write(self, chunk, may):
        if self.refuses:  # it takes nothing yet: those bytes come again
            self.refuses -= 1
            return False
        self.data += bytes(chunk)
        return True

    def finish(self):
        assert self.data == FILE, "another file than the one that is signed"
        if self.wrong:
            raise self.wrong
        self.finished += 1
        return True

    def what(self):
        return "that one"

    def installed(self, what):
        return what == "that one" and self.runs

    def abort(self):
        self.aborted += 1
        self.data = b""

    async def reboot(self):
        self.reboots += 1


class Station:
    """The firmware part of a charger; `again()` is the same one after a restart."""

    def __init__(self, flash=None, boot=1, runs=False):
        self.charger = Charger(flash=flash, boot=boot)
        self.clock = self.charger.clock
        self.services = Services()
        self.services.runs = runs
        self.told = []  # (action, requestId, status)
        self.jobs = Jobs(self.charger.settings, self.charger.journal, self.clock, self.services)
        self.firmware = Firmware(self.call, self.jobs)
        del security_log.waiting[:]

    def again(self, runs=False):
        return Station(self.charger.flash, self.clock.boot + 1, runs)

    async def call(self, action, payload):
        self.told.append((action, payload.get("requestId"), payload["status"]))

    def ask(self, number=1, chain=None, signature=SIGNATURE, at=-1000, install=None, **more):
        """The answer to SignedUpdateFirmware; times are seconds from now."""
        now = self.clock.now() or NOON
        wanted = {
            "location": "http://h/f",
            "retrieveDateTime": iso8601.format(now + at),
            "signingCertificate": pem(chain or CHAIN),
            "signature": b2a_base64(signature).decode(),
        }
        if install is not None:
            wanted["installDateTime"] = iso8601.format(now + install)
        if "raw" in more:
            wanted["signature"] = more.pop("raw")
        wanted.update(more)
        payload = {"requestId": number, "firmware": wanted, "retries": 1, "retryInterval": 10}
        return run(signed_firmware.signed_update_firmware(self, payload))[0]["status"]

    def pass_s(self, seconds):
        """The work of `run` and the client, once a second."""

        async def inside():
            for _ in range(seconds):
                self.clock.ms += 1000
                work = asyncio.create_task(self.jobs.work())
                for _ in range(20000):
                    while self.firmware.due_in_ms() == 0:
                        await self.firmware.step()
                    if work.done():
                        break
                    await asyncio.sleep(0)
                await work
                while self.firmware.due_in_ms() == 0:
                    await self.firmware.step()

        run(inside())

    def words(self, number=1):
        return [word for action, one, word in self.told if action == SIGNED and one == number]


def events():
    return [entry[0] for entry in security_log.waiting]


def test_every_step_is_told_and_the_next_start_tells_the_end():
    for runs, word in ((True, "Installed"), (False, "InstallationFailed")):
        station = Station()
        station.services.refuses = 1 if runs else 0
        assert station.ask(77) == "Accepted"
        station.pass_s(5)
        assert station.words(77) == DONE + ["Installing", "InstallRebooting"]
        assert (station.services.finished, station.services.reboots) == (1, 1)
        after = station.again(runs)
        after.pass_s(3)
        assert after.told == [(SIGNED, 77, word)]
        again = after.again(runs)
        again.pass_s(3)
        assert again.told == [] and events() == []
        assert [k for k, _ in again.charger.journal.state(kinds.FIRMWARE)] == []


def test_on_trial_nothing_is_told_until_it_is_over():
    station = Station()
    station.ask(5)
    station.pass_s(5)
    after = station.again(None)
    after.pass_s(3)
    assert after.told == []
    run(security_events.tell_update(after))
    assert after.told == [(SIGNED, 5, "Installing")]
    # Another request waits for the end of the trial, and takes the place of none.
    assert after.ask(6) == "Accepted"
    after.pass_s(3)
    assert after.told[1:] == []
    after.services.runs = True
    after.pass_s(5)
    assert after.words(5) == ["Installing", "Installed"]
    assert after.words(6)[:3] == DONE


def test_a_signature_of_another_file_or_key_is_none():
    for signature in (
        key("signer").sign(FILE + b"x"),
        key("root").sign(FILE),
        SIGNATURE[:-1],
        SIGNATURE + b"\0",
        b"\x30\x06\x02\x01\x00\x02\x01\x00",
        bytes(512),
    ):
        station = Station()
        assert station.ask(signature=signature) == "Accepted"
        station.pass_s(5)
        assert station.words() == DONE[:2] + ["InvalidSignature"]
        assert station.services.finished == 0 and station.services.aborted == 1
        assert events() == ["firmware_signature"]
        assert station.jobs.update is None


def test_a_file_that_changes_by_one_bit_or_its_length_is_not_installed():
    for file in (FILE[:-1], FILE + b"\0", b"", bytes((FILE[0] ^ 1,)) + FILE[1:]):
        station = Station()
        station.services.file = file
        station.ask()
        station.pass_s(5)
        assert station.words() == DONE[:2] + ["InvalidSignature"]
        assert station.services.finished == 0


def test_a_signature_that_is_empty_too_long_or_no_base64_is_refused_at_once():
    station = Station()
    assert station.ask(signature=b"") == "Rejected"
    assert station.ask(signature=bytes(513)) == "Rejected"
    for text in ("AAA", "A A A", "&"):
        assert station.ask(raw=text) == "Rejected"
    assert set(events()) == {"firmware_signature"} and station.jobs.update is None
    for signature in (b"x", bytes(512)):  # no signature of this file either, as is found later
        assert Station().ask(signature=signature) == "Accepted"


def test_rsa_by_both_paddings():
    own = rsa_key()
    chain = [made("rsa", "root", own, key("root"), usage(0), extended(3))]
    for sign in (own.sign, own.sign_pss):
        for file, words in ((FILE, DONE), (FILE + b" ", DONE[:2] + ["InvalidSignature"])):
            station = Station()
            assert station.ask(chain=chain, signature=sign(file)) == "Accepted"
            station.pass_s(4)
            assert station.words()[:3] == words


def test_a_certificate_without_a_known_root_usage_or_time_is_refused():
    other = made("signer", "other", key("signer"), key("other"), usage(0), extended(3))
    server = made("signer", "root", key("signer"), key("root"), usage(0), extended(1))
    none = made("signer", "root", key("signer"), key("root"), extended(3))
    old = made("signer", "root", key("signer"), key("root"), usage(0), end=b"270101000001Z")
    for chain in ([other], [server], [none], [old], [ROOT]):
        station = Station()
        assert station.ask(chain=chain) == "InvalidCertificate"
        assert events() == ["signing_certificate"]
        station.pass_s(3)
        assert station.told == [] and station.services.begins == 0
    for text in ("", "no PEM", pem(CHAIN)[:-40]):
        assert station.ask(signingCertificate=text) == "InvalidCertificate"
    station.services.roots = []
    assert station.ask() == "InvalidCertificate"
    station.clock.unix = None
    assert station.ask() == "Rejected"


def fails(exc):
    def now():
        raise exc

    return now


def test_a_lack_of_memory_is_no_fault_of_the_certificate():
    station = Station()
    station.services.judged = fails(MemoryError())
    assert station.ask() == "Rejected"
    assert events() == [] and station.jobs.update is None
    # With the file: it is not installed, and nobody is blamed.
    for exc in (MemoryError(), OSError(5)):
        station = Station()
        assert station.ask() == "Accepted"
        station.services.judged = fails(exc)
        station.pass_s(4)
        assert station.words()[:2] == DONE[:2]
        assert events() == [] and station.services.finished == 0
    # A mistake of the program is none of the request.
    station = Station()
    station.services.judged = fails(KeyError())
    raises(KeyError, station.ask)
    station.ask(at=100)
    station.services.judged = fails(KeyError())
    judge = signed_update.judge
    raises(KeyError, run, judge(station.jobs, station.charger.journal))
    del security_log.waiting[:]
    # Without a clock no certificate is valid yet.
    station.clock.unix = None
    assert run(judge(station.jobs, station.charger.journal)) is False
    assert events() == ["signing_certificate"]
    del security_log.waiting[:]
    empty = Station()
    assert run(judge(empty.jobs, empty.charger.journal)) is False and events() == []


class Minutes:
    """In place of asyncio: the car goes while it is waited for."""

    def __init__(self, services):
        self.services = services
        self.waits = []
        self.turns = 0

    async def sleep(self, seconds):
        self.turns += 1
        await asyncio.sleep(0)
        if seconds:
            self.waits.append(seconds)
            self.services.open = True


def test_the_proof_of_a_file_waits_while_a_car_charges():
    if MICROPYTHON:
        return  # the module is let go of and loaded anew there, with what it waits by
    for questions in (3, 120, 150):  # of the certificate, and of the signature
        station = Station()
        services = station.services
        assert station.ask() == "Accepted"
        services.during = lambda: setattr(services, "closes_in", questions)  # noqa: B023
        signed_update.asyncio = Minutes(services)
        try:
            station.pass_s(5)
            assert signed_update.asyncio.waits == [1], questions
            assert signed_update.asyncio.turns > 150, "others have their turn"
        finally:
            signed_update.asyncio = asyncio
        assert station.words()[:3] == DONE and services.finished == 1


def test_the_log_says_why_a_time_is_refused():
    assert "clock" in signed_update._when(None)
    assert "more than 31 days" in signed_update._when(NOON)


def test_the_certificate_is_judged_again_with_the_file():
    """Its root is taken away between the request and the end of the download."""
    station = Station()
    assert station.ask() == "Accepted"
    station.services.during = lambda: station.services.roots.clear()
    station.pass_s(5)
    assert station.words() == DONE[:2] + ["InvalidSignature"]
    assert events() == ["signing_certificate"] and station.services.finished == 0


def test_after_a_restart_the_certificate_is_judged_before_anything_is_fetched():
    station = Station()
    assert station.ask(at=100) == "Accepted"
    station.pass_s(1)
    assert station.words() == ["DownloadScheduled"]
    after = station.again()
    after.services.roots = []
    after.clock.unix = NOON + 200
    after.pass_s(3)
    assert after.words() == ["InvalidSignature"] and after.services.begins == 0
    station = Station()
    station.ask(at=100)
    fine = station.again()
    fine.clock.unix = NOON + 200
    fine.pass_s(5)
    assert fine.words()[:3] == DONE


def no_memory(services, times):
    """So often there is no memory while a chain is judged."""

    def judged():
        services.judged = judged if left.pop() else None
        raise MemoryError

    left = [i for i in range(times)]
    services.judged = judged


def test_a_check_that_finds_no_memory_says_nothing_of_the_signature():
    """It was told as InvalidSignature, and the update was over."""
    for times, words in ((1, DONE[2:] + ["Installing"]), (2, ["InstallVerificationFailed"])):
        station = Station()
        station.ask()
        station.services.during = lambda: no_memory(station.services, times)  # noqa: B023
        station.pass_s(5)
        assert station.words() == DONE[:2], "it waits"
        assert station.services.finished == station.services.aborted == 0
        station.pass_s(12)
        assert station.words()[2:4] == words and events() == []
        assert station.services.finished == 2 - times and station.services.aborted == times - 1
        assert station.services.begins == 1, "the file is not fetched again"
    assert station.jobs.update is None
    # One that is wrong is found to be that after it.
    station = Station()
    station.ask(signature=key("root").sign(FILE))
    station.services.during = lambda: no_memory(station.services, 1)
    station.pass_s(17)
    assert station.words()[2:] == ["InvalidSignature"] and events() == ["firmware_signature"]


def test_a_file_without_a_digest_is_never_proved():
    station = Station()
    station.ask()
    whole = station.jobs.update._refused

    async def refused(digest=None):
        assert digest is not None
        return await whole(digest)

    station.jobs.update._refused = refused
    station.services.during = lambda: setattr(station.services, "open", False)
    station.pass_s(3)
    station.jobs.update._sha256, station.services.open = None, True
    station.pass_s(5)
    assert station.words() == DONE[:2] and station.services.finished == 0


def test_without_memory_nothing_is_fetched_and_it_is_checked_again():
    for times, words in ((1, DONE), (2, ["InstallVerificationFailed"])):
        station = Station()
        station.services.open = False
        station.ask()
        station.services.open = True
        no_memory(station.services, times)
        station.pass_s(5)
        assert station.told == [] and station.services.begins == 0
        station.pass_s(17)
        assert station.words()[: len(words)] == words and events() == []
    assert station.services.begins == 0 and station.jobs.update is None
    # A request that comes then is refused, and may come again.
    no_memory(station.services, 1)
    assert station.ask(number=2) == "Rejected" and events() == []
    assert station.ask(number=2) == "Accepted"


def test_while_a_car_charges_a_request_is_taken_and_checked_later():
    station = Station()
    station.services.open = False
    assert station.ask(signingCertificate="no PEM") == "InvalidCertificate"
    assert events() == ["signing_certificate"]
    del security_log.waiting[:]
    assert station.ask(chain=[ROOT]) == "Accepted"
    station.pass_s(3)
    assert station.told == [] and events() == []
    station.services.open = True
    station.pass_s(3)
    assert station.words() == ["InvalidSignature"] and events() == ["signing_certificate"]
    assert station.services.begins == 0


def test_a_car_that_comes_in_the_middle_of_a_check_goes_first():
    station = Station()
    other = made("signer", "root", key("signer"), key("other"), usage(0), extended(3))
    station.services.closes_in = 4
    assert station.ask(chain=[other]) == "Accepted"
    assert station.services.open is False and events() == []
    station.services.open = True
    station.pass_s(3)
    assert station.words() == ["InvalidSignature"] and events() == ["signing_certificate"]


def test_a_request_in_the_middle_of_the_proof_of_another_counts():
    for signature in (SIGNATURE, key("root").sign(FILE)):
        station = Station()
        station.ask(1, signature=signature)

        def another():
            signed = (2, None, key("root").sign(FILE), CHAIN, True, False)
            assert station.jobs.request_update("http://h/f", NOON, 0, 0, signed) is None  # noqa: B023

        station.services.during = lambda: setattr(station.services, "judged", another)  # noqa: B023
        station.pass_s(6)
        assert station.words(1) == DONE[:2]
        assert station.words(2) == DONE[:2] + ["InvalidSignature"]
        assert station.services.finished == 0


def test_a_second_request_takes_the_place_of_the_first():
    station = Station()
    assert station.ask(1, at=1000) == "Accepted"
    assert station.ask(2, install=1000) == "AcceptedCanceled"
    station.pass_s(5)
    assert station.words(2) == DONE + ["InstallScheduled"]
    assert station.words(1) == ["DownloadScheduled"]
    assert station.ask(3) == "AcceptedCanceled"
    assert station.services.aborted == 1  # what was fetched holds nobody up
    update = station.jobs.update
    assert not (update._proved or update._lent), "what was proved says nothing of another file"
    station.pass_s(5)
    assert station.words(3) == DONE + ["Installing", "InstallRebooting"]
    # A request that is refused leaves the one before alone.
    station = Station()
    station.ask(1, install=100)
    assert station.ask(2, chain=[ROOT]) == "InvalidCertificate"
    assert station.ask(3, install=32 * 86400) == "Rejected"
    station.pass_s(5)
    assert station.words(1) == DONE + ["InstallScheduled"]


def test_one_that_comes_in_the_middle_of_a_download_counts():
    """The file of the first one is not installed, whatever is signed of it."""
    station = Station()
    answers = []

    def another():
        answers.append(station.jobs.request_update("http://h/f", NOON, 0, 0, (
            2, None, key("root").sign(FILE), CHAIN, True, False
        )))  # fmt: skip

    station.ask(1)
    station.services.during = another
    station.pass_s(6)
    assert answers == [None]
    assert station.words(1) == ["Downloading"]
    assert station.words(2) == DONE[:2] + ["InvalidSignature"]
    assert station.services.finished == 0 and station.services.aborted == 2


def test_a_time_of_installation_is_kept_and_lends_the_installer():
    station = Station()
    assert station.ask(install=31 * 86400 + 1) == "Rejected"
    assert station.ask(2, install=31 * 86400) == "Accepted"
    station = Station()
    assert station.ask(install=60) == "Accepted"
    station.pass_s(50)
    assert station.words() == DONE + ["InstallScheduled"]
    assert station.services.yields is True
    # The page has used it meanwhile: the file is fetched, and judged, again.
    station.services.yields, station.services.data = False, b"of the page"
    station.pass_s(20)
    assert station.services.begins == 2 and station.services.finished == 1
    assert station.words()[4:] == DONE + ["Installing", "InstallRebooting"]


def test_a_signed_file_that_the_installer_refuses_has_failed_its_verification():
    for wrong, word in (
        (ValueError("for another board"), "InstallVerificationFailed"),
        (OSError(5), "InstallationFailed"),
    ):
        station = Station()
        station.services.wrong = wrong
        station.ask()
        station.pass_s(5)
        assert station.words()[3:] == ["Installing", word]
        assert station.jobs.update is None
    station = Station()
    station.services.works = False
    station.ask()
    station.pass_s(30)
    assert station.words() == ["Downloading", "DownloadFailed"]


def test_what_is_asked_for_with_trigger_messages():
    station = Station()
    run(security_events.tell_update(station))
    assert station.told == [(SIGNED, None, "Idle")]
    station.ask(9, install=100)
    station.pass_s(3)
    del station.told[:]
    run(security_events.tell_update(station))
    run(station.firmware.trigger(PLAIN))
    assert station.told == [(SIGNED, 9, "InstallScheduled"), (PLAIN, None, "Downloaded")]


def test_a_request_that_cannot_be_kept_is_refused():
    station = Station()

    def full(*arguments):
        raise OSError(5)

    keep, station.charger.journal.keep = station.charger.journal.keep, full
    assert station.ask() == "Rejected"
    station.charger.journal.keep = keep
    assert station.ask() == "Accepted"


def test_without_files_there_are_no_signed_updates():
    class Point:
        firmware = None

    error = raises(CallError, run, signed_firmware.signed_update_firmware(Point(), {}))
    assert error.code == "NotSupported"


def test_a_request_on_flash_is_read_back_or_is_none():
    packed = signed_update.packed("http://h/\xe4", SIGNATURE, CHAIN + [ROOT])
    assert signed_update.unpacked(packed) == ("http://h/\xe4", SIGNATURE, CHAIN + [ROOT])
    for text in (9, 255, 256, 511, 512, 1000):
        for size in (1, 255, 256, 257, 512):
            chain = [element(0x30, b"\x07" * n) for n in (text, size, 0, 1, 2, 126, 127, 128, 129)]
            wanted = "h" * text, b"\x30" * size, chain
            assert signed_update.unpacked(signed_update.packed(*wanted)) == wanted
    for wrong in (b"", packed[:3], packed[:-1], packed + b"\x30", b"\x00" + packed[1:]):
        assert signed_update.unpacked(wrong) == ("", b"", [])
    # A version that knows no signed updates must not take it for an address.
    raises(ValueError, packed.decode)


def test_a_signed_request_of_a_later_version_stays_a_signed_one():
    station = Station()
    station.ask(at=10)
    journal = station.charger.journal
    request = journal.get(kinds.FIRMWARE, 0)
    for more in ([], [0], [0, 7], [1, 7]):
        assert update_request.is_signed(request + more)
        assert update_request.location(journal, request + more).startswith("http")
    assert not update_request.is_signed(request + [1])
    assert not update_request.is_signed(request[:7])


def test_a_request_with_a_piece_lost_is_not_believed():
    station = Station()
    station.ask(at=10)
    journal = station.charger.journal
    pieces = [k for k, _ in journal.state(kinds.FIRMWARE) if k >= 100]
    assert pieces
    journal.forget(kinds.FIRMWARE, pieces[0])
    station.pass_s(15)
    assert station.words() == ["DownloadScheduled"] + DONE[:2] + ["InvalidSignature"]
    assert station.services.finished == 0


def test_a_word_that_was_not_told_keeps_its_number_over_a_restart():
    station = Station()
    station.jobs.say(PROGRAM, "downloading", 8)
    station.jobs.say(PROGRAM, "invalid_signature", 8)
    after = station.again()
    after.firmware.connected()
    after.pass_s(2)
    assert after.told == [(SIGNED, 8, "InvalidSignature")]


def test_requests_while_a_car_charges_take_flash_once_a_minute():
    """61 of them filled the journal: nothing is erased then, and each was kept unchecked."""
    station = Station()
    station.services.open = False
    assert station.ask(1) == "Accepted"
    log = station.charger.journal.log
    before = log.programs, log.ready
    for number in range(2, 40):
        assert station.ask(number) == "Rejected"
        station.clock.ms += 1000
    assert (log.programs, log.ready) == before
    # The same way for who says nothing of a signature, but much of a location.
    try:
        plain = {"location": "http://h/" + "x" * 3000, "retrieveDate": iso8601.format(NOON)}
        run(station.firmware.handlers["UpdateFirmware"](plain))
        raise AssertionError("taken")
    except CallError as exc:
        assert exc.code == "InternalError"
    assert (log.programs, log.ready) == before
    station.clock.ms += 22000
    assert station.ask(50) == "AcceptedCanceled" and station.jobs.update.number == 50
    assert station.ask(51) == "Rejected"
    # A restart does not let more of them in than it takes time.
    after = station.again()
    after.services.open = False
    assert after.ask(52) == "AcceptedCanceled" and after.ask(53) == "Rejected"
    # Nobody charges: each one takes the place of the one before, as their room can be won back.
    after.services.open = True
    assert [after.ask(n) for n in (54, 55)] == ["AcceptedCanceled"] * 2
    after.pass_s(5)
    assert after.words(55)[:3] == DONE


def test_room_of_requests_is_won_back_when_the_car_has_gone():
    station = Station()
    station.services.open = False
    log, taken = station.charger.journal.log, 0
    ready = log.ready
    for number in range(200):
        taken += station.ask(number) != "Rejected"
        station.clock.ms += 61000
    assert 3 <= taken < 100 and log.ready >= 6, (taken, log.ready)
    assert station.ask(300) == "Rejected"
    station.charger.journal.prepare()
    assert log.ready >= ready - 2
    assert station.ask(301) == "AcceptedCanceled"


def test_a_record_of_a_word_with_more_in_it_is_read_as_far_as_it_is_known():
    station = Station()
    station.charger.journal.keep(kinds.FIRMWARE, 2, [2, "invalid_signature", 8, "of later"])
    after = station.again()
    after.pass_s(2)
    assert after.told == [(SIGNED, 8, "InvalidSignature")]
