# Random frames and payloads against a charger in this process.
# MIT license; part of microevse
"""`fuzz(examples)`: each example plays `attack`, which asserts. `TALLY` counts the actions that
were carried out."""

import asyncio
import collections
import json
import os

from evse_base import log
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from iec61851 import levels
from ocpp16.client import ACTIONS, Ocpp16
from ocpp16.firmware import Firmware
from ocppj import on_demand
from ocppj.central import send_parts
from ocppj.messages import message_ids
from ocppj.rpc import Rpc
from station import security_log
from station.jobs import Jobs
from payloads import OFFICIAL, REQUESTS, RESPONSES, junk, mostly, near
from station.settings import Settings
from station_parts import Charger
from store.ramflash import RamFlash
from store.taglist import TagList

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "500"))
BENCH_EXAMPLES = 20000
WIRE_EXAMPLES = 60
SEED = 20270101
ANSWERS = {
    "BootNotification": {
        "status": "Accepted",
        "currentTime": "2027-01-01T12:00:00Z",
        "interval": 300,
    },
    "Heartbeat": {"currentTime": "2027-01-01T12:00:00Z"},
    "StartTransaction": {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
}
# Results of the examples: how many, frames, and how often each action was carried out.
TALLY = collections.Counter()
# Stands for the id of the charger's own CALL in flight.
IN_FLIGHT = "@"
ids = st.one_of(st.sampled_from(["a", "b", "c", ""]), st.text(max_size=40), junk)
keys = st.sampled_from(sorted(Settings(None).declared()))
values = st.one_of(
    st.sampled_from(["true", "false", "0", "1", "-1", "60", "999999999", "a,b", "\u0661"]),
    st.text(max_size=20),
)
cards = st.sampled_from(["CARD", "OTHER", "card", "", "x" * 20])
times = st.sampled_from(
    ["2027-01-01T12:00:10Z", "2027-01-01T13:00:00.5+01:00", "1970-01-01T00:00:00Z"]
)
periods = st.fixed_dictionaries(
    {
        "startPeriod": st.integers(-1, 90000),
        "limit": st.sampled_from([0, 0.1, 5.9, 6, 16, 80, 1e9, -1]),
    },
    optional={"numberPhases": st.integers(0, 4)},
)


def _local_list(version, entries):
    kind = "Differential" if version % 2 else "Full"
    known = [{"idTag": card, "idTagInfo": {"status": "Blocked"}} for card in entries]
    return "SendLocalList", {
        "listVersion": version,
        "updateType": kind,
        "localAuthorizationList": known,
    }


def _charging_profile(connector, number, schedule, start):
    purpose = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")[number % 3]
    kind = ("Absolute", "Recurring", "Relative")[len(schedule) % 3]
    profile = {
        "chargingProfileId": number,
        "stackLevel": number,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": {
            "chargingRateUnit": "AW"[number % 2],
            "startSchedule": start,
            "chargingSchedulePeriod": schedule,
        },
    }
    if kind == "Recurring":
        profile["recurrencyKind"] = "Daily"
    return "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile}


def _schema(name):
    return OFFICIAL[name][0]


def _calls():
    """(action, payload) of every action of 1.6, whichever side should send it."""
    by_table = st.sampled_from(REQUESTS).flatmap(
        lambda name: near(_schema(name), _schema(name)).map(lambda payload: (name, payload))
    )
    # Payloads that fit the table but not the station test the handlers.
    connector = st.integers(-1, 3)
    aimed = st.one_of(
        st.builds(lambda k, v: ("ChangeConfiguration", {"key": k, "value": v}), keys, values),
        st.builds(
            lambda c: ("RemoteStartTransaction", {"idTag": "CARD", "connectorId": c}), connector
        ),
        st.builds(lambda c: ("UnlockConnector", {"connectorId": c}), connector),
        st.builds(
            lambda c, t: ("ChangeAvailability", {"connectorId": c, "type": t}),
            connector,
            st.sampled_from(["Operative", "Inoperative"]),
        ),
        st.builds(
            lambda c, m: ("TriggerMessage", {"connectorId": c, "requestedMessage": m}),
            connector,
            st.sampled_from(
                ["MeterValues", "StatusNotification", "BootNotification", "Heartbeat"]
            ),
        ),
        st.builds(lambda k: ("GetConfiguration", {"key": k}), st.lists(keys, max_size=4)),
        st.builds(lambda t: ("RemoteStopTransaction", {"transactionId": t}), st.integers(-1, 8)),
        st.just(("GetLocalListVersion", {})),
        st.builds(_local_list, st.integers(-1, 4), st.lists(cards, max_size=3)),
        st.builds(
            lambda c, n, card, at: (
                "ReserveNow",
                {"connectorId": c, "expiryDate": at, "idTag": card, "reservationId": n},
            ),
            connector,
            st.integers(-1, 3),
            cards,
            times,
        ),
        st.builds(lambda n: ("ClearChargingProfile", {"id": n}), st.integers(-1, 3)),
        st.builds(lambda v: ("DataTransfer", {"vendorId": v}), st.text(max_size=8)),
        st.builds(lambda n: ("CancelReservation", {"reservationId": n}), st.integers(-1, 3)),
        st.builds(
            _charging_profile, connector, st.integers(0, 3), st.lists(periods, max_size=3), times
        ),
        st.builds(
            lambda c, s: ("GetCompositeSchedule", {"connectorId": c, "duration": s}),
            connector,
            st.integers(-1, 100000),
        ),
    )
    return st.booleans().flatmap(lambda table: by_table if table else aimed)


