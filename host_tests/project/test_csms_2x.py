# The test CSMS under OCPP 2.0.1 and 2.1 against an independent station: PyPI `ocpp`.
# MIT license; part of microevse
"""What a right station does is answered without a word; each wrong message gives its violation."""

import asyncio
import copy
import json

import pytest
import websockets
from csms import CallError, Csms, script, stamp
from csms_station import ALL, BEGAN, CARD, NOW, TAGS, TX, Line, scenario, session
from ocpp import v21, v201
from ocpp.exceptions import NotSupportedError
from ocpp.routing import on

LIBRARY = {"ocpp2.0.1": v201, "ocpp2.1": v21}


def station(protocol, ws, id="CP 1"):
    library = LIBRARY[protocol]

    class Station(library.ChargePoint):
        @on("RequestStartTransaction")
        def start_transaction(self, **_):
            return library.call_result.RequestStartTransaction(status="Accepted")

        @on("GetBaseReport")
        def report(self, report_base, **_):
            known = report_base != "SummaryInventory"
            status = "Accepted" if known else "NotSupported"
            return library.call_result.GetBaseReport(status=status)

        @on("ClearCache")
        def clear_cache(self, **_):
            raise NotSupportedError()

    return Station(id, ws, response_timeout=2)


@scenario
async def test_the_first_of_ours_that_is_offered_is_spoken():
    async with Csms(TAGS, subprotocols=ALL) as csms:
        for offered, picked in (
            (["ocpp1.6", "ocpp2.0.1"], "2.0.1"),
            (["ocpp2.1", "ocpp1.6"], "2.1"),
            (["ocpp1.6"], "1.6"),
            (["ocpp0.9", "ocpp1.6"], "1.6"),
        ):
            async with Line(csms, *offered) as line:
                assert csms.wire.version == picked
                assert (await line.boot())["status"] == "Accepted"
        # What one version has registered the other does not know.
        assert csms.registration["CP 1"] == "Accepted" and not csms.violations
        async with Line(csms, "ocpp2.1") as line:
            await line.tell("Heartbeat", {})
        assert "before a BootNotification" in csms.violations.pop()


