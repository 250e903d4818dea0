# The charger's own certificate on the whole firmware: renewed, refused, and the power cut.
# MIT license; part of microevse
"""Real TLS of profile 3 with a server that asks for a certificate of its authority. The rules of
the trial are in host_tests/unit/test_access_trial.py, those of what is taken in
host_tests/unit/test_certificates.py."""

import authorities
from bench import ID, scenario, script
from certificate_central import (
    Server,
    another,
    asked,
    days,
    install,
    pem,
    play,
    shown,
    sign,
    trigger,
)

DAY = 86400


def authority(server):
    """The authority of the server. OpenSSL has the real clock, the charger has the bench's: the
    dates of the charger's certificate are for the charger alone."""
    ca, _ = authorities.bad_chains()
    server.context.verify_flags |= 0x200000  # X509_V_FLAG_NO_CHECK_TIME
    return ca


async def later(b, seconds):
    """The central system tells a time that is so much later, as if it had passed."""
    clock = b.csms.clock
    b.csms.clock = lambda: clock() + seconds
    steps = len(b.logged("stepped by"))
    await b.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    await b.until(lambda: len(b.logged("stepped by")) > steps, 30, "the time is taken")
    await b.advance(3)


def short(ca, begin, end):
    """Files with a certificate of those days, and its key."""
    key = authorities.new_key()
    certificate = ca.charger(key, ID, days(begin, end))
    return authorities.pem_file("short", certificate), authorities.pem_file("short-key", key)


def test_a_certificate_is_renewed_in_the_middle_of_a_week():
    """Of nine days, a third before its end. The first request is not answered with a certificate:
    the second one is, five minutes later. The line comes back with the new one. Of the days only
    what the central system tells passes: each second of them would be played."""
    server = Server(client_authority=True)
    ca = authority(server)

    async def fn(b):
        b.csms.always("SignCertificate", {"status": "Accepted"})
        await b.boot()
        first = shown(b)
        await later(b, 2.9 * DAY)
        await b.advance(70)
        assert not b.calls("SignCertificate") and shown(b) == first
        await later(b, 0.1 * DAY)
        await asked(b, within=120)
        began = b.now
        await b.advance(240)
        assert len(b.calls("SignCertificate")) == 1
        await b.until(lambda: len(b.calls("SignCertificate")) == 2, 130, "asked again")
        assert 240 <= b.now - began <= 362
        csr = await asked(b)
        new = ca.signed_charger(csr.public_key(), ID, days(-1, 90))
        assert await sign(b, [new]) == "Accepted"
        await another(b)
        assert shown(b) == new.serial_number and b.csms.refusals == []
        await later(b, 4 * DAY)  # beyond the end of the first one
        await b.advance(120)
        assert len(b.calls("SignCertificate")) == 2
        b.csms.wire.drop()
        await another(b)
        assert shown(b) == new.serial_number

    play(fn, server, files=short(ca, -3, 6))


def test_a_central_system_that_does_not_sign_is_asked_once_a_day():
    """Also one that does not know the message. Nothing of it while a car charges."""
    server = Server(client_authority=True)
    ca = authority(server)

    async def fn(b):
        b.csms.always("SignCertificate", script.Error("NotSupported"))
        await b.boot()
        await b.until(lambda: b.calls("SignCertificate"), 90, "asked")
        await later(b, 0.9 * DAY)
        await b.advance(70)
        assert len(b.calls("SignCertificate")) == 1
        await b.charging()
        await later(b, 0.2 * DAY)
        await b.advance(70)
        assert len(b.calls("SignCertificate")) == 1, "a car charges"
        assert await trigger(b) == "Accepted", "it is done when the car has gone"
        assert await sign(b, "x") == "Rejected"
        assert await install(b, pem(ca.certificate)) == "Failed"
        error = await b.call_error(
            "GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}
        )
        assert "car charges" in error.description
        await b.advance(70)
        assert len(b.calls("SignCertificate")) == 1
        b.csms.always("SignCertificate", {"status": "Rejected"})
        await b.tap("CARD1")
        await b.until(lambda: len(b.calls("SignCertificate")) == 2, 60, "asked")
        await b.advance(400)
        assert len(b.calls("SignCertificate")) == 2
        await later(b, 1.1 * DAY)
        await b.until(lambda: len(b.calls("SignCertificate")) == 3, 90, "asked")

    play(fn, server, files=short(ca, -50, 5))


