# Every way in which a network goes quiet, and the way out of it; the contactor stays as it is.
# MIT license; part of microevse
"""The whole firmware. The twin's network (host_tests/twin/net.py) is told how to fail."""

import asyncio

import certs
from bench import ID, Bench, scenario
from network_life import APS
from secure import PASSWORD

QUICK = {"options": {"skip_ms": 4000, "coalesce_ms": 2000}}
LONG = {"options": {"skip_ms": 8000, "coalesce_ms": 8000}}


def known(*names, **more):
    """Settings of a charger that knows these networks; the twin's `aps` has their keys."""
    fields = (("WifiSsid", "WifiPassword"), ("Wifi2Ssid", "Wifi2Password"))
    settings = {"NtpServer": "", "WifiSsid": "", "WifiPassword": ""}
    for (ssid, key), name in zip(fields, names):
        settings.update({ssid: name, key: APS[name]["key"]})
    return {"settings": {**settings, **more}, **QUICK}


ONE = known("home")
TWO = known("attic", "home")


def back(b, since):
    return lambda: any(wire.open for wire in b.csms.connections[since:])


async def _back(b, within, since=None):
    """Virtual seconds until there is a new connection, since it became `since`."""
    began = b.now
    count = len(b.csms.connections) if since is None else since
    await b.until(back(b, count), within, "connected again")
    return b.now - began


async def _charging(b):
    await b.boot()
    entry = await b.charging()
    await b.advance(5)
    return entry


async def _still_charging(b, entry):
    state = await b.status()
    assert state["contactor"] and state["amps"] > 5, state
    opened = [e for e in b.twin.events if e.get("event") == "contactor" and not e["value"]]
    assert not opened and not entry.stop and b.twin.boots == 1


@scenario(**ONE)
async def test_a_status_that_stays_connecting_is_joined_anew(b):
    entry = await _charging(b)
    await b.do("network", trouble="stuck")
    await _back(b, 60)
    await _still_charging(b, entry)


@scenario(**ONE)
async def test_dhcp_that_was_silent_answers_at_last(b):
    entry = await _charging(b)
    since = len(b.csms.connections)
    await b.do("network", trouble="no_address")
    await b.advance(200)
    assert b.logged("no address, status 1001"), "nobody said what is wrong"
    await b.do("network", trouble=None)
    await _back(b, 60, since)
    await _still_charging(b, entry)


@scenario(**ONE)
async def test_an_association_without_packets_is_made_anew(b):
    entry = await _charging(b)
    await b.do("network", trouble="dead")
    # 3.5 pings of 30 s, 90 s without any answer, and a question to the router.
    await _back(b, 260)
    assert b.logged("the router is silent")
    await _still_charging(b, entry)


@scenario(**ONE)
async def test_while_the_router_answers_the_association_is_kept(b):
    await b.boot()
    since = len(b.csms.connections)
    joined = len(b.logged("wifi: joined"))
    await b.do("network", upstream=False)
    await b.advance(900)
    assert b.logged("but the router answers")
    assert len(b.logged("wifi: joined")) == joined and not b.logged("wifi: lost")
    await b.do("network", upstream=True)
    await _back(b, 60, since)


@scenario(**ONE)
async def test_a_wedged_driver_is_switched_off_and_on(b):
    await b.boot()
    await b.do("network", trouble="wedged")
    await _back(b, 200)
    assert b.logged("driver restarts") and b.twin.boots == 1


@scenario(**ONE)
async def test_a_wedged_driver_waits_until_no_car_charges(b):
    entry = await _charging(b)
    since = len(b.csms.connections)
    await b.do("network", trouble="wedged")
    await b.advance(400)
    assert not b.logged("driver restarts"), "that stalls the interpreter"
    await _still_charging(b, entry)
    await b.tap("CARD1")
    await b.contactor(False)
    await _back(b, 200, since)
    await b.until(lambda: entry.stop, 60, "StopTransaction")


@scenario(**{**ONE, **LONG})
async def test_a_bricked_driver_costs_one_reset_and_only_without_a_session(b):
    entry = await _charging(b)
    await b.do("network", trouble="bricked")
    await b.advance(2000)
    await _still_charging(b, entry)
    await b.tap("CARD1")
    await b.contactor(False)
    await b.until(lambda: b.twin.boots == 2, 400, "a reset")
    await b.start_of_day(120)
    await b.until(lambda: entry.stop, 60, "StopTransaction")


@scenario(**{**ONE, **LONG})
async def test_a_network_that_is_gone_for_good_costs_one_reset(b):
    await b.boot()
    await b.do("network", up=False)
    await b.advance(4200)
    assert b.twin.boots == 2
    since = len(b.csms.connections)
    await b.do("network", up=True)
    await _back(b, 60, since)


@scenario(**ONE)
async def test_another_address_from_dhcp_is_a_new_connection(b):
    entry = await _charging(b)
    await b.do("network", lease=7)
    await _back(b, 60)
    await b.until(lambda: b.logged("address 127.0.0.8"), 10)
    await _still_charging(b, entry)


