# Diagnostics and firmware jobs: tries, gates, what is told and what a restart leaves.
# MIT license; part of microevse
"""A real journal, a clock and a network of the test's own."""

import asyncio
import sys

from evse_base import iso8601
import evse_base as port
from helpers import raises, run
from job_services import Services
from ocpp16.firmware import Firmware
from ocppj.rpc import CallError
from station.jobs import FIRMWARE as PROGRAM
from station.jobs import LOG, Jobs
from station_parts import NOON, Charger
from store import kinds
from store.journal import JournalFull

DIAGNOSTICS = "DiagnosticsStatusNotification"
FIRMWARE = "FirmwareStatusNotification"
LATER = iso8601.format(NOON + 1000)
PAST = iso8601.format(NOON - 1000)


class Station:
    """A Firmware on a charger; `again()` is the same one after a restart."""

    def __init__(self, flash=None, boot=1, runs=False):
        self.charger = Charger(flash=flash, boot=boot)
        self.services = Services()
        self.services.runs = runs
        self.told = []
        self.deaf = False
        self.settings = self.charger.settings
        charger = self.charger
        self.jobs = Jobs(self.settings, charger.journal, charger.clock, self.services)
        self.firmware = Firmware(self.call, self.jobs)

    def again(self, runs=False):
        return Station(self.charger.flash, self.charger.clock.boot + 1, runs)

    async def call(self, action, payload):
        if self.deaf:
            raise OSError("not connected")
        self.told.append((action, payload["status"]))

    def ask(self, action, **payload):
        answer = run(self.firmware.handlers[action](payload))
        return answer[0]

    def update(self, date=PAST, **more):
        return self.ask("UpdateFirmware", location="http://h/f", retrieveDate=date, **more)

    def pass_s(self, seconds):
        """The work of `run` and the client, once a second."""

        async def tell():
            while not self.deaf and self.firmware.due_in_ms() == 0:
                await self.firmware.step()

        async def inside():
            jobs = self.jobs
            for _ in range(seconds):
                self.charger.clock.ms += 1000
                work = asyncio.create_task(jobs.work())
                while not work.done():
                    await tell()
                    await asyncio.sleep(0)
                await work
                await tell()

        run(inside())

    def words(self, action):
        return [status for what, status in self.told if what == action]


def test_an_update_goes_through_all_its_steps():
    station = Station()
    assert station.update() == {}
    station.pass_s(1)
    assert station.words(FIRMWARE) == ["Downloading", "Downloaded"]
    assert station.services.data == b"data"
    station.pass_s(5)
    assert station.words(FIRMWARE)[2:] == ["Installing"]
    assert station.services.did == ["fetch http://h/f", "finish", "reboot"]


def test_what_the_installer_does_not_take_yet_is_given_to_it_again():
    station = Station()
    station.services.refused = 1
    station.update()
    station.pass_s(2)
    assert station.services.data == b"data" and station.services.refused == 0
    assert station.words(FIRMWARE)[:2] == ["Downloading", "Downloaded"]


def test_a_car_that_comes_while_the_news_is_told_keeps_its_session():
    """The charger waited up to ten seconds for the word Installing to leave, and then it restarted
    without another look."""
    station = Station()
    services, looks = station.services, []

    def vacant():
        looks.append("finish" in services.did)
        return looks.count(True) != 1  # a car is there at the first look after `finish`

    services.vacant = vacant
    station.update()
    station.pass_s(5)
    assert services.did == ["fetch http://h/f", "finish", "reboot"]
    assert looks[-2:] == [True, True], "no look after the one that found a car"


def test_where_code_runs_in_flash_an_update_s_is_there_only_while_one_waits():
    kept = port.IN_PLACE
    port.IN_PLACE = True
    try:
        station = Station()
        assert "station.update" not in sys.modules
        station.services.works = False
        station.update(LATER, retries=0)
        station.pass_s(5)
        assert "station.update" in sys.modules and station.told == []
        station.charger.clock.unix = NOON + 2000
        station.pass_s(1)
        assert station.words(FIRMWARE) == ["Downloading", "DownloadFailed"]
        assert "station.update" not in sys.modules
        station.services.works = True
        station.charger.journal.keep = full
        raises(CallError, station.update)
        assert "station.update" not in sys.modules and station.jobs.update is None
        del station.charger.journal.keep
        station.update()  # asked for again: its code is there again
        station.pass_s(5)
        assert station.services.did[-1] == "reboot"
    finally:
        port.IN_PLACE = kept


