# Security profiles on the whole firmware: what does not work is taken back, whenever power is cut.
# MIT license; part of microevse
"""What a profile needs, and its trial: host_tests/unit/test_access_trial.py has every rule; here
they meet real connections, real TLS and the flash of the twin. The clock that certificates are
checked by is the chip's here: `faked_time`."""

import asyncio
import datetime
import os
import shutil
import subprocess

import authorities
import pytest
from bench import EPOCH, ID, Bench
from twin.host import NETWORK

KEY = "00112233445566778899aabbccddeeff"
DAY = 86400
YEAR_2099 = "2099-01-01T00:00:00.000Z"


def server(*days):
    """(TLS context, file of the CA): certificates good for the time of the bench."""
    if not days:
        return authorities.good_server("profile")
    offset = (EPOCH - datetime.datetime.now().timestamp()) / DAY
    root = authorities.Authority("root of a time", days=(offset - 900, offset + 4000))
    key = authorities.new_key()
    chain = [root.server(key, days=(offset + days[0], offset + days[1]))]
    return authorities.server_context("of a time", chain, key), authorities.pem_file(
        "root-of-a-time", root.certificate
    )


def play(fn, csms=None, provision=None, **options):
    async def inside():
        given = {**NETWORK, "AuthorizationKey": KEY, **(provision or {})}
        async with Bench(csms=csms, provision=given, **options) as b:
            await fn(b)

    asyncio.run(asyncio.wait_for(inside(), 120))


async def change(b, key, value):
    return (await b.call("ChangeConfiguration", {"key": key, "value": value}))["status"]


async def profile(b):
    return (await b.configuration("SecurityProfile"))["SecurityProfile"]


def test_a_profile_without_a_server_for_it_is_taken_back_within_two_minutes():
    async def fn(b):
        await b.boot()
        assert await change(b, "SecurityProfile", "2") == "Accepted"
        began, mark = b.now, b.mark()
        await b.until(lambda: b.calls("BootNotification", mark), 120, "back on the one before")
        print("back after %.0f s" % (b.now - began))
        await b.until(lambda: b.logged("in use again, profile 1"), 5)
        assert len([line for line in b.log if "connecting to wss://127.0.0.1" in line]) == 3
        assert await profile(b) == "1" and b.csms.wire.tls_version is None
        # It is what holds: over a start, and at the first attempt.
        mark = b.mark()
        await b.do("reboot")
        await b.until(lambda: b.calls("BootNotification", mark), 30, "BootNotification")
        await b.advance(2)
        assert await profile(b) == "1"
        assert len([line for line in b.log if "connecting to wss://" in line]) == 3

    _, ca = server()
    play(
        fn, provision={"SecurityProfile": "1"}, csms={"passwords": {ID: bytes.fromhex(KEY)}}, ca=ca
    )


def test_a_connection_on_trial_that_is_not_accepted_is_made_anew():
    """Three of them, and the profile before has its turn: host_tests/unit/test_access_trial.py."""

    async def fn(b):
        await b.boot()
        b.csms.reply("BootNotification", {"status": "Rejected", "interval": 290})
        b.csms.reply("BootNotification", {"status": "Rejected", "interval": 20})
        assert await change(b, "SecurityProfile", "1") == "Accepted"
        await b.advance(302)
        await b.until(lambda: b.logged("restart: not accepted in time"), 5)
        await b.until(lambda: b.csms.registration[ID] == "Accepted", 30)
        await b.advance(3)
        assert await profile(b) == "1" and not b.logged("in use again")

    play(fn)


def test_what_a_profile_lacks_is_told_and_changes_nothing():
    root, _ = authorities.bad_chains()
    mine, other = authorities.new_key(), authorities.new_key()

    async def fn(b):
        await b.boot()
        assert await change(b, "SecurityProfile", "3") == "Rejected"
        assert b.logged("ClientKeyFile is not the key of ClientCertFile")
        # A car charges: nobody can try a profile with TLS now.
        await b.charging()
        assert await change(b, "SecurityProfile", "2") == "Rejected"
        assert b.logged("a car charges")
        assert await profile(b) == "0" and len(b.csms.connections) == 1

    _, ca = server()
    play(
        fn, ca=ca,
        cert=authorities.pem_file("mine", root.charger(mine, "EVSE-1")),
        key=authorities.pem_file("other-key", other),
    )  # fmt: skip


async def raised(b):
    """Raise the profile from 0 to 1; the operations of the flash before and after."""
    await b.boot()
    await b.advance(3)
    before = (await b.twin.flash())["ops"]
    assert await change(b, "SecurityProfile", "1") == "Accepted"
    mark = b.mark()
    await b.until(lambda: b.calls("BootNotification", mark), 60, "BootNotification")
    await b.advance(3)
    return before, (await b.twin.flash())["ops"]


