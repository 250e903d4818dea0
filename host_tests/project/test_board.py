# Board profiles: the shipped ones are accepted, dangerous ones refused with file, key, reason.
# MIT license; part of microevse

import ast
import copy
import json
import random
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


CONTACTOR = "connectors[0].contactor.pin"


def cp(**values):
    return lambda p: p["connectors"][0]["cp"].update(values)


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: p.stem)
def test_shipped_profiles_are_accepted_and_say_where_they_are_from(path):
    profile = board.load_toml(path)
    assert profile["name"] == path.stem
    assert profile["source"]


def warnings(change):
    profile = copy.deepcopy(GOOD)
    change(profile)
    told = []
    board.check(profile, "some.toml", told.append)
    return told


def relay(**values):
    return lambda p: p["connectors"][0]["contactor"].update(values)


def test_a_guard_counts_only_with_an_rcd_that_gates_and_says_so():
    def fit(kind, gates):
        def change(p):
            p["guard"] = kind
            p["connectors"][0]["rcd"]["gates"] = gates
            p["connectors"][0]["contactor"]["held"] = 22

        return change

    for kind in ("interlock", "external"):
        assert not [w for w in warnings(fit(kind, True)) if "guard" in w]
        told = [w for w in warnings(fit(kind, False)) if "counts as none" in w]
        assert len(told) == 1 and "connectors[0].rcd.gates" in told[0]
    error = refusal(relay(held=22))
    assert error.key == "connectors[0].contactor.held" and "no guard" in error.reason


def ulp(change=None):
    """A board with the guard in the ULP, and one thing that is wrong."""

    def make(p):
        p["guard"] = "ulp"
        p["connectors"][0]["contactor"]["pin"] = 4
        if change:
            change(p)

    return make


def test_the_ulp_guards_only_what_it_can_and_counts_as_none():
    told = [w for w in warnings(ulp()) if "guard" in w]
    assert told == ["guard: ulp counts as none: it has not been shown on any board"]
    for change, key, reason in (
        (relay(pin=26), "connectors[0].contactor.pin", "GPIO 4, 13, 27 only"),
        (relay(pin=23), "connectors[0].contactor.pin", "GPIO 4, 13, 27 only"),
        (relay(active_high=False), "connectors[0].contactor.active_high", "pulled down"),
        (lambda p: p["connectors"][0].update(max_a=80), "connectors[0].max_a", "above 63 A"),
        (
            lambda p: p["connectors"][0]["cp"].update(diode_check=False),
            "connectors[0].cp.diode_check",
            "-10 V",
        ),
    ):
        error = refusal(ulp(change))
        assert error.key == key and reason in error.reason, (error.key, error.reason)


def test_the_ulp_guard_is_refused_on_another_chip_and_with_two_connectors():
    for name, reason in (("esp32s2_diy_alpha", "original esp32"), ("esp32_dual", "one pilot")):
        profile = copy.deepcopy(board.load_toml(ROOT / "boards" / (name + ".toml")))
        profile["guard"] = "ulp"
        for connector in profile["connectors"]:
            connector["contactor"].pop("held", None)
        with pytest.raises(board.BoardError) as caught:
            board.check(profile, name)
        assert "guard" in str(caught.value) and reason in str(caught.value), caught.value


def test_poles_may_be_one_pin_or_a_list():
    assert warnings(relay(feedback=22)) == warnings(relay(feedback=[22, 23], sense=[4, 21]))
    for wrong in ([], [22, 22], [99], "22", [[22]]):
        assert "contactor.feedback" in refusal(relay(feedback=wrong)).key


