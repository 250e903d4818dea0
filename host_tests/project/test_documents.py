# The documents agree with the source: generated pages, links, files and commands that they name.
# MIT license; part of microevse
"""A page that is not compared with the source is wrong after a month."""

import re
import shlex
import subprocess

import board
import board_list
import documents
import ocpp2_document
import pytest
from chipbench import bound
from iec61851 import plateau
from tools_paths import ROOT

PAGES = sorted(
    [p for p in ROOT.glob("*.md")] + [p for p in (ROOT / "docs").rglob("*.md")],
    key=lambda p: str(p),
)
NAMES = [str(p.relative_to(ROOT)) for p in PAGES]


@pytest.mark.parametrize("name", sorted(documents.PAGES))
def test_a_generated_page_is_what_its_generator_makes(name):
    assert (ROOT / "docs" / name).read_text() == documents.PAGES[name](), "make docs"


def test_every_setting_is_declared_with_a_known_type_and_access():
    rows = documents.declarations()
    assert len(rows) > 50
    page = documents.settings()
    for row in rows:
        assert page.count("| `%s`" % row[0]) == 1, row[0]


def test_every_action_of_the_schemas_has_its_profile():
    known = documents.profiles()
    calls, answers = documents._checked()
    assert set(known) == set(calls) | set(answers)
    handled, sent = documents.actions()
    assert {"RemoteStartTransaction", "GetDiagnostics", "TriggerMessage"} <= set(handled)
    assert "DeleteCertificate" in handled and "SignCertificate" not in handled
    assert {"StartTransaction", "Heartbeat", "SignCertificate"} <= set(sent)
    assert "DeleteCertificate" not in sent


