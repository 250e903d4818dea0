# Samples: when they are taken, what is in them, what survives.
# MIT license; part of microevse
import asyncio

from evse_base import log
from helpers import cancelled, raises, run
from station import measurands, metering
from station_parts import NOON, Charger, FakeMeter
from store import kinds
from store.journal import JournalFull


def test_periodic_samples_come_on_a_grid():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "10"})
        await c.charge()
        started = c.records(kinds.START)[0][5][1]
        await c.pass_s(35, wh=70)
        samples = c.records(kinds.SAMPLE)
        assert [s[3][1] - started for s in samples] == [10, 20, 30]
        assert [s[3][2] for s in samples] == [NOON + s[3][1] for s in samples]
        assert all(s[:3] == [1, 1, "Sample.Periodic"] for s in samples)
        values = [s[4][0] for s in samples]
        assert all(v[:2] == [measurands.ENERGY, 0] for v in values)
        assert 1000 < values[0][2] < values[1][2] < values[2][2] <= 1070

    run(story())


def test_a_late_tick_keeps_the_grid_and_makes_nothing_up():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "10"})
        await c.charge()
        started = c.records(kinds.START)[0][5][1]
        c.clock.ms += 34000
        c.connector.metering.tick(c.clock.ms)
        await c.pass_s(6)
        times = [s[3][1] - started for s in c.records(kinds.SAMPLE)]
        assert times == [30, 40], times

    run(story())


def test_a_new_interval_works_at_once_and_zero_stops():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "0"})
        await c.charge()
        await c.pass_s(30)
        assert c.records(kinds.SAMPLE) == []
        c.settings.set("MeterValueSampleInterval", "5")
        await c.pass_s(11)
        assert len(c.records(kinds.SAMPLE)) == 2
        c.settings.set("MeterValueSampleInterval", "0")
        await c.pass_s(30)
        assert len(c.records(kinds.SAMPLE)) == 2

    run(story())


def test_no_samples_outside_of_a_session_but_clock_aligned_ones():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "5", "ClockAlignedDataInterval": "60"})
        await c.pass_s(150)
        samples = c.records(kinds.SAMPLE)
        assert [s[:3] for s in samples] == [[0, 1, "Sample.Clock"]] * 2
        assert [s[3][2] % 60 for s in samples] == [0, 0]

    run(story())


def test_clock_aligned_samples_need_a_clock_and_belong_to_the_session():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "0", "ClockAlignedDataInterval": "60"})
        c.clock.unix = None
        await c.charge()
        await c.pass_s(130)
        assert c.records(kinds.SAMPLE) == []
        c.clock.unix = NOON + 7
        await c.pass_s(120)
        samples = c.records(kinds.SAMPLE)
        assert [s[0] for s in samples] == [1, 1]
        assert [s[3][2] % 60 for s in samples] == [0, 0]

    run(story())


def test_a_clock_that_steps_back_takes_no_sample_by_that():
    async def story():
        c = Charger(settings={"ClockAlignedDataInterval": "60"})
        c.clock.unix = NOON + 55
        await c.pass_s(10)
        assert len(c.records(kinds.SAMPLE)) == 1
        c.clock.unix -= 20
        await c.pass_s(5)
        assert len(c.records(kinds.SAMPLE)) == 1

    run(story())


def test_all_measurands_of_a_three_phase_meter():
    async def story():
        meter = FakeMeter()
        meter.power_w = 11000
        meter.current_ma = [16000, 15900, 15800]
        meter.voltage_mv = [230100, 230200, 230300]
        c = Charger(meter=meter, settings={"Phases": "3"})
        c.settings.set(
            "MeterValuesSampledData",
            "Voltage,Current.Import,Power.Active.Import,Current.Offered,Power.Offered",
        )
        await c.charge()
        assert c.station.meter_values(1) == [
            [4, "L1-N", 230100],
            [4, "L2-N", 230200],
            [4, "L3-N", 230300],
            [3, "L1", 16000],
            [3, "L2", 15900],
            [3, "L3", 15800],
            [2, 0, 11000],
            [5, 0, 16000],
            [6, 0, 11040],
        ]
        assert c.station.meter_values(2) == []

    run(story())


