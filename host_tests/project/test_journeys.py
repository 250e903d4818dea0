# How many files a reader has to open to follow a volt, a kilowatt-hour, an operator's word.
# MIT license; part of microevse
"""The three journeys through the code, recorded while it runs: how many files each may have, and
that docs/architecture.md names the same ones.

A volt: every file in which a function is entered from the timer's callback on, in the tick that
opens the contactor because the EV has let go, until the level of the relay pin changes. The
board has no RCD input; where one is fitted, hal/rcd.py is asked, too. More files are entered in
the tick that opens because the pilot is bad, and in the one that closes the contactor (how the
pilot has been before, the watchdog): the text below the table names those.

A kilowatt-hour and a limit in amperes are followed like a dye: the number is one that nothing else
has. A file counts if a function in it is given that number or gets it from another function, as an
integer, in a record, in its bytes on flash or in a message. The kilowatt-hour is followed from the
meter's reading to the payload of StopTransaction, the limit from the payload of SetChargingProfile
to the PWM. Beyond a payload there is ocppj, which is the same for all messages.

Not counted are modules that another language has built in: evse_base (the runtime's differences,
clock, log, dates), cbor; nor store/ramflash.py, which stands for the flash chip here.
"""

import asyncio
import pathlib
import re
import sys

import rig as rigs
from helpers import run
from ocpp16.client import Ocpp16
from rig import Rig
from station_parts import Charger, FakeMeter
from store import cbor
from tools_paths import ROOT

TO_THE_RELAY = 9
TO_THE_BILL = 10
TO_THE_PWM = 10

RUNTIME = {"cbor.py", "ramflash.py"}


class Recorder:
    """Calls `enter(file, frame)` for each function of the firmware that is entered, and
    `leave(file, value)` when it returns; a context manager."""

    def __init__(self, enter, leave=None):
        self._enter = enter
        self._leave = leave
        self._names = {}
        self._before = None

    def _name(self, frame):
        path = frame.f_code.co_filename
        if path not in self._names:
            place = pathlib.Path(path).resolve()
            ours = [base for base in ("lib", "firmware") if place.is_relative_to(ROOT / base)]
            known = ours and place.name not in RUNTIME and place.parent.name != "evse_base"
            self._names[path] = str(place.relative_to(ROOT / ours[0])) if known else None
        return self._names[path]

    def _trace(self, frame, event, arg):
        name = self._name(frame)
        if name is None:
            return None
        self._enter(name, frame)
        if self._leave is None:
            return None

        def leaving(frame, event, arg):
            if event == "return":
                self._leave(name, arg)
                back = frame.f_back and self._name(frame.f_back)
                if back:
                    self._leave(back, arg)  # who has called it has got it
            return leaving

        frame.f_trace_lines = False
        return leaving

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exc):
        sys.settrace(self._before)


class Dye:
    """Files that were given one of `numbers`, or gave it, in any form."""

    def __init__(self, *numbers):
        self._numbers = numbers
        # On flash a whole number is what CBOR makes of it.
        self._bytes = [cbor.dumps(number) for number in numbers if isinstance(number, int)]
        self._texts = [str(number) for number in numbers]
        self.files = []
        self.arrived = lambda: False  # True: the journey is over

    def recorder(self):
        return Recorder(self._enter, self._carried)

    def _enter(self, name, frame):
        for value in list(frame.f_locals.values()):
            self._carried(name, value)

    def _carried(self, name, value):
        if name not in self.files and self._is_in(value, 8) and not self.arrived():
            self.files.append(name)

    def _is_in(self, value, depth):
        if isinstance(value, bool) or not depth:
            return False
        if isinstance(value, (int, float)):
            return value in self._numbers
        if isinstance(value, str):
            return any(text in value for text in self._texts)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return any(piece in bytes(value) for piece in self._bytes)
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            return any(self._is_in(item, depth - 1) for item in value)
        return False


LINK = re.compile(r"\[`([a-z0-9_/]+\.py)`\]\(\.\./(?:lib|firmware)/([a-z0-9_/]+\.py)\)")


def in_document(beginning):
    """The files in the table of docs/architecture.md for the journey that begins so, in its
    order, and those in the text below the table."""
    text = (ROOT / "docs/architecture.md").read_text()
    journey = re.split(r"\n\n(?:\*\*|`host_tests)", text.split("**%s " % beginning)[1])[0]
    _, table, below = (journey + "\n\n").split("\n\n", 2)
    steps = [line.split("|")[1] for line in table.splitlines()[2:]]
    found = []
    for part in (" ".join(steps), below):
        pairs = LINK.findall(part)
        assert part.count(".py`") == len(pairs), "each file is a link: %s" % part
        assert all(label == target for label, target in pairs), pairs
        found.append([label for label, _ in pairs])
    return found


def tell(what, files, most):
    print("%s: %d files, at most %s\n    %s" % (what, len(files), most, " -> ".join(files)))


# -- a volt becomes a decision -----------------------------------------------------------


class Ticks:
    """Files of the last tick, up to the change of the relay pin."""

    def __init__(self, contactor):
        self.files = []
        self._pin = contactor._pin
        self._level = self._pin.value()
        self._moved = False
        self.recorder = Recorder(self._enter)

    def _enter(self, name, frame):
        if frame.f_code.co_name == "_on_timer" and not self._moved:
            self.files = []
        self._moved = self._moved or self._pin.value() != self._level
        if not self._moved and name not in self.files:
            self.files.append(name)


