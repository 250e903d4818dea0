# The bench with a central system that speaks OCPP 2.0.1 or 2.1.
# MIT license; part of microevse
"""What `bench` is for 1.6: the whole firmware on the virtual board, and a central system that
checks every frame.

    @scenario2                                      2.0.1
    @scenario2(version="2.1", settings={...})
    async def test_something(b):
        await b.boot()
        entry = await b.charging("CARD1")
"""

import bench

VERSIONS = ("2.0.1", "2.1")


class Bench2(bench.Bench):
    """A Bench for one version of 2.x; `version`: as in the setting OcppVersions."""

    version = "2.0.1"

    async def boot(self, within=60, **variables):
        """From power-on to Available; then sets `variables`, {"Component.Variable": value}."""
        boot = await self.start_of_day(within)
        await self.expect_status("Available", within=within)
        for name, value in variables.items():
            await self.set_variable(name, value)
        self.skip()
        return boot

    async def expect_status(self, status, evse=1, within=10, **fields):
        """Wait for a StatusNotification of an EVSE."""
        fields = dict(fields, evseId=evse, connectorStatus=status)
        return await self.expect("StatusNotification", within, **fields)

    async def expect_event(self, event, trigger=None, within=10, **fields):
        """Wait for a TransactionEvent: its eventType, and its triggerReason if one is given."""
        fields["eventType"] = event
        if trigger:
            fields["triggerReason"] = trigger
        return await self.expect("TransactionEvent", within, **fields)

    async def set_variable(self, name, value, status="Accepted"):
        """SetVariables of one "Component.Variable[instance]"."""
        component, _, variable = name.partition(".")
        variable, _, instance = variable.partition("[")
        item = {
            "attributeValue": str(value).lower() if isinstance(value, bool) else str(value),
            "component": {"name": component},
            "variable": {"name": variable},
        }
        if instance:
            item["variable"]["instance"] = instance.rstrip("]")
        answer = await self.call("SetVariables", {"setVariableData": [item]})
        (result,) = answer["setVariableResult"]
        assert result["attributeStatus"] == status, f"{name}={value}: {result}"
        return result

    async def charging(self, tag="CARD1", amps=None):
        """Plugged in, authorized locally, drawing; returns the Transaction (see csms/ledger)."""
        if amps is not None:
            await self.do("draw", amps=amps)
        await self.do("plug")
        await self.expect_status("Occupied")
        await self.do("request")
        await self.tap(tag)
        await self.expect_event("Started")
        await self.expect_event(
            "Updated",
            "ChargingStateChanged",
            transactionInfo=lambda info: info.get("chargingState") == "Charging",
        )
        await self.contactor(True)
        return list(self.csms.transactions.values())[-1]

    async def leave(self):
        """The car goes: S2 open, cable out, connector Available."""
        await self.do("release")
        await self.until(self._unplug, 15, "the cable can be pulled")
        await self.expect_status("Available", within=15)


def scenario2(fn=None, version="2.0.1", settings=None, **options):
    """As `bench.scenario`; the charger offers `version` alone."""
    settings = dict(settings or {}, OcppVersions=version)
    csms = {"subprotocols": ("ocpp" + version,), **options.pop("csms", {})}
    kind = type("Bench2", (options.pop("kind", Bench2),), {"version": version})
    options = dict(options, settings=settings, csms=csms, kind=kind)
    return bench.scenario(fn, **options) if fn else bench.scenario(**options)