def test_what_the_meter_does_not_have_is_left_out():
    meter = FakeMeter()
    meter.current_ma = meter.power_w = None
    names = measurands.supported(meter)
    assert "Voltage" in names and "Current.Import" not in names
    assert measurands.sample(["Current.Import", "Power.Active.Import"], meter, 1, 0, 230, 1) == []
    assert measurands.supported(None) == ["Current.Offered", "Power.Offered"]


def test_a_default_promises_nothing_that_is_not_measured():
    # The default once was energy alone, whatever the meter could do; and without a meter, too.
    every = "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage"

    def offered(**fields):
        meter = FakeMeter()
        for name in fields:
            setattr(meter, name, fields[name])
        settings = Charger(meter=meter).settings
        text = settings.text("MeterValuesSampledData")
        assert text == settings.text("MeterValuesAlignedData")
        assert text == "" or settings.set("MeterValuesSampledData", text) == "accepted"
        assert settings.text("StopTxnSampledData") == ""
        return text

    assert offered() == every
    assert offered(current_ma=[], voltage_mv=[]) == every, "not read yet"
    assert offered(current_ma=(), voltage_mv=()) == every.rsplit(",", 2)[0]
    assert offered(power_w=None) == every.replace("Power.Active.Import,", "")
    assert offered(voltage_mv=None) == every[:-8]
    settings = Charger().settings
    settings.offer_measurands(measurands.supported(None))
    assert settings.text("MeterValuesSampledData") == ""


def test_a_single_value_is_of_the_first_conductor():
    # Energy managers look for L1 and once saw no current at all.
    meter = FakeMeter()
    meter.current_ma, meter.voltage_mv = [16000], [230100]
    names = ["Current.Import", "Voltage", "Power.Active.Import", "Energy.Active.Import.Register"]
    assert measurands.sample(names, meter, 5, 0, 230, 1) == [
        [3, "L1", 16000],
        [4, "L1-N", 230100],
        [2, 0, 0],
        [1, 0, 5],
    ]
    for nothing in (None, [], ()):
        meter.current_ma = meter.voltage_mv = nothing
        assert measurands.sample(names[:2], meter, 5, 0, 230, 1) == []


def test_every_code_has_a_name_and_comes_back():
    for name in measurands.names():
        code = measurands.code_of(name)
        assert measurands.describe(code)[0] == name
    assert measurands.code_of("Moonlight") is None
    raises(KeyError, measurands.describe, 99)


def test_the_record_of_the_end_has_begin_samples_and_end():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "10"})
        c.settings.set("StopTxnSampledData", "Energy.Active.Import.Register")
        await c.charge()
        await c.pass_s(25, wh=50)
        c.station.remote_stop(1)
        await c.pass_s(1)
        samples = c.records(kinds.STOP)[0][6]
        contexts = [s[0] for s in samples]
        assert contexts == ["Transaction.Begin"] + ["Sample.Periodic"] * 2 + ["Transaction.End"]
        assert samples[0][2] == [[1, 0, 1000]] and samples[-1][2] == [[1, 0, 1050]]

    run(story())


def test_a_long_session_has_few_samples_in_the_record_of_its_end():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "1"})
        c.settings.set("MeterValuesSampledData", "")
        c.settings.set("StopTxnSampledData", "Energy.Active.Import.Register")
        await c.charge()
        await c.pass_s(300, wh=300)
        c.station.remote_stop(1)
        await c.pass_s(1)
        assert c.records(kinds.SAMPLE) == []
        samples = c.records(kinds.STOP)[0][6]
        assert 5 <= len(samples) <= 10
        assert samples[0][0] == "Transaction.Begin" and samples[-1][0] == "Transaction.End"
        values = [s[2][0][2] for s in samples]
        assert values == sorted(values)
        # Spread over the whole session, not only over its beginning.
        assert max(values[:-1]) > 1150

    run(story())


