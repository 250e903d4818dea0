# BootNotification and Heartbeat: being known to the central system, and its clock.
# MIT license; part of microevse
"""Registration (OCPP 1.6 sections 4.2 and 4.6; 2.0.1 B01 to B03 and G02). The messages have the
same names and answers in all versions; each version makes its own BootNotification.

Until the central system has accepted us nothing else may be sent, except the messages that it asks
for while we are Pending. A charge point that does not register is of no use, so
an answer is read field by field: only its status decides, in any spelling; a time or an interval
that cannot be used is left out.
"""

from evse_base import iso8601
from evse_base import log
from .messages import CallError


# Used when the central system gives interval 0: "choose yourself" (section 4.2).
RETRY_S = 30
MIN_RETRY_S = 1
# A longer wait than a day is taken for a mistake of the sender.
MAX_RETRY_S = 86400

_STATUSES = ("Accepted", "Pending", "Rejected")


class Registration:
    """Registers the charge point and keeps the heartbeat.

    call: async callable(action, payload) -> payload, as Rpc.call.
    message: callable, gives the payload of a BootNotification.
    """

    def __init__(self, call, settings, clock, message):
        self._call = call
        self._settings = settings
        self._clock = clock
        self._message = message
        self.status = None  # None: not answered yet since this boot; else the word of the answer
        self._next_ms = 0  # uptime at which the next BootNotification or Heartbeat is due

    @property
    def accepted(self):
        return self.status == "Accepted"

    def due_in_ms(self):
        """Milliseconds until boot or heartbeat has something to send; None for never."""
        if self.accepted and not self._settings.get("HeartbeatInterval"):
            return None
        return max(0, self._next_ms - self._clock.uptime_ms())

    def connected(self):
        """A new connection: HeartbeatInterval may have become shorter while there was none."""
        if self.accepted:
            latest = self._clock.uptime_ms() + 1000 * self._settings.get("HeartbeatInterval")
            self._next_ms = min(self._next_ms, latest)
        elif self.status is None:
            self._next_ms = 0

    def register_again(self):
        """The next connection begins with a BootNotification, as after a start: a new security
        profile has to lead to one (security whitepaper, A05). Nothing is sent on this one, which
        ends now; it is where the answer to the change leaves by."""
        self.status = None
        self._after(MIN_RETRY_S + RETRY_S)

    def interval_changed(self):
        """HeartbeatInterval was set by the central system: it counts from now."""
        if self.accepted:
            self._after(self._settings.get("HeartbeatInterval"))

    async def step(self):
        """Send the message that is due. Raises what Rpc.call raises."""
        if self.accepted:
            await self.heartbeat()
        else:
            await self.notify()

    async def notify(self):
        """Send one BootNotification and act on its answer."""
        try:
            answer = await self._call("BootNotification", self._message())
        except CallError as exc:
            # An error does not say whether we may send: ask again.
            log.warn("ocpp", "BootNotification refused: %s", exc.code)
            self._after(RETRY_S)
            return
        self._take_time(answer.get("currentTime"))
        interval = whole(answer.get("interval")) or 0
        status = word(answer.get("status"), _STATUSES)
        if status is None:
            log.warn("ocpp", "BootNotification answered without a status")
            self._after(RETRY_S)
            return
        was, self.status = self.status, status
        if was != self.status:
            log.info("ocpp", "central system says %s, interval %d s", self.status, interval)
        if self.accepted:
            if interval > 0:
                self._settings.set("HeartbeatInterval", str(interval))
            self._after(self._settings.get("HeartbeatInterval"))
        else:
            self._after(min(max(interval, MIN_RETRY_S), MAX_RETRY_S) if interval > 0 else RETRY_S)

    async def heartbeat(self):
        """One Heartbeat; its answer carries the time."""
        self._after(self._settings.get("HeartbeatInterval"))
        answer = await self._call("Heartbeat", {})
        self._take_time(answer["currentTime"])

    def _after(self, seconds):
        self._next_ms = self._clock.uptime_ms() + 1000 * seconds

    def _take_time(self, text):
        try:
            ms = iso8601.parse_ms(text)
            self._clock.set(ms // 1000, ms % 1000)
        except ValueError as exc:
            # A central system with a clock in 1970 must not move ours (ocpp field notes).
            log.warn("ocpp", "time of the central system not used: %s", exc)


# -- what central systems write in several spellings ------------------------------------------


def word(value, words):
    """The one of `words` that `value` spells, in upper or lower case; None if there is none."""
    if isinstance(value, str):
        lower = value.strip().lower()
        for known in words:
            if known.lower() == lower:
                return known
    return None


# Above this the chip's 24-bit floats no longer tell one whole number from the next.
_EXACT = 1 << 24


def whole(value):
    """int of a whole number in any spelling (4711, 4711.0, "4711"); None for anything else."""
    if isinstance(value, str):
        head, _, tail = value.strip().partition(".")
        digits = head[1:] if head[:1] in ("-", "+") else head
        if tail.strip("0") or not 0 < len(digits) < 20 or digits.strip("0123456789"):
            return None
        value = int(head)
    elif isinstance(value, float):
        # Not true of NaN and of the infinities.
        if not -_EXACT <= value <= _EXACT or int(value) != value:
            return None
        value = int(value)
    elif not isinstance(value, int) or isinstance(value, bool):
        return None
    # The journal takes 64 bits.
    return value if -(1 << 63) <= value < 1 << 63 else None


def camel(text):
    """A word of the station, such as "download_failed", as the enumerations of OCPP spell it."""
    return "".join([part[:1].upper() + part[1:] for part in text.split("_")])
