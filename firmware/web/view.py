# The numbers that the page shows, and the commands that it has.
# MIT license; part of microevse
"""Collects the page's numbers; no HTTP here."""

import gc

from evse_base import before_import, forget, log, release
from version import VERSION
from wiring.fitted import lacks


# Shown of every connector where there are several.
BRIEF = ("id", "status", "why", "plugged", "contactor", "current_a", "current_offered_a")


def masked(token):
    """An idTag as others may see it: enough to recognise one's own, not to copy it."""
    return "..." + token[-3:] if len(token) > 5 else "..."


class View:
    """The page's window on the charger.

    board: the profile. central: ocppj.central.Central. config: has the host of the central
    system. services: upkeep.transfers.Transfers, for web.update.
    """

    def __init__(self, board, station, tick, central, config, services):
        self._board = board
        self._station = station
        self._tick = tick
        self._central = central
        self._config = config
        self.services = services

    def snapshot(self):
        """State of the first connector and of the connection, as a dict for JSON."""
        board, station, central = self._board, self._station, self._central
        connectors = station.connectors
        connector = connectors[0]
        uptime_s = station.clock.uptime()
        out = station.snapshot()
        out["energy_wh"] = out.pop("meter_wh")
        if connector.fault:
            # "why" has the sentence; the code alone says nothing to a person.
            out["fault"] = "%s: %s" % (connector.fault[0], out["why"])
        out["notice"] = station.notices.line() if station.notices else ""
        session = connector.session
        out["session"] = (
            {
                "energy_wh": session.energy_wh,
                "seconds": uptime_s - session.started[1],
                "token_masked": masked(session.token),
            }
            if session
            else None
        )
        out["ocpp"] = {
            "state": central.state,
            "url_host": self._config.host(),
            "last_error": central.connection.last_error,
        }
        out["name"] = station.settings.text("ChargePointId") or board["name"]
        out["uptime_s"] = uptime_s
        out["version"] = VERSION
        out["program"] = self.services.program
        out["worst_gap_ms"] = max([c.evse.worst_gap_ms for c in connectors])
        out["tick_overruns"] = self._tick.overruns
        out["tick_failures"] = self._tick.failures
        out["lacks"] = "; ".join(sorted({lacks(board, i) for i in range(len(connectors))}))
        if not board["connectors"][0]["cp"].get("diode_check", True):
            out["diode_check"] = False
        if len(connectors) > 1:
            out["connectors"] = [self._brief(c) for c in connectors]
        # A fault of any connector waits for a person, who may reset it.
        out["reset"] = any([c.evse.closings.person or c.faults.for_person() for c in connectors])
        out["heap_free"] = gc.mem_free() if hasattr(gc, "mem_free") else 0
        return out

    def _brief(self, connector):
        """One line of the page for each connector, where there are several."""
        whole = self._station.snapshot(connector.id)
        return {key: whole[key] for key in BRIEF}

    async def start(self, id_tag):
        """Start as if a card had been presented; text for a person."""
        token = id_tag or self._station.settings.text("WebIdTag")
        if not token:
            return "No idTag: give one, or set WebIdTag."
        return await self._station.present_token(token, "Local", 1)

    async def stop(self):
        """End the running session; text for a person."""
        connector = self._station.connectors[0]
        if connector.session is None:
            return "Nothing is charging."
        connector.request_stop("local")
        return "Stopping."

    async def limit(self, limits):
        """Limit the running session, where the protocol has such limits; text for a person."""
        session = self._station.connectors[0].session
        put = getattr(self._central.adapter, "limit", None)
        if session and put and await put(session.id, limits):
            return "The session is limited."
        return "There is nothing that could be limited so."

    async def reset_faults(self):
        """Reset the faults that wait for a person; text for a person."""
        if self._station.reset_faults():
            return "Reset. A fault that is still shown ends when the car is unplugged."
        if self.snapshot()["reset"]:
            return "Not reset: the cause is still there."
        return "There is nothing to reset."

    async def restart(self):
        """End every session in good order, then start again; text for a person."""
        await self._station.reset("soft")
        return "Starting again."

    async def security_lines(self):
        """The lines of the security log, each read when it is sent."""
        await before_import()
        from station import security_book

        release("station.security_book")
        await before_import()
        return security_book.lines(self._station.clock)

    async def factory_reset(self):
        """Erase everything; text for a person."""
        if not self.services.vacant():
            return "Not while a car is charging."
        from upkeep import factory_reset

        try:
            return await factory_reset.request(self._station, self.services.vacant())
        finally:
            forget("upkeep.factory_reset")

    def log_lines(self):
        """The lines of the log, each made when it is sent: all at once are much memory."""
        redact = log.redactor()
        for line in log.lines():
            yield redact(line)
