# One charging session and its records, and the accepted token that waits to become one.
# MIT license; part of microevse
"""The durable object of the station. Its records are on flash before anything is sent."""

from evse_base import const, urandom

from .authorization import ANY, same_group, same_token

# Reasons for which a session ends, each with the trigger of its record. The words belong to no
# protocol. They cover all reasons of OCPP 1.6, 2.0.1 and 2.1; an adapter maps a reason without a
# word in its version to "other". They are on flash: never change one.
# Above the empty line: the reasons that this station finds, the last two for transactions that are
# not sessions (`points`). Below it: reasons that only an adapter may give (`request_stop`). Over
# the control pilot an EV can only stop asking, which pauses the session; it cannot tell its state
# of charge. Local credit and a watch over the supply are not there.
_ENDS = const("""
local stop_authorized
master_pass stop_authorized
remote remote_stop
ev_disconnected unplugged
deauthorized deauthorized
unlock unlock
hard_reset reset
soft_reset reset
power_loss abnormal
reboot abnormal
emergency_stop abnormal
ground_fault abnormal
overcurrent_fault abnormal
other abnormal
energy_limit energy_limit
time_limit time_limit
cost_limit cost_limit
timeout connect_timeout
stopped_by_ev charging_state

soc_limit soc_limit
local_out_of_credit abnormal
energy_transfer_rejected abnormal
power_quality abnormal
""")

# Bound on the CHANGE records of a session: _BURST of them at once, then one more each minute. A
# change of the limit alone is recorded only if there was no record for a minute. The next record
# counts the changes that were left out; it holds the present state, not theirs.
_BURST = const(20)
_EACH_MS = const(60000)
# The offer has to change by this much to be worth a record, and by LimitChangeSignificance.
_LIMIT_MA = const(1000)


def stamp(station, uptime=None, wall=None):
    """The stamp of a record (store.kinds) that is written now; of another moment with its uptime
    in s and its Unix time, 0 where it is not known."""
    clock = station.clock
    if uptime is None:
        uptime, wall = clock.uptime(), clock.now() or 0
    at = [clock.boot, uptime, wall]
    if station.delivery.renderer is None:
        at.append(1)
    return at


def trigger_of(reason):
    """The trigger that ends a session for this reason."""
    at = _ENDS.find("\n%s " % reason)
    if at < 0:
        return "abnormal"
    return _ENDS[at + len(reason) + 2 : _ENDS.find("\n", at + 1)]


class Waiting:
    """An accepted token that waits for a cable: with one, a session begins.

    kind: of the token, ANY where its protocol knows none, hence of a remote command; group: or
    None. deadline_ms: uptime at which it is forgotten without a cable. profile, remote_start: the
    charging profile and the id that came with a remote command to start, None without. plugged:
    the cable was in when the token was accepted.

    `trigger`: the event that completes the conditions for a session: "plugged", "authorized" or
    "remote_start".
    """

    # fmt: off
    def __init__(self, token, group, deadline_ms, kind=ANY, profile=None, remote_start=None,
                 plugged=False):
        # fmt: on
        self.token = token
        self.kind = kind
        self.group = group
        self.deadline_ms = deadline_ms
        self.profile = profile
        self.remote_start = remote_start
        self.trigger = "plugged"
        if plugged:
            self.trigger = "authorized" if kind and remote_start is None else "remote_start"


