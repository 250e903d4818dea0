# The slot with an access to a central system that is in use, and the next one when it fails.
# MIT license; part of microevse
"""Takes the place of AccessTrial where the order has another slot than slot 1 (OCPP 2.0.1 part 2,
B10). Each start begins with the first slot of the order. After NetworkProfileConnectionAttempts
attempts without an accepted BootNotification the next slot is used, after the last one the first.
The slot that was in use when the order was changed is the last of all until one of the order was
accepted: whatever a slot says, the charger finds back to where it worked.

Nothing is stored while slots are tried: a power cut begins anew. A slot that was accepted in a
higher security profile ends all with a lower one: network_end.py. While a password or profile is
on trial in a slot, both of its turns come before the next slot.
"""

from evse_base import const, log, release
from station import network_slot
from upkeep.access_trial import AccessTrial

_ACCEPT_S = const(300)  # as in access_trial
# No slot is tried for longer, however many attempts and long waits a central system has set.
_LONGEST_S = const(86400)
_TURNS = const(8)  # attempts in which a trial has tried all that it has, twice
_STALL_MS = const(1000)
_PAUSE_S = const(60)
_BEFORE = const("AccessBefore")  # as in access_trial; or the number of a slot instead of t
_PASSWORD = const("BasicAuthPassword")
_OWNERS = const(
    (
        "CentralSystemURI",
        "ChargePointId",
        "AuthorizationKey",
        "BasicAuthPassword",
        "SecurityProfile",
        "OcppVersions",
    )
)


