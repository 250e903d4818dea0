# The key that signs updates, by cable: a command of its own, and an option of `make flash`.
# MIT license; part of microevse
"""tools/update_key.py and tools/flash.py against the fake board, with the real mpremote; keys by
the openssl command. That a charger with the file refuses what is not signed is tested in
host_tests/charger/test_update.py."""

import os
import pathlib
import subprocess
import sys

import pytest
from tools_paths import ROOT, tool

for needed in ("esptool", "mpremote", "littlefs", "serial"):
    pytest.importorskip(needed, reason="NOT RUN: %s is missing" % needed)
if not tool("micropython") or sys.platform != "linux":
    pytest.skip("NOT RUN: needs micropython on Linux", allow_module_level=True)

import bundle  # noqa: E402
import flash_child  # noqa: E402
import image  # noqa: E402
import update_key  # noqa: E402
import update_kit  # noqa: E402
from fakeboard.board import FakeBoard, micropython  # noqa: E402
import seriallink  # noqa: E402
from seriallink import Trouble  # noqa: E402
from slots import keys as signing  # noqa: E402


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Folder with sign.pem, release-key.pem and update.pub of one key, and other.pem (RSA)."""
    folder = tmp_path_factory.mktemp("keys")
    bundle.new_key(folder / "sign.pem")
    bundle.new_key(folder / "other.pem", 2048)
    public = bundle.openssl("pkey", "-in", folder / "sign.pem", "-pubout")
    (folder / "release-key.pem").write_bytes(public)
    (folder / "update.pub").write_text("# ours\n" + bundle.public(folder / "sign.pem") + "\n")
    return folder


@pytest.fixture
def boards(tmp_path):
    made = []

    def make(**kwargs):
        folder = tmp_path / ("board%d" % len(made))
        folder.mkdir()
        made.append(FakeBoard(folder, lines=False, **kwargs))
        return made[-1]

    yield make
    for board in made:
        board.close()


def run(name, board, *args):
    """(exit status, what the tool says)."""
    args = [*args, "--port", board.port]
    if name == "flash.py":
        command = flash_child.command(board, *args)
    else:
        command = [sys.executable, str(ROOT / "tools" / name), *map(str, args)]
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90
    )
    return done.returncode, done.stdout + done.stderr


def application(folder):
    """An application that says one line, in a folder."""
    files = image.start(update_kit.application("0.1.0"))
    files["main.py"] = b"print('0.100 I app: small')\n"
    files["app.mpy"] = update_kit.compiled("")
    files["version.mpy"] = update_kit.compiled("VERSION = '0.1.0'\n")
    for place, data in files.items():
        path = pathlib.Path(folder) / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_each_form_of_a_key_gives_the_same_line_and_never_the_private_part(keys):
    line = bundle.public(keys / "sign.pem")
    for name in ("sign.pem", "release-key.pem", "update.pub"):
        assert update_key.text_of([keys / name]) == line + "\n", name
    both = update_key.text_of([keys / "update.pub", keys / "other.pem", keys / "sign.pem"])
    assert both == line + "\n" + bundle.public(keys / "other.pem") + "\n"
    assert signing.load(both) and "PRIVATE" not in both
    assert update_key.text_of([]) == ""


def test_files_that_hold_no_key_are_refused_by_name(keys, tmp_path):
    for content in (b"", b"rsa 12 34\n", b"\xff\xfe\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n"):
        path = tmp_path / "wrong"
        path.write_bytes(content)
        with pytest.raises(Trouble, match="wrong.*name a .pem or an update.pub"):
            update_key.text_of([keys / "sign.pem", path])
    with pytest.raises(Trouble, match="none cannot be read"):
        update_key.text_of([tmp_path / "none"])


@pytest.mark.parametrize("layout, kind", [("slots", "spiram"), ("romfs", "base")])
def test_the_command_puts_the_key_onto_a_charger(boards, keys, layout, kind):
    board = boards(layout=layout, kind=kind, psram=kind != "base")
    status, text = run("update_key.py", board)
    assert status == 0 and "no update.pub: the charger takes unsigned updates" in text, text
    status, text = run("update_key.py", board, keys / "release-key.pem")
    line = bundle.public(keys / "sign.pem")
    assert status == 0 and signing.key_id(line) in text, text
    assert board.files()["update.pub"] == line.encode() + b"\n"
    status, text = run("update_key.py", board)
    assert status == 0 and "signed with key %s" % signing.key_id(line) in text, text
    # Another one takes its place, and nothing of the writing is left.
    status, text = run("update_key.py", board, keys / "other.pem")
    assert status == 0, text
    files = board.files()
    assert files["update.pub"].startswith(b"rsa ") and "update.pub.new" not in files


def test_what_is_no_key_leaves_the_charger_alone(boards, keys, tmp_path):
    board = boards(layout="slots")
    starts = len(board.boots)
    (tmp_path / "wrong").write_text("hello")
    status, text = run("update_key.py", board, tmp_path / "wrong")
    assert status == 1 and text.startswith("updatekey: ") and "Traceback" not in text, text
    assert len(board.boots) == starts and "update.pub" not in board.files()


def test_a_damaged_file_on_the_charger_is_told(boards):
    board = boards(layout="slots")
    prompt = seriallink.Prompt(board.port)
    prompt.write("update.pub", b"p256 12 34\n", lambda size: None)
    prompt.close()
    status, text = run("update_key.py", board)
    assert status == 1 and "is damaged" in text and "takes no update" in text, text
    assert "Traceback" not in text


@pytest.mark.parametrize("layout, kind", [("slots", "spiram"), ("romfs", "base")])
def test_make_flash_puts_the_key_onto_a_charger(boards, keys, tmp_path, layout, kind):
    app = application(tmp_path / "app")
    board = boards(layout=layout, kind=kind, psram=kind != "base")
    name = "esp32_devkitc" if kind == "base" else "esp32_devkitc_ve"
    status, text = run("flash.py", board, name, "--app", app)
    assert status == 0 and "takes unsigned updates; UPDATE_KEY=file changes that" in text, text
    assert ("note: all features on a plain ESP32" in text) is (kind == "base"), text
    assert "update.pub" not in board.files()
    words = [name, "--app", app, "--update-key", keys / "sign.pem"]
    status, text = run("flash.py", board, *words, "--features", "named")
    line = bundle.public(keys / "sign.pem")
    assert status == 0 and "signed with key %s" % signing.key_id(line) in text, text
    assert "unsigned" not in text and "all features" not in text
    files = board.files()
    assert files["update.pub"] == line.encode() + b"\n"
    assert b'"features": "named"' in files["board.json"]
    # Later flashing keeps it, and says nothing of unsigned updates.
    status, text = run("flash.py", board, name, "--app", app)
    assert status == 0 and "unsigned" not in text, text
    assert board.files()["update.pub"] == line.encode() + b"\n"


def test_an_empty_chip_has_the_key_from_its_first_start_on(boards, keys, tmp_path):
    app = application(tmp_path / "app")
    board = boards(firmware=None, psram=False)
    path = tmp_path / "microevse-base-esp32.bin"
    path.write_bytes(micropython("esp32", (1, 29, 0), layout="romfs", kind="base"))
    board.button(boot=True)
    process = subprocess.Popen(
        flash_child.command(
            board,
            "esp32_devkitc",
            "--port",
            board.port,
            "--app",
            app,
            "--firmware",
            path,
            "--update-key",
            keys / "update.pub",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        env={**os.environ},
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "press the board's reset button" in line:
            board.button()
    assert process.wait(timeout=30) == 0, "".join(seen)
    assert "updates must be signed with key" in "".join(seen)
    line = bundle.public(keys / "sign.pem")
    assert board.files()["update.pub"] == line.encode() + b"\n"
