# What a session costs: prices, conditions, taxes, bounds, in integers.
# MIT license; part of microevse

from helpers import raises
from ocpp2 import tariff_forms
from station import tariff
from station.tariff import (
    CHARGING,
    DAYS,
    ENERGY,
    FIXED,
    FROM_DAY,
    FROM_MINUTE,
    IDLE,
    LEAST_CHARGING,
    LEAST_CURRENT,
    LEAST_ENERGY,
    LEAST_IDLE,
    LEAST_POWER,
    LEAST_TIME,
    NEVER,
    RESERVED,
    TO_DAY,
    TO_MINUTE,
)

EURO = 1000000
MONDAY = 1767571200  # 2026-01-05T00:00:00Z


def made(*fields, least=None, most=None):
    return ["T", "EUR", None, [list(field) for field in fields], least, most, ""]


def field(number, *prices, taxes=()):
    return [number, [list(price) for price in prices], [list(tax) for tax in taxes]]


def begun(rates, wall=MONDAY, offset=0, reserved=False):
    return tariff.start(rates, 100, wall, offset, 5000, reserved)


def go(rates, tally, seconds, wh=0, flows=1, ma=-1, w=-1, wall=MONDAY, offset=0):
    """`seconds` with this state: it is seen at their beginning, and counts."""
    at = tally[tariff.UPTIME]
    now = None if wall is None else wall + at - 100
    tariff.advance(rates, tally, at, now, offset, tally[tariff.METER], [flows, ma, w])
    later = None if now is None else now + seconds
    meter = tally[tariff.METER] + wh
    return tariff.advance(rates, tally, at + seconds, later, offset, meter)


def amounts(rates, tally):
    return [tuple(one) for one in tariff.bill(rates, tally)[1]]