def test_an_end_that_is_too_large_for_a_record_is_thinned_not_lost():
    async def story():
        meter = FakeMeter()
        meter.current_ma = [16000, 15900, 15800]
        meter.voltage_mv = [230100, 230200, 230300]
        c = Charger(meter=meter, settings={"MeterValueSampleInterval": "5"})
        c.settings.set("StopTxnSampledData", ",".join(measurands.supported(meter)))
        await c.charge()
        await c.pass_s(60)
        c.station.remote_stop(1)
        await c.pass_s(1)
        [stop] = c.records(kinds.STOP)
        assert stop[3] == "remote"
        assert stop[6][0][0] == "Transaction.Begin" and stop[6][-1][0] == "Transaction.End"

    run(story())


def test_the_energy_is_on_flash_every_five_minutes_without_any_samples():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "0"})
        await c.charge()
        await c.pass_s(metering.CHECKPOINT_S + 10, wh=500)
        meter = FakeMeter()
        meter.fails = True
        again = Charger(flash=c.flash, boot=2, meter=meter)
        await again.recover("PowerUp")
        [stop] = again.records(kinds.STOP)
        assert 1450 < stop[2] <= 1500 and stop[3] == "power_loss"

    run(story())


def test_energy_never_runs_backwards():
    async def story():
        c = Charger()
        session = await c.charge()
        await c.pass_s(5, wh=10)
        c.meter.register_wh = 0
        await c.pass_s(5)
        assert session.energy_wh == 10

    run(story())


def test_a_full_journal_costs_samples_and_nothing_else():
    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "1"})
        await c.charge()
        for _ in range(4000):
            c.clock.ms += 1000
            c.connector.metering.tick(c.clock.ms)
            if c.journal.samples_refused:
                break
        assert c.journal.samples_refused
        c.station.remote_stop(1)
        await c.pass_s(1)
        assert len(c.records(kinds.STOP)) == 1

    run(story())


def test_two_samples_in_a_row_never_have_the_same_time():
    """The first was taken when it was due, the second late: over the end of a second of uptime,
    and not over that of one of the time. Both once had the same time."""
    from evse_base.clock import Clock

    for part in (0, 300, 600, 900):
        for late in range(0, 1000, 100):
            ms = [0]
            clock = Clock(lambda: ms[0])  # noqa: B023
            clock.boot = 1
            clock.set(NOON, part)
            c = Charger()
            c.connector.metering._clock = clock
            stamps = []
            for due, at in ((19690, 19700), (20690, 20690 + late), (21690, 21690)):
                ms[0] = at
                stamps.append(c.connector.metering._stamp(due))
            assert [s[1] for s in stamps] == [19, 20, 21], stamps
            assert stamps[1][2] - stamps[0][2] == 1 == stamps[2][2] - stamps[1][2], stamps


def refusing(c, kinds_refused, exc):
    """The journal of this charger refuses records of these kinds; returns the log from now on."""
    append, keep, lines = c.journal.append, c.journal.keep, []

    def appended(kind, payload):
        if kind in kinds_refused:
            raise exc
        return append(kind, payload)

    def kept(kind, key, payload):
        if kind in kinds_refused:
            raise exc
        return keep(kind, key, payload)

    c.journal.append, c.journal.keep = appended, kept
    log.use_sink(lines.append)
    return lines


def test_no_record_that_a_session_can_do_without_ends_it():
    """A MemoryError while a CHANGE was written once took the charger out of service."""

    async def story(exc):
        c = Charger(settings={"MeterValueSampleInterval": "1"})
        await c.charge()
        lines = refusing(c, (kinds.SAMPLE, kinds.CHANGE, kinds.CHECKPOINT), exc)
        task = asyncio.create_task(c.connector.sequence.run())
        try:
            for change in (c.evse.release, c.evse.request, c.evse.release):
                change()
                for _ in range(4):
                    c.clock.ms += 2000
                    c.connector.metering.tick(c.clock.ms)
                    c.connector.wake()
                    await asyncio.sleep(0.02)
        finally:
            await cancelled(task)
            log.use_sink(lambda line: None)
        assert c.evse.faults == [] and c.connector.session.stopping is None
        for what in ("sample", "change", "checkpoint"):
            said = [line for line in lines if what + " not recorded" in line]
            assert len(said) == 1, (what, lines)

    for exc in (MemoryError(), ValueError("x"), RuntimeError("x"), OSError(5)):
        run(story(exc))


