# Rules between the keys of a board profile.
# MIT license; part of microevse
"""Each rule looks only at keys of the right shape (board_tables.py) and notes each problem."""

import math
import sys
from pathlib import Path

import board_front
from board_chips import CLOCK_IN, CLOCK_OUT
from board_keys import MAX_CONNECTORS, METER, METERING_CHIPS, READER_BUSES

# Pins of an original ESP32 that the ULP can drive and that suit a contactor: tools/ulp_asm.py.
ULP_PINS = (4, 13, 27)
_LIB = str(Path(__file__).resolve().parent.parent / "lib")


def check(board, chip, found):
    """All rules. `chip`: None if it is not known; the rules about chips are then left out."""
    if found.sound("network", "ethernet"):
        _ethernet(board, found)
    for key in ("name", "source", "draft"):
        if key in board and found.sound(key) and not board[key].strip():
            found.refuse(key, "is empty")
    ports = _uarts(board, chip, found)
    if found.sound("connectors"):
        _number_of_connectors(board["connectors"], found)
    stations = set()
    for i, connector in _tables(board, "connectors"):
        _connector(connector, i, board, chip, ports, stations, found)
    if "reader" in board and found.sound("reader"):
        _reader(board["reader"], ports, found)
    temp = board.get("temp")
    if chip and found.sound("temp") and temp and temp["type"] == "ntc":
        _ntc(temp, chip, found)
    _guard(board, found)
    _broken_wires(board, found)


def _tables(board, key):
    """[(index, table)] of those entries of an array that are tables."""
    entries = board.get(key)
    return [
        (i, t)
        for i, t in enumerate(entries if isinstance(entries, list) else ())
        if isinstance(t, dict)
    ]


def _number_of_connectors(connectors, found):
    if not connectors:
        found.refuse("connectors", "there must be at least one")
    if len(connectors) > MAX_CONNECTORS:
        found.refuse("connectors", "one ADC carries the pilots of %d at most" % MAX_CONNECTORS)


def _connector(connector, i, board, chip, ports, stations, found):
    key = "connectors[%d]" % i
    if found.sound(key + ".id") and connector["id"] != i + 1:
        found.refuse(key + ".id", "connectors are numbered from 1 in order")
    if found.sound(key + ".max_a") and not 6 <= connector["max_a"] <= 80:
        found.refuse(key + ".max_a", "must be 6 to 80 A")
    if connector.get("cable") == "socket" and ("pp" not in connector or "lock" not in connector):
        found.refuse(key + ".cable", "a socket needs pp (cable rating) and lock")
    if "meter" in connector and found.sound(key + ".meter"):
        meter = connector["meter"]
        _meter(meter, key + ".meter", board, ports, found)
        if "address" in METER[meter["type"]]:
            station = (meter["uart"], meter.get("address", 1))
            if station in stations:
                found.refuse(
                    key + ".meter.address", "%d is there twice on UART %d" % station[::-1]
                )
            stations.add(station)
    if chip and found.sound(key + ".contactor"):
        pin = connector["contactor"]["pin"]
        if pin not in chip.best:
            found.warn(
                "%s.contactor.pin: GPIO %d does not pulse at boot, but cannot be held by the RTC; "
                "better: %s" % (key, pin, ", ".join(str(p) for p in sorted(chip.best)))
            )
    if found.sound(key + ".cp.vcc_mv", key + ".cp.cal", key + ".cp.residual_permille"):
        board_front.calibration(connector["cp"], key + ".cp", found)
        if chip and found.sound(key + ".cp.divider", key + ".cp.diode_check"):
            board_front.front_end_of(connector["cp"], key + ".cp", chip, found)


def _uarts(board, chip, found):
    """{UART: None, or (the key that uses it, may others share it?)}"""
    ports = {}
    for i, uart in _tables(board, "uarts"):
        key = "uarts[%d].id" % i
        if not found.sound(key):
            continue
        if uart["id"] in ports:
            found.refuse(key, "UART %d is there twice" % uart["id"])
        if chip and not 0 <= uart["id"] < chip.uarts:
            found.refuse(key, "%s has UARTs 0 to %d" % (board["chip"], chip.uarts - 1))
        ports[uart["id"]] = None
    return ports


def _port(ports, number, key, shared, found):
    """`key` uses UART `number`; a bus (`shared`) may have several users of its kind."""
    if number not in ports:
        if found.sound("uarts"):
            found.refuse(key + ".uart", "there is no UART %d under uarts" % number)
        return
    user = ports[number]
    if user and not (shared and user[1]):
        found.refuse(key + ".uart", "UART %d is used by %s" % (number, user[0]))
    ports[number] = ports[number] or (key, shared)


def _meter(meter, key, board, ports, found):
    kind = meter["type"]
    if kind == "s0":
        return
    alone = kind in METERING_CHIPS
    _port(ports, meter["uart"], key, not alone, found)
    uarts = [u for _, u in _tables(board, "uarts") if u.get("id") == meter["uart"]]
    format_of = [(u.get("baud", 9600), u.get("parity", "none")) for u in uarts[:1]]
    if alone and format_of and format_of[0] != (4800, "even"):
        found.refuse(key + ".uart", "%s sends with 4800 baud and even parity" % kind)
    if kind == "modbus":
        sys.path.insert(0, _LIB)
        try:
            from meters import generic_modbus

            generic_modbus.Meter(None, 1, meter["registers"], 1, meter.get("wraps", False))
        except ValueError as exc:
            found.refuse(key + ".registers", str(exc))
        finally:
            sys.path.remove(_LIB)


