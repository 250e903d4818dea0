# One charging session, and the accepted token that waits to become one.
# MIT license; part of microevse
"""The durable object of the station. Its records are on flash before anything is sent."""

from .authorization import ANY, same_group, same_token

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


class Waiting:
    """An accepted token that waits for a cable: with one, a session begins.

    kind: of the token, ANY where its protocol knows none; group: or None. deadline_ms: uptime
    at which it is forgotten without a cable. profile, remote_start: the charging profile and
    the number that came with a command to start, None without.
    """

    def __init__(self, token, group, deadline_ms, kind=ANY, profile=None, remote_start=None):
        self.token = token
        self.kind = kind
        self.group = group
        self.deadline_ms = deadline_ms
        self.profile = profile
        self.remote_start = remote_start


class Session:
    """A session that has begun. Energies in Wh; `parent` is the token's group or None, `kind`
    the token's kind."""

    def __init__(self, number, connector, token, parent, meter_start_wh, started, kind=ANY):
        self.id = number
        self.connector = connector
        self.token = token
        self.kind = kind
        self.parent = parent
        self.meter_start_wh = meter_start_wh
        self.meter_wh = meter_start_wh
        self.started = started  # stamp
        self.stopping = None  # reason, from the decision to stop on
        self.stop_recorded = None  # reason, once the STOP record is on flash
        self.stop_token = self.stop_kind = None  # the token that ended it, if one did
        self.asking = False  # the EV asks for power: the contactor is closed, or will be
        self.deauthorized = False  # the central system no longer accepts the token

    @property
    def energy_wh(self):
        return max(0, self.meter_wh - self.meter_start_wh)

    def advance(self, meter_wh):
        """A new register reading. One that goes backwards is not believed."""
        if meter_wh is not None and meter_wh > self.meter_wh:
            self.meter_wh = meter_wh

    def may_end(self, token, parent=None, kind=ANY):
        """True if this token, or one of its group, may end the session."""
        return same_token(token, self.token, kind, self.kind) or same_group(parent, self.parent)