def test_thermometers():
    def temp(**values):
        return lambda p: p.update(temp=values)

    for good in ({"adc": 34}, {"type": "ntc", "adc": 34}, {"type": "ds18b20", "pin": 22}):
        assert not [w for w in warnings(temp(**good)) if w.startswith("temp")]
    assert "temp.adc" in refusal(temp(type="ds18b20", adc=34)).key
    assert "input" in refusal(temp(type="ds18b20", pin=34)).reason
    assert "sees nothing" in refusal(temp(type="ntc", adc=34, pullup=100000)).reason
    assert "positive" in refusal(temp(type="ntc", adc=34, beta=0)).reason
    cold = [w for w in warnings(temp(type="ntc", adc=34, pullup=2000)) if w.startswith("temp")]
    assert len(cold) == 1 and "taken for a broken one" in cold[0]


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
        # the highest B as 3.15 V: full on some chips, as +12 V is
        (
            cp(divider=[36000, 10000, 15000]),
            "connectors[0].cp.divider",
            "saturated",
        ),
        # no A at all: the highest B is 3.07 V
        (
            cp(divider=[36000, 10000, 13000], residual_permille=60),
            "connectors[0].cp.divider",
            "cannot separate states A and B",
        ),
        (cp(vcc_mv=33), "connectors[0].cp.vcc_mv", "no supply"),
        (cp(residual_permille=-1), "connectors[0].cp.residual_permille", "0 to 200"),
        (cp(cal=[1, 2]), "connectors[0].cp.cal", "two to 12 points"),
        (cp(cal=[[0, 0]]), "connectors[0].cp.cal", "two to 12 points"),
        (cp(cal=[[i, i] for i in range(13)]), "connectors[0].cp.cal", "two to 12 points"),
        (cp(cal=[[5, 0], [5, 100]]), "connectors[0].cp.cal", "lowest one first"),
        (cp(cal=[[0, 0], [9, 50], [20, 40]]), "connectors[0].cp.cal", "lowest one first"),
        (cp(cal=[[0, 0], [65536, 3000000]]), "connectors[0].cp.cal", "two to 12 points"),
        (cp(cal=[[0, 0], [5, 1.5]]), "connectors[0].cp.cal", "two to 12 points"),
        (cp(disconnect={"pin": 34}), "connectors[0].cp.disconnect.pin", "only be an input"),
        (cp(disconnect={"pin": 26}), "connectors[0].contactor.pin", "used twice"),
        (lambda p: p["connectors"][0]["contactor"].update(pin=34), CONTACTOR, "only be an input"),
        (
            lambda p: p["connectors"][0].update(pp={"adc": 36}),
            "connectors[0].pp.adc",
            "used twice",
        ),
        (lambda p: p["connectors"][0].update(pp={"adc": 4}), "connectors[0].pp.adc", "ADC2"),
        (lambda p: p.update(leds=[19]), "leds", "table"),
        (lambda p: p["leds"].update(wifi=35), "leds.wifi", "only be an input"),
        (lambda p: p.update(source=" "), "source", "empty"),
        (lambda p: p.update(draft=""), "draft", "empty"),
        (lambda p: p.update(module="mini-2"), "module", "one of"),
        (lambda p: p.update(module="mini-1", chip="esp32s3"), "module", "no esp32s3"),
        (lambda p: p.update(connectors=3 * p["connectors"]), "connectors[1].cp.pwm", "used twice"),
        (cp(residual_permille=60), "connectors[0].cp.divider", "cannot separate states"),
        (cp(divider=[270000, 68000]), "connectors[0].cp.divider", "three resistances"),
        (lambda p: p["connectors"][0].update(max_a=5), "connectors[0].max_a", "6 to 80"),
        (lambda p: p["connectors"][0].update(cable="socket"), "connectors[0].cable", "lock"),
        (lambda p: p["connectors"][0]["rcd"].update(trip=39), "connectors[0].rcd.trip", "pulses"),
        (lambda p: p["reader"].update(uart=1), "reader.uart", "used by"),
        (
            lambda p: p["connectors"][0]["meter"].update(uart=0),
            "connectors[0].meter.uart",
            "no UART",
        ),
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
    cp(divider=[15000, 5600, 4700])(profile)
    with pytest.raises(board.BoardError) as caught:
        board.check(profile, "some.toml")
    assert "diode" in caught.value.reason
    cp(diode_check=False)(profile)
    warnings = []
    board.check(profile, "some.toml", warnings.append)
    assert any("linear range" in text for text in warnings)
    assert any("diode_check" in text and "shorted diode" in text for text in warnings)


