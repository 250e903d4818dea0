# The clock from a time server: before TLS, without a CSMS, never against one.
# MIT license; part of microevse
"""The time server is a real one on the loopback interface (host_tests/support/file_servers.py)."""

import asyncio

import certs
from bench import EPOCH, ID, Bench
from file_servers import TimeServer
from twin.host import free_port


def play(fn, runtime="micropython", tls=False, csms=True, **server):
    """Run `fn(b, time server)`: a charger that knows the server, and a CSMS if wanted."""

    async def inside():
        b = Bench(runtime=runtime)
        if tls:
            b.csms.ssl = certs.server_context("server")
            b._twin_options["ca"] = certs.paths().ca
        await b.csms.start()
        times = await TimeServer(b.unix, b.csms.count, **server).start()
        b._twin_options["settings"] = {"NtpServer": times.address}
        url = b.csms.url if csms else "ws://127.0.0.1:%d" % free_port("127.0.0.1")
        b._twin_options["csms"] = url
        await b.start_twin()
        try:
            await fn(b, times)
            b.check()
        except AssertionError as exc:
            raise b._told(exc)
        finally:
            await b.twin.stop()
            await b.csms.stop()
            times.stop()

    asyncio.run(asyncio.wait_for(inside(), 120))


async def _set_without_a_csms(b, times):
    await b.until(lambda: b.logged("time: from 127.0.0.1, step None s"), 60)
    assert times.asked == 1
    await b.advance(300)
    assert times.asked == 1, "an answer is good for half a day"


def test_a_charger_without_a_csms_gets_the_time():
    play(_set_without_a_csms, csms=False)


def test_a_charger_without_a_csms_gets_the_time_on_the_fallback_runtime():
    play(_set_without_a_csms, csms=False, runtime="cpython")


def test_the_time_is_known_before_the_first_certificate_is_checked():
    async def fn(b, times):
        await b.start_of_day()
        known = [i for i, line in enumerate(b.log) if "time: from" in line]
        connecting = [i for i, line in enumerate(b.log) if "net: connecting" in line]
        assert known and connecting and known[0] < connecting[0], "TLS was first"
        assert times.asked == 1

    play(fn, tls=True)


def test_a_silent_time_server_delays_the_connection_but_does_not_prevent_it():
    async def fn(b, times):
        times.silent = True
        boot = await b.start_of_day(within=90)
        assert boot.t - EPOCH < 40
        await b.advance(300)
        assert times.asked <= 2, "the CSMS has told the time: nobody else is asked"

    play(fn, tls=True)


def test_the_time_of_the_csms_is_never_fought_over():
    """A time server an hour off, and a CSMS that is right: the time server is not even asked."""

    async def fn(b, times):
        times.unix = lambda: b.unix() + 3600
        await b.boot()
        await b.advance(900)
        assert times.asked == 0
        assert not b.logged("stepped")
        assert len(b.calls("Heartbeat")) >= 2
        await b.call("TriggerMessage", {"requestedMessage": "StatusNotification"})
        status = await b.expect("StatusNotification", timestamp=lambda t: t is not None)
        assert status["timestamp"].startswith("2027-01-01T00:15"), status

    play(fn)


def test_the_csms_corrects_what_a_time_server_said():
    async def fn(b, times):
        times.unix = lambda: b.unix() + 7200
        """Two hours off: no message bears the wrong time (the CSMS looks at each)."""
        await b.start_of_day(within=90)
        assert b.logged("time: from 127.0.0.1") and b.logged("stepped by -7200")
        status = await b.expect("StatusNotification", connectorId=1)
        assert status["timestamp"].startswith("2027-01-01T00:0"), status
        assert b.csms.registration[ID] == "Accepted"

    play(fn, tls=True)


def test_an_answer_that_cannot_be_true_is_not_taken():
    def in_2020(answer):
        answer[40:44] = (1577836800 + 2208988800).to_bytes(4, "big")

    async def fn(b, times):
        await b.until(lambda: b.logged("nothing from 127.0.0.1: a time before"), 60)
        times.change = None
        await b.until(lambda: b.logged("time: from 127.0.0.1"), 60)
        assert times.asked == 2

    play(fn, csms=False, change=in_2020)
