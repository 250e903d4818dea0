# GetConfiguration and ChangeConfiguration.
# MIT license; part of microevse
"""Configuration keys of OCPP 1.6 (sections 5.3, 5.8 and 9) from the settings declaration."""

import json

from evse_base import log
from ocppj.messages import dumps

ANSWERS = {
    "accepted": "Accepted",
    "rejected": "Rejected",
    "readonly": "Rejected",
    "reboot": "RebootRequired",
    "unknown": "NotSupported",
}


async def get_configuration(point, payload):
    settings = point.settings
    wanted = payload.get("key")
    if not wanted:
        # An empty list asks for all keys, as a missing list does (section 5.8).
        return _pieces(settings, settings.keys16(), ())
    limit = settings.get("GetConfigurationMaxKeys")
    known, unknown = [], []
    for name in wanted[:limit]:
        real = settings.find16(name)
        if real:
            known.append(real)
        else:
            unknown.append(name)
    return _pieces(settings, known, unknown)


async def change_configuration(point, payload):
    name = point.settings.find16(payload["key"])
    if not name:
        return {"status": "NotSupported"}
    answer = ANSWERS[point.settings.set(name, payload["value"])]
    if answer == "Rejected":
        # The answer has no room for it (section 5.3), and somebody will ask why.
        log.warn("ocpp", "refused: %s", point.settings.reason)
    return {"status": answer}


def _pieces(settings, known, unknown):
    """The answer, one key at a time: in one piece it would be the largest of all messages."""
    yield '{"configurationKey":['
    comma = ""
    for name in known:
        yield comma + dumps(_entry(settings, name))
        comma = ","
    yield '],"unknownKey":%s}' % json.dumps(unknown) if unknown else "]}"


def _entry(settings, name):
    item = {"key": name, "readonly": settings.access(name) == "r"}
    if settings.access(name) != "w":
        item["value"] = settings.text(name)
    return item
