# tools/bundle.py as a person uses it: keys, bundles, and the errors of a bundle.
# MIT license; part of microevse

import json
import os
import subprocess
import sys

import update_kit
from tools_paths import ROOT

import board as board_profile


def tool(*args):
    command = [sys.executable, str(ROOT / "tools" / "bundle.py"), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    return done.returncode, done.stdout + done.stderr


def test_from_a_directory_to_a_signed_bundle_and_back(tmp_path):
    folder = tmp_path / "board"
    for name, data in update_kit.content("1.2.3").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "board.json").write_text(json.dumps({"name": "garage"}))
    code, line = tool("newkey", tmp_path / "key.pem")
    assert code == 0 and line.startswith("p256 ")
    assert tool("public", tmp_path / "key.pem") == (0, line)
    code, said = tool("newkey", tmp_path / "key.pem")
    assert code == 1 and "never overwritten" in said
    assert tool("public", tmp_path / "key.pem") == (0, line)
    (tmp_path / "update.pub").write_text(line)
    for format in ("lfs2", "romfs"):
        out = tmp_path / ("bundle." + format)
        code, said = tool(
            "make",
            folder,
            out,
            "--version",
            "1.2.3",
            "--format",
            format,
            "--key",
            tmp_path / "key.pem",
        )
        assert code == 0 and "1.2.3 for garage" in said and "signed with key" in said
        code, said = tool("verify", out, "--board", "garage", "--keys", tmp_path / "update.pub")
        assert code == 0 and "signature good" in said
        code, said = tool("verify", out, "--board", "other")
        assert code == 1 and "a bundle for board garage, this is other" in said
    data = bytearray(out.read_bytes())
    data[-1] ^= 1
    out.write_bytes(data)
    code, said = tool("verify", out)
    assert code == 1 and "checksum" in said


def test_the_format_is_that_of_the_module_that_the_board_file_is_for(tmp_path):
    """A plain ESP32 refused what `make bundle` had made for it."""
    for board, format in (("esp32_devkitc", "romfs"), ("esp32_devkitc_ve", "lfs2")):
        folder = tmp_path / board
        folder.mkdir()
        for name in ("app.mpy", "version.mpy"):
            (folder / name).write_bytes(b"0.1.0")
        profile = board_profile.load_toml(ROOT / "boards" / (board + ".toml"), lambda text: None)
        (folder / "board.json").write_text(json.dumps(profile))
        code, said = tool("make", folder, tmp_path / "out")
        assert code == 0 and "%s, version 0.1.0 for %s" % (format, board) in said, said


def test_mistakes_are_told_in_a_line(tmp_path):
    code, said = tool("make", tmp_path, tmp_path / "out")
    assert code == 1 and "no app.mpy" in said and "Traceback" not in said
    code, said = tool("public", tmp_path / "none.pem")
    assert code == 1 and said.count("\n") == 1 and "none.pem: the key cannot be read" in said
    (tmp_path / "photo.pem").write_text("hello")
    code, said = tool("public", tmp_path / "photo.pem")
    assert code == 1 and said.count("\n") == 1 and "no key that openssl can read" in said, said
    code, said = tool("newkey", tmp_path / "rsa.pem", "--rsa", 2048)
    assert code == 0 and said.startswith("rsa ")
    # Before the application is built, which takes half a minute.
    (tmp_path / "public.pem").write_bytes(
        subprocess.run(
            ["openssl", "pkey", "-in", tmp_path / "rsa.pem", "-pubout"],
            capture_output=True,
            check=True,
        ).stdout
    )
    for words, told in (
        (["--key", tmp_path / "none.pem"], "none.pem: the key cannot be read"),
        (["--key", tmp_path / "public.pem"], "a public key, which signs nothing"),
        (["--format", "rom"], "FORMAT=rom: it can be lfs2 or romfs"),
        (["--features", "foo"], "FEATURES=foo: it can be all or named"),
        (["my.toml"], "there is no file my.toml"),
    ):
        code, said = tool("board", *words)
        last = said.strip().split("\n")[-1]
        assert code == 1 and last.startswith("bundle: ") and told in last, said
        assert "bytes in" not in said and "usage" not in said
