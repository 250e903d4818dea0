# How the trial of a security profile or password ends.
# MIT license; part of microevse
"""Loaded when a connection was accepted in it, while no contactor closes. See access_trial.py."""

from evse_base import log, release
from station import security_log

_BEFORE = "AccessBefore"
_PROFILE = "SecurityProfile"


def settle(settings, old):
    """What has led to an accepted connection holds from now on. False: that is not stored, and
    the trial goes on. OSError: the region for secrets fails.

    old: it is what held before the change (AccessBefore).
    """
    opened = settings.vault
    if opened:
        # One object for all writes: the code for each would be loaded anew, in 125 ms.
        vault = opened()
        settings.vault = lambda: vault
    try:
        return _stored(settings, old)
    finally:
        settings.vault = opened
        release("upkeep.access_end")


def _stored(settings, old):
    keep, before = settings.keep_own, settings.text(_BEFORE)
    if old:
        text = "SecurityProfile %s, or its password, does not connect: what was before is in "
        text += "use again, profile %s"
        log.warn("net", text, settings.text(_PROFILE), before[0])
        key, password = (before[2:], "") if before[1] == "k" else ("", before[2:])
        if not (
            keep(_PROFILE, before[0])
            and keep("AuthorizationKey", key)
            and keep("BasicAuthPassword", password)
        ):
            return False  # both are kept still
        # No listener hears of it.
        security_log.note("security_changed", "%s and password taken back" % _PROFILE)
    if not keep(_BEFORE, ""):
        return False
    from upkeep import profile_floor

    profile_floor.worked(settings)
    return True
