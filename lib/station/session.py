# One charging session: who, where, since when, how much.
# MIT license; part of microevse
"""The durable object of the station. Its records are on flash before anything is sent."""

from .authorization import same_group, same_token

# Why a session ended. Adapters translate; the words are on flash: never change one.
REASONS = (
    "local",
    "remote",
    "ev_disconnected",
    "deauthorized",
    "power_loss",
    "reboot",
    "hard_reset",
    "soft_reset",
    "unlock",
    "emergency_stop",
    "other",
)


def stamp(clock):
    """[boot number, uptime s, Unix s or 0 while unknown]: the time in a journal record."""
    return [clock.boot, clock.uptime(), clock.now() or 0]


class Session:
    """A session that has begun. Energies in Wh; `parent` is the token's group or None."""

    def __init__(self, number, connector, token, parent, meter_start_wh, started):
        self.id = number
        self.connector = connector
        self.token = token
        self.parent = parent
        self.meter_start_wh = meter_start_wh
        self.meter_wh = meter_start_wh
        self.started = started  # stamp
        self.ending = None  # reason, from the decision to end until the record is written
        self.ended = None  # reason, once the STOP record is on flash
        self.stop_token = None  # the token that ended it, if one did
        self.asking = False  # as on flash: the EV asks, the contactor is closed or will be
        self.deauthorized = False  # the central system no longer accepts the token

    @property
    def energy_wh(self):
        return max(0, self.meter_wh - self.meter_start_wh)

    def advance(self, meter_wh):
        """A new register reading. One that goes backwards is not believed."""
        if meter_wh is not None and meter_wh > self.meter_wh:
            self.meter_wh = meter_wh

    def may_end(self, token, parent=None):
        """True if this token, or one of its group, may end the session."""
        return same_token(token, self.token) or same_group(parent, self.parent)
