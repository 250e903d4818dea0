# Variables of OCPP 2.x, as a central system asks for them and sets them.
# MIT license; part of microevse


def names(text, evse=None, connector=None):
    """{component, variable} of "Component.Variable[instance]"."""
    component, _, variable = text.partition(".")
    variable, _, instance = variable.partition("[")
    out = {"component": {"name": component}, "variable": {"name": variable}}
    if instance:
        out["variable"]["instance"] = instance.rstrip("]")
    if evse:
        out["component"]["evse"] = {"id": evse}
        if connector:
            out["component"]["evse"]["connectorId"] = connector
    return out


async def get(b, *items, **fields):
    """The items of the answer to GetVariables of these names (or {component, variable})."""
    items = [dict(names(one) if isinstance(one, str) else one, **fields) for one in items]
    return (await b.call("GetVariables", {"getVariableData": items}))["getVariableResult"]


async def put(b, *pairs, **fields):
    """The items of the answer to SetVariables of (name, value) pairs."""
    items = [dict(names(name), attributeValue=value, **fields) for name, value in pairs]
    return (await b.call("SetVariables", {"setVariableData": items}))["setVariableResult"]


async def rows(b, request=1):
    """All rows of the report that `request` has asked for."""
    found, seq = [], 0
    while True:
        part = await b.expect("NotifyReport", requestId=request, within=20)
        assert part["seqNo"] == seq and part["generatedAt"], part
        found += part["reportData"]
        seq += 1
        if not part.get("tbc"):
            return found