@scenario(**TWO)
async def test_the_strongest_known_network_is_joined_and_the_next_one_when_it_goes(b):
    await b.do("network", aps={"neighbour": {"rssi": -20, "key": "x"}, **APS})
    await b.boot()
    assert b.logged("wifi: joined home") and not b.logged("joined attic")
    await b.do("network", aps={"attic": APS["attic"]})
    await _back(b, 60)
    assert b.logged("wifi: joined attic")
    await b.do("network", aps={"home": APS["home"]})
    await _back(b, 60)
    assert len(b.logged("wifi: joined home")) == 2


@scenario(**TWO)
async def test_a_hidden_network_is_tried_and_a_wrong_password_told(b):
    hidden = {"attic": {**APS["attic"], "hidden": True}}
    await b.do("network", aps={"home": {"rssi": -40, "key": "changed"}, **hidden})
    await b.boot()
    assert b.logged("home: password refused") and b.logged("wifi: joined attic")


@scenario(
    **known("home", StaticAddress="10.0.0.9/24 10.0.0.1", WifiCountry="AT", Hostname="Box 1")
)
async def test_a_fixed_address_needs_no_dhcp(b):
    await b.do("network", trouble="no_address")
    await b.boot()
    assert b.logged("address 10.0.0.9")


@scenario(board="wt32_eth01", settings={"NtpServer": ""}, **QUICK)
async def test_ethernet_comes_back_from_a_pulled_cable_and_a_dead_switch(b):
    await b.boot()
    await b.do("plug")
    await b.do("request")
    await b.call("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1})
    await b.contactor(True)
    await b.advance(5)
    entry = b.transaction()
    since = len(b.csms.connections)
    await b.do("network", up=False)
    await b.advance(100)
    await b.do("network", up=True)
    await _back(b, 60, since)
    await _still_charging(b, entry)
    await b.call("RemoteStopTransaction", {"transactionId": entry.id})
    await b.contactor(False)
    await b.advance(20)
    await b.do("network", trouble="dead")
    await _back(b, 260)
    assert b.logged("interface restarts")


class Named(Bench):
    """The charger knows its central system by a name."""

    name = "csms.test"

    async def start_twin(self):
        self._twin_options["csms"] = self.csms.url_for(self.name)
        return await super().start_twin()


def named(fn, **options):
    async def play():
        async with Named(**options, **QUICK) as b:
            await fn(b)

    return lambda: asyncio.run(asyncio.wait_for(play(), 120))


async def _without_dns(b):
    entry = await _charging(b)
    await b.do("network", dns_fail=True)
    b.csms.wire.drop()
    assert await _back(b, 30) < 10
    await _still_charging(b, entry)
    await b.tap("CARD1")
    await b.contactor(False)
    await b.advance(700)  # the address is old now
    b.csms.wire.drop()
    await _back(b, 30)
    assert b.logged("no answer about csms.test")


test_the_last_good_address_serves_while_no_name_is_resolved = named(
    _without_dns, settings={"NtpServer": ""}
)


async def _moved(b):
    """The old address belongs to another server now: only the name leads to ours."""
    await b.boot()
    since = len(b.csms.connections)
    await b.do("network", hosts={"csms.test": "127.0.0.77"})
    await b.csms.pause()
    await b.advance(60)
    assert b.logged("csms.test is now 127.0.0.77")
    await b.do("network", hosts={"csms.test": "127.0.0.1"})
    await b.csms.resume()
    await _back(b, 60, since)


test_a_server_that_moved_is_found_by_its_name = named(_moved, settings={"NtpServer": ""})


def test_an_address_is_no_proof_the_certificate_must_carry_the_name():
    """Names that lead to another's server: TLS checks the name that was set, not the address."""
    paths = certs.paths()

    async def play():
        b = Named(
            csms={"ssl": certs.server_context("server"), "passwords": {ID: PASSWORD}},
            ca=paths.ca,
            password=PASSWORD,
            settings={"NtpServer": ""},
        )
        async with b:
            await b.until(lambda: len(b.csms.refusals) >= 2, 120, "refused")
            assert not b.calls()
            assert all(charger is None for charger, _ in b.csms.refusals)

    asyncio.run(asyncio.wait_for(play(), 120))


def test_after_a_power_cut_certificates_are_checked_as_of_the_last_time_told():
    """No time server, no source of time before TLS: the journal has the earliest possible time."""

    class Secure(Named):
        name = "localhost"

    async def play():
        b = Secure(
            csms={"ssl": certs.server_context("server")},
            ca=certs.paths().ca,
            settings={"NtpServer": ""},
        )
        async with b:
            await b.boot()
            told = b.unix()
            await b.advance(100)
            # A cut takes the chip's clock with it, but not the journal.
            await b.twin.power_cut(30)
            await b.until(lambda: b.logged("certificates are checked as of 2027-01-01T00:00"), 60)
            await b.twin._take_snapshot(10)
            state = b.twin._state
            chip = (state["now_us"] + state["rtc_offset"]) / 1e6
            assert told - 10 <= chip <= b.unix() + 1, (told, chip, b.unix())
            await b.start_of_day(60)

    asyncio.run(asyncio.wait_for(play(), 120))