def _answers():
    return st.sampled_from(RESPONSES).flatmap(
        lambda name: near(_schema(name + "Response"), _schema(name + "Response"))
    )


own_ids = st.one_of(st.just(IN_FLIGHT), ids)
call = st.builds(lambda i, c: json.dumps([2, i, *c]), st.sampled_from("abc"), _calls())
frame = mostly(
    call,
    st.builds(lambda i, c: json.dumps([2, i, *c]), ids, _calls()),
    st.builds(lambda i, payload: json.dumps([3, i, payload]), own_ids, _answers()),
    st.builds(lambda i, more: json.dumps([4, i, *more]), own_ids, st.lists(junk, max_size=4)),
    st.builds(lambda text, n: text[:n], call, st.integers(0, 200)),
    junk.map(json.dumps),
    st.text(max_size=80),
    odds=2,
)
frames = st.lists(frame, min_size=1, max_size=5)


class Config:
    """The connection's: no root, and no certificate of our own."""

    ca_der = []
    known_by = None

    def secure(self):
        return False

    def file_roots(self):
        return []

    def client_certificate(self):
        return [], None


class NoNetwork:
    """Services of FirmwareManagement where no server is ever reached."""

    errors = (OSError,)
    config = Config()

    def allowed(self, ms=0):
        return True

    vacant = allowed

    def report(self):
        return (lambda: [b"report"]), 6

    async def fetch(self, location, sink, stop):
        raise OSError("no route")

    async def send(self, location, source, size, name, stop):
        raise OSError("no route")

    def installer(self):
        return None

    def only_signed(self):
        return ""

    def manufacturer_roots(self):
        return []

    async def reboot(self):
        raise RuntimeError("a reboot, and nothing was installed")