def test_whenever_the_power_is_cut_in_a_change_the_charger_comes_back():
    found = []

    async def whole(b):
        found.append(await raised(b))
        assert await profile(b) == "1"

    play(whole)
    ((before, after),) = found
    assert after - before >= 3, "what held before, the profile, and that it works"
    ends = []
    for number in range(before + 1, after + 1):

        async def cut(b):
            b.twin._options.pop("flash_cut_at")  # for the first start alone
            boots = b.twin.boots
            try:
                await raised(b)
            except Exception:
                assert b.twin.boots > boots, "only the cut ends it"
            await b.until(lambda: b.twin.boots > boots, 30, "the cut")
            await b.until(lambda: b.csms.registration.get(ID) == "Accepted", 60)
            mark = b.mark()
            await b.do("reboot")
            await b.until(lambda: b.calls("BootNotification", mark), 60, "BootNotification")
            await b.advance(3)
            ends.append(await profile(b))

        play(cut, options={"flash_cut_at": number})
    print("profiles after a cut at each of %d operations: %s" % (after - before, ends))
    assert ends == sorted(ends) and set(ends) == {"0", "1"}


# The chip checks certificates by its own clock; mbedTLS on this host by the host's. This makes
# time() of that process what the charger has set its clock to, after its first setting.
TIME_C = """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
time_t time(time_t *out) {
    struct timespec now;
    long set;
    clock_gettime(CLOCK_REALTIME, &now);
    const char *name = getenv("MICROEVSE_RTC");
    FILE *file = name ? fopen(name, "r") : 0;
    if (file) {
        if (fscanf(file, "%ld", &set) == 1) now.tv_sec = set;
        fclose(file);
    }
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture
def faked_time(tmp_path, monkeypatch):
    """Options of a twin whose TLS has the chip's clock."""
    if not shutil.which("gcc"):
        pytest.skip("NOT RUN: no C compiler")
    (tmp_path / "time.c").write_text(TIME_C)
    library = str(tmp_path / "time.so")
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", library, str(tmp_path / "time.c")], check=True
    )
    monkeypatch.setenv("LD_PRELOAD", library)
    monkeypatch.setenv("MICROEVSE_RTC", str(tmp_path / "rtc"))
    assert "LD_PRELOAD" in os.environ
    return {"rtc_file": str(tmp_path / "rtc")}


async def known(b):
    """A connection whose certificate was checked by the right time: the floor is known."""
    await b.boot(HeartbeatInterval=5)
    b.csms.wire.drop()
    mark = b.mark()
    await b.until(lambda: b.calls("Heartbeat", mark), 30)


def test_a_wrong_time_does_not_lock_the_charger_out_of_tls(faked_time):
    """2099, told over ws:// and kept, once made every certificate an expired one, for good: no
    time server was believed, as it told a time before the last known one."""
    context, ca = server(-400, 400)

    async def fn(b):
        b.allow_violations = True  # its messages bear the time that it was told
        await known(b)
        wires = len(b.csms.connections)
        b.csms.always("Heartbeat", lambda _: {"currentTime": YEAR_2099})
        await b.until(lambda: b.logged("stepped by"), 30, "the wrong time is taken")
        b.csms.usual("Heartbeat")
        # The connection is lost before the central system can tell the right one.
        b.csms.wire.drop()
        await b.until(lambda: b.logged("certificate has expired"), 60, "refused as of 2099")
        await b.until(lambda: len(b.csms.connections) > wires and b.csms.wire, 120, "in again")
        assert b.logged("in doubt: certificates are checked as of 2027-01")
        # A start in the middle of it, and the power was away: 2099 is what was told last.
        b.csms.always("BootNotification", lambda _: {
            "status": "Accepted", "interval": 300, "currentTime": YEAR_2099
        })  # fmt: skip
        await b.do("reboot")
        mark = b.mark()
        await b.until(lambda: b.calls("BootNotification", mark), 200, "in again")
        b.csms.usual("BootNotification")
        await b.do("reboot")
        mark = b.mark()
        await b.until(lambda: b.calls("BootNotification", mark), 200, "in again")

    play(
        fn, csms={"ssl": context, "passwords": {ID: bytes.fromhex(KEY)}}, ca=ca,
        provision={"SecurityProfile": "2"}, options=faked_time,
    )  # fmt: skip


def test_a_certificate_that_has_just_expired_is_refused_without_a_time_server_too(faked_time):
    """To check it as of an earlier time is for a clock that is far off."""
    context, ca = server(-400, 1 / 24)

    async def fn(b):
        await known(b)
        b.csms.clock = lambda: EPOCH + b.now + 2 * 3600  # two hours later
        await b.until(lambda: b.logged("stepped by"), 30)
        b.csms.wire.drop()
        mark = len(b.csms.connections)
        await b.until(lambda: len(b.csms.refusals) >= 5, 400, "refused")
        assert not [wire for wire in b.csms.connections[mark:] if wire.request]
        assert b.logged("certificate has expired") and not b.logged("in doubt")

    play(
        fn, csms={"ssl": context, "passwords": {ID: bytes.fromhex(KEY)}}, ca=ca,
        provision={"SecurityProfile": "2"}, options=faked_time,
    )  # fmt: skip
