# From journal records to StartTransaction, MeterValues and StopTransaction.
# MIT license; part of microevse
"""The renderer of OCPP 1.6 for the station's delivery (sections 3.7, 4.8, 4.10; errata 3.18).

A record always gives the same message, whenever it is built. A CHANGE has no message: 1.6 shows it
by the status of the connector. The end of a transaction whose begin was told under 2.x waits for
2.x.
"""

from evse_base import iso8601
from evse_base import log
from ocppj.messages import CallError, Disconnected
from ocppj.registration import whole, word
from evse_base import const
from station.delivery import SAMPLE, START, STOP, UNREADABLE, Refused

from . import names

# The length of an IdToken; 1.6 has 20 (CiString20Type), and longer ones do no harm.
_TOKEN_LENGTH = const(36)


class Transactions:
    """Renders the events of `station` for the central system that `call` reaches."""

    family = 1  # see store.kinds.TXID
    # Errata 3.18: the id of a transaction whose StartTransaction was never answered.
    no_id = -1
    counts_silence = False

    def __init__(self, call, station):
        self._call = call
        self._station = station
        self._delivery = station.delivery
        self.lost = Disconnected

    def transaction_id(self, session):
        """transactionId of a session, None while StartTransaction is not answered."""
        number, families, _ = self._delivery.known.get(session) or (None, 0, None)
        return number if families & self.family else None

    def session_of(self, transaction_id):
        """Session number of a transactionId, None if there is none open by that id."""
        for session in self._delivery.known:
            known = self.transaction_id(session)
            if known is not None and known == transaction_id:
                return session
        return None

    async def send(self, action, message):
        """The answer to a message; see station.delivery."""
        try:
            return await self._call(action, message)
        except CallError as exc:
            raise Refused(exc.code)

    def answered(self, kind, payload, answer):
        """Take the id of a transaction; returns the verdict about the token, None without one."""
        info = token_info(answer.get("idTagInfo"))
        if kind != START:
            return info if kind == STOP else None
        number = whole(answer.get("transactionId"))
        refused = info is not None and info["status"] != "accepted"
        if number is None and not refused:
            raise Refused("no transactionId")
        # A refusal counts even without an id: asking again brings no better answer.
        number = self.no_id if number is None else number
        self._delivery.acknowledge(payload, self.family, number)
        return info

    def learn(self, kind, payload, info):
        """Act on the verdict about the token of a record that was told."""
        try:
            if kind == START and info["status"] != "accepted":
                self._station.deauthorized(payload[0])
                log.warn("ocpp", "session %d: idTag is %s", payload[0], info["status"])
        finally:
            token = payload[2] if kind == START else payload[4]
            # The verdict about a shortened token is about no token that a driver has: several long
            # tokens share the shortened text.
            if token and isinstance(token, str) and token == names.id_tag(token):
                self._station.authorizer.learn(token, info)

    # -- records to payloads -------------------------------------------------------------

    def render(self, kind, payload):
        """(action, payload) of an event, None for one that has no message in 1.6."""
        if kind == START:
            return "StartTransaction", self._start(payload)
        if kind == SAMPLE:
            return self._sample(payload)
        if kind == STOP:
            return "StopTransaction", self._stop(payload)
        if len(payload) > 7 and payload[7][-1]:
            raise ValueError("of 2.x")
        return None

    def _id(self, session):
        number = self.transaction_id(session)
        return self.no_id if number is None else number

    def _start(self, payload):
        _, connector, token, meter_wh, reservation, stamp = payload[:6]
        message = {
            "connectorId": connector,
            "idTag": names.id_tag(token),
            "meterStart": meter_wh,
            "timestamp": self._time(stamp),
        }
        if isinstance(reservation, int):
            message["reservationId"] = reservation
        return message

    def _sample(self, payload):
        session, connector, context, stamp, values = payload[:5]
        if not isinstance(context, str):
            raise ValueError("context")
        sampled = names.sampled_values(values, context)
        if not sampled:
            # This version knows the measurand of none of the values.
            return None
        message = {
            "connectorId": connector,
            "meterValue": [{"timestamp": self._time(stamp), "sampledValue": sampled}],
        }
        if session:
            message["transactionId"] = self._id(session)
        return "MeterValues", message

    def _stop(self, payload):
        session, _, meter_wh, reason, token, stamp, samples = payload[:7]
        message = {
            "transactionId": self._id(session),
            "meterStop": meter_wh,
            "timestamp": self._time(stamp),
            "reason": names.stop_reason(reason),
        }
        if token and isinstance(token, str):
            message["idTag"] = names.id_tag(token)
        data = self._data(samples) if samples else None
        if data:
            message["transactionData"] = data
        return message

    def _data(self, samples):
        """transactionData of the samples in a STOP. Samples that cannot be read are left out: the
        end of a session is sent without them."""
        data = []
        try:
            for sample in samples:
                context, at, values = sample[:3]
                values = names.sampled_values(values, context)
                if values:
                    data.append({"timestamp": self._time(at), "sampledValue": values})
        except UNREADABLE as exc:
            log.error("ocpp", "samples of an end cannot be told: %r", exc)
        return data

    def _time(self, stamp):
        return iso8601.format(self._delivery.time(stamp))


def token_info(info):
    """1.6 idTagInfo as the station's own token info; None if it has no status.

    An unknown status does not permit charging: "invalid". An expiryDate that cannot be read
    decides nothing, but such an answer is not kept: when it expires is not known.
    """
    if not isinstance(info, dict) or info.get("status") is None:
        return None
    status = names.AUTHORIZATION.get(word(info["status"], names.AUTHORIZATION), "invalid")
    parent = info.get("parentIdTag")
    if not isinstance(parent, str) or not 0 < len(parent) <= _TOKEN_LENGTH:
        parent = None
    out = {"status": status, "expiry": None, "parent": parent}
    if info.get("expiryDate") is not None:
        try:
            out["expiry"] = iso8601.parse(info["expiryDate"])
        except ValueError:
            out["passing"] = True
    return out