class Target:
    """A station with its adapter, and a central system that gives the answers it must."""

    answers = ANSWERS
    # What closes the contactor if it is answered with Accepted.
    start = "RemoteStartTransaction"

    def __init__(self):
        self.charger = charger = Charger()
        charger.authorizer.tags = TagList(RamFlash(4))
        charger.settings.provide("SendLocalListMaxLength", "100")
        charger.clock.set = lambda unix_s, ms=0: 0  # time stands still here, even if it is set
        self.sent = []
        self.open = None  # [id, action] of the charger's CALL that has no answer yet
        self.starts = set()  # why the contactor may be closed
        self.calls = {}  # id: (action, payload) of what was sent to the charger
        self.rpc = Rpc(self._send, {}, None, message_ids(1), 30, charger.clock)
        security_log.services = NoNetwork()
        jobs = Jobs(charger.settings, charger.journal, charger.clock, security_log.services)
        self.ocpp = self.adapter(charger, jobs)
        self.rpc.schema, self.rpc.handlers = self.ocpp.schema, self.ocpp
        self.problems = []

    def adapter(self, charger, jobs):
        """The adapter of the version that is attacked."""
        identity = {"chargePointVendor": "v", "chargePointModel": "m"}
        ocpp = Ocpp16(
            self.rpc.call,
            charger.station,
            charger.settings,
            charger.clock,
            identity,
            profiles=("Reservation", "LocalAuthListManagement"),
        )
        ocpp.firmware = Firmware(self.rpc.call, jobs)
        return ocpp

    def accepted(self, payload):
        """True if the answer to an Authorize lets the driver charge. Answers may have extra
        fields, and capitals. The fields that are needed must be right."""
        info = payload.get("idTagInfo") if isinstance(payload, dict) else None
        status = info.get("status") if isinstance(info, dict) else None
        return isinstance(status, str) and status.strip().lower() == "accepted"

    def frees(self, action, payload, answer):
        """True if a request has made charging free for everybody."""
        return (
            action == "ChangeConfiguration"
            and payload.get("key") == "FreeMode"
            and answer == {"status": "Accepted"}
        )

    async def _send(self, text):
        TALLY["frames out"] += 1
        text = text if isinstance(text, str) else "".join(text)
        text.encode()  # what cannot be UTF-8 closes the connection
        message = json.loads(text)
        self.sent.append(message)
        if message[0] == 2:
            self.open = [message[1], message[2]]
        elif message[0] == 3:
            self._answered(message)

    def _answered(self, message):
        action, payload = self.calls.get(message[1], ("", None))
        if isinstance(action, str) and self.ocpp.get(action):
            TALLY["answered " + action] += 1
        if action == self.start and message[2].get("status") == "Accepted":
            self.starts.add(action)
        if self.frees(action, payload, message[2]):
            self.starts.add(action)

    async def settle(self):
        for _ in range(12):
            await asyncio.sleep(0)

    async def answer(self):
        """Answer what is open, as a sane central system does."""
        for _ in range(20):
            await self.settle()
            if self.open is None or self.open[1] == "Authorize":
                return
            (call_id, action), self.open = self.open, None
            await self.rpc.on_text(json.dumps([3, call_id, self.answers.get(action, {})]))

    async def give(self, text):
        """One frame from the central system."""
        TALLY["frames in"] += 1
        if self.open:
            text = text.replace(json.dumps(IN_FLIGHT), json.dumps(self.open[0]), 1)
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if isinstance(message, list) and len(message) == 4 and message[0] == 2:
            if isinstance(message[1], str):
                self.calls[message[1]] = (message[2], message[3])
        waiting = self.open and isinstance(message, list) and len(message) > 1
        if waiting and message[0] in (3, 4) and message[1] == self.open[0]:
            if message[0] == 3 and len(message) == 3 and self.open[1] == "Authorize":
                if self.accepted(message[2]):
                    self.starts.add("Authorize")
            self.open = None
        await self.rpc.on_text(text)
        await self.settle()

    async def play(self, texts):
        charger = self.charger
        self.rpc.connected()
        work = asyncio.Event()
        self.ocpp.attach(work.set)
        serving = asyncio.ensure_future(send_parts(self.ocpp.parts, work))
        try:
            await self.answer()
            charger.evse.plug()
            charger.evse.state = levels.C
            await charger.pass_s(1)
            await self.answer()
            shown = asyncio.ensure_future(charger.station.present_token("CARD"))
            await self.settle()
            for text in texts:
                await self.give(text)
                await charger.pass_s(1)
                if charger.evse.closed and not self.starts:
                    self.problems.append(f"contactor closed by {text[:200]}")
                if serving.done():
                    self.problems.append(f"the client ended: {serving.exception()!r}")
                    break
            await self.answer()
            for task in (shown, serving):
                task.cancel()
        finally:
            self.rpc.disconnected()
            await asyncio.gather(serving, return_exceptions=True)
            rest = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in rest:
                task.cancel()
            for result in await asyncio.gather(*rest, return_exceptions=True):
                if isinstance(result, Exception):
                    self.problems.append(f"a task ended: {result!r}")
        self._check()

    def _check(self):
        answers = [m[1] for m in self.sent if m[0] in (3, 4)]
        for message in self.sent:
            size = {2: 4, 3: 3, 4: 5, 5: 5}[message[0]]  # 5: of 2.1
            if len(message) != size or not isinstance(message[1], str):
                self.problems.append(f"no message: {message}")
        unasked = [i for i in answers if not isinstance(i, str)]
        if unasked:
            self.problems.append(f"answers to nothing: {unasked}")


def attack(texts, make=Target):
    """Play `texts` against a fresh charger; AssertionError tells what went wrong."""
    TALLY["examples"] += 1
    target = make()
    lines = []
    log.use_sink(lines.append)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: target.problems.append(str(context)))
    try:
        loop.run_until_complete(target.play(texts))
    finally:
        loop.close()
        log.use_sink(lambda line: None)
    bad = [
        line for line in lines if "handler failed" in line or " E " in line and "after " in line
    ]
    # A full journal of 64 KiB, a fault on purpose: those are told as errors, too.
    bad += [line for line in lines if " E " in line and "listener" in line]
    TALLY["errors answered"] += sum(m[0] == 4 for m in target.sent)
    assert not bad + target.problems, "\n".join([*bad, *target.problems, *texts])


def unreached():
    """Actions that no example has had answered with a result so far."""
    actions = [row[0] for row in on_demand.rows(ACTIONS)] + ["GetDiagnostics", "UpdateFirmware"]
    return [action for action in actions if not TALLY["answered " + action]]


def fuzz(examples, frames=frames, make=Target):
    """`examples` lists of frames against chargers in this process."""

    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(frames)
    def run(texts):
        attack(texts, make)

    run()


def collected(count):
    """`count` frames, the same each time."""
    found = []

    @seed(SEED + 1)
    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(frames)
    def collect(texts):
        found.extend(texts)

    collect()
    return found