def test_a_volt_is_followed_to_the_relay_through_few_files():
    with Rig(profile={"rcd": None}) as r:
        rigs.SEAM.by_sample = True  # the conversions themselves
        r.ready()
        r.evse.permit(16000)
        r.until(lambda: r.evse.pwm, 6000, "PWM")
        r.do("request")
        closing = Ticks(r.contactors[0])
        with closing.recorder:
            r.until(lambda: r.evse.closed, 3000, "closed")
        r.run(200)
        opening = Ticks(r.contactors[0])
        r.do("release")
        with opening.recorder:
            r.until(lambda: not r.evse.closed, 200, "opened")
    tell("volt to relay (opens)", opening.files, TO_THE_RELAY)
    tell("volt to relay (closes)", closing.files, "as it is")
    assert opening.files[0] == "hal/tick.py" and opening.files[-1] == "hal/contactor.py"
    assert len(opening.files) <= TO_THE_RELAY, opening.files
    assert set(opening.files) <= set(closing.files)
    in_table, below = in_document("A volt")
    assert opening.files == in_table
    assert set(closing.files) - set(in_table) <= set(below), below


def test_a_bad_pilot_opens_through_the_files_that_the_document_names():
    in_table, below = in_document("A volt")
    told = set()
    for fault in ({"kind": "pilot_short", "on": True}, {"kind": "diode", "on": True}):
        with Rig(profile={"rcd": None}) as r:
            rigs.SEAM.by_sample = True
            r.ready()
            r.evse.permit(16000)
            r.until(lambda: r.evse.pwm, 6000, "PWM")
            r.do("request")
            r.until(lambda: r.evse.closed, 3000, "closed")
            r.run(200)
            opening = Ticks(r.contactors[0])
            r.do("fault", **fault)
            with opening.recorder:
                r.until(lambda: not r.evse.closed, 200, "opened")
        tell("bad pilot to relay", opening.files, "as it is")
        told |= set(opening.files) - set(in_table)
    assert told and told <= set(below), (told, below)
    assert "iec61851/evidence.py" in told


# -- a kilowatt-hour becomes a bill ------------------------------------------------------


def adapter(charger, call):
    """A registered OCPP 1.6 adapter of this charger; `call` gets its messages."""
    made = Ocpp16(call, charger.station, charger.settings, charger.clock, {})
    made.boot.status = "Accepted"
    made.attach(lambda: None)
    charger.authorizer.remote = charger._remote
    return made


async def deliver(ocpp):
    """Send all that is due."""
    while True:
        due = [part for part in ocpp.parts() if part.due_in_ms() == 0]
        if not due:
            return
        await due[0].step()


def test_a_kilowatt_hour_is_followed_to_stop_transaction_through_few_files():
    wh = 98765432
    dye = Dye(wh, 1000 * wh)
    heard = {}

    async def call(action, payload):
        if action == "StopTransaction":
            sys.settrace(None)  # from here on it is transport
        heard[action] = payload
        return {"transactionId": 1, "currentTime": "2027-01-01T12:00:00Z"}

    async def go():
        c = Charger()
        ocpp = adapter(c, call)
        await c.charge()
        await deliver(ocpp)
        c.meter.register_wh = wh
        c.evse.unplug()
        with dye.recorder():
            await c.pass_s(1)
            await deliver(ocpp)
        assert heard["StopTransaction"]["meterStop"] == wh

    run(go())
    tell("kilowatt-hour to StopTransaction", dye.files, TO_THE_BILL)
    assert "store/journal.py" in dye.files and dye.files[0].startswith("station/"), dye.files
    assert dye.files[-1].startswith("ocpp16/")
    assert len(dye.files) <= TO_THE_BILL, dye.files
    assert sorted(dye.files) == sorted(in_document("A kilowatt-hour")[0])


# -- an operator's word becomes amperes --------------------------------------------------


def test_a_charging_profile_is_followed_to_the_pwm_through_few_files():
    dye = Dye(13.7, 137, 13700)
    period = {"startPeriod": 0, "limit": 13.7}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }

    async def call(action, payload):
        return {}

    async def go(r):
        c = Charger()
        ocpp = adapter(c, call)
        # The second connector has the real EVSE.
        c.meter = FakeMeter()
        c.connector = c.station.add(r.evse, c.meter, None, None, {"max_a": 16, "phases": 1})
        c.known["CARD"] = ("accepted", None)

        async def until(test):
            for _ in range(20):
                if test():
                    return
                await c.pass_s(1)
                r.run(1000)
            raise AssertionError("did not happen")

        r.do("plug")
        await until(lambda: c.connector.status == "preparing")
        await c.station.present_token("CARD", connector=2)
        await until(lambda: r.evse.offered_ma == 16000)
        dye.arrived = lambda: r.evse.offered_ma == 13700
        with dye.recorder():
            request = {"connectorId": 2, "csChargingProfiles": profile}
            assert await ocpp.get("SetChargingProfile")(request) == {"status": "Accepted"}
            await until(dye.arrived)

    with Rig() as r:
        asyncio.run(go(r))
    tell("SetChargingProfile to PWM", dye.files, TO_THE_PWM)
    assert dye.files[0] == "ocppj/on_demand.py" and "hal/pilot.py" in dye.files, dye.files
    assert "station/limits.py" in dye.files and "iec61851/evse.py" in dye.files
    assert len(dye.files) <= TO_THE_PWM, dye.files
    assert sorted(dye.files) == sorted(in_document("An operator's word")[0])
