# OCPP 1.6 security certification cases: the security log and its events.
# MIT license; part of microevse
"""Each test is the case it is named after, or says what it is about. The servers are real ones on
the loopback interface, in lockstep with the charger."""

from bench import scenario, script
from firmware_files import http, iso
from page_request import BASIC, PASSWORD, request
from twin.host import free_port, load_board

LOG = "LogStatusNotification"
EVENT = "SecurityEventNotification"
NAMED = dict(load_board("esp32_devkitc"), features="named")


async def get_log(b, location, number, kind="SecurityLog", span=None, **more):
    wanted = {"remoteLocation": location, **(span or {})}
    payload = {"logType": kind, "requestId": number, "log": wanted, **more}
    return await b.call("GetLog", payload)


async def told(b, number, *wanted, within=60):
    """Exactly these words about that log, in this order."""
    for status in wanted:
        assert await b.expect(LOG, within) == {"status": status, "requestId": number}


def rows(text):
    """The events in the text of a log that is whole."""
    lines = text.rstrip("\n").split("\n")
    assert lines[0].startswith("number\ttime\t")
    assert lines[-1] == "# end of the security log, %d events" % (len(lines) - 2)
    return [line.split("\t") for line in lines[1:-1]]


async def event(b, kind, count=1, within=60):
    """The event of that type that has been told as number `count` since the charger was made."""

    def there():
        return len(b.calls(EVENT, type=kind)) >= count

    await b.until(there, within, f"{kind} {count} times")
    return b.calls(EVENT, type=kind)[count - 1]


# -- the certification cases ---------------------------------------------------------------


@scenario
async def test_TC_079_CS(b):
    """The security log is sent, and each step of that is told with the number of the request."""
    await b.boot()
    await event(b, "StartupOfTheDevice")
    async with http(b) as server:
        answer = await get_log(b, server.url + "/in/", 17)
        assert answer["status"] == "Accepted"
        await told(b, 17, "Uploading", "Uploaded")
        found = rows(server.uploads["/in/" + answer["filename"]].decode())
    assert found[0][4:6] == ["yes", "started"] and found[0][7] == "0.1.0"
    assert found[0][1].startswith("2027-01-01T00:00:")  # dated, though noted before the clock was
    await b.none(LOG, for_=30)


# -- what else is asked of the log ---------------------------------------------------------


@scenario(board=NAMED)
async def test_both_logs_can_be_had_from_a_charger_without_firmware_management(b):
    await b.boot()
    b.csms.reply(EVENT, script.Error("NotSupported"))
    assert "FirmwareManagement" not in (await b.configuration("SupportedFeatureProfiles"))
    async with http(b) as server:
        span = {"oldestTimestamp": iso(0), "latestTimestamp": iso(3600)}
        for kind, number in (("SecurityLog", 1), ("DiagnosticsLog", 2)):
            answer = await get_log(b, server.url + "/in/", number, kind, span)
            await told(b, number, "Uploading", "Uploaded")
            text = server.uploads["/in/" + answer["filename"]].decode()
            assert ("[state]" in text) == (kind == "DiagnosticsLog")
            assert "twin-password" not in text
        # Nothing of the time that is wanted: a log with no event, and an end.
        span = {"oldestTimestamp": iso(-3600), "latestTimestamp": iso(-1800)}
        answer = await get_log(b, server.url + "/in/", 3, span=span)
        await told(b, 3, "Uploading", "Uploaded")
        assert rows(server.uploads["/in/" + answer["filename"]].decode()) == []


@scenario
async def test_a_second_request_ends_the_first(b):
    """The first one waits for its second try; nothing is told about it any more."""
    await b.boot()
    async with http(b) as server:
        dead = f"http://127.0.0.1:{free_port('127.0.0.1')}/in/"
        answer = await get_log(b, dead, 1, retries=5, retryInterval=20)
        assert answer["status"] == "Accepted"
        await told(b, 1, "Uploading")
        answer = await get_log(b, server.url + "/in/", 2)
        assert answer["status"] == "AcceptedCanceled"
        await told(b, 2, "Uploading", "Uploaded")
        await b.none(LOG, for_=60)
        answer = await get_log(b, dead, 3, retries=1, retryInterval=20)
        assert answer["status"] == "Accepted"
        began = b.now
        await told(b, 3, "Uploading", "UploadFailure", within=60)
        assert b.now - began >= 20
        assert b.logged("security log not sent")


@scenario
async def test_a_log_waits_until_no_car_charges(b):
    await b.boot()
    entry = await b.charging()
    async with http(b) as server:
        await get_log(b, server.url + "/in/", 4)
        await b.none(LOG, for_=60)
        await b.tap("CARD1")
        await b.until(lambda: entry.stop, 60, "StopTransaction")
        await told(b, 4, "Uploading", "Uploaded")


# -- events --------------------------------------------------------------------------------


