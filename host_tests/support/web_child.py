# The web server alone, with a view that tests control. Runs on both interpreters.
# MIT license; part of microevse
"""usage: web_child.py PORT KIND [PASSWORD]

KIND names the state that is shown first. A start with idTag `hang` never answers,
one with `crash` raises. The environment variable STATIC names another folder of files.
"""

import asyncio
import os
import sys

import evse_base as port
from web.login import Login, same
from web.server import make_app

BASE = {
    "name": "Garage",
    "status": "available",
    "why": "Ready for a vehicle.",
    "fault": None,
    "current_offered_a": 0,
    "current_a": 0.0,
    "power_w": 0,
    "energy_wh": 1284530,
    "session": None,
    "plugged": False,
    "contactor": False,
    "ocpp": {"state": "accepted", "url_host": "csms.example.org", "last_error": None},
    "version": "0.1.0",
    "worst_gap_ms": 21,
    "heap_free": 48211,
}
CHARGING = {
    "status": "charging",
    "why": "Charging with 16 A: the charging profile of the central system.",
    "current_offered_a": 16,
    "current_a": 15.8,
    "power_w": 10902,
    "session": {"energy_wh": 12480, "seconds": 4215, "token_masked": "04A3...7F"},
    "plugged": True,
    "contactor": True,
}
PREPARING = {
    "status": "preparing",
    "why": "The car is plugged in; waiting for a card or for Start.",
    "plugged": True,
}
FAULT = {
    "status": "faulted",
    "why": "Charging is off until the fault is cleared.",
    "fault": "The residual current device has tripped. Check the installation. (RcdTripped)",
    "ocpp": {"state": "offline", "url_host": "csms.example.org", "last_error": "timeout"},
}
# An emergency stop that has been released, and one that is held.
HELD = {
    "status": "faulted",
    "why": "Emergency stop: release it, then reset it on the page.",
    "fault": "EmergencyStop: Emergency stop: release it, then reset it on the page.",
    "reset": True,
}
HOSTILE = {
    "name": "<img src=x onerror=document.title='owned'>",
    "why": "<script>document.title='owned'</script>",
    "fault": "<b>bold</b>",
    "status": "preparing",
}
KINDS = {
    "available": {},
    "charging": CHARGING,
    "preparing": PREPARING,
    "fault": FAULT,
    "held": HELD,
    "pressed": HELD,
    "hostile": HOSTILE,
}


class View:
    def __init__(self, kind):
        self._state = dict(BASE)
        self._state.update(KINDS[kind])
        self._pressed = kind == "pressed"
        self._begin = port.ticks_ms()

    def snapshot(self):
        state = dict(self._state)
        seconds = port.ticks_diff(port.ticks_ms(), self._begin) // 1000
        state["uptime_s"] = 183900 + seconds
        if state["status"] == "charging":
            state["notice"] = "<b>0.40</b> EUR/kWh & more"
        if state["session"]:
            state["session"] = dict(state["session"])
            state["session"]["seconds"] += seconds
        return state

    async def start(self, id_tag):
        if id_tag == "hang":
            await asyncio.sleep(3600)
        if id_tag == "crash":
            raise RuntimeError("start is broken")
        self._state.update(CHARGING)
        return "Accepted for %s." % (id_tag or "the page")

    async def stop(self):
        self._state = dict(BASE)
        self._state.update(PREPARING)
        return "Stopped."

    async def reset_faults(self):
        if not self._state.get("reset"):
            return "There is nothing to reset."
        if self._pressed:
            return "Not reset: the cause is still there."
        self._state = dict(BASE)
        return "Reset."

    async def security_lines(self):
        return ["1\tstarted", "# end"]

    def log_lines(self):
        return ["%d.000 I ocpp: line %d" % (i, i) for i in range(40)]


def main(number, kind, password=""):
    begin = port.ticks_ms()
    login = Login(
        lambda p: same(p, password),
        lambda: bool(password),
        lambda: port.ticks_diff(port.ticks_ms(), begin) // 1000,
    )
    app = make_app(View(kind), login, ("garage", ""), os.getenv("STATIC"))
    asyncio.run(app.start_server("127.0.0.1", int(number)))


main(*sys.argv[1:])