def test_each_field_counts_its_own():
    rates = made(
        field(ENERGY, [EURO // 2]), field(CHARGING, [60000]), field(IDLE, [120000]),
        field(FIXED, [EURO]), field(RESERVED, [3 * EURO]),
    )  # fmt: skip
    tally = begun(rates, reserved=True)
    go(rates, tally, 90, 1500)
    go(rates, tally, 10, 0, flows=0)
    assert amounts(rates, tally) == [
        (ENERGY, 750, 750), (CHARGING, 90, 90), (IDLE, 20, 20), (FIXED, 1000, 1000),
        (RESERVED, 3000, 3000),
    ]  # fmt: skip
    assert tariff.bill(rates, tally)[2:] == (4860, 4860)
    assert tally[tariff.WH : tariff.FLOWS] == [1500, 90, 10]
    # Without a reservation its fee is not charged, but told.
    assert (RESERVED, 0, 0) in amounts(rates, begun(rates))
    # A field that the tariff has not is not told.
    assert amounts(made(field(IDLE, [1])), begun(made())) == [(IDLE, 0, 0)]


def test_a_gap_of_days_is_counted_in_a_bounded_number_of_looks():
    """A car stays for weeks while another version of OCPP is spoken; nothing else runs while the
    gap is counted."""
    rates = made(field(IDLE, [60, FROM_MINUTE, 0, TO_MINUTE, 720], [600]))
    looks, choose = [], tariff._choose
    for days in (1, 30):
        tally = begun(rates)
        tariff._choose = lambda *args: looks.append(0) or choose(*args)
        try:
            go(rates, tally, 86400 * days, flows=0)
        finally:
            tariff._choose = choose
        assert len(looks) < 500
        looks.clear()
        # Half of it is cheap; a price is seen to change within a 240th of the gap.
        exact, found = 43200 * 660 * days, tally[tariff.SUMS][IDLE]
        assert abs(found - exact) <= 540 * 2 * 86400 * days // 240, (found, exact)
        assert tally[tariff.IDLE_S] == 86400 * days
    # Four hours are exact to the minute.
    tally = begun(rates, wall=MONDAY + 10 * 3600)
    go(rates, tally, 4 * 3600, flows=0, wall=MONDAY + 10 * 3600)
    assert tally[tariff.SUMS][IDLE] == 7200 * 660


def test_what_is_counted_in_many_steps_is_rounded_once():
    """A second at one millionth a minute is nothing; an hour of them is not."""
    rates = made(field(CHARGING, [100]), field(ENERGY, [7]))
    one, many = begun(rates), begun(rates)
    for _ in range(3600):
        go(rates, many, 1, 1)
    go(rates, one, 3600, 3600)
    assert one[tariff.SUMS] == many[tariff.SUMS] == [7 * 3600, 100 * 3600, 0, 0, 0]
    assert amounts(rates, one) == amounts(rates, many) == [(ENERGY, 0, 0), (CHARGING, 6, 6)]


def test_rounding_is_half_up():
    for millionths, thousandths in (
        (499, 0),
        (500, 1),
        (1499, 1),
        (1500, 2),
        (-500, 0),
        (-501, -1),
    ):
        rates = made(field(FIXED, [millionths]))
        assert amounts(rates, begun(rates)) == [(FIXED, thousandths, thousandths)], millionths
    # To a millionth first: 29 s at 1 millionth a minute are 0, 30 s are 1.
    for seconds, millionths in ((29, 0), (30, 1), (89, 1), (90, 2)):
        rates = made(field(CHARGING, [1]))
        tally = begun(rates)
        go(rates, tally, seconds)
        tariff.change(rates, rates, tally, MONDAY, 0)
        assert tally[tariff.SEALED][2 * CHARGING] == millionths


def test_taxes_of_one_level_are_added_and_levels_stand_on_each_other():
    percent = EURO
    taxes = (("a", 10 * percent, 0), ("b", 5 * percent, 0), ("c", 20 * percent, 1))
    rates = made(field(FIXED, [100 * EURO], taxes=taxes))
    assert amounts(rates, begun(rates)) == [(FIXED, 100000, 138000)]
    rates = made(field(FIXED, [100 * EURO], taxes=(("z", 5500000, 0),)))
    assert amounts(rates, begun(rates)) == [(FIXED, 100000, 105500)]


def test_the_least_and_the_most():
    for least, most, told in (
        ([EURO, None], None, ("normal", 2000, 2400)),
        ([2 * EURO, None], [2 * EURO, None], ("normal", 2000, 2400)),
        ([2 * EURO + 1000, None], None, ("least", 2001, None)),
        ([3 * EURO, 4 * EURO], None, ("least", 3000, 4000)),
        (None, [None, 2 * EURO], ("most", None, 2000)),
        (None, [EURO, 3 * EURO], ("normal", 2000, 2400)),
    ):
        rates = made(
            field(FIXED, [2 * EURO], taxes=(("t", 20 * EURO, 0),)), least=least, most=most
        )
        kind, _, net, gross = tariff.bill(rates, begun(rates))
        assert (kind, net, gross) == told


def holds(condition, **state):
    """Whether a price with this condition counts."""
    rates = made(field(CHARGING, [1] + condition))
    at = {"energy": 0, "charging": 0, "idle": 0, "ma": -1, "w": -1, "local": MONDAY}
    at.update(state)
    tally = begun(rates)
    tally[tariff.WH : tariff.SUMS] = [
        at["energy"], at["charging"], at["idle"], 1, at["ma"], at["w"]
    ]  # fmt: skip
    return tariff.chosen(rates, CHARGING, tally, at["local"]) == 0


def test_the_least_is_included_and_the_most_is_not():
    for what, state in (
        (LEAST_ENERGY, "energy"), (LEAST_CURRENT, "ma"), (LEAST_POWER, "w"),
        (LEAST_CHARGING, "charging"), (LEAST_IDLE, "idle"),
    ):  # fmt: skip
        for value, least, most in ((9, False, True), (10, True, False), (11, True, False)):
            assert holds([what, 10], **{state: value}) is least, (what, value)
            assert holds([what + 1, 10], **{state: value}) is most, (what, value)
    # The time of a session is both.
    assert holds([LEAST_TIME, 10], charging=4, idle=6) and not holds([LEAST_TIME, 11], idle=10)
    # What is not measured meets no condition.
    assert not holds([LEAST_POWER, 0]) and not holds([LEAST_POWER + 1, 99])
    assert not holds([NEVER, 0])


def test_the_calendar_is_that_of_local_time():
    noon = MONDAY + 12 * 3600
    day = [FROM_MINUTE, 480, TO_MINUTE, 720]
    night = [FROM_MINUTE, 1320, TO_MINUTE, 360]
    for minute, by_day, by_night in (
        (0, 0, 1), (359, 0, 1), (360, 0, 0), (479, 0, 0), (480, 1, 0), (719, 1, 0), (720, 0, 0),
        (1319, 0, 0), (1320, 0, 1), (1439, 0, 1),
    ):  # fmt: skip
        local = MONDAY + 60 * minute + 59
        assert holds(day, local=local) == bool(by_day), minute
        assert holds(night, local=local) == bool(by_night), minute
    evening = [FROM_MINUTE, 1080, TO_MINUTE, 0]
    assert holds(evening, local=MONDAY + 86399) and not holds(evening, local=MONDAY)
    assert holds([FROM_MINUTE, 0, TO_MINUTE, 0], local=noon)
    for ahead in range(7):
        assert holds([DAYS, 1 << ahead], local=noon + 86400 * ahead)
        assert not holds([DAYS, 127 ^ 1 << ahead], local=noon + 86400 * ahead)
    number = MONDAY // 86400
    assert holds([FROM_DAY, number], local=MONDAY) and not holds(
        [FROM_DAY, number], local=MONDAY - 1
    )
    assert holds([TO_DAY, number], local=MONDAY - 1) and not holds([TO_DAY, number], local=MONDAY)
    # While the time is not known nothing of the calendar holds.
    assert not holds(day, local=None) and not holds([DAYS, 127], local=None)
    rates = made(field(FIXED, [EURO] + day))
    assert amounts(rates, begun(rates, noon - 3600)) == [(FIXED, 1000, 1000)]
    assert amounts(rates, begun(rates, noon - 3600, 3600)) == [(FIXED, 0, 0)]


def test_energy_is_split_exactly_at_a_bound():
    rates = made(field(ENERGY, [2 * EURO, LEAST_ENERGY + 1, 50], [EURO, LEAST_ENERGY, 70], [0]))
    tally = begun(rates)
    assert go(rates, tally, 60, 100)
    assert tally[tariff.SUMS][ENERGY] == EURO * (2 * 50 + 30)
    assert [one[2] for one in tally[tariff.PERIODS]] == [50, 20, 30]
    assert sum([one[3] for one in tally[tariff.PERIODS]]) == 60


def test_a_long_gap_is_split_at_the_minutes():
    """What a power cut leaves is counted at once: its prices are those of its minutes."""
    rates = made(field(CHARGING, [60000, FROM_MINUTE, 0, TO_MINUTE, 10], [30000]))
    tally = begun(rates, MONDAY + 17)
    tariff.advance(rates, tally, 100, MONDAY + 17, 0, 5000, [1, -1, -1])
    tariff.advance(rates, tally, 100 + 1183, MONDAY + 1200, 0, 5600)
    assert tally[tariff.SUMS][CHARGING] == 60000 * 583 + 30000 * 600
    first, second = tally[tariff.PERIODS]
    assert (first[0], second[0]) == (MONDAY + 17, MONDAY + 600)
    assert first[2] + second[2] == 600 and (first[3], second[3]) == (583, 600)


def test_another_tariff_counts_from_then_on():
    taxed = made(field(CHARGING, [60000], taxes=(("t", 50 * EURO, 0),)), field(FIXED, [EURO]))
    other = made(field(CHARGING, [120000]), field(FIXED, [9 * EURO]))
    tally = begun(taxed)
    go(taxed, tally, 60)
    tariff.change(taxed, other, tally, MONDAY + 60, 0)
    tariff.begin_period(tally, MONDAY + 60, 1)
    assert amounts(other, tally) == [(CHARGING, 60, 90), (FIXED, 1000, 1000)]
    go(other, tally, 60)
    assert amounts(other, tally) == [(CHARGING, 180, 210), (FIXED, 1000, 1000)]
    assert [one[1] for one in tally[tariff.PERIODS]] == [0, 1]


def test_a_bill_without_its_periods():
    """More periods than a record has room for: the sums stay right."""
    rates = made(field(CHARGING, [60000, LEAST_POWER, 1000], [120000]))
    tally = begun(rates)
    for i in range(40):
        go(rates, tally, 10, w=2000 * (i % 2))
    assert tally[tariff.PERIODS] is None
    assert tally[tariff.SUMS][CHARGING] == 20 * 10 * 180000


def test_time_and_register_that_go_backwards_cost_nothing():
    rates = made(field(ENERGY, [EURO]), field(CHARGING, [EURO]))
    tally = begun(rates)
    go(rates, tally, 60, 100)
    before = list(tally[tariff.SUMS])
    tariff.advance(rates, tally, 90, MONDAY, 0, 4000)
    assert tally[tariff.SUMS] == before and tally[tariff.UPTIME] == 160


# -- from the message to the tariff ------------------------------------------------------------


def test_digits_become_millionths():
    for value, millionths in (
        (0.25, 250000), (0.1, 100000), (5, 5 * EURO), (0, 0), (0.000001, 1), (-0.5, -500000),
        (34.5, 34500000), (1e-7, 0), (5e-7, 1), (1234.5, 1234500000), (1e4, 10000 * EURO),
    ):  # fmt: skip
        assert tariff_forms._money(value) == millionths, value
    for value in (True, "1", None, 1e30, float("inf"), float("nan"), 100001):
        raises(ValueError, tariff_forms._money, value)


class Settings:
    measurands = ["Energy.Active.Import.Register", "Power.Active.Import"]

    def get(self, name):
        return name == "TariffConditions"


class Point:
    settings = Settings()


def read(timed=False, **given):
    return tariff_forms.read(Point(), dict({"tariffId": "T", "currency": "EUR"}, **given), timed)


def refused(**given):
    try:
        read(**given)
    except tariff_forms.NotHere as exc:
        return exc.answer()["status"]
    return None


def test_a_tariff_is_read():
    rates = read(
        True,
        validFrom="2026-01-05T00:00:00Z",
        energy={
            "prices": [
                {
                    "priceKwh": 0.3,
                    "conditions": {
                        "endTimeOfDay": "06:30", "dayOfWeek": ["Sunday", "Monday", "Sunday"],
                        "validFromDate": "1970-01-02", "validToDate": "2100-01-01",
                        "minEnergy": 0.5, "maxPower": 3000, "maxIdleTime": 60, "evseKind": "AC",
                    },
                }
            ],
            "taxRates": [{"type": "v", "tax": 19.5}],
        },
        reservationFixed={"prices": [{"priceFixed": 2, "conditions": {"evseKind": "DC"}}]},
        maxCost={"exclTax": 9.5},
        description=[
            {"format": "HTML", "content": "no"}, {"format": "UTF8", "content": "x" * 200},
        ],
    )  # fmt: skip
    assert rates[:3] == ["T", "EUR", MONDAY] and rates[4:] == [None, [9500000, None], "x" * 100]
    first, second = rates[3]
    price = first[1][0]
    assert price[:5] == [300000, FROM_MINUTE, 0, TO_MINUTE, 390]
    pairs = sorted([(price[i], price[i + 1]) for i in range(5, len(price), 2)])
    assert pairs == [
        (DAYS, 0x41), (FROM_DAY, 1), (TO_DAY, 47482), (LEAST_ENERGY, 1), (LEAST_POWER + 1, 3000),
        (LEAST_IDLE + 1, 60),
    ]  # fmt: skip
    assert first[0] == ENERGY and first[2] == [["v", 19500000, 0]]
    assert second == [RESERVED, [[2000000, NEVER, 0]], []]
    assert read(False, validFrom="2026-01-05T00:00:00Z")[2] is None


def test_what_cannot_be_billed_is_refused():
    def priced(**conditions):
        return {"prices": [{"priceMinute": 1, "conditions": conditions}]}

    assert refused(idleTime=priced(minTime=5)) is None
    for conditions, status in (
        ({"minCurrent": 5}, "ConditionNotSupported"),  # not measured here
        ({"paymentBrand": "x"}, "ConditionNotSupported"),
        ({"paymentRecognition": "CC"}, "ConditionNotSupported"),
        ({"startTimeOfDay": "24:00"}, "Rejected"),
        ({"startTimeOfDay": "1:00"}, "Rejected"),
        ({"endTimeOfDay": "10:60"}, "Rejected"),
        ({"validFromDate": "2026-02-30"}, "Rejected"),
        ({"validToDate": "tomorrow"}, "Rejected"),
        ({"minEnergy": 1e9}, "Rejected"),
    ):
        assert refused(chargingTime=priced(**conditions)) == status, conditions
    assert refused(reservationTime=priced()) == "Rejected"
    assert refused(minCost={}) == "Rejected"
    assert refused(energy={"prices": [{"priceKwh": 1}] * 7}) == "TooManyElements"
    assert refused(energy={"prices": [{"priceKwh": 1e9}]}) == "Rejected"
    tax = {"type": "t", "tax": -1}
    assert refused(energy={"prices": [{"priceKwh": 1}], "taxRates": [tax]}) == "Rejected"
