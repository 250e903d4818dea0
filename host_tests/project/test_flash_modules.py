# `make flash` finds out which module it has before it, and chooses or refuses.
# MIT license; part of microevse
"""tools/flash.py with the real esptool and mpremote against the fake board, as four kinds of
module: a plain ESP32, one with PSRAM (WROVER), an ESP32-S3, and chips that no board file is for.
What it says is docs/flashing_transcript.md, word for word, but for paths and passwords.

Where a change of the words is meant: `WRITE=1 make test ARGS='-k as_the_document_says'` writes it
anew."""

import os
import pathlib
import re
import subprocess
import sys
import time

import pytest
from host_time import ANSWER_S
from tools_paths import ROOT, tool

sys.path.insert(0, str(ROOT / "tools"))
for needed in ("esptool", "mpremote", "littlefs", "serial"):
    pytest.importorskip(needed, reason="NOT RUN: %s is missing" % needed)
if not tool("micropython") or sys.platform != "linux":
    pytest.skip("NOT RUN: needs micropython on Linux", allow_module_level=True)

import flash_child  # noqa: E402

import image  # noqa: E402
import label_files  # noqa: E402
import module  # noqa: E402
import partitions  # noqa: E402
import update_kit  # noqa: E402
from fakeboard.board import MB, UNIT, FakeBoard, micropython  # noqa: E402
from seriallink import Trouble  # noqa: E402

TRANSCRIPT = ROOT / "docs" / "flashing_transcript.md"
SECRET = "correct horse battery"
SAY = "print('0.100 I app: microevse')\n"
S3_BOARD = """# A board with an ESP32-S3, for tests: nobody has built it.
name = "my_s3"
chip = "esp32s3"
source = "a test"
guard = "none"
network = "wifi"

[journal]
partition = "journal"

[[connectors]]
id = 1
cable = "fixed"
phases = 1
max_a = 16
cp = { pwm = 4, adc = 5, divider = [120000, 27000, 22000], vcc_mv = 3300 }
contactor = { pin = 6, active_high = true }
"""


def application(folder, board="esp32_devkitc_ve"):
    """What starts a slot, and an application that says one line; the profile of that board."""
    files = image.start(update_kit.application("0.1.0"))
    files["main.py"] = b"import app\n"
    files["app.mpy"] = update_kit.compiled(SAY)
    files["version.mpy"] = update_kit.compiled("VERSION = '0.1.0'\n")
    for place, data in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def flash(board, words, app=None, boot=True, pressed="press the board's reset button"):
    """(exit status, what tools/flash.py says), run in the folder of the board.

    A pseudo terminal has no reset lines: a person holds BOOT before (`boot`), and presses the
    reset button at the line with `pressed`.
    """
    if boot:
        board.button(boot=True)
    words = [*words, "--port", board.port] + (["--app", app] if app else [])
    early = "reset button" not in pressed  # while the prompt is looked for
    command = flash_child.command(board, *words, silent=False if early else None)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, cwd=board.folder,
    )  # fmt: skip
    seen = []
    for line in process.stdout:
        seen.append(line)
        if pressed in line:
            board.button()
    return process.wait(timeout=ANSWER_S), "".join(seen)