def test_an_update_that_nobody_has_signed_is_refused_where_it_must_be():
    station = Station()
    station.services.unsigned_refused = "updates must be signed"
    assert raises(CallError, station.update).code == "SecurityError"
    station.pass_s(3)
    assert station.told == [] and station.services.did == []


def full(*arguments):
    raise JournalFull


def restarted(runs):
    """A station behind the reboot into a new program."""
    station = Station()
    station.update()
    station.pass_s(5)
    assert station.services.did[-1] == "reboot"
    return station.again(runs)


def test_the_next_start_tells_how_it_went_and_only_once():
    for runs, word in ((True, "Installed"), (False, "InstallationFailed")):
        after = restarted(runs)
        after.pass_s(5)
        assert after.words(FIRMWARE) == [word]
        assert after.jobs.update is None
        quiet = after.again(runs)
        quiet.pass_s(5)
        assert quiet.told == []


def test_a_version_on_trial_is_told_of_only_when_it_is_confirmed_or_taken_back():
    for runs, word in ((True, "Installed"), (False, "InstallationFailed")):
        after = restarted(None)
        after.pass_s(60)
        assert after.told == [] and after.jobs.now[PROGRAM] == "installing"
        assert after.jobs.update.waiting()
        after = after.again(None)  # still on trial at its second start
        after.pass_s(5)
        assert after.told == []
        if not runs:
            after = after.again(False)
        after.services.runs = runs
        after.pass_s(5)
        assert after.words(FIRMWARE) == [word] and after.jobs.update is None
        quiet = after.again(runs)
        quiet.pass_s(5)
        assert quiet.told == []


def test_an_update_that_is_asked_for_during_a_trial_comes_after_it():
    after = restarted(None)
    after.update(date=iso8601.format(NOON - 500))
    after.pass_s(10)
    assert after.told == [] and after.services.did == []
    after.services.runs = True
    after.pass_s(10)
    assert after.words(FIRMWARE) == ["Installed", "Downloading", "Downloaded", "Installing"]


def test_a_record_of_an_older_version_tells_that_it_failed():
    """Before, nothing said which bundle was being installed."""
    station = Station()
    station.charger.journal.keep(kinds.FIRMWARE, 3, [3, "http://h/f", 0])
    after = station.again(True)
    after.pass_s(5)
    assert after.words(FIRMWARE) == ["InstallationFailed"]


def test_what_was_not_heard_is_told_by_the_start_after_that():
    after = restarted(True)
    after.deaf = True
    after.pass_s(5)
    again = after.again(True)
    again.pass_s(5)
    assert again.words(FIRMWARE) == ["Installed"]


def test_tries_and_what_is_said_about_them():
    station = Station()
    station.services.works = False
    station.update(retries=2, retryInterval=10)
    station.pass_s(60)
    assert station.services.did.count("fetch http://h/f") == 3
    assert station.words(FIRMWARE) == ["Downloading", "DownloadFailed"]
    station = Station()
    station.services.works = False
    station.ask("GetDiagnostics", location="http://h/", retries=1, retryInterval=10)
    station.pass_s(5)
    station.services.works = True
    station.pass_s(20)
    assert station.words(DIAGNOSTICS) == ["Uploading", "Uploaded"]


def test_a_file_that_is_not_good_is_not_installed():
    station = Station()
    station.services.good = False
    station.update()
    station.pass_s(5)
    assert station.words(FIRMWARE)[2:] == ["Installing", "InstallationFailed"]
    assert station.services.did[-1] == "abort" and "reboot" not in station.services.did
    assert station.again().jobs.update is None


def test_without_an_installer_nothing_is_fetched():
    station = Station()
    station.services.fitted = False
    station.update()
    station.pass_s(5)
    assert station.words(FIRMWARE) == ["InstallationFailed"] and station.services.did == []


