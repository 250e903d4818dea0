# Which slots with accesses to central systems may be written, and be put in the order.
# MIT license; part of microevse
"""Loaded when a slot, or the order of the slots, is set (OCPP 2.0.1 part 2, A05, B09 and B10; 2.1
adds the words before the colon). The order takes effect with the next start."""

from evse_base import forget, release
from station import network_slot
from station.network_slot import IDENTITY, PASSWORD, PROFILE, URL, VERSION


def refusal(name, value, settings, config):
    """Why `name` cannot become `value`, None if it can."""
    try:
        if name == network_slot.ORDER:
            return _order(value, settings, config)
        number = int(name[-1])
        if network_slot.used(settings, number):
            return "PriorityNetworkConf: slot %d is in use" % number
        return _slot(value, settings)
    finally:
        release("station.network_slot")


def _slot(text, settings):
    if not text:
        return None
    import json

    try:
        slot = json.loads(text)
    except ValueError:
        slot = None
    why = network_slot.refusal(settings, slot)
    if not why and slot[URL]:
        from ocppj import url

        try:
            url.parse(slot[URL])
        except ValueError as exc:
            return "InvalidURL: %s" % exc
        finally:
            release("ocppj.url")
    if not why and slot[VERSION] and not _spoken(slot[VERSION]):
        why = "this image does not have OCPP %s" % slot[VERSION]
    elif not why and ":" in slot[IDENTITY]:
        why = "an identity must not have a colon where there is a password"
    if why:
        return "InvalidNetworkConf: %s" % why
    return _downgrade(slot, settings)


def _spoken(version):
    """True if the image has this version of OCPP."""
    from wiring import adapters

    try:
        return "ocpp" + version in adapters.there(())
    finally:
        forget("wiring.adapters")
        release("wiring")


def _downgrade(slot, settings):
    wanted, now = slot[PROFILE], settings.get("SecurityProfile")
    if wanted is None or wanted >= now:
        return None
    if wanted == 2 and settings.get("AllowSecurityProfileDowngrade"):
        return None
    return "NoSecurityDowngrade: SecurityProfile is %d" % now


def _order(value, settings, config):
    from upkeep import profile_rules

    try:
        for number in [int(word) for word in value.split(",")]:
            if number > 1:
                slot = network_slot.read(settings, number)
                if not network_slot.whole(slot):
                    return "InvalidNetworkConf: slot %d has no access" % number
                key = slot[PASSWORD].encode() or settings.basic_auth_key()
                why = _downgrade(slot, settings) or profile_rules.lacks(slot[PROFILE], key, config)
                if why:
                    return "slot %d: %s" % (number, why)
    finally:
        release("upkeep.profile_rules")
    active = settings.text(network_slot.ACTIVE)
    # Until one of the order has worked there is a way back to what has worked: what is in use now
    # if there was none. It ends when one has worked, and not here: the order is not stored yet.
    if active in value.split(",") or settings.text(network_slot.BEFORE):
        return None
    if not settings.keep_own(network_slot.BEFORE, active):
        return "the slot in use could not be stored"
    return None
