# GetVariables and SetVariables.
# MIT license; part of microevse
"""Reading and setting variables (B05, B06). The variables: `model`.

An answer is made item by item while it is sent: in one piece it would be the largest of all
messages but a report.
"""

from evse_base import before_import, release
from ocppj.messages import dumps

_SLOTS = "networkconfiguration"
_WORDS = {"accepted": "Accepted", "reboot": "RebootRequired", "rejected": "Rejected"}


async def loaded(point, items):
    """The module `model`, for a request with these items. What is loaded here is unloaded with the
    handler (ocppj.on_demand)."""
    await before_import()
    from . import readings  # noqa: F401 (each is a stall of its own)

    await before_import()
    from . import table  # noqa: F401

    await before_import()
    from . import model

    if point.later and [i for i in items if i["component"]["name"].lower() == _SLOTS]:
        await before_import()
        from . import network

        model.more = network
        release("station.network_slot")
        release("ocpp2.network")
    release("ocpp2.readings")
    release("ocpp2.table")
    release("ocpp2.model")
    return model


async def get_variables(point, payload):
    """GetVariables (B06)."""
    model = await loaded(point, payload["getVariableData"])
    return _pieces(point, model, payload["getVariableData"], "getVariableResult", _get)


async def set_variables(point, payload):
    """SetVariables (B05). One after the other, each by itself."""
    items = payload["setVariableData"]
    model = await loaded(point, items)
    # All are set before the answer begins: sending it may fail half way.
    for item in items[: model.MOST]:
        item["done"] = _set(point, model, item)
    return _pieces(point, model, items, "setVariableResult", _done)


def _pieces(point, model, items, field, answer):
    """The answer as JSON, one item a piece; each item is dropped then. Those beyond the most that
    one message may have are refused (B05.FR.11 and B06.FR.16 permit that; case TC_B_08)."""
    text = '{"%s":[' % field
    left = model.MOST
    while items:
        yield text
        yield dumps(_result(point, model, items.pop(0), answer if left else _too_many))
        left = max(0, left - 1)
        text = ","
    yield "]}"


def _result(point, model, item, answer):
    status, code, sentence, value = answer(point, model, item)
    out = {
        "attributeStatus": status,
        "attributeType": item.get("attributeType", "Actual"),
        "component": item["component"],
        "variable": item["variable"],
    }
    if value is not None:
        out["attributeValue"] = value
    if code:
        out["attributeStatusInfo"] = info = {"reasonCode": code}
        if sentence:
            info["additionalInfo"] = sentence[:512]
    return out


def _found(point, model, item):
    """The Variable, or the AttributeStatus that says what is wrong."""
    one = model.find(point, item["component"], item["variable"])
    if one is None:
        return "UnknownVariable"
    if one is False:
        return "UnknownComponent"
    # The other types are for things that turn or move.
    return one if item.get("attributeType", "Actual") == "Actual" else "NotSupportedAttributeType"


def _get(point, model, item):
    one = _found(point, model, item)
    if isinstance(one, str):
        return one, "", "", None
    if "r" not in one.access:
        return "Rejected", "WriteOnly", "", None
    value = one.value()
    if value is None:
        return "Rejected", "NotFound", "not known at the moment", None
    return "Accepted", "", "", value


def _set(point, model, item):
    one = _found(point, model, item)
    if isinstance(one, str):
        return one, "", "", None
    word, code, sentence = one.set(item["attributeValue"])
    return _WORDS[word], code, sentence, None


def _done(point, model, item):
    return item["done"]


def _too_many(point, model, item):
    return "Rejected", "TooManyElements", "", None