def test_front_end_above_the_linear_range_is_told_with_what_it_can_stand():
    for name, levels, margin in (
        ("smartevse_v30", 3281, "2.6 %, D and E up to 1.7 %"),
        ("synccharge_esp32", 3033, "3.2 %, D and E up to 2.5 %"),
        ("esp32_devkitc", 2563, "2.6 %, D and E up to 1.7 %"),
    ):
        warnings = []
        board.load_toml(ROOT / "boards" / (name + ".toml"), warnings.append)
        (text,) = [w for w in warnings if "linear range" in w]
        assert text.startswith("connectors[0].cp.divider: +12 V is %d mV" % levels), text
        assert text.endswith("A to D are told apart up to an error of " + margin), text


def test_measured_curve_is_accepted():
    profile = copy.deepcopy(GOOD)
    cp(cal=[[0, 142000], [46000, 2450000], [57000, 2900000], [65535, 3120000]])(profile)
    board.check(profile, "some.toml")


def dual():
    return board.load_toml(ROOT / "boards" / "esp32_dual.toml")


def test_one_adc_carries_two_connectors_and_no_third():
    profile = dual()
    third = copy.deepcopy(profile["connectors"][1])
    third.update(id=3)
    third["cp"].update(pwm=14, adc=36)
    third["contactor"].update(pin=27)
    third.pop("rcd")
    third["meter"].update(address=3)
    profile["connectors"].append(third)
    # The card reader was on that pin.
    profile.pop("reader")
    profile["uarts"].pop()
    with pytest.raises(board.BoardError) as caught:
        board.check(profile, "some.toml")
    assert caught.value.key == "connectors" and "at most" in caught.value.reason


def test_two_meters_with_one_address_on_one_line_are_refused():
    profile = dual()
    profile["connectors"][1]["meter"]["address"] = 1
    with pytest.raises(board.BoardError) as caught:
        board.check(profile, "some.toml")
    assert caught.value.key == "connectors[1].meter.address" and "twice" in caught.value.reason


def test_contactor_pins_that_the_rtc_cannot_hold_are_warned_of():
    profile = copy.deepcopy(GOOD)
    profile["connectors"][0]["contactor"]["pin"] = 16
    warnings = []
    board.check(profile, "some.toml", warnings.append)
    assert any(
        "contactor.pin: GPIO 16" in text and "25, 26, 27, 32, 33" in text for text in warnings
    )


def test_pins_of_the_flash_depend_on_the_module():
    profile = board.load_toml(ROOT / "boards" / "smartevse_v31.toml")
    assert profile["connectors"][0]["lock"]["a"] == 9
    profile.pop("module")
    with pytest.raises(board.BoardError) as caught:
        board.check(profile, "some.toml")
    assert caught.value.key == "connectors[0].lock.a" and "flash" in caught.value.reason
    profile = copy.deepcopy(GOOD)
    profile["module"] = "mini-1"
    profile["connectors"][0]["cp"]["pwm"] = 16
    with pytest.raises(board.BoardError) as caught:
        board.check(profile, "some.toml")
    assert "flash" in caught.value.reason


def test_no_board_json_is_made_of_a_draft(tmp_path, monkeypatch):
    """A draft may have a front end that is not good enough, is told what is wrong with it, and
    gets on no board."""
    (tmp_path / "boards").mkdir()
    toml = tmp_path / "boards" / "some_draft.toml"
    text = (ROOT / "boards" / "smartevse_v30.toml").read_text()
    bad = text.replace("[40200, 10000, 15000]", "[36000, 10000, 15000]")
    assert bad != text
    bad = bad.replace('name = "smartevse_v30"', 'name = "some_draft"')
    toml.write_text(bad)
    with pytest.raises(board.BoardError) as caught:
        board.load_toml(toml)
    assert caught.value.key == "connectors[0].cp.divider"
    toml.write_text(bad.replace('chip = "esp32"', 'chip = "esp32"\ndraft = "wrong resistors"'))
    warnings = []
    board.load_toml(toml, warnings.append)
    assert any("saturated" in text for text in warnings)
    out = tmp_path / "board.json"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "board.py"), str(toml), "-o", str(out)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and not out.exists()
    assert "some_draft.toml: draft: not for a board yet: wrong resistors" in done.stderr
    import build

    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(board, "ROOT", tmp_path)
    with pytest.raises(SystemExit) as stopped:
        build.main("some_draft")
    assert "not for a board yet" in str(stopped.value) and not (tmp_path / "build").exists()


