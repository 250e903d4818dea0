# The CSMS's book of transactions: recognises repetitions, notices contradictions.
# MIT license; part of microevse
"""Transactions as a central system should keep them.

A charger that never got an answer sends the same event again: the same connector, idTag,
meterStart and timestamp are the same transaction. A repeated StopTransaction must say what
meterStart and timestamp are the same transaction. A repeated StopTransaction must equal the first
one, or a driver is billed two ways.
"""


class Transaction:
    """One charging transaction; energies in Wh, times as sent."""

    def __init__(self, id, start):
        self.id = id
        self.start = start  # payload of the first StartTransaction
        self.starts = 1
        self.stop = None  # payload of the first StopTransaction
        self.stops = 0
        self.samples = []  # (timestamp, sampledValue list), in order of arrival, no repetitions

    @property
    def wh(self):
        """Billed energy, or None while it runs."""
        return None if self.stop is None else self.stop["meterStop"] - self.start["meterStart"]

    def __repr__(self):
        return f"<transaction {self.id} starts={self.starts} stops={self.stops} wh={self.wh}>"


class Ledger:
    def __init__(self, first_id=100001):
        self._next = first_id
        self._by_start = {}
        self.transactions = {}
        self.problems = []

    def started(self, charger, payload):
        """Book a StartTransaction; returns its Transaction, an old one if it is a repetition."""
        key = (
            charger,
            payload.get("connectorId"),
            payload.get("idTag"),
            payload.get("meterStart"),
            payload.get("timestamp"),
        )
        known = self._by_start.get(key)
        if known:
            known.starts += 1
            return known
        entry = Transaction(self._next, dict(payload))
        self._next += 1
        self._by_start[key] = self.transactions[entry.id] = entry
        return entry

    def stopped(self, charger, payload):
        """Book a StopTransaction; returns its Transaction or None if the id is unknown."""
        entry = self.transactions.get(payload.get("transactionId"))
        if entry is None:
            # A charger sends -1 if it was never told an id (1.6 errata 3.18).
            if payload.get("transactionId") != -1:
                self.problems.append(
                    f"StopTransaction for {payload.get('transactionId')}, which was never given"
                )
            return None
        entry.stops += 1
        if entry.stop is None:
            entry.stop = dict(payload)
            if entry.wh < 0:
                self.problems.append(f"transaction {entry.id} ends with {entry.wh} Wh")
        elif entry.stop != payload:
            self.problems.append(
                f"StopTransaction of {entry.id} repeated with other contents:"
                f" {payload} after {entry.stop}"
            )
        return entry

    def metered(self, charger, payload):
        """Book MeterValues that belong to a transaction."""
        if payload.get("transactionId") is None:
            return
        entry = self.transactions.get(payload["transactionId"])
        if entry is None:
            if payload["transactionId"] != -1:
                self.problems.append(
                    f"MeterValues for {payload['transactionId']}, which was never given"
                )
            return
        for value in payload.get("meterValue", ()):
            item = (value.get("timestamp"), value.get("sampledValue"))
            if item not in entry.samples:
                entry.samples.append(item)

    def running(self):
        return [t for t in self.transactions.values() if t.stop is None]
