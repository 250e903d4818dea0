# The firmware onto a board: each success, and the message of each failure.
# MIT license; part of microevse
"""tools/flash.py, with the real esptool and mpremote, against the fake board: a real
MicroPython behind a pseudo terminal, and a model of the chip's bootloader. A pseudo terminal
has no reset lines, so the tests press the board's buttons; over RFC 2217 it has them."""

import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest
from host_time import ANSWER_S
from tools_paths import ROOT, tool

sys.path.insert(0, str(ROOT / "tools"))
for module in ("esptool", "mpremote", "littlefs", "serial"):
    pytest.importorskip(module, reason="NOT RUN: %s is missing" % module)
if not tool("micropython") or sys.platform != "linux":
    pytest.skip("NOT RUN: needs micropython on Linux", allow_module_level=True)

import flash_child  # noqa: E402

import board as board_profile  # noqa: E402
import image  # noqa: E402
import partitions  # noqa: E402
import update_kit  # noqa: E402
from fakeboard.board import MB, FakeBoard, micropython  # noqa: E402

CONSOLE = str(ROOT / "tools" / "console.py")
BOARD = "esp32_devkitc_ve"  # for the module that the fake board has, if a test names none
BOARD_JSON = json.dumps(
    board_profile.load_toml(ROOT / "boards" / (BOARD + ".toml"), lambda text: None)
)
SECRET = "correct horse battery"
SETTINGS = 'WifiSsid="my house" WifiPassword="%s" ChargePointId=CP-7' % SECRET


@pytest.fixture
def boards(tmp_path):
    """Makes fake boards, and ends them."""
    made = []

    def make(**kwargs):
        kwargs.setdefault("lines", False)
        folder = tmp_path / ("board%d" % len(made))
        folder.mkdir()
        made.append(FakeBoard(folder, **kwargs))
        return made[-1]

    yield make
    for board in made:
        board.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """The application as `make build` makes it, but for this host; once for all tests."""
    return folder_of(tmp_path_factory.mktemp("app"), "0.1.0")


def folder_of(folder, version):
    """The application of that version in a folder."""
    for place, data in update_kit.application(version).items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def small(tmp_path):
    """An application that starts at once and says one line: for what only looks at files."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "main.py").write_text("print('0.100 I app: small')\n")
    (folder / "lib" / "parts").mkdir(parents=True)
    for name in ("app.mpy", "lib/one.mpy", "lib/parts/two.mpy"):
        (folder / name).write_bytes(name.encode() * 200)
    (folder / "board.json").write_text(BOARD_JSON)
    return folder


def run(*args, on_line=None, **kwargs):
    """(exit status, output) of a program; on_line(text) hears each line as it comes."""
    process = subprocess.Popen(
        list(map(str, args)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        **kwargs,
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if on_line:
            on_line(line)
    return process.wait(timeout=ANSWER_S), "".join(seen)


def flash(board, *args, name=BOARD, **kwargs):
    port = [] if board is None else ["--port", getattr(board, "port", board)]
    return run(*flash_child.command(board, name, *port, *args), **kwargs)


def refused(result, *words):
    """The last line is one sentence with these words, and nothing of Python's is shown."""
    status, text = result
    assert status == 1, text
    last = text.strip().split("\n")[-1]
    assert last.startswith("flash: "), text
    for word in words:
        assert word in last, last
    assert "Traceback" not in text and SECRET not in text, text


def firmware(folder, chip="esp32", version=(1, 29, 0), **kwargs):
    path = pathlib.Path(folder) / "micropython.bin"
    path.write_bytes(micropython(chip, version, **kwargs))
    return path


# -- what works ------------------------------------------------------------------------------