def test_a_change_that_is_refused_waits_before_it_is_tried_again_and_is_told_once():
    """A full journal once had two lines of the log each second, and hid everything else."""

    async def story():
        c = Charger(settings={"MeterValueSampleInterval": "10"})
        await c.charge()
        lines = refusing(c, (kinds.CHANGE,), JournalFull("full"))
        tries, refuse = [], c.journal.append

        def counted(kind, payload):
            if kind == kinds.CHANGE:
                tries.append(c.clock.ms)
            return refuse(kind, payload)

        c.journal.append = counted
        c.evse.release()
        await c.pass_s(60)
        log.use_sink(lambda line: None)
        assert 5 <= len(tries) <= 7
        assert len([line for line in lines if "change not recorded" in line]) == 1
        del c.journal.append
        await c.pass_s(11)
        assert c.records(kinds.CHANGE)[-1][3] == "suspended_ev"
        # The next refusal is news again.
        lines = refusing(c, (kinds.CHANGE,), JournalFull("full"))
        c.evse.request()
        await c.pass_s(30)
        log.use_sink(lambda line: None)
        assert len([line for line in lines if "change not recorded" in line]) == 1

    run(story())


def test_a_session_begins_and_ends_without_the_samples_that_cannot_be_taken():
    async def story():
        c = Charger()
        c.settings.set("StopTxnSampledData", "Energy.Active.Import.Register")

        def values(names):
            raise MemoryError()

        c.connector.metering.values = values
        await c.charge()
        c.station.remote_stop(1)
        await c.pass_s(1)
        [stop] = c.records(kinds.STOP)
        assert stop[6] is None and c.evse.faults == []

    run(story())


def test_samples_for_the_end_have_an_interval_of_their_own():
    async def story(**settings):
        names = {"StopTxnSampledData": "Energy.Active.Import.Register"}
        c = Charger(settings=dict(names, MeterValueSampleInterval="10", **settings))
        await c.charge()
        await c.pass_s(65)
        c.connector.request_stop("local")
        await c.pass_s(5)
        return [sample[0] for sample in c.records(kinds.STOP)[0][6]]

    assert run(story()).count("Sample.Periodic") == 6
    assert run(story(TxEndedSampleInterval="30")).count("Sample.Periodic") == 2
    ends = ["Transaction.Begin", "Transaction.End"]
    assert run(story(TxEndedSampleInterval="0")) == ends


def test_aligned_samples_for_the_end_have_an_interval_of_their_own():
    async def story(**settings):
        names = {"StopTxnAlignedData": "Energy.Active.Import.Register"}
        c = Charger(settings=dict(names, ClockAlignedDataInterval="60", **settings))
        await c.charge()
        await c.pass_s(250)
        c.connector.request_stop("local")
        await c.pass_s(5)
        sent = [s for s in c.records(kinds.SAMPLE) if s[2] == "Sample.Clock"]
        return len(sent), len(c.records(kinds.STOP)[0][6] or ())

    assert run(story()) == (4, 4)
    assert run(story(TxEndedAlignedInterval="120")) == (4, 2)
    assert run(story(TxEndedAlignedInterval="0")) == (4, 0)


def test_the_start_has_the_values_that_are_asked_for():
    async def story(names):
        c = Charger(settings={"TxStartedMeasurands": names})
        await c.charge()
        return c.records(kinds.START)[0]

    assert len(run(story("Energy.Active.Import.Register"))) == 10, "the register is there anyway"
    values = run(story("Voltage,Current.Offered"))[10]
    assert {value[0] for value in values} == {measurands.VOLTAGE, measurands.CURRENT_OFFERED}
    assert run(story(""))[10] == []