# From the source of each profile, so that a pin is not changed by mistake. The lock of a
# SmartEVSE: its ACTB high and ACTA low drive the bolt in, as our `a` high and `b` low.
PINS = {
    "esp32_devkit_min": {"pwm": 33, "adc": 35, "contactor": 32},
    "esp32_devkitc": {"pwm": 27, "adc": 36, "contactor": 26},
    "esp32s2_diy_alpha": {"pwm": 33, "adc": 4, "contactor": 21, "pp": 3, "lock": (20, 19, 34)},
    "smartevse_v30": {"pwm": 19, "adc": 39, "contactor": 32, "pp": 34, "lock": (18, 17, 35)},
    "smartevse_v31": {"pwm": 19, "adc": 39, "contactor": 32, "pp": 34, "lock": (9, 10, 35)},
    "synccharge_esp32": {"pwm": 27, "adc": 36, "contactor": 16},
    "wt32_eth01": {"pwm": 14, "adc": 36, "contactor": 32},
}


@pytest.mark.parametrize("name", PINS)
def test_pins_are_those_of_the_source(name):
    (connector,) = board.load_toml(ROOT / "boards" / (name + ".toml"))["connectors"]
    found = {"pwm": connector["cp"]["pwm"], "adc": connector["cp"]["adc"]}
    found["contactor"] = connector["contactor"]["pin"]
    if "pp" in connector:
        found["pp"] = connector["pp"]["adc"]
    if "lock" in connector:
        found["lock"] = tuple(connector["lock"][name] for name in ("a", "b", "detect"))
    assert found == PINS[name]


@pytest.mark.parametrize("name", sorted([*PINS, "esp32_dual"]))
def test_shipped_profiles_say_what_is_unverified(name):
    path = ROOT / "boards" / (name + ".toml")
    text = path.read_text().lower()
    # "Verified" is what a bench has measured: docs/bench.md.
    if "verified on hardware" in text.replace("nothing here has been verified on hardware", ""):
        assert board.bench(board.load_toml(path), path), "which evidence shows it?"
    assert "unverified" in text or "verified on hardware" in text or "never built" in text


def test_recommended_front_end_has_no_warning():
    profile = copy.deepcopy(GOOD)
    profile["connectors"][0]["cp"].update(divider=[120000, 27000, 22000])
    warnings = []
    board.check(profile, "some.toml", warnings.append)
    assert warnings == []


@pytest.mark.parametrize(
    "text",
    ["name = [", "a = " + "[" * 3000, "a = " + "9" * 5000],
    ids=["cut", "deep", "digits"],
)
def test_broken_toml_names_the_file(tmp_path, text):
    path = tmp_path / "bad.toml"
    path.write_text(text)
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


CHIP_UART = {"id": 2, "rx": 2, "tx": 15, "baud": 4800, "parity": "even"}
REGISTERS = [{"value": "energy", "register": 0, "type": "u32", "unit": "0.01 kWh"}]
SPI = {"sck": 18, "mosi": 23, "miso": 19, "cs": 5}


def fitted(meter=None, reader=None, leds=None, uart=None):
    """The devkitc with other parts; its second UART is free for them."""

    def change(profile):
        profile.pop("reader")
        profile.pop("leds")
        if meter:
            profile["connectors"][0]["meter"] = meter
        if reader:
            profile["reader"] = reader
        if leds:
            profile["leds"] = leds
        if uart:
            profile["uarts"][1] = uart

    return change


@pytest.mark.parametrize(
    "change",
    [
        fitted(meter={"type": "s0", "pin": 21, "imp_per_kwh": 2000, "max_w": 11000}),
        fitted(meter={"type": "hlw8032", "uart": 2, "shunt_uohm": 500}, uart=CHIP_UART),
        fitted(meter={"type": "modbus", "uart": 1, "address": 3, "registers": REGISTERS}),
        fitted(reader={"type": "mfrc522", **SPI, "reset": 22}),
        fitted(reader={"type": "pn532", **SPI}),
        fitted(reader={"type": "pn532", "sda": 21, "scl": 22}),
        fitted(reader={"type": "pn532", "uart": 2}),
        fitted(leds={"ready": 4, "error": 16, "active_low": True}),
        fitted(leds={"ws2812": {"pin": 4, "count": 8}}),
    ],
)
def test_parts_that_may_be_fitted_pass(change):
    profile = copy.deepcopy(GOOD)
    change(profile)
    board.check(profile, "some.toml")