def test_an_empty_chip_becomes_a_charger(boards, app, tmp_path):
    board = boards(firmware=None)
    assert board.boots == ["empty"]
    board.flash_write(0x2A0000, b"left over")
    board.button(boot=True)
    path = firmware(tmp_path)

    def person(line):
        if "press the board's reset button" in line:
            board.button()

    status, text = flash(
        board, "--app", app, "--firmware", path, "--set", SETTINGS, on_line=person
    )
    assert status == 0, text
    assert "I app: microevse" in text and SECRET not in text
    assert "boot: app_a 0.1.0, confirmed" in text
    # The new MicroPython was asked for the PSRAM that the bootloader cannot see.
    assert "the new MicroPython has found its PSRAM" in text
    assert board.boots == ["empty", "rom", "charger", "prompt", "prompt", "charger"]
    # Everything is where the table says, and the table is ours.
    table = partitions.from_binary(board.flash_read(partitions.TABLE_AT, partitions.TABLE_SIZE))
    assert table == partitions.LAYOUTS["slots"]
    data = path.read_bytes()
    factory = partitions.find(table, "factory").offset
    assert board.flash_read(factory, 0x20000) == data[factory - 0x1000 :][:0x20000]
    assert board.flash_read(0x1000, 2) == data[:2]
    assert board.flash_read(0x2A0000, 9) == b"\xff" * 9, "erased"
    files = board.files()
    settings = json.loads(files["config.json"])["settings"]
    assert len(settings.pop("SetupKey")) == 32
    assert settings == {"WifiSsid": "my house", "WifiPassword": SECRET, "ChargePointId": "CP-7"}
    assert json.loads(files["board.json"])["name"] == "esp32_devkitc"  # of the fixture
    assert set(files) - {"config.json"} == set(image.START), "the application is in its slot"


def test_a_board_with_micropython_gets_the_files_that_differ(boards, small):
    board = boards()
    status, text = flash(board, "--app", small, "--set", SETTINGS)
    assert status == 0 and "I app: small" in text and SECRET not in text, text
    assert "no application slots" in text and "updates over the air need" in text
    first = board.files()
    assert first["lib/parts/two.mpy"] == b"lib/parts/two.mpy" * 200
    assert json.loads(first["config.json"])["settings"]["WifiPassword"] == SECRET
    # The outputs that boot.py opens are the profile's relay and pilot, not those of another board.
    nvs = board.folder / "reset-nvs-microevse-outputs"
    assert nvs.read_bytes()[:3] == bytes([1, 26, 27 | 128])
    nvs.write_bytes(b"of another board")
    # An older build's module, a file of the owner, and a module that was damaged.
    from seriallink import Prompt

    prompt = Prompt(board.port)
    for path, data in (("lib/old.mpy", b""), ("ca.pem", b"mine"), ("app.mpy", b"damaged")):
        prompt.write(path, data, lambda size: None)
    prompt.close()
    status, text = flash(board, "--app", small, "--set", "ChargePointId=CP-8")
    assert status == 0 and "copying 3 of" in text, text  # app, config, and main.py at the end
    assert nvs.read_bytes()[:3] == bytes([1, 26, 27 | 128])
    second = board.files()
    assert "lib/old.mpy" not in second and second["ca.pem"] == b"mine"
    assert second["app.mpy"] == first["app.mpy"] and second["main.py"] == first["main.py"]
    settings = json.loads(second["config.json"])["settings"]
    assert settings["ChargePointId"] == "CP-8" and settings["WifiPassword"] == SECRET


def slotted(board, app, layout="slots", blank=False):
    """The image of a fresh board with slots onto a fake one; `blank`: without the slots'."""
    table = partitions.LAYOUTS[layout]
    board._stop()
    for label, (data, _) in image.images(app, layout, {"config.json": b"{}"}).items():
        if label == "vfs" or not blank:
            board.flash_write(partitions.find(table, label).offset, data)
    board.flash_write(partitions.TABLE_AT, partitions.to_binary(table))
    board.start()


