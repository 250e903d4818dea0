# Guard, poles, the charger's pilot source and thermometers, one by one over the twin's pins.
# MIT license; part of microevse

from hal_modules import hal_module, read_sensor, sensor_bus
from iec61851.levels import WEAK_MV, FrontEnd
from pilot_bench import Bench
from twin_bench import Board, machine


def test_one_weak_measurement_is_none_and_a_good_one_forgets_it():
    front = FrontEnd()
    assert front.low_mv is None and not front.weak
    front.seen(-10700)
    assert not front.weak
    front.seen(WEAK_MV)
    front.seen(-10700)
    assert not front.weak
    front.seen(-10700)
    assert front.weak and front.low_mv == -10700


def test_what_the_guard_opened_is_opened_by_us_and_a_dispute_is_a_fault():
    held = [False]
    bench = Bench(1)
    bench.evse.held = lambda: held[0]
    bench.charge()
    held[0] = True
    took = bench.until(lambda: not bench.evse.closed, 60)
    assert took <= 40 and bench.evse.fault is None
    bench.until(lambda: bench.evse.fault, 8000)
    assert bench.evse.fault == "GuardDisagrees" and bench.evse.disputed
    assert not bench.contactor.closed


def test_poles_by_mirror_and_by_voltage():
    relay = {"pin": 26, "feedback": [4, 21, 22], "sense": [23, 34]}
    board = Board({"contactor": relay})
    poles = hal_module("contact")["Poles"](relay["feedback"], relay["sense"])
    assert poles.wrong(False) == 0 and poles.wrong(True) == 1 and not poles.any_closed()
    assert not poles.single
    board.do("fault", kind="weld", pole=3)
    assert poles.wrong(False) == 3 and poles.any_closed()
    board.do("fault", kind="weld", pole=3, on=False)
    relay_pin = machine.Pin(26, machine.Pin.OUT, value=1)
    board.run(0.1)
    assert poles.wrong(True) == 0 and poles.any_closed() and relay_pin.value() == 1
    board.outlet.volts = 0  # a phase is missing: nothing behind the poles
    assert poles.wrong(True) == 1


def test_a_linked_mirror_contact_sees_every_pole():
    relay = {"pin": 26, "feedback": 22}
    board = Board({"contactor": relay})
    poles = hal_module("contact")["Poles"](22, None)
    assert poles.single and poles.wrong(False) == 0
    for pole in (1, 2, 3):
        board.do("fault", kind="weld", pole=pole)
        assert poles.wrong(False) == 1, pole
        board.do("fault", kind="weld", pole=pole, on=False)
    assert poles.wrong(False) == 0


def test_ds18b20_reads_through_its_bits():
    board, sensor, time, names = sensor_bus()
    for celsius in (25.0, -10.25, 0.0, 66.5, 125.0, -40.0, 90.0625):
        board.world.celsius = celsius
        found = read_sensor(board, sensor, names, time)
        assert found is not None and abs(found - celsius * 10) <= 1, (celsius, found)


def test_ds18b20_that_is_gone_shorted_or_garbled_has_no_reading():
    for fault in ("open", "short", "crc"):
        board, sensor, time, names = sensor_bus()
        sensor._keep(read_sensor(board, sensor, names, time))
        assert sensor.temp_dc() == 250
        board.do("fault", kind="overtemp", sensor=fault, celsius=25)
        for _ in range(names["TRIES"]):
            assert sensor.temp_dc() == 250, "the last good one, for a while"
            found = read_sensor(board, sensor, names, time)
            assert found is None, (fault, found)
            sensor._keep(found)
        assert sensor.temp_dc() is None
        board.do("fault", kind="overtemp", on=False)
        sensor._keep(read_sensor(board, sensor, names, time))
        assert sensor.temp_dc() == 250


def test_the_85_degrees_of_power_on_are_no_temperature():
    _, sensor, _, _ = sensor_bus()
    sensor._keep(850)
    assert sensor.temp_dc() is None
    sensor._keep(250)
    sensor._keep(850)
    assert sensor.temp_dc() == 250
    sensor._keep(820)
    sensor._keep(850)
    assert sensor.temp_dc() == 850, "next to a reading like it, it is one"


def test_the_search_finds_the_only_device_and_its_checksum():
    board, sensor, time, names = sensor_bus()
    found = sensor._bus.ow.scan()
    assert len(found) == 1 and found[0][0] == 0x28
    assert sensor._bus.ow.crc8(found[0]) == 0
