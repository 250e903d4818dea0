# Which protections a board has not.
# MIT license; part of microevse
"""For the log at the start and for the page. A module of its own: the page's code is loaded while
a car charges, and electrical.py is large."""


def lacks(board, i):
    """The protections that connector i of this board does not have, in words; "" if none."""
    profile = board["connectors"][i]
    relay, rcd, lock = profile["contactor"], profile.get("rcd"), profile.get("lock", {})
    meter = profile.get("meter", {})
    told = meter.get("registers", ())
    blind = meter.get("type") in (None, "s0") or (
        meter["type"] == "modbus" and not [r for r in told if r["value"].startswith("current")]
    )
    found = (
        (rcd is None, "no RCD input"),
        (rcd is not None and "test" not in rcd, "no RCD self-test"),
        (rcd is None or not rcd.get("gates"), "no RCD that opens without the program"),
        ("feedback" not in relay and "sense" not in relay, "no weld detection"),
        (lock.get("detect_drive"), "no watch over the lock while charging"),
        (board["guard"] not in ("interlock", "external"), "no guard"),
        (not profile["cp"].get("diode_check", True), "no check of the EV's diode"),
        ("pe" not in board, "no watch over protective earth"),
        (blind, "no watch over the current"),
        ("temp" not in board, "no thermometer"),
        ("estop" not in board, "no emergency stop"),
    )
    return ", ".join([words for missing, words in found if missing])