class NetworkSlots(AccessTrial):
    """protocols: the list of the sub-protocols that are offered; it is changed in place. there:
    all that this image has. link, central: to be set before the first attempt.
    """

    link = central = None

    def __init__(self, settings, config, may_stall, protocols, there):
        AccessTrial.__init__(self, settings, config, may_stall)
        self._protocols, self._there = protocols, there
        self._numbers = network_slot.order(settings)
        self._at = self._count = self._pause = 0
        self._covered, self._under = {}, {}
        self._asked_s = None  # since the upgrade of this attempt
        self._accepted = False  # this connection was
        self._settled = False  # and what follows from that is stored
        self._kept, settings._keep = settings._keep, self._keep
        self._use()
        settings.provide(network_slot.ACTIVE, lambda: str(self._numbers[self._at]))

    def _use(self):
        """Cover the settings with the slot that is to be tried."""
        settings, number = self._settings, self._numbers[self._at]
        layer = settings._overlay
        # What was set meanwhile is no cover any more, and stays.
        undo = {n: v for n, v in self._under.items() if layer.get(n) == self._covered[n]}
        network_slot.lay(settings, undo)
        self._covered = network_slot.cover(settings, number)
        self._under = network_slot.lay(settings, self._covered)
        wanted = ["ocpp" + version for version in settings.get("OcppVersions")]
        self._protocols[:] = [name for name in wanted if name in self._there] or self._there
        self._settled = False
        self._alone_s = 0  # so long no connection of it was accepted
        # The password of a slot is judged by that slot alone, see `judge`.
        before = settings.text(_BEFORE)
        self._open = before[:1].isdigit() and before[1:2] in ("k", "t", str(number))
        if not self._open:
            self._failures, self._old = 0, False
        log.info("net", "slot %d of %s", number, self._numbers)

    def _next(self):
        numbers = self._numbers
        for _ in numbers:
            self._at = (self._at + 1) % len(numbers)
            number = numbers[self._at]
            # One that is out of the order by now may have been emptied.
            if number == 1 or network_slot.whole(network_slot.read(self._settings, number)):
                break
        else:
            self._numbers, self._at = [1], 0
        self._count = 0
        if self._failures >= 0:
            self._failures, self._old = 0, False
        self._use()
        adapter = self.central and self.central.adapter
        if adapter:
            adapter.boot.register_again()  # it is another central system

    def profile(self):
        """As AccessTrial.profile; what held before a trial is not below that of the slot."""
        found = AccessTrial.profile(self)
        return max(found, int(self._settings._overlay.get("SecurityProfile", 0)))

    def password(self, asks=True):
        if asks:
            self._asked_s = 0
        return AccessTrial.password(self, asks)

    def failed(self, status, event="", reason=""):
        """As AccessTrial.failed; and the next slot, if this one has had its attempts."""
        good, self._accepted, self._asked_s = self._accepted, False, None
        AccessTrial.failed(self, status, event, reason)
        if good:
            self._count = 0
            return
        # Nobody was reached for a reason that has nothing to do with the slot.
        if self.link and not self.link.connected:
            return
        if self._config.secure() and not self._may_stall():
            return
        self._count += 1
        attempts = self._settings.get("NetworkProfileConnectionAttempts")
        if self._open and self._failures >= 0:
            attempts = max(attempts, _TURNS)
        if self._count >= attempts and len(self._numbers) > 1:
            log.warn("net", "slot %d was not accepted", self._numbers[self._at])
            self._next()

    def look(self, accepted):
        """As AccessTrial.look; a slot that is not accepted in time has had an attempt, and after a
        day all of them."""
        again = AccessTrial.look(self, accepted)
        if accepted:
            self._accepted = True
            if not self._settled and not self._open:
                self._settle()
            self._alone_s = 0
        elif len(self._numbers) > 1:
            if self._asked_s is not None:
                self._asked_s += 1
                again = again or self._asked_s == _ACCEPT_S
            self._alone_s += 1
            if self._alone_s == _LONGEST_S:
                log.warn("net", "slot %d: nobody has accepted for a day", self._numbers[self._at])
                self._next()
                again = True
        return again

    def _settle(self):
        if self._pause:
            self._pause -= 1
            return
        if not self._may_stall(_STALL_MS):
            return
        number = self._numbers[self._at]
        try:
            from upkeep import network_end

            self._settled = network_end.settle(self._settings, number, self.profile())
            if self._settled:
                self._numbers = network_slot.order(self._settings)
                if number not in self._numbers:
                    self._numbers.append(number)
                self._at = self._numbers.index(number)
        except Exception as exc:
            log.error("net", "what works is not kept yet: %r", exc)
        if not self._settled:
            self._pause = _PAUSE_S
        release("upkeep.network_end")

    def judge(self, name, value, local):
        """As AccessTrial.judge. What the owner changes goes on from the slot in use, which becomes
        slot 1; from slot 1 as it is if that slot was not accepted in this start: what the owner
        had set would be lost for one that may never work. A new password replaces that of the
        slot, see `_keep`."""
        settings, number = self._settings, self._numbers[self._at]
        if number > 1 and local and name in _OWNERS:
            if not self._may_stall():
                return "%s has to wait: a car charges" % name
            covered, under = self._covered, self._under
            if self._settled or self._accepted:
                self._covered, self._under = {}, {}
                before = settings.text(_BEFORE)
                if before[1:2] == str(number):  # its trial goes with it
                    settings.keep_own(_BEFORE, before[:1] + "t" + before[2:])
            if not network_slot.adopt(settings, () if self._covered else covered):
                self._covered, self._under = covered, under
                return "%s could not be stored" % name
            self._numbers, self._at, number = [1], 0, 1
            self._use()
        why = AccessTrial.judge(self, name, value, local)
        if why or _PASSWORD not in self._covered:
            return why
        if name == _PASSWORD:
            before = settings.text(_BEFORE)
            mine = before[:1] + str(number) + before[2:]
            return None if settings.keep_own(_BEFORE, mine) else "%s could not be stored" % name
        if name != "AuthorizationKey":
            return None
        # A key is no text that a slot can have. What held before is kept by now, so a power cut
        # loses nothing.
        if not network_slot.set_password(settings, number, ""):
            return "%s could not be stored" % name
        # What was covered by the slot's password is replaced as well, and not only hidden.
        network_slot.lay(settings, {name: None})
        for names in (self._covered, self._under):
            del names[_PASSWORD], names[name]
        return None

    def _keep(self, name, value):
        """As Settings._keep. The password of a slot that has one of its own is kept there: that of
        slot 1 stays as it is, for another central system."""
        if name != _PASSWORD or name not in self._covered:
            return self._kept(name, value)
        number = self._numbers[self._at]
        if not network_slot.set_password(self._settings, number, value):
            return False
        self._covered[name] = self._settings._overlay[name] = value
        return True
