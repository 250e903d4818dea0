# Updates, certificates and security events in the words of OCPP 2.x.
# MIT license; part of microevse
"""What the stations and the official messages do together is in host_tests/conformance."""

from evse_base import iso8601
from helpers import run
from job_services import Services
from ocpp2 import certificates, file_triggers, firmware, logs, security_events
from ocppj import certificate_messages, security_messages
from ocppj.messages import CallError
from station import security_book, security_log
from station.jobs import FIRMWARE, LOG, Jobs
from station_parts import NOON, Charger

STATUS = "FirmwareStatusNotification"


class Point:
    """An adapter of 2.x on a charger; `again()` is the same one after a restart."""

    def __init__(self, flash=None, boot=1, runs=False):
        self.charger = charger = Charger(flash=flash, boot=boot)
        self.settings, self.clock = charger.settings, charger.clock
        self.services = Services()
        self.services.runs = runs
        self.services.begin = self.begin
        self.registered = True
        self.sent = []
        self.fails = None
        self.jobs = Jobs(self.settings, charger.journal, self.clock, self.services)

    def begin(self, size, vouched=False):
        assert not vouched
        self.services.data = b""

    def again(self, runs=False):
        return Point(self.charger.flash, self.clock.boot + 1, runs)

    async def call(self, action, payload):
        self.sent.append((action, payload))
        if self.fails:
            raise self.fails
        return {}

    def ask(self, number=1, at=-1000, install=None, location="http://h/f", **more):
        wanted = {"location": location, "retrieveDateTime": iso8601.format(NOON + at)}
        wanted.update(more)
        if install is not None:
            wanted["installDateTime"] = iso8601.format(NOON + install)
        payload = {"requestId": number, "firmware": wanted}
        answer = run(firmware.update_firmware(self, payload))
        return (answer[0] if isinstance(answer, tuple) else answer)["status"]

    def pass_s(self, seconds):
        for _ in range(seconds):
            self.clock.ms += 1000
            run(self.jobs.work())
            while self.jobs.news:
                run(firmware.tell(self))

    def told(self):
        found = [(p.get("requestId"), p["status"]) for action, p in self.sent if action == STATUS]
        del self.sent[:]
        return found


def test_an_update_that_nobody_has_signed_has_its_number_and_its_dates():
    point = Point()
    point.services.installed = lambda what: False
    assert point.ask(5, at=20, install=60) == "Accepted"
    point.pass_s(10)
    assert point.told() == [(5, "DownloadScheduled")]
    point = point.again()  # what has not been fetched is taken up by the next start
    point.clock.ms = 21000
    point.pass_s(3)
    assert point.told() == [(5, "Downloading"), (5, "Downloaded"), (5, "InstallScheduled")]
    point.pass_s(60)
    assert point.told() == [(5, "Installing"), (5, "InstallRebooting")]
    assert "finish" in point.services.did
    after = point.again(True)
    after.pass_s(2)
    assert after.told() == [(5, "Installed")]


def test_a_long_location_is_whole_again_after_a_restart():
    point = Point()
    assert point.ask(5, at=20, location="http://h/" + "f" * 900) == "Accepted"
    point = point.again()
    point.clock.ms = 30000
    point.pass_s(2)
    assert "fetch http://h/" + "f" * 900 in point.services.did


def test_a_file_that_is_no_good_or_refused_ends_with_its_word():
    point = Point()
    point.services.good = False
    assert point.ask(5) == "Accepted"
    point.pass_s(3)
    assert point.told()[-2:] == [(5, "Installing"), (5, "InstallationFailed")]
    point.services.unsigned_refused = "must be signed"
    assert point.ask(6) == "Rejected"
    # With one of the two fields it is one that has to be signed.
    assert point.ask(6, signature="AAAA") == point.ask(6, signingCertificate="x", signature="AAAA")
    assert point.ask(6, signature="AAAA") == "InvalidCertificate"
    assert point.ask(6, signingCertificate="x") == "Rejected"
    assert point.ask(6, install=32 * 86400) == "Rejected"
    point.pass_s(3)
    assert point.told() == [], "nothing of it is begun"