@scenario
async def test_answers_a_whole_session_and_books_it(protocol):
    library = LIBRARY[protocol]
    call = library.call
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        csms.price = 0.5
        url = csms.url + "/CP%201"
        async with websockets.connect(url, subprotocols=[protocol]) as ws:
            cp = station(protocol, ws)
            task = asyncio.create_task(cp.start())
            charging_station = {"model": "m", "vendor_name": "v"}
            boot = await cp.call(call.BootNotification(charging_station, "PowerUp"))
            assert (boot.status, boot.interval) == ("Accepted", 300)
            assert (await cp.call(call.Heartbeat())).current_time == boot.current_time
            when = stamp(NOW)
            await cp.call(
                call.StatusNotification(
                    timestamp=when, connector_status="Occupied", evse_id=1, connector_id=1
                )
            )
            info = await cp.call(call.Authorize({"id_token": "card1", "type": "ISO14443"}))
            assert info.id_token_info == {
                "status": "Accepted",
                "group_id_token": {"id_token": "FAMILY", "type": "Central"},
                "cache_expiry_date_time": "2030-01-01T00:00:00Z",
            }
            for token, type, status in (
                ("NOBODY", "ISO14443", "Unknown"),
                ("GONE", "ISO14443", "Expired"),
                ("POOR", "ISO14443", "NoCredit"),
                ("PHONE", "Central", "Accepted"),
                ("PHONE", "ISO14443", "Invalid"),
                ("", "NoAuthorization", "Accepted"),
            ):
                info = await cp.call(call.Authorize({"id_token": token, "type": type}))
                assert info.id_token_info["status"] == status, token
            asked = {"idToken": CARD, "remoteStartId": 7}
            assert (await csms.call("RequestStartTransaction", asked))["status"] == "Accepted"
            last = None
            events = session()
            events[0]["triggerReason"] = "RemoteStart"
            events[0]["transactionInfo"]["remoteStartId"] = 7
            for payload in events + events:
                last = await raw(cp, "TransactionEvent", payload)
                assert ("idTokenInfo" in last) == ("idToken" in payload)
            assert last["totalCost"] == 0.05
            value = [{"timestamp": when, "sampled_value": [{"value": 5.5}]}]
            await cp.call(call.MeterValues(evse_id=1, meter_value=value))
            row = {"event_id": 1, "timestamp": when, "trigger": "Delta", "actual_value": "true",
                   "component": {"name": "RCD"}, "variable": {"name": "Tripped"},
                   "event_notification_type": "HardWiredNotification"}  # fmt: skip
            await cp.call(call.NotifyEvent(generated_at=when, seq_no=0, event_data=[row]))
            assert (await cp.call(call.DataTransfer("de.example"))).status == "UnknownVendorId"
            assert (await cp.call(call.SignCertificate("-"))).status == "Rejected"
            await cp.call(
                call.SecurityEventNotification(type="StartupOfTheDevice", timestamp=when)
            )
            await cp.call(call.NotifyChargingLimit({"charging_limit_source": "EMS"}))
            await cp.call(call.ClearedChargingLimit(charging_limit_source="EMS"))
            await cp.call(call.FirmwareStatusNotification("Idle"))
            await cp.call(call.LogStatusNotification("Idle"))
            task.cancel()
        assert csms.violations == []
        booked = csms.transactions[TX]
        assert (booked.starts, booked.stops, booked.wh) == (2, 2, 100)
        assert (booked.token, booked.connector, booked.reason) == ("CARD1", 1, "Local")
        assert (booked.began, booked.ended) == (BEGAN, BEGAN + 310)
        assert [sample[0]["value"] for _, sample in booked.samples] == [1050.5]
        assert csms.ledger.find(TX) is booked and not csms.ledger.running()


async def raw(cp, action, payload):
    """The answer to a message that the library would not build."""
    raw.count += 1
    id = f"raw-{raw.count}"
    await cp._connection.send(json.dumps([2, id, action, payload]))
    return (await cp._get_specific_response(id, 2)).payload


raw.count = 0


@scenario
async def test_what_2_1_has_in_addition():
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        csms.dynamic[5] = {"limit": 9.0}
        async with Line(csms, "ocpp2.1") as line:
            await line.boot()
            for id, status in ((5, "Accepted"), (6, "Rejected")):
                answer = await line.tell("PullDynamicScheduleUpdate", {"chargingProfileId": id})
                assert answer[2]["status"] == status
            transaction = {"transactionId": TX, "activated": True}
            assert (await line.tell("NotifyPriorityCharging", transaction))[2] == {}
            stream = {"constantStreamData": {"id": 1, "variableMonitoringId": 2, "params": {}}}
            answer = await line.tell("OpenPeriodicEventStream", stream)
            assert answer[2] == {"status": "Accepted"}
            values = {"id": 1, "pending": 0, "basetime": stamp(NOW), "data": [{"t": 1, "v": "5"}]}
            await line.ws.send(json.dumps([6, "s-1", "NotifyPeriodicEventStream", values]))
            # The next answer is that to the next call: a SEND has none.
            assert (await line.tell("ClosePeriodicEventStream", {"id": 1}, "close"))[1] == "close"
            sent = [f for f in csms.log if f.type == "send"]
            assert [f.payload for f in sent] == [values] and not csms.violations
            # The other way: a SEND and a CALLRESULTERROR of the central system.
            csms.send("NotifyPeriodicEventStream", values)
            assert json.loads(await line.ws.recv())[0] == 6
            csms.send_result_error("close", "TypeConstraintViolation", "?")
            assert json.loads(await line.ws.recv())[:3] == [5, "close", "TypeConstraintViolation"]
            assert not csms.violations
            # A CALLRESULTERROR is right for a wrong answer alone.
            csms.reply("Heartbeat", script.Wrong({"currentTime": 5}))
            await line.tell("Heartbeat", {}, "bad")
            await line.ws.send(json.dumps([5, "bad", "TypeConstraintViolation", "", {}]))
            await line.tell("Heartbeat", {}, "good")
            assert csms.result_errors[0].action == "Heartbeat" and not csms.violations
            for message, word in (
                ([5, "good", "TypeConstraintViolation", "", {}], "for a right answer"),
                ([5, "nobody", "GenericError", "", {}], "not answered"),
                ([6, "s-2", "NotifyPeriodicEventStream", {**values, "id": "1"}], "'1' is not"),
                ([6, "s-3", "Heartbeat", {}], "not an OCPP 2.1 action"),
                ([7, "s-4", "Heartbeat", {}], "no OCPP message"),
            ):
                assert word in await blamed(csms, line, message), message
        async with Line(csms, "ocpp2.0.1") as line:
            await line.boot()
            for message in (
                [6, "s-5", "NotifyPeriodicEventStream", values],
                [5, "good", "GenericError", "", {}],
            ):
                assert "no OCPP message" in await blamed(csms, line, message)
            answer = await line.tell("PullDynamicScheduleUpdate", {"chargingProfileId": 5})
            assert answer[:3:2] == [4, "NotImplemented"]
            assert "not an OCPP 2.0.1 action" in csms.violations.pop()