def small_versions():
    """Three versions of an application that says which one it is, and nothing else."""
    files = image.start(update_kit.application("0.1.0"))
    files["main.py"] = b"import app\n"
    source = "import version\nprint('0.100 I app:', version.VERSION)\n"
    files["app.mpy"] = update_kit.compiled(source)
    for name in ("0.1.0", "0.2.0", "0.3.0"):
        files["version.mpy"] = update_kit.compiled("VERSION = %r\n" % name)
        yield dict(files)


@pytest.mark.parametrize("layout, names", [("slots", ["app_b"]), ("romfs", ["app_a", "app_b"])])
def test_a_board_with_slots_gets_the_application_into_the_one_that_does_not_run(
    boards, tmp_path, layout, names
):
    """And a board whose slots were erased, which starts over and over, becomes a charger."""
    board = boards(kind="base" if layout == "romfs" else "spiram")
    versions = list(small_versions())
    slotted(board, versions[0], layout, blank=names[0] == "app_a")
    for i, (version, name) in enumerate(zip(("0.2.0", "0.3.0"), names)):
        app = tmp_path / version
        for place, data in versions[i + 1].items():
            (app / place).parent.mkdir(parents=True, exist_ok=True)
            (app / place).write_bytes(data)
        status, text = flash(board, "--app", app, "--set", "ChargePointId=CP-%d" % i)
        assert status == 0 and "the application is in %s" % name in text, text
        assert "boot: %s %s, confirmed" % (name, version) in text
        assert "I app: " + version in text
        settings = json.loads(board.files()["config.json"])["settings"]
        assert settings == {"ChargePointId": "CP-%d" % i}
    if layout == "slots":
        status, text = flash(board, "--app", app)
        assert status == 0 and "the application is there already" in text, text
    assert set(board.files()) == set(image.START) | {"config.json"}


def test_a_damaged_head_of_the_slots_is_written_anew_and_that_of_another_program_is_not(
    boards, tmp_path
):
    """One flipped bit in it, and a person was told to erase the chip with all of its sessions."""
    board = boards(kind="base")
    versions = list(small_versions())
    slotted(board, versions[0], "romfs")
    app = tmp_path / "app"
    for place, data in versions[1].items():
        (app / place).parent.mkdir(parents=True, exist_ok=True)
        (app / place).write_bytes(data)
    rom = partitions.find(partitions.LAYOUTS["romfs"], "romfs")
    good = board.flash_read(rom.offset, rom.size)
    for at in (3, 5, 9):
        board._stop()
        damaged = bytearray(good)
        damaged[at] ^= 0x20
        board.flash_write(rom.offset, bytes(damaged))
        board.start()
        status, text = flash(board, "--app", app)
        assert status == 0 and "the application is in app_" in text, (at, text)
        assert board.flash_read(rom.offset, 64) == good[:64]
    # Without a record of ours behind it, it is somebody else's.
    board._stop()
    other = bytearray(b"\xff" * rom.size)
    other[:64] = damaged[:64]
    board.flash_write(rom.offset, bytes(other))
    board.start()
    refused(flash(board, "--app", app), "FIRMWARE=")
    assert board.flash_read(rom.offset, rom.size) == other


def test_logs_shows_lines_and_masks_passwords(boards):
    board = boards(firmware=None)

    over = threading.Event()

    def talk():
        # Again and again: nobody knows when the program has opened the line.
        while not over.wait(0.3):
            board._say(b"12.000 I ocpp: connected\r\n13.000 I x: password=hunter22 in clear\r\n")

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        status, text = run(sys.executable, CONSOLE, "logs", "--port", board.port, "--seconds", "2")
    finally:
        over.set()
        talking.join()
    assert status == 0 and "12.000 I ocpp: connected" in text, text
    assert "hunter22" not in text and "password=***" in text


# -- each failure, with what to do about it --------------------------------------------------


def test_unknown_and_draft_boards(tmp_path, monkeypatch):
    refused(flash("/dev/null", name="toaster"), "toaster", "esp32_devkitc", "BOARD=")
    import flash as program

    text = (ROOT / "boards" / (BOARD + ".toml")).read_text()
    text = text.replace('name = "%s"' % BOARD, 'name = "mine"')
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "mine.toml").write_text('draft = "no front end yet"\n' + text)
    monkeypatch.setattr(program.board_profile, "ROOT", tmp_path)
    with pytest.raises(program.Trouble, match="draft: not for a board yet: no front end yet"):
        program.profile("mine")


