# Variables of OCPP 2.x, as a central system asks for them and sets them.
# MIT license; part of microevse


def names(text):
    """{component, variable} of "Component.Variable"."""
    component, _, variable = text.partition(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


async def get(b, *items):
    """The items of the answer to GetVariables of these names, or {component, variable}."""
    items = [names(one) if isinstance(one, str) else one for one in items]
    return (await b.call("GetVariables", {"getVariableData": items}))["getVariableResult"]


async def put(b, *pairs):
    """The items of the answer to SetVariables of (name, value) pairs."""
    items = [dict(names(name), attributeValue=value) for name, value in pairs]
    return (await b.call("SetVariables", {"setVariableData": items}))["setVariableResult"]


async def rows(b, request):
    """All rows of the report that `request` has asked for."""
    found = []
    while True:
        part = await b.expect("NotifyReport", requestId=request, within=20)
        found += part["reportData"]
        if not part.get("tbc"):
            return found