def test_nothing_begins_while_a_contactor_is_closed():
    station = Station()
    station.services.open = False
    station.update()
    station.ask("GetDiagnostics", location="http://h/")
    station.pass_s(30)
    assert station.services.did == [] and station.told == []
    station.services.open = True
    station.services.free = False  # a session, paused: fetched but not installed
    station.pass_s(30)
    assert station.words(FIRMWARE) == ["Downloading", "Downloaded"]
    assert station.words(DIAGNOSTICS) == ["Uploading", "Uploaded"]


def test_the_date_is_waited_for_and_survives_a_restart():
    station = Station()
    station.update(LATER)
    station.pass_s(10)
    assert station.services.did == []
    after = station.again()
    assert after.jobs.update.waiting()
    after.charger.clock.unix = None  # the time is not known
    after.pass_s(30)
    assert after.services.did == []
    after.charger.clock.unix = NOON + 2000
    after.pass_s(1)
    assert after.words(FIRMWARE) == ["Downloading", "Downloaded"]


def test_a_newer_request_replaces_an_older_one():
    station = Station()
    station.update(LATER)
    station.ask("UpdateFirmware", location="http://h/new", retrieveDate=LATER)
    after = station.again()
    after.charger.clock.unix = NOON + 2000
    after.pass_s(1)
    assert after.services.did == ["fetch http://h/new"]


def test_one_that_comes_in_the_middle_of_a_download_is_fetched_and_installed_in_its_place():
    station = Station()
    services, fetch = station.services, station.services.fetch

    async def fetched(location, sink, stop):
        size = await fetch(location, sink, stop)
        assert stop(False) is False
        if location == "http://h/f":
            request = {"location": "http://h/new", "retrieveDate": PAST}
            await station.firmware.handlers["UpdateFirmware"](request)
            assert stop(False) is True
        return size

    services.fetch = fetched
    station.update()
    station.pass_s(1)
    assert services.did == ["fetch http://h/f", "abort"]
    assert station.words(FIRMWARE) == ["Downloading"]
    station.pass_s(5)
    assert services.did[2:] == ["fetch http://h/new", "finish", "reboot"]
    assert station.words(FIRMWARE)[1:] == ["Downloading", "Downloaded", "Installing"]


def test_after_an_outage_only_the_latest_word_counts():
    station = Station()
    station.services.works = False
    station.deaf = True
    station.update(retries=0)
    station.ask("GetDiagnostics", location="http://h/", retries=0)
    station.pass_s(10)
    station.firmware.connected()
    station.deaf = False
    station.pass_s(1)
    assert sorted(station.told) == [(DIAGNOSTICS, "UploadFailed"), (FIRMWARE, "DownloadFailed")]


def test_a_restart_during_an_upload_is_a_failed_upload():
    station = Station()
    station.jobs.say(LOG, "uploading")
    after = station.again()
    after.pass_s(1)
    assert after.told == [(DIAGNOSTICS, "UploadFailed")]
    assert not after.again().jobs.news


def test_a_trigger_is_idle_unless_something_runs():
    station = Station()
    station.services.works = False
    for action in (DIAGNOSTICS, FIRMWARE):
        run(station.firmware.trigger(action))
    assert [status for _, status in station.told] == ["Idle", "Idle"]
    station.update(retries=5, retryInterval=1000)
    station.pass_s(1)
    run(station.firmware.trigger(FIRMWARE))
    assert station.words(FIRMWARE)[1:] == ["Downloading", "Downloading"]


def test_file_names_are_safe_and_tell_the_time():
    station = Station()
    station.settings.overlay({"ChargePointId": "../a b/\u00e4"})
    name = station.ask("GetDiagnostics", location="http://h/")["fileName"]
    assert name == "---a-b---20270101T120000Z.txt"
    station.charger.clock.unix = None
    name = station.ask("GetDiagnostics", location="http://h/")["fileName"]
    assert name == "---a-b---boot1-0.txt"


def signed_url(length, letter="x"):
    """An address as cloud storage signs it: long, and different at every place."""
    text = "http://h/f?"
    while len(text) < length:
        text += "%s%d&" % (letter, len(text))
    return text[:length]