def test_a_request_in_place_of_another_says_so_and_a_car_makes_it_wait():
    point = Point()
    point.services.open = False
    assert point.ask(1) == "Accepted"
    point.pass_s(60)
    assert point.told() == [(1, "DownloadScheduled")]
    point.clock.ms += 61000  # one in a minute while a car charges
    assert point.ask(2) == "AcceptedCanceled"
    point.services.open = True
    point.pass_s(3)
    assert [word for number, word in point.told() if number == 2][:2] == [
        "DownloadScheduled", "Downloading"
    ]  # fmt: skip


def test_what_another_version_has_left_is_told_or_dropped():
    point = Point()
    point.jobs.say(LOG, "uploaded")  # no message of 2.x has no number
    point.jobs.say(FIRMWARE, "download_failed")
    run(firmware.tell(point))
    run(firmware.tell(point))
    assert point.sent == [(STATUS, {"status": "DownloadFailed"})] and not point.jobs.news
    point.jobs.say(FIRMWARE, "installed", 9)
    point.fails = CallError("InternalError", "")
    run(firmware.tell(point))
    assert not point.jobs.news, "a refusal drops it"


def test_triggered_words_are_those_of_now():
    point = Point()
    for wanted, sent in ((STATUS, STATUS), ("LogStatusNotification", "LogStatusNotification")):
        run(file_triggers.message(point, wanted)())
        assert point.sent.pop() == (sent, {"status": "Idle"})
    point.ask(4, at=500)
    run(file_triggers.message(point, STATUS)())
    assert point.sent.pop() == (STATUS, {"status": "DownloadScheduled", "requestId": 4})
    assert file_triggers.message(point, "SignV2GCertificate") is None
    before, security_log.services = security_log.services, None
    assert file_triggers.message(point, "SignChargingStationCertificate") is False, "no services"
    security_log.services = before
    point.jobs = None
    assert file_triggers.message(point, STATUS) is None
    answer = run(firmware.update_firmware(point, {}))
    assert answer["status"] == "Rejected"


def test_every_kind_of_event_has_a_type_of_2x():
    kinds = [kind.rstrip("!") for kind in security_book.KINDS]
    types = [security_messages.event_type(kind, security_events.TYPES) for kind in kinds]
    assert len(set(types)) == len(types) == 19
    for name in ("InvalidCsmsCertificate", "CsmsFailedToAuthenticate", "InvalidTLSVersion",
                 "FailedToAuthenticateAtCsms", "InvalidChargingStationCertificate"):  # fmt: skip
        assert name in types
    assert not [t for t in types if "Central" in t or "ChargePoint" in t]
    for kind in security_book.TOLD:
        assert kind in kinds


def test_what_is_not_for_this_charger_is_refused_without_loading_anything():
    point = Point()
    car = {"certificateType": "V2GRootCertificate", "certificate": "x"}
    assert run(certificates.install_certificate(point, car))["status"] == "Rejected"
    car = {"certificateType": "V2GCertificate", "certificateChain": "x"}
    assert run(certificates.certificate_signed(point, car))["status"] == "Rejected"
    data = {"logType": "DataCollectorLog", "requestId": 1, "log": {"remoteLocation": "http://h"}}
    assert run(logs.get_log(point, data))["status"] == "Rejected"
    assert security_log.upload is None


def test_each_word_of_the_station_has_an_answer():
    for words in (certificate_messages.INSTALL, certificate_messages.SIGNED):
        assert sorted(words) == ["bad", "done", "failed"]
    assert sorted(certificate_messages.DELETE) == ["done", "failed", "unknown"]
    row = ("a", "b", "c")
    data = certificate_messages.hash_data(row)
    assert certificate_messages.hashes(data) == list(row)
    assert certificate_messages.hashes(dict(data, hashAlgorithm="SHA384")) is None
