# Scenario files of the simulator: played against a central system, refused where wrong.
# MIT license; part of microevse

import json
import random
import re
import signal
import subprocess
import time

import pytest
from simulated import SIMULATE, Central, alive, descendants

from simulator import scenario_file
from twin.host import ROOT, load_board

EXAMPLE = ROOT / "docs" / "examples" / "day.toml"


def play(central, file, *args, timeout=300):
    """(exit status, what was printed) of one scenario at full speed."""
    done = subprocess.run(
        [
            *SIMULATE,
            "--csms",
            central.url,
            "--id",
            "X",
            "--speed",
            "0",
            "--scenario",
            str(file),
            *args,
        ],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done.returncode, done.stdout


def written(folder, tables, name="day.json"):
    path = folder / name
    path.write_text(json.dumps(tables))
    return path


def test_the_example_in_the_documentation_goes_as_it_says():
    with Central() as central:
        status, said = play(central, EXAMPLE)
        assert status == 0, said
        assert said.startswith("READY control=")
        assert len(re.findall(r"^  car \d .* charged$", said, re.M)) == 5
        assert "car 3     0:48:00 to  0:51:00  connector 1    0.000 kWh  not charged" in said
        assert "commands: 1, faults: 1, network outages: 1, power cuts: 1" in said
        stops = [t.stop for t in central.csms.transactions.values()]
        assert [t.start["idTag"] for t in central.csms.transactions.values()] == [
            "CARD1", "CARD2", "CARD1", "CARD2",
        ]  # fmt: skip
        assert stops[3]["reason"] == "PowerLoss" and stops[0]["reason"] == "Local"
        assert len(central.csms.calls("BootNotification")) == 3, "start, power cut, reboot"
        told = central.csms.calls("StatusNotification")
        assert any(p["errorCode"] == "GroundFailure" for p in told)
        # Energy in the summary is that which is billed, but for the car that lost its power: it
        # drew a little after its last reading.
        physical = float(re.search(r"cars: 5, energy: ([\d.]+) kWh", said).group(1))
        assert abs(sum(t.wh for t in central.csms.transactions.values()) / 1000 - physical) < 0.1


def test_a_car_that_does_not_charge_fails_the_day(tmp_path):
    day = {
        "car": [{"at": 20, "for": 60, "tag": "STRANGER"}, {"at": 220, "for": 60, "tag": "CARD1"}]
    }
    with Central() as central:
        status, said = play(central, written(tmp_path, day))
    assert status == 1
    assert "not charged, against the scenario" in said and "NOT as the scenario wants it" in said
    assert re.search(r"car 2 .* charged$", said, re.M)


def test_what_is_refused_when_it_comes_to_it_is_told_with_its_time(tmp_path):
    day = {"command": [{"at": "0:00:30", "do": "request"}], "length": "1m"}
    with Central() as central:
        status, said = play(central, written(tmp_path, day))
    assert status == 1 and " 0:00:30 command 1: request: no EV is plugged in" in said


def test_several_chargers_play_it_and_one_of_them_more(tmp_path):
    day = {
        "length": "4m",
        "car": [{"at": 20, "for": 60, "tag": "CARD1", "charger": 2}],
        "power_cut": [{"at": 200, "for": 10}],
    }
    with Central() as central:
        status, said = play(central, written(tmp_path, day), "--count", "2")
        assert status == 0, said
        one, two = said.split("X-1: ")[1].split("X-2: ")
        assert "cars: 0, energy: 0.000 kWh, power cuts: 1" in one and "cars: 1" in two
        assert len(central.csms.transactions) == 1


def test_a_signal_ends_it_early_and_it_is_told_what_has_become_of_it(tmp_path):
    path = written(tmp_path, {"car": [{"at": 5, "for": "10h"}]})
    with Central() as central:
        process = subprocess.Popen(
            [*SIMULATE, "--csms", central.url, "--id", "X", "--scenario", str(path)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout.readline().startswith("READY ")
        time.sleep(1)
        family = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 1 and "ended early" in said
    assert family and not any(alive(pid) for pid in family)


# -- what cannot be played ------------------------------------------------------------------------


def problems(tmp_path, tables, count=1):
    path = written(tmp_path, tables)
    with pytest.raises(scenario_file.ScenarioError) as caught:
        scenario_file.load(path, count)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line[len(str(path)) + 2 :] for line in lines]


def test_all_mistakes_are_told_at_once_with_entry_and_key(tmp_path):
    day = {
        "cars": [],
        "length": "long",
        "car": [
            {"at": "7:30", "for": "1h", "amps": "many", "tag": ""},
            {"for": 0, "quirk": "flies", "amp": 3},
            {"at": "7:61", "for": "1 hour", "charges": 1},
        ],
        "outage": {"at": 3},
        "fault": [{"at": 1, "kind": "tornado"}, {"at": 1, "kind": "rcd", "sensor": "broken"}],
        "command": [{"at": 1, "do": "fly"}, {"at": 2, "do": "tap"}, {"at": 3, "do": "status"}],
        "power_cut": [{"at": -1, "for": 3, "charger": 2}],
    }
    told = problems(tmp_path, day)
    for start in (
        "cars: is unknown",
        "length: must be a length",
        "car 1: amps: must be a number",
        "car 1: tag: is empty",
        "car 2: at: is missing",
        "car 2: for: must be a length",
        "car 2: quirk: must be one of normal",
        "car 2: amp: is unknown",
        "car 3: at: must be a time",
        "car 3: for: must be a length",
        "car 3: charges: must be true or false",
        "outage: must be a list of tables: [[outage]]",
        "fault 1: kind: must be one of rcd",
        "fault 2: sensor: must be one of ok",
        "command 1: do: must be one of plug",
        "command 2: tag: is missing",
        "command 3: do: must be one of plug",
        "power_cut 1: at: must be a time",
        "power_cut 1: charger: must be 1 to 1",
    ):
        assert sum(line.startswith(start) for line in told) == 1, (start, told)
    assert len(told) == 19


def test_a_scenario_that_cannot_be_played_starts_nothing(tmp_path):
    path = written(tmp_path, {"car": [{"at": "x"}]})
    with Central() as central:
        status, said = play(central, path)
        assert status == 2 and said == ""
        assert central.csms.log == []


def test_two_cars_do_not_stand_at_one_connector(tmp_path):
    day = {"car": [{"at": 0, "for": "1h"}, {"at": "1:01", "for": "1h"}]}
    assert problems(tmp_path, day) == [
        "car 2: at: car 1 is still there (a car may need 120 s to leave)"
    ]
    day["car"][1]["connector"] = 2
    assert scenario_file.load(written(tmp_path, day)).length_s == 7260 + 300
    day["outage"] = [{"at": 5, "for": 10}, {"at": 14, "for": 3}]
    assert problems(tmp_path, day) == ["outage 2: at: outage 1 is still there"]


def test_a_day_has_entries_and_is_long_enough(tmp_path):
    assert problems(tmp_path, {}) == ["has no entries: nothing would happen"]
    day = {"car": [{"at": 0, "for": "1h"}], "length": "30m"}
    assert problems(tmp_path, day) == ["length: is over before the last entry is (3600 s)"]


@pytest.mark.parametrize("name", ["day.toml", "day.json", "day.txt"])
def test_broken_files_name_the_file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"[[car]\n\xff")
    with pytest.raises(scenario_file.ScenarioError) as caught:
        scenario_file.load(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("deep.json", "[" * 100000, "syntax: nested more than 40 levels deep"),
        ("deep.json", '{"car":' + "[" * 90 + "]" * 90 + "}", "syntax: nested more than 40 levels"),
        ("deep.toml", "a=" + "[" * 100000, "syntax: nested more than 40 levels deep"),
        ("list.json", '{"command":[{"at":1,"do":[]}]}', "command 1: do: must be a text"),
        ("map.json", '{"command":[{"at":1,"do":{"a":1}}]}', "command 1: do: must be a text"),
        ("nan.json", '{"car":[{"at":NaN,"for":9}]}', "syntax: NaN is no number in JSON"),
        ("nan.toml", '[[car]]\nat = nan\nfor = "1h"', "car 1: at: must be a time"),
        ("huge.json", '{"car":[{"at":1,"for":"%sh"}]}' % ("9" * 400), "car 1: for: must be a le"),
        ("huge.json", '{"car":[{"at":1,"for":%s}]}' % ("9" * 5000), "syntax: "),
        ("huge.json", '{"car":[{"at":1,"for":9,"connector":%s}]}' % ("9" * 4000), "car 1: conne"),
        ("half.json", '{"car":[{"at":1,"for":9,"tag":"\\ud800"}]}', "car 1: tag: must be a text"),
        ("long.json", '{"car":[{"at":"%s","for":9}]}' % ("x" * 90000), "car 1: at: must be a"),
        ("lines.json", '{"a\\nb":[]}', "'a\\nb': is unknown"),
        ("empty.json", '{"":[]}', '"": is unknown'),
        (
            "date.toml",
            '[[command]]\nat=1\ndo="network"\naps={a=2027-01-01}',
            "command 1: aps: must be an object",
        ),
        (
            "hot.toml",
            '[[command]]\nat=1\ndo="fault"\nkind="overtemp"\ncelsius=inf',
            "command 1: celsius: must be a number",
        ),
    ],
)
def test_each_mistake_is_one_short_sentence(tmp_path, name, text, told):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(scenario_file.ScenarioError) as caught:
        scenario_file.load(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: {told}"), said[:300]
    assert "\n" not in said and len(said) - len(str(path)) < 320


def test_a_file_that_is_nested_too_deep_ends_the_program_with_one_sentence(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100000)
    with Central() as central:
        done = subprocess.run(
            [*SIMULATE, "--csms", central.url, "--id", "X", "--scenario", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == f"simulate: {path}: syntax: nested more than 40 levels deep\n"


def at_once(day, count):
    """Is a car still at a connector when the next one comes to it? By comparing all pairs."""
    cars = list(enumerate(day["car"]))
    for charger in range(1, count + 1):
        here = [(i, car) for i, car in cars if car.get("charger", charger) == charger]
        for i, one in here:
            for j, other in here:
                same = one.get("connector", 1) == other.get("connector", 1)
                first = (one["at"], i) < (other["at"], j)
                if same and first and other["at"] < one["at"] + one["for"] + 120:
                    return True
    return False


def test_cars_that_stand_at_one_place_are_found_as_by_comparing_all_pairs(tmp_path):
    dice = random.Random(7)
    seen = set()
    for _ in range(400):
        cars = []
        for _ in range(dice.randint(1, 5)):
            car = {"at": dice.randrange(0, 2000, 40), "for": dice.randrange(40, 600, 40)}
            if dice.random() < 0.5:
                car["charger"] = dice.randint(1, 3)
            if dice.random() < 0.5:
                car["connector"] = dice.randint(1, 2)
            cars.append(car)
        wanted = at_once({"car": cars}, 3)
        path = written(tmp_path, {"car": cars})
        try:
            scenario_file.load(path, 3)
            found = False
        except scenario_file.ScenarioError:
            found = True
        assert found == wanted, cars
        seen.add(wanted)
    assert seen == {True, False}


@pytest.mark.parametrize("count, step", [(1, 1), (500, 1), (500, 1000)])
def test_a_file_with_twenty_thousand_cars_is_checked_at_once(tmp_path, count, step):
    cars = [{"at": i * step, "for": 60} for i in range(20000)]
    for i in range(0, 20000, 2):
        cars[i]["charger"] = i % count + 1
    path = written(tmp_path, {"car": cars})
    began = time.process_time()
    try:
        scenario_file.load(path, count)
    except scenario_file.ScenarioError as exc:
        assert len(exc.problems) > 10000
    assert time.process_time() - began < 2


def test_a_board_without_reader_or_connector_is_told_before_the_start(tmp_path):
    day = {"car": [{"at": 0, "for": "1h", "tag": "A"}, {"at": 0, "for": "1h", "connector": 2}]}
    path = written(tmp_path, day)
    with pytest.raises(scenario_file.ScenarioError) as caught:
        scenario_file.load(path, 1, load_board("esp32_devkit_min"))
    assert [(entry, key) for entry, key, _ in caught.value.problems] == [
        ("car 1", "tag"),
        ("car 2", "connector"),
    ]
    scenario_file.load(path, 1, load_board("esp32_dual"))


def test_parts_that_are_missing_and_other_mistakes_are_told_at_once(tmp_path):
    day = {
        "car": [{"at": 0, "for": "1h", "connector": 2}, {"at": "soon", "for": 9}],
        "fault": [
            {"at": 5, "kind": "weld", "pole": 9},
            {"at": 6, "kind": "rcd", "ohms": 100, "celsius": 80},
        ],
        "command": [{"at": 7, "do": "fault", "kind": "lock", "pole": 1}],
        "outage": [{"at": 0, "for": "1h"}, {"at": 60, "for": "1h"}],
    }
    with pytest.raises(scenario_file.ScenarioError) as caught:
        scenario_file.load(written(tmp_path, day), 1, load_board("esp32_devkitc"))
    assert {(entry, key) for entry, key, _ in caught.value.problems} == {
        ("car 1", "connector"),
        ("car 2", "at"),
        ("fault 1", "pole"),
        ("fault 2", "ohms"),
        ("fault 2", "celsius"),
        ("command 1", "pole"),
        ("outage 2", "at"),
    }


def test_without_a_toml_reader_json_still_works_and_toml_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(scenario_file, "tomllib", None)
    scenario_file.load(written(tmp_path, {"car": [{"at": 0, "for": 9}]}))
    with pytest.raises(scenario_file.ScenarioError) as caught:
        scenario_file.load(EXAMPLE)
    assert "pip install tomli" in str(caught.value)


@pytest.mark.parametrize(
    "kind, text, seconds",
    [
        ("when", "7:30", 27000), ("when", "0:00:15", 15), ("when", 90, 90), ("when", "0:00", 0),
        ("long", "1h30m", 5400), ("long", "45s", 45), ("long", "2h 5s", 7205), ("long", 0.5, 0.5),
    ],
)  # fmt: skip
def test_times(kind, text, seconds):
    assert scenario_file.seconds(kind, text) == seconds


def test_the_guide_names_every_key():
    text = (ROOT / "docs" / "scenarios.md").read_text()
    for kind, keys in scenario_file.KEYS.items():
        assert f"`[[{kind}]]`" in text
        for key in keys:
            assert f"`{key}`" in text, (kind, key)