class Session:
    """A session that has begun. Energies in Wh; `parent` is the token's group or None, `kind` the
    token's kind, `remote_start` the id of the remote command that began it, if it had one."""

    # fmt: off
    def __init__(self, number, connector, token, parent, meter_start_wh, started, kind=ANY,
                 remote_start=None):
        # fmt: on
        self.id = number
        self.connector = connector
        self.token = token
        self.kind = kind
        self.parent = parent
        uuid = bytearray(urandom(16))  # random: RFC 9562 section 5.4
        uuid[6] = uuid[6] & 0x0F | 0x40
        uuid[8] = uuid[8] & 0x3F | 0x80
        self.uuid = bytes(uuid)
        self.remote_start = remote_start
        self.meter_start_wh = meter_start_wh
        self.meter_wh = meter_start_wh
        self.started = started  # stamp
        self.seq = 1  # of the next record; START is 0
        self.stopping = None  # reason, from the decision to stop on
        self.stop_recorded = None  # reason, once the STOP record is on flash
        self.stop_token = self.stop_kind = None  # the token that ended it, if one did
        # As stored: the EV asks, and the contactor is closed or about to close.
        self.asking = False
        self.deauthorized = False  # the central system no longer accepts the token
        # (charging state, plugged, deauthorized, mA offered) as last recorded and as last seen.
        self._told = self._seen = ("connected", True, False, 0)
        self._left_out = 0
        self.refused = 0  # kinds of its records that the journal has refused last, a bit each
        self.change_ms = 0  # uptime before which no CHANGE is written
        self._free_ms = 0  # uptime from which _BURST records may be written at once again

    @property
    def energy_wh(self):
        return max(0, self.meter_wh - self.meter_start_wh)

    def advance(self, meter_wh):
        """Take a new register reading. A reading that goes backwards is ignored."""
        if meter_wh is not None and meter_wh > self.meter_wh:
            self.meter_wh = meter_wh

    def may_end(self, token, parent=None, kind=ANY):
        """True if this token, or one of its group, may end the session."""
        return same_token(token, self.token, kind, self.kind) or same_group(parent, self.parent)

    # -- records ---------------------------------------------------------------------------

    def start(self, reservation, trigger, values=None):
        """Payload of the START record. reservation: its id or None. trigger: see Waiting. values:
        those of TxStartedMeasurands, None for the register alone."""
        # fmt: off
        return [self.id, self.connector, self.token, self.meter_start_wh, reservation,
                self.started, self.uuid, self.kind or "Central", self.remote_start,
                trigger] + ([] if values is None else [values])
        # fmt: on

    def stop(self, now, samples):
        """Payload of the STOP record of a session that is `stopping`; now: stamp."""
        # fmt: off
        return [self.id, self.connector, self.meter_wh, self.stopping, self.stop_token, now,
                samples, self.seq, trigger_of(self.stopping), self.stop_kind]
        # fmt: on

    def change(self, connector, now_ms, station):
        """Payload of the CHANGE record that is due, None if nothing has changed, or the session
        has had too many. Call `recorded` once the record is on flash."""
        state, plugged = state_of(connector), connector.evse.plugged
        seen = (state, plugged, self.deauthorized, connector.offered_ma)
        percent = station.settings.get("LimitChangeSignificance")
        trigger = _trigger(self._seen, seen, percent)
        if trigger:
            self._seen = seen
            self._left_out += 1
        trigger = _trigger(self._told, seen, percent)
        if trigger is None:
            return None
        # A load management that sets another limit every few seconds must not fill the flash.
        most = 0 if trigger == "limit" else (_BURST - 1) * _EACH_MS
        if self._free_ms - now_ms > most:
            return None
        self._seen = seen
        data = [seen[3], max(0, self._left_out - 1)]
        return [self.id, self.connector, trigger, state, stamp(station), self.seq, data]

    def recorded(self, now_ms):
        """The record that `change` has given is on flash."""
        self.seq += 1
        self._told = self._seen
        self._left_out = 0
        self._free_ms = max(self._free_ms, now_ms) + _EACH_MS


def state_of(connector):
    """The charging state of a connector with a session: idle (no car), connected, charging,
    suspended_ev or suspended_evse."""
    state = connector.status if connector.evse.plugged else "idle"
    if state == "preparing" or state == "finishing":
        return "connected"
    return "suspended_evse" if state == "faulted" else state


def _trigger(before, now, percent=0):
    """The trigger of a change, None if there is none. The offer counts only while charging, and
    if it has changed by `percent` of the one before."""
    if before[1] != now[1]:
        return "plugged" if now[1] else "unplugged"
    if before[2] != now[2]:
        return "deauthorized"
    if before[0] != now[0]:
        return "charging_state"
    if now[0] == "charging" and abs(before[3] - now[3]) >= max(
        _LIMIT_MA, before[3] * percent // 100
    ):
        return "limit"
    return None