class Bench:
    """Fake boards, each in a folder of its own, with the image file for it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.made = []

    def board(self, image="spiram", chip="esp32", version=(1, 29, 0), **kwargs):
        """A board that is empty unless `firmware` says otherwise; in its folder is such an image
        for its chip."""
        folder = self.folder / ("board%d" % len(self.made))
        folder.mkdir()
        kwargs.setdefault("firmware", None)
        board = FakeBoard(folder, chip, kwargs.pop("size", 4 * MB), False, **kwargs)
        self.made.append(board)
        if chip in module.CHIPS:
            layout = "romfs" if image == "base" else "files"
            (folder / FILES[image, chip]).write_bytes(
                micropython(chip, version, layout=layout, kind=image)
            )
        return board

    def close(self):
        for board in self.made:
            board.close()


FILES = {
    ("base", "esp32"): "microevse-base-esp32.bin",
    ("plain", "esp32"): "ESP32_GENERIC.bin",
    ("spiram", "esp32"): "ESP32_GENERIC-SPIRAM.bin",
    ("spiram", "esp32s3"): "ESP32_GENERIC_S3.bin",
    ("octal", "esp32s3"): "ESP32_GENERIC_S3-SPIRAM_OCT.bin",
    ("plain", "esp32c3"): "ESP32_GENERIC_C3.bin",
}


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    return application(tmp_path_factory.mktemp("app"))


def refused(result, *words):
    status, text = result
    assert status == 1 and "Traceback" not in text and SECRET not in text, text
    last = text.strip().split("\n")[-1]
    assert last.startswith("flash: "), text
    for word in words:
        assert word in last, (word, text)
    return text


def blank(board):
    return set(board.flash_read(0, board.size)) == {0xFF}


# -- the transcript ----------------------------------------------------------------------------


def story(bench, app):
    """[(title, command, what it said)] of the four kinds of module."""
    told = []

    def tell(title, board, words, status, app=app, **person):
        began = time.monotonic()
        got, text = flash(board, words, app, **person)
        print("%.0f s: %s" % (time.monotonic() - began, title))
        assert got == status, text
        assert SECRET not in text
        shown = ["BOARD=" + words[0]] if words and not words[0].startswith("-") else []
        for i, word in enumerate(words):
            if word == "--firmware":
                shown.append("FIRMWARE=" + words[i + 1])
            if word == "--set":
                shown.append("SET='%s'" % words[i + 1].replace(SECRET, "..."))
        told.append((title, " ".join(["make flash"] + shown), tidy(text, board)))

    wifi = ["--set", 'WifiSsid="my house" WifiPassword="%s"' % SECRET]
    plain = bench.board("base", psram=False)
    tell("A plain ESP32 with 4 MB: which boards are there?", plain, [], 0, None)
    (plain.folder / "stock.bin").write_bytes(micropython("esp32", (1, 29, 0), kind="plain"))
    tell("MicroPython's own image on it", plain,
         ["esp32_devkitc", "--firmware", "stock.bin"], 1)  # fmt: skip
    assert blank(plain)
    tell("The base image on it", plain,
         ["esp32_devkitc", "--firmware", FILES["base", "esp32"], *wifi], 0)  # fmt: skip
    tell("Later: the application only", plain, ["esp32_devkitc"], 0, boot=False)
    wrover = bench.board("spiram", firmware=(1, 29, 0))
    tell("An ESP32 with PSRAM (WROVER), and a board file that uses the PSRAM's pins", wrover,
         ["esp32_devkitc", "--firmware", FILES["spiram", "esp32"]], 1,
         pressed="found:")  # fmt: skip
    tell("With the board file for it", wrover,
         ["esp32_devkitc_ve", "--firmware", FILES["spiram", "esp32"]], 0)  # fmt: skip
    s3 = bench.board("spiram", "esp32s3", psram="octal", size=8 * MB)
    (s3.folder / "my_s3.toml").write_text(S3_BOARD)
    tell("An ESP32-S3 with 8 MB and octal PSRAM, and an image that does not find that", s3,
         ["my_s3.toml", "--firmware", FILES["spiram", "esp32s3"]], 1)  # fmt: skip
    octal = s3.folder / FILES["octal", "esp32s3"]
    octal.write_bytes(micropython("esp32s3", (1, 29, 0), kind="octal"))
    tell("With the right one", s3, ["my_s3.toml", "--firmware", octal.name], 0)
    c3 = bench.board("plain", "esp32c3")
    tell("A wrong chip", c3, [], 1, None)
    assert blank(c3)
    return told


def tidy(text, board):
    """What differs from run to run out of the text: port, folders, passwords, and the lines of the
    charger's start."""
    text = text.replace(board.port, "/dev/ttyUSB0")
    text = re.sub(r"password [a-z2-9]{4}(-[a-z2-9]{4}){2}", "password xxxx-xxxx-xxxx", text)
    text = re.sub(r"\S*/build/labels/", "build/labels/", text)
    text = text.replace(", build/labels/microevse-b2c3.svg", "")
    lines = [line.rstrip() for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith(("  MPY", "  boot:"))]
    return "\n".join("    " + line for line in lines)


def page(told):
    text = HEAD
    for title, command, said in told:
        text += "\n## %s\n\n    $ %s\n%s\n" % (title, command, said)
    return text


HEAD = """\
# What `make flash` says

Real output of `make flash`, with the real esptool and mpremote, against a fake board: a model of
the chip's bootloader and a real MicroPython behind a serial line. **No module of silicon has been
flashed yet.** The application is a small one: its sizes and first log lines are not those of a
charger. A test compares this page with the output
(`host_tests/project/test_flash_modules.py`). Each charger has a password of its own: `xxxx` here.
"""


def test_four_kinds_of_module_are_told_apart_as_the_document_says(bench, app):
    said = page(story(bench, app))
    if os.environ.get("WRITE"):
        TRANSCRIPT.write_text(said)
    assert said == TRANSCRIPT.read_text(), "see the top of this file"


# -- one rule at a time ------------------------------------------------------------------------


def found(chip="esp32", **known):
    known.setdefault("flash", 4 * MB)
    return module.Found(chip, module.CHIPS[chip][0], **known)


