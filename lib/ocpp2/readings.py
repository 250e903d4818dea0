# What the device model of OCPP 2.x says of the moment: readings, by name.
# MIT license; part of microevse
"""They read the station and change nothing. point: the Ocpp2. evse: its number, None for all.

One function for all readings: as functions of their own they would take a KB of heap while a
request is answered.
"""

from evse_base import iso8601

from . import names, status
from .actions import ACTIONS


def there(point, evse, what):
    """True if `what` (a word of the tables of `model`) is fitted, at this EVSE if one is given."""
    connector = point.station.connectors[(evse or 1) - 1]
    if what == "meter":
        return connector.metering.meter is not None
    if what == "lock":
        return connector.lock is not None and connector.lock.fitted
    if what == "rcd":
        return evse in point.fitted
    if what == "list":
        return point.station.authorizer.tags is not None
    if what == "reservation":
        return "Reservation" in point.profiles
    if what == "smart_charging":
        return "SmartCharging" in point.profiles
    if what == "profiles_taken":
        return "\nSetChargingProfile " in ACTIONS
    if what == "later":
        return point.later
    return what in point.fitted


def faulted(point, evse, causes):
    """Whether one of these faults is there: at the EVSE, or anywhere."""
    for connector in point.station.connectors:
        if evse in (None, connector.id):
            for cause in causes:
                if connector.faults.has(cause):
                    return "true"
    return "false"


def read(name, point, evse):
    """The reading of that name as text, None while it is not known. KeyError if there is none."""
    station, text = point.station, point.settings.text
    connector = station.connectors[(evse or 1) - 1]
    if name[-6:] == "_there":
        return "true" if there(point, evse, name[:-6]) else "false"
    if name == "state":
        return _state(station, evse)
    if name == "problem":
        mine = [c for c in station.connectors if evse in (None, c.id) and c.fault]
        return "true" if mine else "false"
    if name == "phases":
        return text("Phases")
    if name == "now":
        unix = point.clock.now()
        return None if unix is None else iso8601.format(unix)
    if name == "serial":
        return point.identity.get("serialNumber")
    if name == "firmware":
        return point.identity.get("firmwareVersion")
    if name == "connector_type":
        # A socket has a lock; a cable of its own ends in a type 2 plug.
        return "sType2" if there(point, evse, "lock") else "cType2"
    if name == "power":
        meter = connector.metering.meter
        watts = meter.power_w if meter is not None else None
        if watts is None:
            return None if connector.evse.closed else "0"
        return str(int(watts))
    if name == "most_power":
        ma = connector.limits.bound()[0]
        return str(ma * int(text("NominalVoltage")) * int(text("Phases")) // 1000)
    if name == "register":
        wh = connector.metering.energy_wh
        return None if wh is None else str(wh)
    if name == "current":
        values = connector.metering.meter.current_ma
        return _decimal(int(max(values)), 1000) if values else None  # the highest of the phases
    if name == "voltage":
        values = connector.metering.meter.voltage_mv
        return _decimal(int(min(values)), 1000) if values else None  # the lowest of them
    if name == "temperature":
        value = connector.facts.temp_dc
        return None if value is None else _decimal(value, 10)
    if name == "messages":
        return str(len(station.notices.all()) if station.notices else 0)
    if name == "tariff_problem":
        return "true" if point.costs and point.costs.problem else "false"
    if name == "session_limits":
        return "maxCost,maxEnergy,maxTime" if connector.metering.meter else "maxCost,maxTime"
    if name == "list_entries":
        return str(station.authorizer.tags.count)
    if name == "list_room":
        return text("LocalAuthListMaxLength")
    if name == "profile_entries":
        return str(station.profiles.count)
    if name == "profile_room":
        return text("MaxChargingProfilesInstalled")
    if name == "certificates":
        return _certificates(point.settings)
    if name == "certificate_room":
        return text("CertificateStoreMaxLength")
    if name == "token_size":
        return str(names.longest(point.later))
    raise KeyError(name)


def _decimal(value, scale):
    """value / scale as text, with one decimal."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    return "%s%d.%d" % (sign, value // scale, value % scale * 10 // scale)


def _state(station, evse):
    """AvailabilityState. The station is occupied where no connector is anything else."""
    if evse:
        return status.word(station.connectors[evse - 1])
    if not station.operative:
        return "Unavailable"
    words = [status.word(connector) for connector in station.connectors]
    for word in ("Available", "Occupied", "Reserved", "Unavailable"):
        if word in words:
            return word
    return "Faulted"


def _certificates(settings):
    """How many roots were installed; None where a car charges or flash fails: they cannot be read
    then."""
    from station import certificates

    values = None
    try:
        if not certificates.allowed():
            return None
        values = certificates.opened(settings).names()
        kinds = (certificates.CENTRAL + ".", certificates.MANUFACTURER + ".")
        return str(len([name for name in values if name.startswith(kinds)]))
    except OSError:
        return None
    finally:
        certificates.dropped()