@pytest.mark.parametrize(
    "change, key, reason",
    [
        (fitted(meter={"type": "sdm999", "uart": 1}), "connectors[0].meter.type", "one of"),
        (fitted(meter={"type": "s0"}), "connectors[0].meter.pin", "missing"),
        (fitted(meter={"type": "s0", "pin": 39}), "connectors[0].meter.pin", "pulses"),
        (
            fitted(meter={"type": "s0", "pin": 21, "uart": 1}),
            "connectors[0].meter.uart",
            "unknown",
        ),
        (fitted(meter={"type": "cse7766", "uart": 2}), "connectors[0].meter.uart", "even parity"),
        (
            fitted(meter={"type": "modbus", "uart": 1, "registers": []}),
            "connectors[0].meter.registers",
            "no energy",
        ),
        (
            fitted(
                meter={"type": "modbus", "uart": 1, "registers": [{**REGISTERS[0], "unit": "V"}]}
            ),
            "connectors[0].meter.registers",
            "none of energy",
        ),
        (
            fitted(
                meter={"type": "hlw8032", "uart": 2},
                reader={"type": "line", "uart": 2},
                uart=CHIP_UART,
            ),
            "reader.uart",
            "used by",
        ),
        (fitted(reader={"type": "rdm6300", "uart": 2}), "reader.type", "one of"),
        (fitted(reader={"type": "mfrc522", "sck": 18}), "reader.mosi", "missing"),
        (fitted(reader={"type": "pn532"}), "reader", "one bus"),
        (fitted(reader={"type": "pn532", "uart": 2, **SPI}), "reader", "one bus"),
        (fitted(reader={"type": "mfrc522", **SPI, "reset": 27}), "reader.reset", "used twice"),
        (fitted(leds={"chargin": 4}), "leds.chargin", "unknown lamp"),
        (fitted(leds={"error": 34}), "leds.error", "only be an input"),
        (fitted(leds={"active_low": 1}), "leds.active_low", "bool"),
        (fitted(leds={"ws2812": {"pin": 4, "count": 0}}), "leds.ws2812.count", "1 to 100"),
        (fitted(leds={"ws2812": {"pin": 26}}), "leds.ws2812.pin", "used twice"),
    ],
)
def test_parts_that_make_no_sense_are_refused(change, key, reason):
    error = refusal(change)
    assert error.key == key, error
    assert reason in error.reason, error


def test_the_guide_quotes_refusals_that_exist():
    source = ""
    for path in (ROOT / "tools").glob("*.py"):
        if path.name.startswith("board") or path.name == "front_end.py":
            nodes = ast.walk(ast.parse(path.read_text()))
            texts = [n.value for n in nodes if isinstance(n, ast.Constant)]
            source += "\n".join(text for text in texts if isinstance(text, str))
    table = (ROOT / "docs" / "add_a_board.md").read_text().split("| reason |")[1]
    quoted = []
    for line in table.split("\n\n")[0].splitlines()[2:]:
        quoted += line.split("|")[1].split("`")[1::2]
    assert len(quoted) > 12
    for reason in quoted:
        for part in reason.split("..."):
            assert part.strip() in source, reason


ETH = board.load_toml(ROOT / "boards" / "wt32_eth01.toml")


def _wiring(**values):
    return lambda p: p["ethernet"].update(values)


