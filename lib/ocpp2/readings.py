# What the device model of OCPP 2.x says of the moment: readings, by name.
# MIT license; part of microevse
"""Each reading is fn(point, evse) -> text, None while it is not known. point: the Ocpp2. evse: its
number, None for the station. They read the station and change nothing.
"""

from evse_base import iso8601

from . import names, status


def _connector(point, evse):
    return point.station.connectors[evse - 1]


def _bool(value):
    return "true" if value else "false"


def there(point, evse, what):
    """True if `what` (a word of the tables of `model`) is fitted, at this EVSE if one is given."""
    if what == "meter":
        return _connector(point, evse).metering.meter is not None
    if what == "lock":
        lock = _connector(point, evse).lock
        return lock is not None and lock.fitted
    if what == "list":
        return point.station.authorizer.tags is not None
    if what == "reservation":
        return "Reservation" in point.profiles
    if what == "smart_charging":
        return "SmartCharging" in point.profiles
    if what == "rcd":
        return evse in point.fitted
    return what in point.fitted


def faulted(point, evse, causes):
    """Whether one of these faults is there: at the EVSE, or anywhere."""
    for connector in point.station.connectors:
        if evse in (None, connector.id):
            for cause in causes:
                if connector.faults.has(cause):
                    return "true"
    return "false"


def problem(point, evse):
    for connector in point.station.connectors:
        if evse in (None, connector.id) and connector.fault:
            return "true"
    return "false"


def state(point, evse):
    """AvailabilityState. The station is occupied where no connector is anything else."""
    connectors = point.station.connectors
    if evse:
        return status.word(connectors[evse - 1])
    if not point.station.operative:
        return "Unavailable"
    words = [status.word(connector) for connector in connectors]
    for word in ("Available", "Occupied", "Reserved", "Unavailable"):
        if word in words:
            return word
    return "Faulted"


def serial(point, evse):
    return point.identity.get("serialNumber")


def firmware(point, evse):
    return point.identity.get("firmwareVersion")


def phases(point, evse):
    return point.settings.text("Phases")


def now(point, evse):
    unix = point.clock.now()
    return None if unix is None else iso8601.format(unix)


def connector_type(point, evse):
    """A socket has a lock; a cable of its own ends in a type 2 plug."""
    lock = _connector(point, evse).lock
    return "sType2" if lock is not None and lock.fitted else "cType2"


def power(point, evse):
    connector = _connector(point, evse)
    meter = connector.metering.meter
    value = meter.power_w if meter is not None else None
    if value is None:
        return None if connector.evse.closed else "0"
    return str(int(value))


def most_power(point, evse):
    get = point.settings.get
    ma = _connector(point, evse).limits.bound()[0]
    return str(ma * get("NominalVoltage") * get("Phases") // 1000)


def register(point, evse):
    value = _connector(point, evse).metering.energy_wh
    return None if value is None else str(value)


def list_there(point, evse):
    return _bool(there(point, None, "list"))


def list_entries(point, evse):
    return str(point.station.authorizer.tags.count)


def list_room(point, evse):
    return point.settings.text("LocalAuthListMaxLength")


def reservation_there(point, evse):
    return _bool(there(point, None, "reservation"))


def smart_charging_there(point, evse):
    return _bool(there(point, None, "smart_charging"))


def profile_entries(point, evse):
    return str(point.station.profiles.count)


def profile_room(point, evse):
    return point.settings.text("MaxChargingProfilesInstalled")


def certificate_room(point, evse):
    return point.settings.text("CertificateStoreMaxLength")


def certificates(point, evse):
    """Roots that were installed; None where a car charges or flash fails: they cannot be read."""
    from station import certificates as store

    try:
        if not store.allowed():
            return None
        values = store.opened(point.settings)
        kinds = (store.CENTRAL + ".", store.MANUFACTURER + ".")
        return str(len([name for name in values.names() if name.startswith(kinds)]))
    except OSError:
        return None
    finally:
        values = None
        store.dropped()


def token_size(point, evse):
    """The longest token that this version can carry."""
    return str(names.longest(point.later))


def messages(point, evse):
    """Messages for drivers that are there."""
    kept = point.station.notices
    return str(len(kept.all()) if kept else 0)


def _decimal(value, scale):
    return "%d.%d" % (value // scale, value % scale * 10 // scale)


def current(point, evse):
    """The highest of the phases."""
    values = _connector(point, evse).metering.meter.current_ma
    return _decimal(int(max(values)), 1000) if values else None


def voltage(point, evse):
    """The lowest of the phases."""
    values = _connector(point, evse).metering.meter.voltage_mv
    return _decimal(int(min(values)), 1000) if values else None


def temperature(point, evse):
    value = _connector(point, evse).facts.temp_dc
    if value is None:
        return None
    return "-" + _decimal(-value, 10) if value < 0 else _decimal(value, 10)
