# A thermometer whose task hangs, an RCD input that raises: the real parts under the protection.
# MIT license; part of microevse

from fake_chip import PARTS, Hal, charge, charger, chip
from hal_modules import read_sensor, sensor_bus
from protection_bench import charging, metered
from station.protection import BLIND_LOOKS


def looked(bench, n=1):
    """n looks, and the meter goes on telling that nothing is drawn."""
    return metered(bench, [0], n, 500)


def test_a_ds18b20_whose_task_hangs_is_no_reading_after_ten_seconds():
    """The last temperature stays where it is: it must not count for ever."""
    board, sensor, time, names = sensor_bus()
    now = [1000]
    before = names["ticks_ms"]
    bench = charging()
    try:
        # Only `names` is the module that Ds18b20 reads its globals from.
        names["ticks_ms"] = lambda: now[0]
        sensor._keep(read_sensor(board, sensor, names, time))
        assert sensor.temp_dc() == 250
        bench.protection._temp_dc = sensor.temp_dc
        # From here on nothing comes from its task.
        looks = 0
        while bench.charger.evse.closed:
            now[0] += 500
            looks += 1
            looked(bench)
            assert looks <= 40, "never opened"
            assert (sensor.temp_dc() is None) == (now[0] - 1000 >= 10000)
        assert bench.connector.faults.has("TemperatureSensor")
        # Stale with the look at 10 s, which is the first of six.
        assert looks == 20 + BLIND_LOOKS - 1, looks
        sensor._keep(250)
        assert sensor.temp_dc() == 250, "its task goes on"
    finally:
        names["ticks_ms"] = before


def _raises():
    raise OSError(5)


def test_an_rcd_input_that_raises_is_a_tripped_rcd_after_three_seconds():
    with Hal("rcd") as rcd_:
        rcd = rcd_.Rcd({"trip": 13})
        bench = charging()
        bench.protection._rcd = rcd
        assert looked(bench, 10) is None
        chip.pins[13] = _raises
        assert looked(bench, BLIND_LOOKS - 1) is None and bench.charger.evse.closed
        assert looked(bench)[0] == "RcdTripped"
        assert not bench.charger.evse.closed


def test_an_rcd_input_that_raises_opens_in_the_next_tick():
    """The tick asks it in every window: its exception is one of the tick, which opens."""
    with Hal(*PARTS, "rcd") as hal:
        evse, _, _, go = charger(hal[:-1])
        rcd = hal[-1].Rcd({"trip": 13})
        evse._rcd_ok = rcd.is_ok
        charge(evse, go)
        chip.pins[13] = _raises
        go(10 * chip.period)
        assert not evse.closed and chip.pins[26] == 0
        assert "TickFailed" in evse.faults