@pytest.mark.parametrize(
    "change, key, reason",
    [
        (lambda p: p.pop("ethernet"), "ethernet", "missing"),
        (lambda p: p.update(network="wifi"), "ethernet", "only for"),
        (lambda p: p.update(chip="esp32s3"), "network", "no Ethernet MAC"),
        (_wiring(phy="w5500"), "ethernet.phy", "one of"),
        (_wiring(address=32), "ethernet.address", "0 to 31"),
        (_wiring(mdc=25), "ethernet.mdc", "RMII RXD0"),
        (_wiring(mdio=14), "connectors[0].cp.pwm", "used twice, also by ethernet.mdio"),
        (_wiring(power=34), "ethernet.power", "only be an input"),
        (_wiring(clock=2), "ethernet.clock", "comes in at GPIO 0"),
        (_wiring(clock=2, clock_out=True), "ethernet.clock", "goes out of GPIO 0 or 16 or 17"),
        (_wiring(speed=100), "ethernet.speed", "unknown key"),
        (lambda p: p["connectors"][0]["contactor"].update(pin=26), CONTACTOR, "RMII RXD1"),
        (lambda p: p.update(button=27), "button", "RMII CRS_DV"),
        (lambda p: p.update(button=0), "button", "ethernet.clock"),
    ],
)
def test_ethernet_wiring_that_cannot_be_is_refused(change, key, reason):
    profile = copy.deepcopy(ETH)
    change(profile)
    with pytest.raises(board.BoardError) as caught:
        board.check(profile, "some.toml")
    assert caught.value.key == key and reason in caught.value.reason


def test_an_ethernet_clock_may_go_out():
    profile = copy.deepcopy(ETH)
    profile["ethernet"].update(clock=0, clock_out=True)
    assert board.check(profile, "some.toml")["network"] == "ethernet"


# -- all at once ----------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once(tmp_path):
    text = (ROOT / "boards" / "esp32_devkitc.toml").read_text()
    for right, wrong in (
        ('name = "esp32_devkitc"', 'name = "another"\nbuton = 4'),
        ("pwm = 27", "pwm = 34"),
        ("max_a = 32", "max_a = 200"),
        ("phases = 1", "phases = 2"),
        ("trip = 13", "trip = 39"),
        ('partition = "journal"', ""),
    ):
        assert right in text, right
        text = text.replace(right, wrong, 1)
    path = tmp_path / "my_board.toml"
    path.write_text(text)
    tool = str(ROOT / "tools" / "board.py")
    done = subprocess.run([sys.executable, tool, str(path)], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    told = [line[len(f"error: {path}: ") :] for line in said]
    assert all(line.startswith(f"error: {path}: ") for line in said)
    assert [line.split(":")[0] for line in told] == [
        "buton",
        "connectors[0].phases",
        "connectors[0].cp.pwm",
        "connectors[0].rcd.trip",
        "journal.partition",
        "connectors[0].max_a",
        "name",
    ]
    assert told[-1] == "name: is 'another', but the file is my_board.toml: both must be the same"


def test_one_mistake_is_told_once():
    """A missing table is one mistake, not one for each rule about it."""
    for key in ("connectors", "guard", "network", "journal", "chip"):
        profile = copy.deepcopy(GOOD)
        del profile[key]
        with pytest.raises(board.BoardError) as caught:
            board.check(profile, "some.toml")
        assert caught.value.problems == [(key, "is missing")]


def _places(thing):
    """(container, key) of everything inside."""
    for key in list(thing) if isinstance(thing, dict) else range(len(thing)):
        yield thing, key
        if isinstance(thing[key], (dict, list)):
            yield from _places(thing[key])


def test_no_profile_however_wrong_ends_the_checker_with_anything_but_its_own_words():
    """Some ended it with an AttributeError or a KeyError once."""
    rng = random.Random(9)
    print("seed 9")
    profiles = [board.load_toml(path) for path in PROFILES]
    values = [None, 0, -1, True, "", "x", 27, 36, 1.5, "socket", "ulp"]
    values += [[], {}, [{}], [1, 2, 3], {"pin": 5}]
    refused = 0
    for _ in range(2000):
        profile = copy.deepcopy(rng.choice(profiles))
        for _ in range(rng.randint(1, 3)):
            place, key = rng.choice(list(_places(profile)))
            if rng.random() < 0.3:
                del place[key]
            else:
                place[key] = copy.deepcopy(rng.choice(values))
        try:
            board.check(profile, "some.toml")
        except board.BoardError as exc:
            refused += 1
            assert all(key and reason for key, reason in exc.problems)
    assert refused > 1500


def test_the_checker_is_in_pieces_that_can_be_read():
    for path in (ROOT / "tools").glob("board*.py"):
        assert path.read_text().count("\n") <= 320, path