def test_values_that_are_refused(boards):
    result = flash("/dev/null", "--set", "WifiSsid=a MaxCurrent=500")
    refused(result, "MaxCurrent", "6 to 80", "SET=")
    refused(flash("/dev/null", "--set", "NoSuchKey=" + SECRET.split()[0]), "NoSuchKey")
    long = SECRET.replace(" ", "") * 4
    status, text = flash("/dev/null", "--set", "WifiPassword=" + long)
    assert status == 1 and "WifiPassword" in text and long not in text
    result = flash("/dev/null", "--set", "WifiPassword=" + SECRET)  # blanks without quotes
    refused(result, "after WifiPassword", "quote")
    assert "horse" not in result[1]
    refused(flash("/dev/null", "--set", "WifiSsid='open"), "quotation")


def test_settings_that_cannot_connect_are_refused(tmp_path, monkeypatch):
    """A path of this computer went into config.json, and the file stayed here."""
    import flash as program

    monkeypatch.chdir(tmp_path)
    (tmp_path / "root.pem").write_text("")
    key = {"AuthorizationKey": "00112233445566778899aabbccddeeff"}
    copied = "`make setup CA=FILE.pem` copies"
    for values, whole, told in (
        ({"CaFile": "/home/me/ca.pem"}, False, copied),
        ({"CaFile": "root.pem"}, False, copied),
        ({"CaFile": "publicly/ca.pem"}, False, copied),
        ({"ClientKeyFile": str(tmp_path / "root.pem")}, False, "without a folder"),
        ({"SecurityProfile": "2"}, True, "AuthorizationKey is missing: SecurityProfile 2 wants"),
        ({"CentralSystemURI": "wss://a.b", "ChargePointId": "x"}, True, "CaFile is missing"),
    ):
        with pytest.raises(program.Trouble) as trouble:
            program.judge(values, whole)
        assert told in str(trouble.value) and "SET=" in str(trouble.value), values
    for values, whole in (
        ({"CaFile": "ca.pem", "ClientCertFile": "root.pem"}, True),
        ({"CaFile": "public/isrg_x1"}, True),
        ({"SecurityProfile": "2", **key}, True),
        ({"SecurityProfile": "3"}, True),
        ({"SecurityProfile": "2"}, False),  # the charger may have a password
    ):
        program.judge(values, whole)
    refused(flash("/dev/null", "--set", "CaFile=/tmp/ca.pem"), copied)


def test_a_value_can_be_asked_for_without_showing_it():
    import flash as program

    asked = []

    def ask(prompt):
        asked.append(prompt)
        return SECRET

    given = program.values(["WifiSsid=home", "WifiPassword=?"], ask)
    assert given == {"WifiSsid": "home", "WifiPassword": SECRET}
    assert asked == ["WifiPassword: "]
    masked = program.Secrets(given).mask("home, %s, ws://a:b@host/" % SECRET)
    assert masked == "home, ***, ws://a:***@host/"


def test_no_port_and_several_ports():
    import seriallink

    class Port:
        def __init__(self, device, vid):
            self.device, self.vid = device, vid

    with pytest.raises(seriallink.Trouble, match="PORT="):
        seriallink.choose(None, [Port("/dev/ttyS0", None)])
    two = [Port("/dev/ttyUSB1", 0x10C4), Port("/dev/ttyUSB0", 0x303A)]
    with pytest.raises(seriallink.Trouble, match="/dev/ttyUSB0, /dev/ttyUSB1"):
        seriallink.choose(None, two)
    assert seriallink.choose(None, two[:1]) == "/dev/ttyUSB1"
    refused(flash("/dev/ttyUSB77"), "no port /dev/ttyUSB77", "PORT=")
    refused(flash("/dev/null"), "/dev/null", "try again")
    status, text = run(sys.executable, CONSOLE, "logs", "--port", "/dev/ttyUSB77")
    assert status == 1 and "no port /dev/ttyUSB77" in text
    status, text = run(sys.executable, CONSOLE, "console", "--port", "/dev/ttyUSB77")
    assert status == 1 and "no port /dev/ttyUSB77" in text