def _reader(reader, ports, found):
    given = [bus for bus in READER_BUSES if any(pin in reader for pin in bus)]
    if len(given) != 1:
        buses = " or ".join(map(", ".join, READER_BUSES))
        found.refuse("reader", "must have the pins of one bus: " + buses)
        return
    for pin in given[0]:
        if pin not in reader:
            found.refuse("reader." + pin, "is missing")
    if "uart" in reader:
        _port(ports, reader["uart"], "reader", False, found)


def _ethernet(board, found):
    if board["network"] != "ethernet":
        if "ethernet" in board:
            found.refuse("ethernet", 'is only for network = "ethernet"')
        return
    if "ethernet" not in board:
        found.refuse("ethernet", "is missing: the wiring of the PHY")
        return
    wiring = board["ethernet"]
    if not 0 <= wiring["address"] <= 31:
        found.refuse("ethernet.address", "must be 0 to 31")
    out = wiring.get("clock_out", False)
    if out and "clock" not in wiring:
        found.refuse("ethernet.clock", "is missing: the pin that the clock goes out of")
        return
    allowed = CLOCK_OUT if out else CLOCK_IN
    if wiring.get("clock", allowed[0]) not in allowed:
        way = "goes out of" if out else "comes in at"
        pins = " or ".join(str(p) for p in allowed)
        found.refuse("ethernet.clock", "the clock %s GPIO %s" % (way, pins))


def _ntc(temp, chip, found):
    """Note the temperatures that this thermistor cannot show, at a full and an empty converter."""
    pullup, r25, beta = temp.get("pullup", 10000), temp.get("r25", 10000), temp.get("beta", 3950)
    vcc_mv = temp.get("vcc_mv", 3300)
    if min(pullup, r25, beta) <= 0 or not 2500 <= vcc_mv <= 3600:
        found.refuse("temp", "pullup, r25 and beta must be positive, vcc_mv 2500 to 3600")
        return

    def celsius(mv):
        if mv >= vcc_mv:
            return -273.0
        ohms = pullup * mv / (vcc_mv - mv)
        return 1 / (1 / 298.15 + math.log(ohms / r25) / beta) - 273.15

    coldest, hottest = celsius(chip.full_mv), celsius(max(chip.floor_mv, 5))
    if hottest < 85:
        found.refuse("temp", "above %d C the converter sees nothing: it must see 85" % hottest)
    if coldest > -20:
        found.warn(
            "temp: below %d C the sensor is taken for a broken one, and nothing charges" % coldest
        )


# Not told where the board's evidence has the rows of the ULP (board.ulp_problems).
ULP = "guard: ulp counts as none: it has not been shown on any board"


def _guard(board, found):
    """Does the guard count, and is there one where something listens to it?"""
    if not found.sound("guard", "connectors"):
        return
    guard = board["guard"]
    for i, connector in enumerate(board["connectors"]):
        if "held" in connector["contactor"] and guard not in ("interlock", "external"):
            found.refuse(
                "connectors[%d].contactor.held" % i, "there is no guard that could hold it"
            )
        if guard in ("interlock", "external") and not connector.get("rcd", {}).get("gates"):
            found.warn(
                "connectors[%d].rcd.gates: is not true: guard %s counts as none, as long as the "
                "RCD does not open the contactor without the interpreter" % (i, guard)
            )
    if guard == "ulp":
        _ulp(board, found)


def _ulp(board, found):
    """The guard in the chip's coprocessor: docs/ulp.md."""
    if board.get("chip") != "esp32":
        found.refuse(
            "guard", "ulp is for the original esp32: what a reset keeps elsewhere is not known"
        )
        return
    if len(board["connectors"]) > 1:
        found.refuse(
            "guard", "ulp watches one pilot: this board has %d" % len(board["connectors"])
        )
    connector = board["connectors"][0]
    if connector["contactor"]["pin"] not in ULP_PINS:
        found.refuse(
            "connectors[0].contactor.pin",
            "the ULP drives GPIO %s only: no strapping pin, no DAC, no pulse at boot"
            % ", ".join(str(pin) for pin in ULP_PINS),
        )
    if not connector["contactor"].get("active_high", True):
        found.refuse(
            "connectors[0].contactor.active_high",
            "must be true: a pad that nobody drives is pulled down, and must be open then",
        )
    if not connector["cp"].get("diode_check", True):
        found.refuse("connectors[0].cp.diode_check", "the ULP needs to see -10 V")
    if connector.get("max_a", 0) > 63:
        found.refuse(
            "connectors[0].max_a", "above 63 A the looks of the tick leave the ULP no time"
        )
    found.warn(ULP)


def _broken_wires(board, found):
    for key, meaning in (("estop", "nobody has pressed it"), ("pe", "all is well")):
        cfg = board.get(key)
        if cfg is not None and not (isinstance(cfg, dict) and cfg.get("normally_closed")):
            found.warn(
                "%s: a wire that breaks says that %s: better a contact that opens, "
                "{ pin, normally_closed = true }" % (key, meaning)
            )