def test_a_location_may_be_as_long_as_a_message():
    # Signed addresses of cloud storage were once refused from 701 characters on.
    for length in (600, 601, 700, 701, 1199, 1200, 1201, 2000, 4096, 15000):
        url = signed_url(length)
        station = Station()
        station.ask("GetDiagnostics", location=url, retries=0)
        station.ask("UpdateFirmware", location=url, retrieveDate=LATER)
        station.pass_s(1)
        assert station.services.did == ["send " + url]
        again = station.again()
        again.charger.clock.ms += 1000000
        again.pass_s(5)
        assert again.services.did == ["fetch " + url, "finish", "reboot"], length
        last = again.again(runs=True)
        last.pass_s(1)
        assert last.words(FIRMWARE) == ["Installed"]
        last.pass_s(100)
        assert last.services.did == []
        left = [key for key, _ in last.charger.journal.state(kinds.FIRMWARE)]
        assert left == [], left


def test_letters_of_several_bytes_in_a_location_are_kept_whole():
    for length in (350, 700, 1500):
        url = "http://h/" + "\u00e9\u20ac" * (length // 2)
        station = Station()
        station.ask("UpdateFirmware", location=url, retrieveDate=LATER)
        again = station.again()
        again.charger.clock.ms += 1000000
        again.pass_s(1)
        assert again.services.did == ["fetch " + url]


def test_a_cut_while_a_long_location_is_replaced_leaves_one_of_the_two():
    first, second = signed_url(2000, "a"), signed_url(3000, "b")
    n = 0
    while True:
        station = Station()
        station.ask("UpdateFirmware", location=first, retrieveDate=LATER)
        journal = station.charger.journal
        real = (journal.keep, journal.forget)
        left = [n]

        def cut(fn):
            def call(*args):
                if left[0] == 0:
                    raise OSError("power is gone")
                left[0] -= 1
                return fn(*args)

            return call

        journal.keep, journal.forget = cut(real[0]), cut(real[1])
        done = True
        try:
            station.ask("UpdateFirmware", location=second, retrieveDate=LATER)
        except (CallError, OSError):
            done = False
        again = station.again()
        again.charger.clock.ms += 1000000
        again.pass_s(1)
        fetched = again.services.did
        assert fetched == ["fetch " + second] if done else fetched[0][6:] in (first, second), n
        if done:
            break
        n += 1
    assert n > 6


def test_a_location_of_which_a_piece_is_lost_is_not_fetched_by_half():
    station = Station()
    station.ask("UpdateFirmware", location=signed_url(2000), retrieveDate=LATER)
    station.charger.journal.forget(kinds.FIRMWARE, 102)
    again = station.again()
    again.charger.clock.ms += 1000000
    again.pass_s(1)
    assert again.services.did == ["fetch "]


def test_a_short_location_after_a_long_one_leaves_nothing_behind():
    station = Station()
    station.ask("UpdateFirmware", location=signed_url(2000), retrieveDate=LATER)
    station.update(LATER)
    assert [key for key, _ in station.charger.journal.state(kinds.FIRMWARE)] == [0]
    for retries in (-1, 0, 1 << 62):
        for interval in (-1, 0, 1 << 62):
            station.update(LATER, retries=retries, retryInterval=interval)
            assert station.again().jobs.update.waiting()


def test_the_words_on_flash_are_neutral_and_those_of_the_first_version_are_read():
    for key, word, told in (
        (1, "Uploading", [(DIAGNOSTICS, "UploadFailed")]),
        (1, "UploadFailed", [(DIAGNOSTICS, "UploadFailed")]),
        (1, "uploaded", [(DIAGNOSTICS, "Uploaded")]),
        (2, "InstallationFailed", [(FIRMWARE, "InstallationFailed")]),
        (2, "download_failed", [(FIRMWARE, "DownloadFailed")]),
        (2, "Downloading", []),
        (2, "a_word_of_later", []),
        (2, None, []),
    ):
        station = Station()
        station.charger.journal.keep(kinds.FIRMWARE, key, [key, word])
        after = station.again()
        after.pass_s(2)
        assert after.told == told, word
    station = Station()
    station.services.works = False
    station.update(retries=0)
    station.deaf = True
    station.pass_s(2)
    assert station.charger.journal.get(kinds.FIRMWARE, 2) == [2, "download_failed"]


def test_a_word_that_1_6_does_not_have_is_not_told():
    station = Station()
    station.jobs.say(PROGRAM, "signature_verified")
    station.jobs.say(PROGRAM, "installed")
    station.pass_s(1)
    assert station.told == [(FIRMWARE, "Installed")] and not station.jobs.news