def test_a_port_that_is_in_use(boards):
    import seriallink

    board = boards()
    other = seriallink.open_line(board.port)
    refused(flash(board), "in use", "close the other program")
    other.close()


def test_a_port_without_permission(boards):
    board = boards()
    os.chmod(board.port, 0)
    if os.getuid():
        result = flash(board)
    else:
        # Root may open everything: another user tries.
        code = (
            "import os, sys; sys.path.insert(0, %r); import seriallink\n"
            "os.setgid(65534); os.setuid(65534)\n"
            "try: seriallink.open_line(%r)\n"
            "except seriallink.Trouble as exc: sys.exit('flash: %%s' %% exc)"
        )
        result = run(sys.executable, "-c", code % (str(ROOT / "tools"), board.port))
    refused(result, "no permission", "dialout")


def test_no_micropython_on_the_chip(boards):
    board = boards(firmware=None)
    refused(flash(board), "no MicroPython answers", "FIRMWARE=")


def test_micropython_that_is_too_old(boards):
    refused(flash(boards(firmware=(1, 23, 0))), "1.23", "1.24 or newer", "FIRMWARE=")


def test_another_chip_than_the_profile_says(boards):
    result = flash(boards(chip="esp32s3"))
    refused(result, "ESP32-S3", "ESP32", "BOARD=")


def test_a_table_without_journal(boards):
    plain = tuple(p for p in partitions.LAYOUTS["files"] if p.label != "journal")
    board = boards()
    board._stop()
    board.flash_write(partitions.TABLE_AT, partitions.to_binary(plain))
    board.start()
    refused(flash(board), "'journal'", "FIRMWARE=")


def test_an_application_for_a_newer_base_image_is_not_written(boards, tmp_path):
    """By cable, too; the slots are as they were."""
    board = boards()
    versions = small_versions()
    slotted(board, next(versions), "romfs")
    folder = tmp_path / "app"
    for path, data in next(versions).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    rom = partitions.find(partitions.LAYOUTS["romfs"], "romfs")
    before = board.flash_read(rom.offset, rom.size)
    number = image.bundle.BASE
    for there in (0, number - 1):
        board._stop()
        board.base_image = there
        board.start()
        refused(
            flash(board, "--app", folder),
            "needs base image %d, the board has %s:" % (number, there or "none"),
            "FIRMWARE=",
        )
        assert board.flash_read(rom.offset, rom.size) == before


def test_a_file_system_that_is_too_small(boards, app):
    board = boards()
    without = tuple(p for p in partitions.LAYOUTS["slots"] if p.label != "app_b")
    board._stop()
    board.flash_write(partitions.TABLE_AT, partitions.to_binary(without))
    board.start()
    refused(flash(board, "--app", app), "128 KB", "FIRMWARE=")
    assert "main.py" not in board.files(), "nothing was copied"


def test_a_full_file_system(boards, small):
    board = boards()
    vfs = partitions.find(partitions.LAYOUTS["files"], "vfs")
    films = image.littlefs({"films.bin": bytes(1400000)}, vfs.size, image.VFS_BLOCK)[0]
    board.flash_write(vfs.offset, films)
    board.button()
    (small / "large.mpy").write_bytes(bytes(200000))
    refused(flash(board, "--app", small), "full", "mpremote rm", "FIRMWARE=")
    assert "main.py" not in board.files(), "half an application would start"