def test_every_action_of_2x_has_its_block():
    calls, answers = ocpp2_document.checked()
    assert set(calls) | set(answers) <= set(ocpp2_document.blocks())
    assert set(ocpp2_document.handled()) <= set(calls)
    told = ocpp2_document.sent(documents._texts)
    assert {"TransactionEvent", "Heartbeat", "Authorize"} <= set(told)
    assert "PublishFirmwareStatusNotification" not in told


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue  # the web
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_make_targets_that_are_named_exist(page):
    made = set(re.findall(r"^([a-z ]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets = {word for line in made for word in line.split()}
    text = page.read_text()
    for target in re.findall(r"(?:`|^    )make ([a-z]+)\b", text, re.MULTILINE):
        assert target in targets, f"{page.name}: make {target}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_are_named_exist(page):
    """`lib/...`, `firmware/...`, `host_tests/...` and the like in backquotes."""
    text = page.read_text()
    for name in re.findall(r"`((?:lib|firmware|host_tests|tools|boards|docs)/[\w./-]*)`", text):
        if "NAME" not in name:  # the reader's own
            assert (ROOT / name).exists(), f"{page.name}: {name}"


COMMAND = re.compile(r"^ {4,}(?:[A-Z]\w+=\S+ )*(\.venv/bin/\w+|make|python3) (.*)$", re.M)


def commands(page):
    """[(program, [its arguments])] of the commands that a page shows as blocks."""
    found = []
    for program, rest in COMMAND.findall(page.read_text().replace("\\\n", " ")):
        found.append((program, shlex.split(rest, comments=True)))
    return found


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_and_tests_of_the_commands_exist(page):
    for _, arguments in commands(page):
        for word in arguments:
            file, _, test = word.removeprefix("ARGS=").partition("::")
            if re.match(r"(?:host_tests|tools|docs|lib|boards)/", file) and "NAME" not in file:
                assert (ROOT / file).exists(), f"{page.name}: {word}"
                if test:
                    assert f"def {test}(" in (ROOT / file).read_text(), f"{page.name}: {word}"


def test_the_commands_of_contributing_find_tests():
    """What stands after -k, in the files that stand beside it, is a part of some test's name."""
    shown = [c for c in commands(ROOT / "CONTRIBUTING.md") if c[0].endswith("/python")]
    assert len(shown) >= 4
    for program, arguments in shown:
        assert (arguments[:2], program) == (["-m", "pytest"], ".venv/bin/python")
        if "-k" in arguments:
            word = arguments[arguments.index("-k") + 1]
            names = " ".join(path.read_text() for path in (ROOT / "host_tests").rglob("test_*.py"))
            if any("test_units_on_micropython" in file for file in arguments):
                names = " ".join(path.name for path in (ROOT / "host_tests/unit").glob("*.py"))
            assert word in names, word


def test_generators_are_named_where_a_change_is_prepared():
    text = (ROOT / "Makefile").read_text()
    made = set(
        re.findall(
            r"^(\w+): .*\n\t.*tools/(?:documents|stubs|mip_packages|schemas)\.py$", text, re.M
        )
    )
    assert made == {"docs", "stubs", "packages", "schemas"}
    for name in ("CONTRIBUTING.md", ".github/pull_request_template.md"):
        page = (ROOT / name).read_text()
        for target in made:
            assert f"`make {target}`" in page, f"{name}: make {target}"


def test_the_wiring_page_names_the_pins_of_the_board_files():
    tomllib = pytest.importorskip("tomllib", reason="NOT RUN: needs Python 3.11")

    page = (ROOT / "docs" / "wiring.md").read_text()
    boards, rest = [], []
    for name in ("esp32_devkitc", "esp32_dual"):
        board = tomllib.loads((ROOT / "boards" / (name + ".toml")).read_text())
        connector = board["connectors"][0]
        bus = next(u for u in board["uarts"] if u["id"] == connector["meter"]["uart"])
        divider = ", ".join("%dk" % (ohms // 1000) for ohms in connector["cp"]["divider"])
        reader = next(u for u in board["uarts"] if u["id"] == board["reader"]["uart"])
        boards.append((connector, bus, divider))
        rest.append((board["leds"], reader, board["button"]))
    for label, cell in (
        ("control pilot, PWM", lambda c, u, d: c["cp"]["pwm"]),
        ("control pilot, ADC", lambda c, u, d: "%d (%s)" % (c["cp"]["adc"], d)),
        ("contactor", lambda c, u, d: c["contactor"]["pin"]),
        ("RCD trip, test", lambda c, u, d: "%d, %d" % (c["rcd"]["trip"], c["rcd"]["test"])),
        ("RS-485 rx, tx, direction", lambda c, u, d: "%d, %d, %d" % (u["rx"], u["tx"], u["dir"])),
    ):
        row = "| %s | %s | %s |" % (label, cell(*boards[0]), cell(*boards[1]))
        assert row in page, row
    for label, cell in (
        ("LED charging, error", lambda leds, u, b: "%d, %d" % (leds["charging"], leds["error"])),
        ("card reader rx, tx", lambda leds, u, b: "%d, %d" % (u["rx"], u["tx"])),
        ("button", lambda leds, u, b: b),
    ):
        row = "| %s | %s | %s |" % (label, cell(*rest[0]), cell(*rest[1]))
        assert row in page, row


def test_the_page_is_as_large_as_the_document_says():
    """It said 8 KB compressed, and nothing compresses it."""
    folder = ROOT / "firmware" / "web" / "static"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    setup = sizes.pop("setup.html")
    words = "three files of %.0f KB on the board,\n  uncompressed, and %.0f KB for the set-up page"
    assert len(sizes) == 3
    page = (ROOT / "docs" / "features.md").read_text()
    assert words % (sum(sizes.values()) / 1000, setup / 1000) in page


@pytest.mark.parametrize("path", sorted((ROOT / "boards").glob("*.toml")), ids=lambda p: p.stem)
def test_the_copy_without_meter_is_a_board_file_and_its_evidence_counts(path, tmp_path):
    """The steps before the mains need a session, and a meter has no power before the mains."""
    page = (ROOT / "docs" / "wiring.md").read_text()
    command = re.search(r"^    (sed .*) boards/esp32_devkitc_ve.toml > ", page, re.M).group(1)
    made = tmp_path / path.name
    with made.open("w") as out:
        subprocess.run([*shlex.split(command), path], stdout=out, check=True)
    with_meter, without = board.load_toml(path), board.load_toml(made)
    for connector in with_meter["connectors"]:
        connector.pop("meter", None)
    assert without == with_meter
    assert bound.values(without) == bound.values(board.load_toml(path))


def test_every_board_is_in_the_table_with_what_it_lacks():
    rows = {line.split("`")[1]: line for line in board_list.markdown().split("\n") if "`" in line}
    assert set(rows) == {path.stem for path in (ROOT / "boards").glob("*.toml")}
    assert (
        "| ESP32, plain or with PSRAM | WiFi | fixed cable | 1 | 32 A |"
        in rows["esp32_devkitc_ve"]
    )
    assert "| plain ESP32 | WiFi | 2 x fixed cable |" in rows["esp32_dual"]
    # GPIO 17 belongs to the PSRAM of a WROVER; the page named this board for one.
    assert "| plain ESP32 | WiFi | socket | 3 |" in rows["smartevse_v30"]
    assert "check of the EV's diode" in rows["synccharge_esp32"]
    path = ROOT / "host_tests" / "support" / "boards" / "everything_fitted.toml"
    everything = board.load_toml(path, any_name=True)
    assert "weld" not in board_list.lacks(everything)
    for name in rows:
        lacks = board_list.lacks(board.load_toml(ROOT / "boards" / (name + ".toml")))
        assert lacks and "no " not in lacks


def test_the_wiring_page_has_the_voltages_of_its_divider():
    page = (ROOT / "docs" / "wiring.md").read_text()
    for name in ("esp32_dual", "esp32_devkitc", "esp32_devkitc_ve"):
        cp = board.load_toml(ROOT / "boards" / (name + ".toml"))["connectors"][0]["cp"]
        slope_ppm, offset_uv = plateau.divider(cp["divider"], cp["vcc_mv"])
        mv = [round((v * slope_ppm + offset_uv) / 1000) for v in (12, 9, 6, 3, 0, -12)]
        kohm = ", ".join("%d" % (ohms // 1000) for ohms in cp["divider"])
        row = "| %s kohm | %s |" % (kohm, " | ".join("%d mV" % value for value in mv))
        assert row in page, row


def test_the_way_back_to_a_version_that_cannot_read_the_sessions_is_told():
    """Both pages tell of it, with the times and words that the firmware has."""
    page = (ROOT / "docs" / "flashing.md").read_text()
    told = page.split("### Back to 0.1.0\n")[1].split("\n## ")[0]
    changes = (ROOT / "CHANGELOG.md").read_text().split("## 0.1.0")[0]
    assert "docs/flashing.md#back-to-010" in changes and "no way back to 0.1.0" in changes
    for word in ("crashes", "safe mode", "no car is connected", "second time"):
        assert word in changes, word
    trial = (ROOT / "firmware" / "upkeep" / "trial.py").read_text()
    assert "\nCSMS_S = 900\n" in trial and "a quarter of an\nhour" in told
    assert "\nGIVE_UP_S = 3600\n" in trial and "three starts or an hour" in told
    assert '"%s is confirmed"' in trial and "`is confirmed`" in told
    slots = (ROOT / "lib" / "slots" / "__init__.py").read_text()
    safe = (ROOT / "firmware" / "safe_mode.py").read_text()
    assert "\nTRIES = 3\n" in slots and re.search(r"^AFTER = (const\()?3\b", safe, re.M)
    assert [row for row in documents.declarations() if row[0] == "UpdateTrialTime"][0][5] == "20"
    assert "20 s after" in told