@scenario
async def test_triggers_without_end_make_one_key_and_one_request_a_minute(b):
    """Two within the seconds that a key takes made two keys: the certificate of the first request
    fitted no key."""
    b.csms.always("SignCertificate", {"status": "Accepted"})
    await b.boot()
    await b.advance(60 - b.now % 60)  # the minute begins
    mark = b.mark()
    for _ in range(8):
        assert await trigger(b) == "Accepted"
    first = await asked(b, mark)
    for _ in range(4):
        assert await trigger(b) == "Accepted"
    await b.advance(40)
    assert len(b.calls("SignCertificate", mark)) == 1
    await b.advance(65)
    assert len(b.calls("SignCertificate", mark)) == 2
    again = await asked(b, mark)
    assert again.public_key() == first.public_key()


@scenario
async def test_the_other_messages_of_an_extended_trigger(b):
    await b.boot()
    wanted = {
        "BootNotification": {},
        "Heartbeat": {},
        "MeterValues": {"connectorId": 1},
        "StatusNotification": {"connectorId": 0},
        "FirmwareStatusNotification": {"status": "Idle"},
        "LogStatusNotification": {"status": "Idle"},
    }
    for message, fields in wanted.items():
        assert await trigger(b, message) == "Accepted"
        await b.expect(message, 20, **fields)
    answer = await b.call(
        "ExtendedTriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 7}
    )
    assert answer == {"status": "Rejected"}
    b.csms.reply("BootNotification", {"status": "Pending", "interval": 60})
    await b.do("reboot")
    await b.expect("BootNotification", 60)
    assert await trigger(b) == "Rejected", "before it is accepted"


CUTS = 5


def test_whenever_the_power_is_cut_the_charger_comes_back_with_a_certificate():
    """At some of the operations of InstallCertificate, of the request and of CertificateSigned up
    to the end of its trial. `make bench ARGS=certificates` cuts all of them, in all ways, below
    the messages."""
    server = Server(client_authority=True)
    ca, _ = authorities.bad_chains()

    async def changed(b):
        await b.boot()
        await b.advance(3)
        before = (await b.twin.flash())["ops"]
        assert await install(b, pem(ca.certificate)) == "Accepted"
        assert await trigger(b) == "Accepted"
        csr = await asked(b)
        new = ca.signed_charger(csr.public_key(), ID)
        assert await sign(b, [new]) == "Accepted"
        await another(b)
        assert shown(b) == new.serial_number
        return before, (await b.twin.flash())["ops"]

    found = []

    async def whole(b):
        b.csms.always("SignCertificate", {"status": "Accepted"})
        found.append(await changed(b))

    play(whole, server)
    ((before, after),) = found
    assert after - before > 20
    ends = []
    for number in [before + 1 + i * (after - before) // CUTS for i in range(CUTS)]:

        async def cut(b):
            b.csms.always("SignCertificate", {"status": "Accepted"})
            b.twin._options.pop("flash_cut_at")  # for the first start alone
            boots = b.twin.boots
            try:
                await changed(b)
            except Exception:
                assert b.twin.boots > boots, "only the cut ends it"
            await b.until(lambda: b.twin.boots > boots, 60, "the cut")
            await b.until(lambda: b.csms.registration.get(ID) == "Accepted", 60)
            await b.until(lambda: b.csms.wire and b.csms.wire.open, 60, "connected")
            await b.advance(3)
            shown(b)
            # It can be renewed after that.
            mark = b.mark()
            assert await trigger(b) == "Accepted"
            csr = await asked(b, mark)
            new = ca.signed_charger(csr.public_key(), ID)
            assert await install(b, pem(ca.certificate)) == "Accepted"
            assert await sign(b, [new]) == "Accepted"
            await another(b)
            ends.append(shown(b) == new.serial_number)

        play(cut, server, options={"flash_cut_at": number})
    print("cut at %d of %d operations" % (len(ends), after - before))
    assert ends == [True] * CUTS
