# From TariffType to the station's own form of a tariff.
# MIT license; part of microevse
"""What cannot be billed here is refused, with the word of the protocol for it (2.1 part 2, I07,
I08 and I11)."""

from evse_base import const, iso8601
from station import tariff

# Prices in one field (TariffCostCtrlr.MaxElements).
MOST = 6
# Prices and costs beyond this are those of no charging, in units of money.
_DEAREST = const(100000)
_LONGEST_TEXT = const(100)

# Name, its price, the number of the field in station.tariff.
_FIELDS = const("""
energy priceKwh 0
chargingTime priceMinute 1
idleTime priceMinute 2
fixedFee priceFixed 3
reservationFixed priceFixed 4
""")
# Condition, its number in station.tariff, its measurand or -, base units in a unit.
_CONDITIONS = const("""
minEnergy 6 Energy.Active.Import.Register 1
maxEnergy 7 Energy.Active.Import.Register 1
minCurrent 8 Current.Import 1000
maxCurrent 9 Current.Import 1000
minPower 10 Power.Active.Import 1
maxPower 11 Power.Active.Import 1
minTime 12 - 1
maxTime 13 - 1
minChargingTime 14 - 1
maxChargingTime 15 - 1
minIdleTime 16 - 1
maxIdleTime 17 - 1
""")
_DAYS = const("MondayTuesdayWednesdayThursdayFridaySaturdaySunday")


class NotHere(Exception):
    """NotHere(status, reasonCode, text): why a tariff is not taken."""

    def answer(self):
        """The answer to the request that brought it."""
        status, reason, text = self.args
        return {"status": status, "statusInfo": {"reasonCode": reason, "additionalInfo": text}}


def read(point, given, timed=False):
    """A tariff of a TariffType that meets the schema. timed: its validFrom counts. NotHere."""
    try:
        return _read(point, given, timed)
    except (ValueError, IndexError) as exc:
        raise NotHere("Rejected", "InvalidValue", str(exc))


def _read(point, given, timed):
    measured = point.settings.measurands
    if "reservationTime" in given:
        # When a reservation began is not recorded.
        raise NotHere("Rejected", "UnsupportedParam", "reservationTime")
    fields = []
    for line in _FIELDS.split("\n")[1:-1]:
        name, price, number = line.split(" ")
        if name not in given:
            continue
        if name == "energy" and "Energy.Active.Import.Register" not in measured:
            raise NotHere("Rejected", "UnsupportedParam", "energy is not measured here")
        prices = given[name]["prices"]
        if len(prices) > MOST:
            raise NotHere("TooManyElements", "TooManyElements", "%s: at most %d" % (name, MOST))
        made = [_price(point, one, price, measured) for one in prices]
        taxes = []
        for tax in given[name].get("taxRates") or ():
            taxes.append([tax["type"], _money(tax["tax"], 1000), tax.get("stack", 0)])
            if taxes[-1][1] < 0:
                raise ValueError("tax below 0")
        fields.append([int(number), made, taxes])
    valid = iso8601.parse(given["validFrom"]) if timed and "validFrom" in given else None
    bounds = []
    for name in ("minCost", "maxCost"):
        cost = given.get(name)
        if cost is not None:
            cost = [
                _money(cost[kind]) if kind in cost else None for kind in ("exclTax", "inclTax")
            ]
            if cost == [None, None]:
                raise ValueError(name)
        bounds.append(cost)
    text = ""
    for message in given.get("description") or ():
        if message["format"] in ("ASCII", "UTF8") and not text:
            text = message["content"][:_LONGEST_TEXT]
    return [given["tariffId"], given["currency"], valid, fields] + bounds + [text]


def _price(point, given, name, measured):
    out = [_money(given[name])]
    conditions = given.get("conditions") or {}
    if conditions and not point.settings.get("TariffConditions"):
        raise NotHere("ConditionNotSupported", "UnsupportedParam", "conditions")
    start, end = conditions.get("startTimeOfDay"), conditions.get("endTimeOfDay")
    if start is not None or end is not None:
        out += [tariff.FROM_MINUTE, _minute(start), tariff.TO_MINUTE, _minute(end)]
    for name in conditions:
        value = conditions[name]
        if name in ("startTimeOfDay", "endTimeOfDay", "customData"):
            continue
        if name == "dayOfWeek":
            days = [_DAYS[: _DAYS.index(day)].count("day") for day in value]
            out += [tariff.DAYS, sum([1 << day for day in set(days)])]
        elif name in ("validFromDate", "validToDate"):
            what = tariff.FROM_DAY if name == "validFromDate" else tariff.TO_DAY
            if len(value) != 10:
                raise ValueError(value)
            out += [what, iso8601.parse(value + "T00:00:00Z") // 86400]
        elif name == "evseKind":
            out += [] if value == "AC" else [tariff.NEVER, 0]
        else:
            out += _bound(name, value, measured)
    return out


def _bound(name, value, measured):
    at = _CONDITIONS.find("\n%s " % name)
    row = _CONDITIONS[at + 1 : _CONDITIONS.find("\n", at + 1)].split(" ") if at >= 0 else None
    if row is None or row[2] != "-" and row[2] not in measured:
        # How a card was paid for, say, or the power where no meter measures it.
        raise NotHere("ConditionNotSupported", "UnsupportedParam", name)
    # What is measured is whole: a bound in between is the next whole one.
    return [int(row[1]), -(-_money(value, _DEAREST) * int(row[3]) // 1000000)]


def _minute(text):
    """Minute of the day of "hh:mm", which must be spelled so; None is midnight."""
    if text is None:
        return 0
    if len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isdigit():
        raise ValueError(text)
    hour, minute = int(text[:2]), int(text[3:])
    if hour > 23 or minute > 59:
        raise ValueError(text)
    return 60 * hour + minute


def _money(value, most=_DEAREST):
    """A number of JSON in millionths, from its decimal digits: no float is multiplied. The chip
    holds seven digits of a number."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not -most <= value <= most
    ):
        raise ValueError("%s is too large" % value)
    digits, _, power = repr(value).lower().partition("e")
    whole, _, part = digits.partition(".")
    number, power = int(whole + part), 6 + int(power or 0) - len(part)
    if power >= 0:
        return number * 10**power
    by = 10**-power
    return (2 * number + by) // (2 * by)