def test_a_charger_that_says_nothing(boards, small):
    board = boards()
    (small / "main.py").write_text("")
    refused(flash(board, "--app", small, "--wait", "2"), "said nothing", "make logs")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"chip": "esp32s3"}, ("ESP32-S3", "ESP32:")),
        ({"version": (1, 22, 1)}, ("1.22", "1.24")),
        ({"size": 0x8000}, ("no complete firmware", "micropython.org")),
        ({"table": False}, ("no complete firmware",)),
        ({"size": 0x1000000}, ("too large", "factory")),
    ],
)
def test_a_wrong_firmware_file(change, words, tmp_path):
    path = firmware(tmp_path, **change)
    refused(flash("/dev/null", "--firmware", path), *words)


def test_the_firmware_says_which_slots_it_can_run(tmp_path):
    from espflash import Firmware, layout, splice

    assert layout(firmware(tmp_path), "esp32") == "slots"
    base = firmware(tmp_path, layout="romfs", kind="base")
    assert layout(base, "esp32") == "romfs"
    table = partitions.LAYOUTS["romfs"]
    assert splice(base, "esp32", table)[0x7000:][:0xC00] == partitions.to_binary(table)
    assert not Firmware(firmware(tmp_path), "esp32").romfs
    assert Firmware(firmware(tmp_path, layout="romfs", kind="base"), "esp32").romfs
    assert Firmware(firmware(tmp_path, "esp32s3", layout="romfs"), "esp32s3").romfs


def test_a_missing_file_is_told_before_a_port_is_looked_for(tmp_path, monkeypatch, capsys):
    """Without a board plugged in the answer was that no board was found."""
    import flash as program

    monkeypatch.setattr(program.seriallink.list_ports, "comports", lambda: [])
    missing = ["--firmware", str(tmp_path / "missing.bin")]
    for words, told in (
        (missing, "there is no file"),
        ([BOARD, *missing], "missing.bin cannot be read"),
        ([BOARD, "--features", "foo"], "FEATURES=foo: it can be all or named"),
        ([str(tmp_path / "my.toml")], "BOARD=: there is no file"),
        ([], "no board found"),
    ):
        assert program.main(words) == 1
        assert told in capsys.readouterr().err, words


def test_files_that_are_no_firmware(tmp_path):
    refused(flash("/dev/null", "--firmware", tmp_path / "missing.bin"), "cannot be read")
    path = firmware(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"MicroPython", b"SomethingEl"))
    refused(flash("/dev/null", "--firmware", path), "not MicroPython")


def test_the_chip_in_its_bootloader_is_another(boards, tmp_path):
    board = boards(chip="esp32s3", firmware=None)
    board.button(boot=True)
    refused(flash(board, "--firmware", firmware(tmp_path)), "ESP32-S3", "BOARD=")
    assert set(board.flash_read(0, 4 * MB)) == {0xFF}, "nothing was written"


def test_a_folder_that_is_no_application(boards, small, tmp_path):
    board = boards(firmware=None)
    board.button(boot=True)
    result = flash(board, "--app", small, "--firmware", firmware(tmp_path))
    refused(result, "no boot.py", "make build")
    (small / "main.py").unlink()
    result = flash(board, "--app", small, "--firmware", firmware(tmp_path))
    refused(result, "no application", "make build")


def test_a_flash_that_is_too_small(boards, tmp_path):
    board = boards(size=2 * MB, firmware=None)
    board.button(boot=True)
    refused(flash(board, "--firmware", firmware(tmp_path)), "2048 KB", "4096 KB")
    assert set(board.flash_read(0, 2 * MB)) == {0xFF}, "nothing was written"


def test_a_chip_that_does_not_enter_its_bootloader(boards, tmp_path):
    board = boards(firmware=None)
    refused(flash(board, "--firmware", firmware(tmp_path)), "hold BOOT")


def test_worn_flash_is_found(boards, app, tmp_path):
    board = boards(firmware=None, spoil=0x10200)
    board.button(boot=True)
    result = flash(board, "--app", app, "--firmware", firmware(tmp_path))
    refused(result, "not what the flash holds")
