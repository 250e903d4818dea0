# Slots: several accesses to central systems, of which one is in use.
# MIT license; part of microevse
"""Slot 1 is what the settings say that the owner has always had (FACE). Slots 2 and 3 are kept as
one text each, with their password: a change is there as a whole after a power cut, or not at all.
While such a slot is in use it covers the settings of FACE. Loaded when slots are used."""

import json

from .declarations import fields

COUNT = 3
# Places in a slot. An empty text: it has none of its own.
VERSION, URL, TIMEOUT, PROFILE, INTERFACE, IDENTITY, PASSWORD = range(7)
# The settings that a slot covers, in these places; None: no setting.
FACE = (
    "OcppVersions", "CentralSystemURI", "MessageTimeout", "SecurityProfile", None,
    "ChargePointId", "BasicAuthPassword",
)  # fmt: skip
EMPTY = ("", "", None, None, "", "", "")
KEY = "AuthorizationKey"
ORDER = "NetworkConfigurationPriority"
BEFORE = "NetworkBefore"
ACTIVE = "ActiveNetworkProfile"


def read(settings, number):
    """The places of a slot in a list; None if it is empty or cannot be read. Those of slot 1 are
    its own, also while another one covers them; what all slots share is empty there."""
    if number == 1:
        version = _own(settings, FACE[VERSION]).split(",")[0]
        timeout, profile = int(_own(settings, FACE[TIMEOUT])), int(_own(settings, FACE[PROFILE]))
        return [version, _own(settings, FACE[URL]), timeout, profile, "", "", ""]
    try:
        slot = json.loads(settings.text("NetworkSlot%d" % number))
    except (KeyError, ValueError):
        return None
    return slot if _is_one(slot) else None


def _is_one(slot):
    """True for a list of the types that a slot has."""
    if not isinstance(slot, list) or len(slot) != len(EMPTY):
        return False
    for value, empty in zip(slot, EMPTY):
        kind = str if empty == "" else int
        if not isinstance(value, kind) and value is not empty:
            return False
    return True


def _own(settings, name):
    if settings.text(ACTIVE) == "1":
        return settings.text(name)
    for layer in (settings._stored, settings._factory):
        if name in layer:
            return layer[name]
    return fields(name)[5]


def whole(slot):
    """True if a slot has all that it must have."""
    return slot is not None and bool(slot[URL]) and None not in (slot[TIMEOUT], slot[PROFILE])


def order(settings):
    """Numbers of the slots to try, the first one first; at least one."""
    numbers = settings.get(ORDER) + [settings.text(BEFORE)]
    found = []
    for number in [int(text) for text in numbers if text]:
        slot = None if number == 1 else read(settings, number)
        # Another version may have stored what this one does not take.
        if number == 1 or whole(slot) and not refusal(settings, slot):
            found += [] if number in found else [number]
    return found or [1]


def used(settings, number):
    """True for a slot that is in use or may come to be: it is not written."""
    text = str(number)
    return text in settings.get(ORDER) or text in (settings.text(BEFORE), settings.text(ACTIVE))


def refusal(settings, slot):
    """What is wrong with a slot or a place of it, None if nothing."""
    if not _is_one(slot):
        return "not a slot"
    for place, name in enumerate(FACE):
        if name and slot[place] not in ("", None):
            if settings._check(name, str(slot[place])) is None:
                return settings.reason
    return None


def cover(settings, number):
    """{setting: value} while a slot is in use; {} for slot 1.

    The profile is not below that of the settings, which has worked; except where the owner allows
    2 instead of 3."""
    if number == 1:
        return {}
    slot = read(settings, number)
    worked, profile = settings.get("SecurityProfile"), slot[PROFILE]
    allowed = profile == 2 and worked == 3 and settings.get("AllowSecurityProfileDowngrade")
    values = {FACE[URL]: slot[URL], FACE[TIMEOUT]: str(slot[TIMEOUT])}
    values[FACE[PROFILE]] = str(profile if allowed else max(profile, worked))
    if slot[VERSION]:
        others = [word for word in settings.get(FACE[VERSION]) if word != slot[VERSION]]
        values[FACE[VERSION]] = ",".join([slot[VERSION]] + others)
    if slot[IDENTITY]:
        values[FACE[IDENTITY]] = slot[IDENTITY]
    if slot[PASSWORD]:
        values[FACE[PASSWORD]] = slot[PASSWORD]
        values[KEY] = ""
    return values


def lay(settings, values):
    """Cover settings for this start, without a word to listeners; None uncovers one. Returns what
    was there before: that undoes it."""
    layer = settings._overlay
    before = {name: layer.pop(name, None) for name in values}
    layer.update({name: values[name] for name in values if values[name] is not None})
    return before


def adopt(settings, names):
    """The slot in use becomes slot 1, and the only one. False: not all of that is stored.

    names: what is covered. The order comes last: until then the slot covers what is half done."""
    for name in names:
        if name in settings._overlay:
            if not settings._keep(name, settings._overlay[name]):
                return False
    return settings.keep_own(ORDER, "1") and settings.keep_own(BEFORE, "")


def set_password(settings, number, text):
    """A slot has this password from now on, "" for none of its own. False: that is not stored."""
    slot = read(settings, number)
    if slot is None:
        return False
    slot[PASSWORD] = text
    return settings.keep_own("NetworkSlot%d" % number, json.dumps(slot))
