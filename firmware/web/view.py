# The numbers that the page shows, and the commands that it has.
# MIT license; part of microevse
"""Collects the page's numbers; no HTTP here."""

import gc

from evse_base import log
from version import VERSION
from wiring.electrical import lacks


# Shown of every connector where there are several.
BRIEF = ("id", "status", "why", "plugged", "contactor", "current_a", "current_offered_a")


def masked(token):
    """An idTag as others may see it: enough to recognise one's own, not to copy it."""
    return "..." + token[-3:] if len(token) > 5 else "..."


class View:
    """The page's window on `charger` (app.Charger)."""

    def __init__(self, charger):
        self._charger = charger
        self._board = charger.board

    def snapshot(self):
        """State of the first connector and of the connection, as a dict for JSON."""
        charger = self._charger
        connector = charger.station.connectors[0]
        out = charger.station.snapshot()
        out["energy_wh"] = out.pop("meter_wh")
        if connector.fault:
            # "why" has the sentence; the code alone says nothing to a person.
            out["fault"] = "%s: %s" % (connector.fault[0], out["why"])
        session = connector.session
        out["session"] = (
            {
                "energy_wh": session.energy_wh,
                "seconds": charger.clock.uptime() - session.started[1],
                "token_masked": masked(session.token),
            }
            if session
            else None
        )
        connection = charger.connection
        out["ocpp"] = {
            "state": charger.central.state,
            "url_host": charger.config.host(),
            "last_error": connection.last_error,
        }
        out["name"] = charger.settings.text("ChargePointId") or self._board["name"]
        out["uptime_s"] = charger.clock.uptime()
        out["version"] = VERSION
        out["worst_gap_ms"] = max(evse.worst_gap_ms for evse in charger.evses)
        out["tick_overruns"] = charger.tick.overruns
        out["tick_failures"] = charger.tick.failures
        out["lacks"] = "; ".join(
            sorted({lacks(self._board, i) for i in range(len(charger.evses))})
        )
        if not self._board["connectors"][0]["cp"].get("diode_check", True):
            out["diode_check"] = False
        if len(charger.evses) > 1:
            out["connectors"] = [self._brief(c) for c in charger.station.connectors]
        # A fault of any connector waits for a person, who may reset it.
        out["reset"] = any(
            [c.evse.closings.person or c.faults.for_person() for c in charger.station.connectors]
        )
        out["heap_free"] = gc.mem_free() if hasattr(gc, "mem_free") else 0
        return out

    def _brief(self, connector):
        """One line of the page for each connector, where there are several."""
        whole = self._charger.station.snapshot(connector.id)
        return {key: whole[key] for key in BRIEF}

    async def start(self, id_tag):
        """Start as if a card had been presented; text for a person."""
        token = id_tag or self._charger.settings.text("WebIdTag")
        if not token:
            return "No idTag: give one, or set WebIdTag."
        return await self._charger.station.present_token(token, "Local", 1)

    async def stop(self):
        """End the running session; text for a person."""
        connector = self._charger.station.connectors[0]
        if connector.session is None:
            return "Nothing is charging."
        connector.request_stop("local")
        return "Stopping."

    async def reset_faults(self):
        """Reset the faults that wait for a person; text for a person."""
        if self._charger.station.reset_faults():
            return "Reset. A fault that is still shown ends when the car is unplugged."
        if self.snapshot()["reset"]:
            return "Not reset: the cause is still there."
        return "There is nothing to reset."

    async def restart(self):
        """End every session in good order, then start again; text for a person."""
        await self._charger.station.reset("soft")
        return "Starting again."

    async def update(self, conn, size, refused, error):
        """Take an update from `conn` (web.update) unless it is `refused` already."""
        services = self._charger.transfers
        if not refused and not services.vacant():
            # Not even an import: that stalls, too.
            refused = error(409, "busy", "Not while a car is connected or charging.")
        if refused:
            await conn.skip(size)
            return refused
        return await services.take_update(conn, size, error)

    def log_lines(self):
        return [log.redact(line) for line in log.tail()]
