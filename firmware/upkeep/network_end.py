# What follows when a slot was accepted by its central system.
# MIT license; part of microevse
"""Loaded when that has happened, while no contactor closes. Each step leaves something that works,
and the next start does the rest. See network_slots.py."""

from evse_base import log, release
from station import network_slot, security_log

_PROFILE = "SecurityProfile"


def settle(settings, number, profile):
    """False: not all is stored. number: of the slot; profile: the one that was accepted."""
    keep, text = settings.keep_own, str(number)
    order = settings.get(network_slot.ORDER)
    if text not in order:
        return True  # it is the way back: what it goes back from is tried again at the next start
    if not keep(network_slot.BEFORE, ""):
        return False
    # Accepted in a higher profile: no slot of a lower one is tried any more (A05).
    kept = [word for word in order if word == text or _of(settings, int(word)) >= profile]
    if not keep(network_slot.ORDER, ",".join(kept)):
        return False
    covered = network_slot.lay(settings, {_PROFILE: None})
    under, wanted = settings.get(_PROFILE), str(profile)
    if under == profile:
        network_slot.lay(settings, covered)
        return True
    from upkeep import profile_floor

    if not keep(_PROFILE, wanted):
        network_slot.lay(settings, covered)
        return False
    if profile > under:
        profile_floor.worked(settings)
    elif not profile_floor.lower(settings, profile):
        return False
    release("upkeep.profile_floor")
    log.info("net", "slot %d has worked in security profile %d", number, profile)
    security_log.note("security_changed", "%s %d, slot %d" % (_PROFILE, profile, number))
    return True


def _of(settings, number):
    slot = network_slot.read(settings, number)
    return -1 if slot is None else slot[network_slot.PROFILE]
