# Board profiles: the shipped ones are accepted, dangerous ones refused with file, key, reason.
# MIT license; part of microevse

import copy
import json
import subprocess
import sys

import pytest
from tools_paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import board  # noqa: E402

PROFILES = sorted((ROOT / "boards").glob("*.toml"))
GOOD = board.load_toml(ROOT / "boards" / "esp32_devkitc.toml")


def refusal(change):
    profile = copy.deepcopy(GOOD)
    change(profile)
    with pytest.raises(board.BoardError) as caught:
        board.check(profile, "some.toml")
    assert str(caught.value).startswith("some.toml: " + caught.value.key)
    return caught.value


def cp(**values):
    return lambda p: p["connectors"][0]["cp"].update(values)


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_shipped_profiles_are_accepted_and_say_where_they_are_from(path):
    profile = board.load_toml(path)
    assert profile["name"] == path.stem
    assert profile["source"]


def test_devkitc_has_the_pins_of_its_source():
    connector = GOOD["connectors"][0]
    assert (connector["cp"]["pwm"], connector["cp"]["adc"]) == (27, 36)
    assert connector["contactor"]["pin"] == 26
    assert connector["rcd"] == {"trip": 13, "test": 14}
    assert GOOD["uarts"][0] == {"id": 1, "rx": 32, "tx": 25, "dir": 33, "baud": 9600}


@pytest.mark.parametrize(
    "change, key, reason",
    [
        (cp(adc=25), "connectors[0].cp.adc", "ADC2"),
        (cp(adc=5), "connectors[0].cp.adc", "no ADC1"),
        (cp(pwm=34), "connectors[0].cp.pwm", "only be an input"),
        (cp(pwm=26), "connectors[0].contactor.pin", "used twice"),
        (cp(pwm=7), "connectors[0].cp.pwm", "flash"),
        (cp(pwm=24), "connectors[0].cp.pwm", "no pin"),
        (cp(pwm="27"), "connectors[0].cp.pwm", "no pin"),
        (cp(pwn=27), "connectors[0].cp.pwn", "unknown key"),
        (lambda p: p["connectors"][0]["cp"].pop("divider"), "connectors[0].cp.divider", "missing"),
        # -10 V below ground at the ADC
        (cp(divider=[15000, 5600, 4700]), "connectors[0].cp.divider", "diode"),
        # E as 3.2 V: everything above is the same to the ADC
        (cp(divider=[120000, 27000, 470000]), "connectors[0].cp.divider", "saturated"),
        (cp(residual_permille=60), "connectors[0].cp.divider", "cannot separate states"),
        (cp(divider=[270000, 68000]), "connectors[0].cp.divider", "three resistances"),
        (lambda p: p["connectors"][0].update(max_a=5), "connectors[0].max_a", "6 to 80"),
        (lambda p: p["connectors"][0].update(cable="socket"), "connectors[0].cable", "lock"),
        (lambda p: p["connectors"][0]["rcd"].update(trip=39), "connectors[0].rcd.trip", "pulses"),
        (lambda p: p["reader"].update(uart=1), "reader.uart", "used by"),
        (lambda p: p["connectors"][0]["meter"].update(uart=0), "connectors[0].meter.uart", "no UART"),
        (lambda p: p["uarts"][1].update(id=1), "uarts[1].id", "twice"),
        (lambda p: p["uarts"][1].update(id=3), "uarts[1].id", "UARTs 0 to 2"),
        (lambda p: p.update(guard="hope"), "guard", "one of"),
        (lambda p: p.update(chip="esp8266"), "chip", "one of"),
        (lambda p: p.update(connectors=[]), "connectors", "at least one"),
        (lambda p: p["connectors"][0].update(id=True), "connectors[0].id", "int"),
    ],
)
def test_refusals_name_key_and_reason(change, key, reason):
    error = refusal(change)
    assert error.key == key, error
    assert reason in error.reason, error


@pytest.mark.parametrize("pin", [0, 1, 3, 5, 12, 14])
def test_contactor_on_a_strapping_or_pulsing_pin_is_refused(pin):
    def change(profile):
        # Nothing else may be on that pin.
        profile.pop("button")
        profile["connectors"][0].pop("rcd")
        profile["connectors"][0]["contactor"]["pin"] = pin

    error = refusal(change)
    assert error.key == "connectors[0].contactor.pin" and "strapping" in error.reason


def test_board_that_cannot_see_the_diode_passes_only_if_it_says_so():
    profile = copy.deepcopy(GOOD)
    profile["connectors"][0]["cp"].update(divider=[15000, 5600, 4700], diode_check=False)
    warnings = []
    board.check(profile, "some.toml", warnings.append)
    assert any("linear range" in text for text in warnings)


def test_recommended_front_end_has_no_warning():
    profile = copy.deepcopy(GOOD)
    profile["connectors"][0]["cp"].update(divider=[120000, 27000, 22000])
    warnings = []
    board.check(profile, "some.toml", warnings.append)
    assert warnings == []


def test_broken_toml_names_the_file(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("name = [")
    with pytest.raises(board.BoardError) as caught:
        board.load_toml(path)
    assert caught.value.file == str(path) and caught.value.key == "syntax"


def test_command_writes_json_or_fails(tmp_path):
    out = tmp_path / "board.json"
    tool = str(ROOT / "tools" / "board.py")
    done = subprocess.run([sys.executable, tool, str(PROFILES[0]), "-o", str(out)])
    assert done.returncode == 0
    assert json.loads(out.read_text()) == board.load_toml(PROFILES[0])
    bad = tmp_path / "bad.toml"
    bad.write_text('chip = "esp32"\nname = "x"\n')
    done = subprocess.run([sys.executable, tool, str(bad)], capture_output=True, text=True)
    assert done.returncode == 1 and "bad.toml: source: is missing" in done.stderr