@scenario
async def test_critical_events_are_told_until_they_are_acknowledged(b):
    """Not while the central system does not answer; again after a restart; then never again."""
    b.csms.always(EVENT, script.Drop())
    await b.boot()
    first = await event(b, "StartupOfTheDevice")
    again = await event(b, "StartupOfTheDevice", 2, 120)
    assert again == first and again.t - first.t > 59  # a silent one is not asked all the time
    b.skip()
    await b.none(EVENT, for_=20)
    b.csms.always(EVENT, {})
    mark = b.mark()
    await b.call("Reset", {"type": "Soft"})
    await b.start_of_day()
    await b.advance(100)
    types = [call["type"] for call in b.calls(EVENT, since=mark)]
    assert types == ["StartupOfTheDevice", "StartupOfTheDevice", "ResetOrReboot"]
    # It was noted before that start was told the time: now nobody knows when that was.
    info = b.calls(EVENT, since=mark)[0]["techInfo"]
    assert info == "0.1.0; boot 1, 0 s after its start"
    assert b.calls(EVENT)[-1]["techInfo"] == "SoftRestart"
    mark = b.mark()
    await b.do("power_cut", seconds=2)
    await b.start_of_day()
    await b.advance(100)
    types = [call["type"] for call in b.calls(EVENT, since=mark)]
    assert types == ["StartupOfTheDevice"]


@scenario
async def test_what_a_central_system_does_not_know_is_kept_for_the_next_connection(b):
    b.csms.always(EVENT, script.Error("NotImplemented"))
    await b.boot()
    await event(b, "StartupOfTheDevice")
    b.skip()
    await b.none(EVENT, for_=300)
    b.csms.always(EVENT, {})
    await b.do("network", up=False)
    await b.advance(5)
    await b.do("network", up=True)
    await event(b, "StartupOfTheDevice", 2, 120)


@scenario(settings={"WebPassword": PASSWORD})
async def test_what_happens_is_in_the_log_and_on_the_page_after_log_in(b):
    """Each hook: a wrong password, a message that is none, a setting, the clock, the network's."""
    await b.boot()
    await b.advance(30)
    b.skip()
    assert (await request(b, "GET", "/api/v1/security_log"))[0] == 401
    wrong = "Authorization: Basic YWRtaW46bm90LXRoZS1vbmU=\r\n"
    assert (await request(b, "GET", "/api/v1/security_log", wrong))[0] == 401
    b.csms.reply("Heartbeat", script.Before("}{not json"))
    b.allow_violations = True
    await b.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    await b.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": "00112233" * 4})
    await b.advance(5)
    b.csms.reply("Heartbeat", {"currentTime": iso(b.now + 7200)})
    await b.advance(30)
    await b.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    event = await b.expect(EVENT, 60)
    assert event["type"] == "SettingSystemTime" and "by 7" in event["techInfo"]
    status, text = await request(b, "GET", "/api/v1/security_log", BASIC)
    assert status == 200
    text, end = text.rstrip("\n").rsplit("\n", 1)
    assert end == "-- end --"  # of the page's answer
    found = {row[5]: row for row in rows(text)}
    assert found["login_failed"][7] == "page, from 127.0.0.1"
    assert found["bad_message"][7] == "message cannot be read as JSON"
    assert found["security_changed"][7] == "AuthorizationKey" and "00112233" not in text
    assert found["clock_set"][4] == "yes" and found["login_failed"][4] == "no"
    assert not b.calls(EVENT, type="MaintenanceLoginFailed")  # only critical ones are told


@scenario(csms={"passwords": {"EVSE-1": "another"}})
async def test_a_refused_password_is_an_event(b):
    """With its count, and few writes: the charger tries again and again."""
    await b.until(lambda: len(b.csms.refusals) >= 3, 300)
    await b.advance(70)
    b.csms.passwords = None
    await b.start_of_day(within=900)
    async with http(b) as server:
        answer = await get_log(b, server.url + "/in/", 5)
        await told(b, 5, "Uploading", "Uploaded")
        found = rows(server.uploads["/in/" + answer["filename"]].decode())
    refused = [row for row in found if row[5] == "refused_by_central"]
    assert refused and refused[0][4] == "no" and "401" in refused[0][7]
    assert sum(int(row[6]) for row in refused) >= 2 and len(refused) <= 4


@scenario(options={"without_partitions": ["seclog"]})
async def test_a_charger_with_an_older_table_keeps_the_log_in_a_file(b):
    await b.boot()
    assert b.logged("no partition seclog: the log is a file, written while no car charges")
    await event(b, "StartupOfTheDevice")
    async with http(b) as server:
        answer = await get_log(b, server.url + "/in/", 6)
        await told(b, 6, "Uploading", "Uploaded")
        assert rows(server.uploads["/in/" + answer["filename"]].decode())[0][5] == "started"
    await b.do("reboot")
    await b.start_of_day()
    await b.advance(30)
    assert len([call for call in b.calls(EVENT) if call["type"] == "StartupOfTheDevice"]) == 2
