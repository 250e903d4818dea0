# A new security profile or password for the central system is on trial until it has worked.
# MIT license; part of microevse
"""A central system that raises SecurityProfile, or sets AuthorizationKey, and then does not let
the charger in (a typing error, a restored backup, no TLS on that port) would lose the charger for
good. So what held before is kept until what is new has led to an accepted connection.

Access is one thing: profile and password together, in one record. The record is written before the
first change, so a power cut at any moment leaves either both, or what held before. A second change
before the first has worked belongs to the same trial: all of it holds, or none of it.

After _TRIES failed attempts what held before gets one attempt. If that one works, it is what holds
again; if it fails too, the central system is away, and what is new gets the next _TRIES. An
attempt takes 30 s at most, or _ACCEPT_S where the server connects and does not accept; none is
made, and none is counted, while a closed contactor keeps the charger from TLS. When what is in use
was accepted, nothing counts any more; it is stored as soon as no contactor is closed.

A new certificate of the charger has the same turns, and another end. A man on the path can drop
packets, reset connections, and forge the alerts of a TLS handshake. So neither is thrown away for
what anybody can provoke in a minute: the one before goes to work, and every _AGAIN_S the new one
is tried again. When it is given up: certificate_trial.py. Where nobody was reached, or nobody
said no, the turn changes and nothing counts. A profile that nobody answers on is taken back all
the same: the port may have no TLS. It is no downgrade: a profile that has worked is not on trial.
"""

from evse_base import const, log, release
from station import security_log

# Profile, k (AuthorizationKey) or t (BasicAuthPassword), and its value. Empty: no trial.
_BEFORE = const("AccessBefore")
_PROFILE = const("SecurityProfile")
_KEY = const("AuthorizationKey")
_PASSWORD = const("BasicAuthPassword")
# Failures of what is new before what held before gets a try, and between such tries.
_TRIES = const(3)
# How long a connection may stand without an accepted BootNotification.
_ACCEPT_S = const(300)
_REFUSED = const((401, 403))
_AGAIN_S = const(14400)
# Instead of a count of failures: what is in use was accepted, and that is not stored yet.
_WORKED = const(-1)
# Until what could not be stored, or loaded, is tried again on the same connection.
_PAUSE_S = const(60)
# No contactor closes for so long while code is loaded and secrets are written.
_STALL_MS = const(1000)