REFUSED = (
    # (what is found, kind of the image, words of the sentence)
    (found(), "plain", "too little memory"),
    (found(psram=False), "plain", module.BASE_IMAGE),
    (found(psram=True), "plain", "ESP32_GENERIC, variant SPIRAM"),
    (found(psram=False), "spiram", module.BASE_IMAGE),
    (found(psram=False), "other", module.BASE_IMAGE),
    (
        found("esp32s3", psram=True),
        "base",
        "for a plain ESP32, this is ESP32-S3: take ESP32_GENERIC_S3 ",
    ),
    (found("esp32s2"), "base", "take ESP32_GENERIC_S2 from"),
    (found("esp32s3", psram=True, octal=True), "spiram", "ESP32_GENERIC_S3, variant SPIRAM_OCT,"),
    (found("esp32s3", psram=True, octal=False), "octal", "take ESP32_GENERIC_S3 from"),
    (found("esp32s3", psram=False), "spiram", "take a module with PSRAM"),
)
TAKEN = (
    (found(), "base"),
    (found(psram=False), "base"),
    (found(psram=True), "base"),
    (found(), "spiram"),
    (found(psram=True), "spiram"),
    (found(), "other"),
    (found("esp32s3", psram=True, octal=True), "octal"),
    (found("esp32s3", psram=True, octal=False), "spiram"),
    (found("esp32s2"), "spiram"),
)


def test_each_image_is_for_some_modules_only():
    for what, kind, words in REFUSED:
        with pytest.raises(Trouble) as refusal:
            module.check_image(what, kind)
        assert words in str(refusal.value), (what, kind, str(refusal.value))
    for what, kind in TAKEN:
        module.check_image(what, kind)


def test_an_image_says_its_kind():
    for machine, kind in (
        ("microevse with ESP32", "base"),
        ("Generic ESP32 module with ESP32", "plain"),
        ("Generic ESP32 module with OTA with ESP32", "plain"),
        ("Generic ESP32 module with SPIRAM with ESP32", "spiram"),
        ("Generic ESP32S3 module with ESP32S3", "spiram"),
        ("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", "octal"),
        ("Generic ESP32S2 module with ESP32S2", "spiram"),
        ("LILYGO TTGO LoRa32 with ESP32", "other"),
        ("", "other"),
    ):
        assert module.image_kind(machine) == kind, machine


def test_the_bootloader_tells_of_psram_in_the_package_only():
    text = (
        "Connected to %s on x:\nChip type:          %s\nFeatures:           Wi-Fi, BT%s\n"
        "MAC:                24:0a:c4:a1:b2:c3\nDetected flash size: 8MB\n"
    )
    for name, kind, more, psram, octal in (
        ("ESP32", "ESP32-D0WD-V3 (revision v3.1)", "", None, None),
        ("ESP32", "ESP32-D0WDR2-V3 (revision v3.0)", "", True, None),
        ("ESP32", "ESP32-PICO-V3-02 (revision v3.0)", ", Embedded PSRAM", True, None),
        ("ESP32-S3", "ESP32-S3 (QFN56)", ", Embedded PSRAM 8MB (AP_3v3)", True, True),
        ("ESP32-S3", "ESP32-S3 (QFN56)", ", Embedded PSRAM 2MB (AP_3v3)", True, False),
        ("ESP32-S3", "ESP32-S3 (QFN56)", "", None, None),
    ):
        what = module.from_bootloader(text % (name, kind, more))
        assert (what.psram, what.octal) == (psram, octal), (kind, more)
        assert what.flash == 8 * MB and what.unit == "240ac4a1b2c3"
    assert module.from_bootloader("Connected to ESP8266 on x:\nflash size: 4MB").chip == ""
    for broken in ("", "Connected to ESP32 on x:\n"):
        with pytest.raises(Trouble):
            module.from_bootloader(broken)


def test_the_table_is_the_largest_that_fits_and_of_the_kind_of_the_image():
    assert module.layout(4 * MB, False) == "slots" and module.layout(4 * MB, True) == "romfs"
    assert module.layout(8 * MB, False) == "slots8"
    assert module.layout(2 * MB, False) is None and module.layout(2 * MB, True) is None
    for flash_mb in (4, 8, 16, 32):
        for romfs in (False, True):
            name = module.layout(flash_mb * MB, romfs)
            assert partitions.FLASH_SIZES[name] <= flash_mb * MB
            rom = [p.subtype == partitions.ROMFS for p in partitions.LAYOUTS[name]]
            assert any(rom) == romfs, name