async def blamed(csms, line, message):
    """The one violation that a message brings; a call behind it says that it was handled."""
    assert not csms.violations, csms.violations
    await line.ws.send(message if isinstance(message, str) else json.dumps(message))
    line.count += 1
    await line.ws.send(json.dumps([2, f"behind-{line.count}", "Heartbeat", {}]))
    while json.loads(await line.ws.recv())[1] != f"behind-{line.count}":
        pass
    found = list(csms.violations)
    csms.violations.clear()
    assert len(found) == 1, (message, found)
    return found[0]


@scenario
async def test_blames_the_station_for_messages_that_are_wrong(protocol):
    version = protocol[4:]
    status = {"connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        async with Line(csms, protocol) as line:
            await line.tell("StatusNotification", {"timestamp": stamp(NOW), **status})
            assert "before a BootNotification" in csms.violations.pop()
            csms.reply("BootNotification", {"status": "Pending", "interval": 3})
            await line.boot()
            await line.tell("StatusNotification", {"timestamp": stamp(NOW), **status})
            assert "Pending" in csms.violations.pop()
            await line.boot()
            for message, word in (
                ([2, "a", "Heartbeat", {"x": 1}], "'x'"),
                ([2, "b", "Authorize", {"idToken": "CARD1"}], "not of type 'object'"),
                ([2, "c", "StartTransaction", {}], f"not an OCPP {version} action"),
                ([2, "d", "../v16/schemas/Heartbeat", {}], f"not an OCPP {version} action"),
                ([2, "a", "Heartbeat", {}], "used before"),
                ([2, "e", 5, {}], "no OCPP message"),
                ([3, "nobody-asked", {}], "nobody asked"),
                ([4, "x", "FormationViolation", "", {}], "is no error code"),
                ([2, "f", "StatusNotification", {"timestamp": "2027-01", **status}], "is not y"),
                (
                    [2, "g", "StatusNotification", {"timestamp": stamp(NOW + 60), **status}],
                    "in the future",
                ),
                (
                    [2, "h", "StatusNotification",
                     {"timestamp": stamp(NOW), **status, "evseId": 0}],
                    "counts from 1",
                ),
                (
                    [2, "i", "ReservationStatusUpdate",
                     {"reservationId": 9, "reservationUpdateStatus": "Expired"}],
                    "no reservation 9",
                ),
                ([2, "j", "LogStatusNotification", {"status": "Uploading"}], "without a req"),
                (
                    [2, "k", "FirmwareStatusNotification",
                     {"status": "Installed", "requestId": 3}],
                    "requestId 3",
                ),
            ):  # fmt: skip
                found = await blamed(csms, line, message)
                assert word in found, (message, found)


@scenario
async def test_parts_of_a_report_follow_each_other(protocol):
    row = {
        "component": {"name": "AuthCtrlr"},
        "variable": {"name": "Enabled"},
        "variableAttribute": [{"value": "true", "mutability": "ReadWrite"}],
    }

    def part(request, seq, tbc=False, row=row):
        found = {"requestId": request, "seqNo": seq, "generatedAt": stamp(NOW), "tbc": tbc}
        return {**found, "reportData": [row]}

    async with Csms(TAGS, clock=lambda: NOW, subprotocols=ALL) as csms:
        async with Line(csms, protocol) as line:

            async def ask(request, status="Accepted", early=None):
                body = {"requestId": request, "reportBase": "FullInventory"}
                future = csms.start_call("GetBaseReport", body)
                id = json.loads(await line.ws.recv())[1]
                if early:
                    assert (await line.tell("NotifyReport", early))[0] == 3
                await line.ws.send(json.dumps([3, id, {"status": status}]))
                await future

            await line.boot()
            await ask(1)
            assert "no report came" in csms.requests.unfinished()[0]
            for seq in (0, 1, 1, 2):
                await line.tell("NotifyReport", part(1, seq, True))
            assert "no last part" in csms.requests.unfinished()[0]
            await line.tell("NotifyReport", part(1, 3))
            assert csms.violations == [] == csms.requests.unfinished()
            # A charger that waits to be registered may tell what it was asked for.
            csms.reply("BootNotification", {"status": "Pending"})
            await line.boot()
            await ask(1)
            await line.tell("NotifyReport", part(1, 0))
            assert csms.violations == []
            await line.boot()
            await ask(2)
            await ask(3, "NotSupported")
            secret = copy.deepcopy(row)
            secret["variableAttribute"][0]["mutability"] = "WriteOnly"
            for payload, word in (
                (part(2, 1), "1 in place of 0"),
                (part(2, 3), "behind its last part"),
                (part(3, 0), "answered with NotSupported"),
                (part(4, 0), "nobody asked"),
            ):
                await line.tell("NotifyReport", payload)
                assert word in csms.violations[0], csms.violations
                csms.violations.clear()
            await ask(5)
            await line.tell("NotifyReport", part(5, 0, row=secret))
            assert "AuthCtrlr.Enabled is WriteOnly" in csms.violations.pop()
            await ask(6, early=part(6, 0))
            assert "before the request was answered" in csms.violations.pop()
            assert not csms.violations


@scenario
async def test_calls_the_station_and_checks_its_answer(protocol):
    async with Csms(TAGS, subprotocols=ALL) as csms:
        url = csms.url + "/CP%201"
        async with websockets.connect(url, subprotocols=[protocol]) as ws:
            task = asyncio.create_task(station(protocol, ws).start())
            while csms.wire is None:
                await asyncio.sleep(0.005)
            with pytest.raises(CallError) as error:
                await csms.call("ClearCache", {})
            assert error.value.code == "NotSupported" and not csms.violations
            with pytest.raises((CallError, asyncio.TimeoutError)):
                await csms.call("RequestStartTransaction", {"idToken": CARD}, timeout=0.5)
            assert "sent RequestStart" in csms.violations.pop()
            csms.reply("Heartbeat", {"currentTime": 5})
            await ws.send('[2,"bad-1","Heartbeat",{}]')
            while not any("sent Heartbeat" in wrong for wrong in csms.violations):
                await asyncio.sleep(0.005)
            task.cancel()
