# SetVariableMonitoring, ClearVariableMonitoring, SetMonitoringBase, SetMonitoringLevel.
# MIT license; part of microevse
"""Monitors of OCPP 2.x (2.0.1 part 2, N03 to N06). The station keeps and watches them."""

from evse_base import before_import, release
from ocppj.messages import CallError

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
# Most monitors in one request (MonitoringCtrlr.ItemsPerMessage).
ITEMS = 10
# Most monitors with a stream (MonitoringCtrlr.MaxPeriodicEventStreams).
STREAMS = 4
_MOST_SEVERITY = 9
_DAY_S = 86400


async def set_variable_monitoring(point, payload):
    """SetVariableMonitoring (N04)."""
    wanted = payload["setMonitoringData"]
    if len(wanted) > ITEMS:
        raise CallError("OccurrenceConstraintViolation", "at most %d monitors" % ITEMS)
    monitors = await _monitors(point)
    results = []
    try:
        for item in wanted:
            status, number, reason = _set(point, monitors, item)
            result = {"status": status}
            for name in ("type", "severity", "component", "variable"):
                result[name] = item[name]
            if number is not None:
                result["id"] = number
            if reason:
                result["statusInfo"] = {"reasonCode": reason}
            results.append(result)
    finally:
        _tidy(point)
    return {"setMonitoringResult": results}


def _set(point, monitors, item):
    """(SetMonitoringStatusEnumType, id or None, reason code or None)."""
    from . import monitored

    given = item.get("id")
    found = monitored.look_up(point, item["component"], item["variable"])
    if isinstance(found, str):
        return found, given, "UnsupportedRequest" if found == "Rejected" else None
    number, (_, what, _, scale, least, most) = found
    scale, least, most = int(scale), int(least), int(most)
    kind = monitored.kind_of(item["type"])
    if kind is None or not scale and kind in ("above", "below"):
        return "UnsupportedMonitorType", given, None
    value = item["value"]
    if kind in ("every", "clock"):
        good = 1 <= value <= _DAY_S and value == int(value)
        scale = 1
    elif kind == "change":
        good = not scale or 0 <= value * scale <= most - least
    else:
        good = least <= value * scale <= most
    if not 0 <= item["severity"] <= _MOST_SEVERITY or not good:
        return "Rejected", given, "ValueOutOfRange"
    value = int(round(value * scale)) if scale else 1
    old = None
    if given is not None:
        old = monitors.find(given)
        # A monitor of the firmware's own, an unknown one, or one of another variable.
        if old is None or old[1:3] != [number, what]:
            return "Rejected", given, "InvalidValue" if old else "NotFound"
    session = item.get("transaction") is True
    record = [given, number, what, kind, value, item["severity"], session]
    if "periodicEventStream" in item:
        stream = _stream(monitors, given, kind, item["periodicEventStream"])
        if isinstance(stream, str):
            return "Rejected", given, stream
        record.append(stream)
    if _doubles(point, monitors, record):
        return "Duplicate", given, None
    kept = monitors.put(record)
    if kept is None:
        return "Rejected", given, "OutOfStorage"
    if len(record) > 7:
        monitored.start_streams(point)
    return "Accepted", kept, None


def _stream(monitors, given, kind, params):
    """What the record of a monitor has of its stream (N11), or the reason code why not."""
    if kind not in ("every", "clock"):
        return "InvalidValue"
    if len([one for one in monitors.items if one[7] and one[0] != given]) >= STREAMS:
        return "OutOfStorage"
    from .streams import params_of

    release("ocpp2.streams")
    return params_of(params) or "ValueOutOfRange"


def _doubles(point, monitors, record):
    from . import monitored

    for own in monitored.hard_wired(point):
        if own[1:4] == record[1:4] and own[5] == record[5]:
            return True
    return monitors.twin(record) is not None


async def clear_variable_monitoring(point, payload):
    """ClearVariableMonitoring (N06). Those of the firmware cannot be cleared."""
    results = []
    own = len(point.station.connectors)
    for number in payload["id"]:
        if 1 <= number <= own:
            status = "Rejected"
        elif point.monitors is not None and point.monitors.remove(number):
            status = "Accepted"
        else:
            status = "NotFound"
        results.append({"id": number, "status": status})
    _tidy(point)
    return {"clearMonitoringResult": results}


async def set_monitoring_base(point, payload):
    """SetMonitoringBase (N03): the firmware has no monitors beside the hard-wired ones, so only
    with All those of the central system stay."""
    base = payload["monitoringBase"]
    if base not in ("All", "FactoryDefault", "HardWiredOnly"):
        return {"status": "NotSupported"}
    if not point.settings.keep_own("ActiveMonitoringBase", base):
        return REJECTED
    if base != "All" and point.monitors is not None:
        point.monitors.clear()
        _tidy(point)
    return ACCEPTED


async def set_monitoring_level(point, payload):
    """SetMonitoringLevel (N05): events of a higher number are not sent."""
    severity = payload["severity"]
    if not 0 <= severity <= _MOST_SEVERITY:
        return {"status": "Rejected", "statusInfo": {"reasonCode": "ValueOutOfRange"}}
    return (
        ACCEPTED if point.settings.keep_own("ActiveMonitoringLevel", str(severity)) else REJECTED
    )


async def _monitors(point):
    """The monitors of the station, watched from now on."""
    if point.monitors is None:
        await before_import()
        from station import monitors  # noqa: F401 (one stall for each)

        await before_import()
        from . import monitored

        point.monitors = monitored.start(point, True)
    return point.monitors


def _tidy(point):
    """Without monitors their code is not needed. A stream may be over now."""
    if point.streams:
        point.wake()
    if point.monitors is not None and not point.monitors.items:
        point.monitors = None
        release("ocpp2.monitored")
        release("station.monitors")
