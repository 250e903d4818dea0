# One entry in the book of the central system.
# MIT license; part of microevse
"""A transaction, with what every version tells of it and with what each has of its own."""

from . import ledger2


class Transaction:
    """One charging transaction; energies in Wh, times as sent, `began` and `ended` in Unix s."""

    def __init__(self, id, charger, start):
        self.id = id  # as it was first told: a number (1.6) or the charger's text (2.x)
        self.number = None  # its id under 1.6
        self.uuid = None  # its id under 2.x
        self.charger = charger
        self.start = start  # payload of the first StartTransaction, or of the first event
        self.starts = 0  # how often it was told, and told again, under one protocol
        self.stop = None  # payload of the first StopTransaction or Ended
        self.stops = 0
        self.retold = 0  # starts and ends that were told under the other protocol as well
        self.samples = []  # (timestamp, sampledValue list), in order of arrival, no repetitions
        self.connector = self.token = None
        self.meter_start = self.meter_stop = None
        self.began = self.ended = None
        self.reason = None  # of the end, as it was first told
        self.stop16 = None
        self.events = ledger2.Events()

    @property
    def wh(self):
        """Billed energy, or None while it runs or where no reading was told."""
        if self.stop is None or self.meter_stop is None or self.meter_start is None:
            return None
        return self.meter_stop - self.meter_start

    def sample(self, value):
        """Book a MeterValue of the time between start and end."""
        item = (value.get("timestamp"), value.get("sampledValue"))
        if item in self.samples:
            return
        both = self.number is not None and self.uuid is not None
        if both and item[0] in [stamp for stamp, _ in self.samples]:
            return  # told under the other protocol, too
        self.samples.append(item)

    def __repr__(self):
        return f"<transaction {self.id} starts={self.starts} stops={self.stops} wh={self.wh}>"