class AccessTrial:
    """Which profile and password the next attempt uses.

    config: has ca_der and client_certificate() (see config.CsmsConfig), which a higher profile
    needs. may_stall(): False while a closed contactor forbids TLS.
    on_date: plain fn() after a certificate was refused for its dates, or None.
    """

    def __init__(self, settings, config, may_stall):
        self._settings = settings
        self._config = config
        self._may_stall = may_stall
        self.on_date = None
        # There is something to go back to, in digits as this class writes it.
        self._open = settings.text(_BEFORE)[:1].isdigit()
        self._old = False  # attempts use what held before
        self._failures = 0
        self._pause_s = 0  # until the end of a trial is tried again
        self.waited_s = None  # since the upgrade of this attempt was asked for; None: not yet
        # Failures of the certificate that is on trial, which has the same turns; None: none is.
        # See station/own_certificate.py.
        self.certificate = None
        self.refused = self.rounds = 0  # turns in which somebody said no to it, rounds of them
        settings.guard = self.judge

    def profile(self):
        """SecurityProfile of the next attempt."""
        settings = self._settings
        return int(settings.text(_BEFORE)[0]) if self._old else settings.get(_PROFILE)

    def password(self, asks=True):
        """Password of the next attempt as bytes, None if it has none. Profile 3 has none: the
        certificate says who calls (security whitepaper, 2.5). asks: the upgrade is sent now."""
        if asks:
            self.waited_s = 0
        if self.profile() == 3:
            return None
        if not self._old:
            return self._settings.basic_auth_key()
        before = self._settings.text(_BEFORE)
        value = before[2:]
        return self._settings.basic_auth_key(*((value, "") if before[1] == "k" else ("", value)))

    def judge(self, name, value, local):
        """Why `name` cannot become `value`, None if it can; then what holds now is kept first.
        local: the owner sets it: any profile, and no trial, for the owner is there to see.

        Not while a contactor is closed: the code that stores it is loaded in up to 0.5 s, and
        nobody looks at the pilot meanwhile. The owner sets several in one go."""
        if name[:11] in ("NetworkSlot", "NetworkConf"):
            if not self._may_stall(0 if local else _STALL_MS):
                return "%s has to wait: a car charges" % name
            try:
                from upkeep import network_rules
            except ImportError:
                return "%s: there is one access where there is no OCPP 2.x" % name
            try:
                return network_rules.refusal(name, value, self._settings, self._config)
            finally:
                release("upkeep.network_rules")
        if name not in (_PROFILE, _KEY, _PASSWORD):
            return None
        if not self._may_stall(0 if local else _STALL_MS):
            return "%s has to wait: a car charges" % name
        settings = self._settings
        trial = name != _PROFILE or not local
        if name == _PROFILE and not local:
            from upkeep import profile_rules

            try:
                why = profile_rules.refusal(int(value), settings, self._config)
            finally:
                release("upkeep.profile_rules")
            if why:
                return why
        text, keep, failed = settings.text, settings.keep_own, "%s could not be stored" % name
        if not trial:
            from upkeep import profile_floor

            # The floor comes last: it stays where it is if the profile is not stored.
            now, before = text(_PROFILE), text(_BEFORE)
            stored = keep(_PROFILE, value) and keep(_BEFORE, "")
            if not (stored and profile_floor.lower(settings, int(value))):
                keep(_BEFORE, before)
                keep(_PROFILE, now)
                return failed
        elif not self._open:
            key = text(_KEY)
            before = text(_PROFILE) + ("k" + key if key else "t" + text(_PASSWORD))
            if not keep(_BEFORE, before):
                return failed
        self._open = trial
        self._failures, self._old, self.waited_s = 0, False, None
        return None

    def failed(self, status, event="", reason=""):
        """An attempt has ended: with an HTTP status, 0 if there was none, None if there was a
        connection, which was not accepted or has ended later. event: see ocppj.failure.event.
        """
        if event:
            event, _, dates = event.partition(" ")
            security_log.note(event, reason)
            if dates and self.on_date:
                self.on_date()
        tried, self.waited_s = self.waited_s is not None, None
        if self.certificate is not None and (tried if status is None else self._may_stall()):
            if self.certificate < _TRIES and (status is None or event == "refused_by_central"):
                self.refused += 1
            self.certificate = (self.certificate + 1) % (_TRIES + 1)
        if not self._open or self._failures == _WORKED:
            return
        if status not in _REFUSED:
            if status is None:
                if not tried:
                    return  # the connection that brought the change says nothing about it
            elif not self._may_stall():
                return  # a contactor has closed since the attempt began
            elif self._settings.text(_BEFORE)[0] == self._settings.text(_PROFILE):
                return  # nobody was there: that says nothing about a password
        # If what held before is refused as well, the central system is away, or both are wrong.
        self._failures = 0 if self._old else self._failures + 1
        self._old = self._failures >= _TRIES

    def look(self, accepted):
        """To be called once a second. It never raises. accepted: the central system has
        accepted this charger. True if the connection is to be made anew: it is not accepted in
        time, or a certificate on trial is to be tried again.

        A trial ends while every contactor is open, as its code is loaded then."""
        trial = self._open and self._failures != _WORKED
        news = self.waited_s is not None and (trial or self.certificate is not None)
        if news and not accepted:
            self.waited_s += 1
            # What held before may wait: it is where the charger wants to be then.
            return self.waited_s == _ACCEPT_S and not (self._old or self.certificate == _TRIES)
        if news and trial:
            self._failures = _WORKED
        if not news and self._failures != _WORKED:
            return False
        if self._pause_s:
            self._pause_s -= 1
            return False
        may = self._may_stall
        if not may():
            return False
        try:
            if news and self.certificate is not None:
                wanted = security_log.sign_at is not None and security_log.sign_tries is not None
                if self.certificate < _TRIES or self.refused >= _TRIES or wanted and self.rounds:
                    if not may(_STALL_MS):
                        return False
                    from upkeep import certificate_trial

                    certificate_trial.judge(self, self._settings, wanted)
                if self.certificate == _TRIES:
                    self.waited_s += 1
                    if not self._open:
                        again = self.waited_s >= _AGAIN_S
                        self.waited_s = 0 if again else self.waited_s
                        return again
            if self._failures == _WORKED:
                if not may(_STALL_MS):
                    return False
                from upkeep import access_end

                if access_end.settle(self._settings, self._old):
                    self._failures, self._old, self._open = 0, False, False
                else:
                    self._pause_s = _PAUSE_S
            self.waited_s = None  # once for a connection
        except Exception as exc:
            # No memory for the code, say: the caller's task goes on, and so does the trial.
            self._pause_s = _PAUSE_S
            try:
                release("upkeep.certificate_trial")  # what is loaded in part
                release("upkeep.access_end")
                log.error("net", "the end of a trial is put off: %r", exc)
            except MemoryError:
                pass
        return False
