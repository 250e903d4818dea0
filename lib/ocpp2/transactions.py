# From journal records to TransactionEvent.
# MIT license; part of microevse
"""The renderer of OCPP 2.x for the station's delivery (block E; J02 for values without a session).

A record always gives the same message, whenever it is built: what it says is in the record, and
whether a central system was connected then is in its stamp. The transaction's id is the uuid that
the station has given the session; the number of a record in its session is its seqNo.
"""

from evse_base import const, iso8601, log, release
from ocppj.messages import CallError, Disconnected
from station import measurands
from station.delivery import SAMPLE, START, STOP, UNREADABLE, Refused

from . import names

# Its idTokenInfo is about the token of the event, if that has one.
_EVENT = "TransactionEvent"
# triggerReason of a sample; any other is periodic.
_SAMPLES = {measurands.CLOCK: "MeterValueClock", measurands.TRIGGER: "Trigger"}
# What an event of station.points is.
_CHANGE = const(4)  # store.kinds
_TOKEN = const(3)  # its token in the eighth field; the kind is behind it
WHAT = ("Started", "Updated", "Ended")


class Transactions:
    """Renders the events of `station` for the central system that `call` reaches. later: True for
    2.1."""

    family = 2  # see store.kinds.TXID
    no_id = None  # the uuid is the id, also of a session whose start was given up
    counts_silence = True  # E13

    def __init__(self, call, station, later=False):
        self._call = call
        self._station = station
        self._delivery = station.delivery
        self.later = later
        self.costs = None  # station.costs.Costs while there are tariffs
        self.on_answer = None  # async fn(answer, number of the session that runs or None)
        self.lost = Disconnected

    def transaction_id(self, session):
        """transactionId of a running session, whose number is `session`; None for another."""
        for connector in self._station.connectors:
            running = connector.session
            if running is not None and running.id == session:
                return names.uuid_text(running.uuid, session)
        early = self._early(session)
        return early and names.uuid_text(early.uuid, session)

    def _early(self, session=None, transaction_id=None):
        """The transaction without a session that is open, None if there is none."""
        for early in getattr(self._station.stop_points, "open", {}).values():
            if early.id == session or names.uuid_text(early.uuid, early.id) == transaction_id:
                return early
        return None

    def session_of(self, transaction_id):
        """Number of the open transaction with this transactionId, None if there is none."""
        for connector in self._station.connectors:
            running = connector.session
            if running is not None and names.uuid_text(running.uuid, running.id) == transaction_id:
                return running.id
        early = self._early(None, transaction_id)
        return early and early.id

    async def send(self, action, message):
        """The answer to a message; see station.delivery."""
        try:
            answer = await self._call(action, message)
        except CallError as exc:
            raise Refused(exc.code)
        # What an answer about the past says of cost is old; limits hold from now on.
        if self.on_answer and action == _EVENT and (
            "offline" not in message or "transactionLimit" in answer
        ):  # fmt: skip
            session = self.session_of(message["transactionInfo"]["transactionId"])
            await self.on_answer(answer, None if message["eventType"] == "Ended" else session)
        return answer

    def answered(self, kind, payload, answer):
        """Note that a start was taken; returns the verdict about the token, None without one."""
        if kind == START:
            self._delivery.acknowledge(payload, self.family)
        if kind in (START, _CHANGE) and self._station.stop_points not in (False, True):
            self._station.stop_points.told(payload[0])
        return token_info(answer.get("idTokenInfo"))

    def learn(self, kind, payload, info):
        """Act on the verdict about the token of a record that was told. A record without one is
        answered about the token of its session."""
        if kind == START or kind == STOP:
            token = payload[2] if kind == START else payload[4]
            at = 7 if kind == START else 9
            token_kind = payload[at] if len(payload) > at else None
        elif len(payload) > 7 and payload[7][_TOKEN]:
            token, token_kind = payload[7][_TOKEN : _TOKEN + 2]
        else:
            _, running = self._station.session(payload[0])
            if running is None:
                return
            token, token_kind = running.token, running.kind
        try:
            if kind != STOP and info["status"] != "accepted":
                self._station.deauthorized(payload[0], True)
                if self._early(payload[0]):
                    self._station.stop_points.refused(payload[0])
                log.warn("ocpp", "session %d: idToken is %s", payload[0], info["status"])
        finally:
            sent = names.id_token(token or "", token_kind, self.later)
            # The verdict about a shortened token is about no token that a driver has.
            if token and token_kind != "NoAuthorization" and sent["idToken"] == token:
                self._station.authorizer.learn(token, info, sent["type"])

    # -- records to payloads -------------------------------------------------------------

    def render(self, kind, payload):
        """(action, payload) of an event."""
        if kind == START:
            if len(payload) > 11 and payload[11] < 0:
                # The transaction begins later; its id is known from now on.
                self._delivery.acknowledge(payload, self.family)
                return None
            return _EVENT, self._start(payload)
        if kind == _CHANGE and len(payload) > 7:
            from . import points

            return _EVENT, points.event(self, payload)
        at = 7 if kind == STOP else 5
        seq = payload[at] if payload[0] and len(payload) > at else None
        if seq is not None and seq < (kind == STOP):
            return None  # the transaction had not begun
        if kind != STOP and payload[0] and payload[0] not in self._delivery.known:
            # It was passed over, and the end is told: the id of its transaction is not known now.
            log.warn("ocpp", "an event behind the end of session %d is not told", payload[0])
            return None
        if kind == SAMPLE:
            return self._sample(payload)
        if kind == STOP:
            return _EVENT, self._stop(payload)
        return _EVENT, self._change(payload)

    def event(self, event, trigger, stamp, session, seq, uuid=None):
        """The fields of every event. A record of a version that gave its records no number is one
        of two: the start, or what the end is told as."""
        if uuid is None:
            known = self._delivery.known.get(session)
            uuid = known[2] if known else None
        message = {
            "eventType": event,
            "timestamp": iso8601.format(self._delivery.time(stamp)),
            "triggerReason": names.trigger(trigger, self.later),
            "seqNo": 1 if seq is None else seq,
            "transactionInfo": {"transactionId": names.uuid_text(uuid, session)},
        }
        if len(stamp) > 3 and stamp[3]:
            message["offline"] = True
        return message

    def _start(self, payload):
        session, connector, token, meter_wh, reservation, stamp = payload[:6]
        uuid, kind, remote_start, trigger = payload[6:10] if len(payload) > 9 else (None,) * 4
        trigger = trigger or "authorized"
        seq, told = payload[11:13] if len(payload) > 12 else (0, 0)
        known = self._delivery.known.get(session)
        if not told & 4 and known and known[1] & 1:
            seq = told = 0  # 1.6 was spoken when the transaction began: it begins with this
        message = self.event(WHAT[seq > 0], trigger, stamp, session, seq, uuid)
        if not told & 2:
            message["evse"] = {"id": connector, "connectorId": 1}
        if not told & 1:
            message["idToken"] = names.id_token(token, kind, self.later)
        message["transactionInfo"]["chargingState"] = "EVConnected"
        if isinstance(remote_start, int) and not told & 1:
            message["transactionInfo"]["remoteStartId"] = remote_start
        if isinstance(reservation, int):
            message["reservationId"] = reservation
        if self.costs:
            self._cost(START, payload, message)
        if not told & 2:
            values = payload[10] if len(payload) > 10 else None
            self.begin(message, stamp, values, meter_wh)
        return message

    def begin(self, message, stamp, values, meter_wh):
        """Put the values of the beginning into a message; values None: the register alone."""
        values = [[measurands.ENERGY, 0, meter_wh]] if values is None else values
        try:
            value = self.value(stamp, values, measurands.BEGIN)
        except UNREADABLE as exc:
            log.error("ocpp", "values of a start cannot be told: %r", exc)
        else:
            if value["sampledValue"]:
                message["meterValue"] = [value]

    def _sample(self, payload):
        session, connector, context, stamp, values = payload[:5]
        if not isinstance(context, str):
            raise ValueError("context")
        value = self.value(stamp, values, context)
        if not value["sampledValue"]:
            return None  # 2.x knows the measurand of none of the values
        if not session:
            return "MeterValues", {"evseId": connector, "meterValue": [value]}
        seq = payload[5] if len(payload) > 5 else None
        message = self.event("Updated", "limit", stamp, session, seq)
        message["triggerReason"] = _SAMPLES.get(context, "MeterValuePeriodic")
        state = names.charging_state(payload[6]) if len(payload) > 6 else None
        if state:
            message["transactionInfo"]["chargingState"] = state
        message["meterValue"] = [value]
        return _EVENT, message

    def _change(self, payload):
        session, _, trigger, state, stamp, seq = payload[:6]
        message = self.event("Updated", trigger, stamp, session, seq)
        # An EV that comes back has not said yet what it wants (E10).
        back = message["triggerReason"] == "CablePluggedIn"
        state = names.charging_state("connected" if back else state)
        if state:
            message["transactionInfo"]["chargingState"] = state
        data = payload[6] if self.later and len(payload) > 6 else ()
        if len(data) > 3 and isinstance(data[3], list):
            from . import limits

            release("ocpp2.limits")
            limits.told(data[3], message)
        elif len(data) > 2:
            self._cost(None, payload, message)
        return message

    def _stop(self, payload):
        session, _, meter_wh, reason, token, stamp, samples = payload[:7]
        seq, trigger, kind = payload[7:10] if len(payload) > 9 else (None, None, None)
        goes_on = len(payload) > 10 and payload[10]  # the transaction
        message = self.event(WHAT[1 if goes_on else 2], trigger, stamp, session, seq)
        if token and isinstance(token, str):
            message["idToken"] = names.id_token(token, kind, self.later)
        if self.costs:
            self._cost(STOP, payload, message)
        values = self._values(samples or ())
        if goes_on:
            # What is measured at the end is told with it.
            values = [v for v in values if v["sampledValue"][0]["context"] != measurands.END]
            if values:
                message["meterValue"] = values
            return message
        message["transactionInfo"]["stoppedReason"] = names.stop_reason(reason, self.later)
        state = names.state_after(reason)
        if trigger == "charging_state":
            state = state or "SuspendedEVSE"
        if state:
            message["transactionInfo"]["chargingState"] = state
        message["meterValue"] = values
        register = [[measurands.ENERGY, 0, meter_wh]]
        last = self.value(stamp, register, measurands.END)
        end = message["meterValue"]
        if not end or end[-1]["timestamp"] != last["timestamp"]:
            end.append(last)
        elif measurands.describe(measurands.ENERGY)[0] not in [
            value["measurand"] for value in end[-1]["sampledValue"]
        ]:
            # The sample of the end has the register only if it was asked for.
            end[-1]["sampledValue"] += last["sampledValue"]
        return message

    def _cost(self, kind, payload, message):
        from . import bills

        bills.told(self.costs, kind, payload, message)

    def _values(self, samples):
        """meterValue of the samples in a STOP. Samples that cannot be read are left out: the end
        of a session is sent without them."""
        out = []
        try:
            for sample in samples:
                context, at, values = sample[:3]
                value = self.value(at, values, context)
                if value["sampledValue"]:
                    out.append(value)
        except UNREADABLE as exc:
            log.error("ocpp", "samples of an end cannot be told: %r", exc)
        return out

    def value(self, stamp, values, context):
        """MeterValueType of [[measurand code, phase, value], ...]."""
        return {
            "timestamp": iso8601.format(self._delivery.time(stamp)),
            "sampledValue": names.sampled_values(values, context),
        }


def token_info(info):
    """IdTokenInfoType as the station's own token info; None if it has no status.

    An unknown status does not permit charging: "invalid". An expiry that cannot be read decides
    nothing, but such an answer is not kept: when it expires is not known. One that holds for some
    EVSEs alone is not kept either: the cache knows no EVSEs.
    """
    if not isinstance(info, dict) or not isinstance(info.get("status"), str):
        return None
    out = {"status": names.of(names.AUTHORIZATION, info["status"]) or "invalid"}
    group = info.get("groupIdToken")
    group = group.get("idToken") if isinstance(group, dict) else None
    out["parent"] = group if isinstance(group, str) and group else None
    out["expiry"] = None
    only = info.get("evseId")
    if isinstance(only, list) and only:
        out["only"], out["passing"] = only, True
    if info.get("cacheExpiryDateTime") is not None:
        try:
            out["expiry"] = iso8601.parse(info["cacheExpiryDateTime"])
        except ValueError:
            out["passing"] = True
    return out