def test_boards_that_use_the_pins_of_the_psram_are_left_out():
    good, bad = module.boards(found(psram=True), ROOT / "boards")
    assert "esp32_devkitc_ve" in good and "GPIO 17" in bad["esp32_devkitc"]
    for name, pin in (("esp32_dual", "GPIO 16"), ("synccharge_esp32", "GPIO 16")):
        assert pin in bad[name]
    good, bad = module.boards(found(psram=None), ROOT / "boards")
    assert "esp32_dual" in good and list(bad) == ["esp32s2_diy_alpha"]


# -- boards that are refused as a whole ----------------------------------------------------------


def test_an_esp8266_is_refused(bench):
    board = bench.board("plain", "esp8266")
    refused(flash(board, []), "no board file", "ESP8266")
    path = bench.folder / "image.bin"
    path.write_bytes(micropython("esp32", (1, 29, 0)))
    words = ["esp32_devkitc_ve", "--firmware", path]
    refused(flash(board, words), "the chip on the port is ESP8266", "BOARD=")
    assert blank(board)


def test_psram_that_the_new_image_does_not_find(bench, app):
    """The bootloader cannot know; the chip is written, and nothing is started on it."""
    board = bench.board("spiram", psram=False)
    words = ["esp32_devkitc_ve", "--firmware", FILES["spiram", "esp32"]]
    text = refused(flash(board, words, app), "finds no PSRAM", module.BASE_IMAGE)
    assert "the charger:" not in text


def test_psram_that_a_running_image_does_not_find_is_told_before_anything_is_erased(bench, app):
    board = bench.board("spiram", psram=False, firmware=(1, 29, 0))
    before = board.flash.read_bytes()
    words = ["esp32_devkitc_ve", "--firmware", FILES["spiram", "esp32"]]
    refused(flash(board, words, app, pressed="found:"), "has no PSRAM", module.BASE_IMAGE)
    words = ["esp32_devkitc_ve"]
    refused(flash(board, words, app, boot=False), "finds no PSRAM", module.BASE_IMAGE)
    board._stop()
    assert board.flash.read_bytes()[:0x200000] == before[:0x200000]


def test_an_application_for_an_image_that_cannot_hold_it(bench, app):
    plain = bench.board("plain", psram=False, firmware=(1, 29, 0), kind="plain")
    refused(flash(plain, ["esp32_devkitc"], app, boot=False), "too little memory", "WROVER")
    base = bench.board("base", psram=False, firmware=(1, 29, 0), kind="base", layout="slots")
    refused(flash(base, ["esp32_devkitc"], app, boot=False), "no slots in a ROMFS", "FIRMWARE=")


def test_an_image_of_a_whole_board_gives_its_micropython(tmp_path):
    from espflash import Firmware

    alone = micropython("esp32", (1, 29, 0), layout="romfs", kind="base")
    table = partitions.LAYOUTS["romfs"]
    end = partitions.find(table, "factory").offset + partitions.find(table, "factory").size
    whole = alone + b"\xff" * (end - 0x1000 - len(alone)) + b"journal and slots" * 90000
    for name, data in (("whole", whole), ("from_zero", b"\xff" * 0x1000 + whole)):
        path = tmp_path / name
        path.write_bytes(data)
        firmware = Firmware(path, "esp32")
        assert firmware.kind == "base" and firmware.romfs
        assert firmware.data[: len(alone)] == alone and len(firmware.data) == end - 0x1000


# -- the label ---------------------------------------------------------------------------------


def test_the_label_is_that_of_the_charger_and_for_its_owner_alone(tmp_path):
    name, key = label_files.network(UNIT, "00112233445566778899aabbccddeeff")
    assert name == "microevse-b2c3" and re.fullmatch("[a-z2-9]{4}(-[a-z2-9]{4}){2}", key)
    made = label_files.write(name, key, tmp_path)
    made += label_files.write(name, key, tmp_path)  # again, over the first
    for path in made:
        assert path.stat().st_mode & 0o777 == 0o600
        assert name in path.read_text() and key in path.read_text()
    assert len({label_files.draw() for _ in range(100)}) == 100
    assert [p for p in tmp_path.iterdir() if p not in made] == []


def test_the_picture_of_the_label_joins_the_network(tmp_path):
    segno = pytest.importorskip("segno", reason="NOT RUN: segno is missing")
    text = label_files.svg("microevse-b2c3", "aaaa-bbbb-cccc")
    rows = segno.make(
        "WIFI:T:WPA;S:microevse-b2c3;P:aaaa-bbbb-cccc;;", error="m", micro=False
    ).matrix
    dark = {(x + 4, y + 4) for y, row in enumerate(rows) for x, one in enumerate(row) if one}
    drawn = {(int(x), int(y)) for x, y in re.findall(r"M([0-9]+) ([0-9]+)h", text)}
    assert drawn == dark
    assert text.count("<text") == 3 and "192.168.4.1" in text
