# The files that are put on a board: complete, compiled, and small enough.
# MIT license; part of microevse
"""`make build` for every board profile."""

import ast
import gzip
import json
import subprocess
import sys

import pytest
from tools_paths import DEVICE_FILES, ROOT

sys.path.insert(0, str(ROOT / "tools"))
for module in ("littlefs", "mpremote"):
    pytest.importorskip(module, reason="NOT RUN: %s is missing" % module)
import board as board_profile  # noqa: E402
import image  # noqa: E402

# Drafts are not built: test_board.py shows that.
PROFILES = [board_profile.load_toml(path) for path in (ROOT / "boards").glob("*.toml")]
BOARDS = sorted(profile["name"] for profile in PROFILES if "draft" not in profile)
# The file system of a 4 MB ESP32 with MicroPython's default partitions has 2 MB; the part
# that matters is what is loaded into RAM: .mpy of our own modules.
OWN_MPY_LIMIT = 447_000
# Beside that: what only OCPP 2.x loads. Of the two packages of OCPP one is loaded at a time.
OCPP2_LIMIT = 135_000


def build(*args):
    command = [sys.executable, str(ROOT / "tools" / "build.py"), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("board", BOARDS)
def test_build_is_complete(board, tmp_path):
    done = build(board, tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out"
    built = {p.stem for p in out.rglob("*.mpy")} | {p.stem for p in out.glob("*.py")}
    assert {p.stem for p in DEVICE_FILES} <= built
    assert json.loads((out / "board.json").read_text())["name"] == board
    assert (out / "lib" / "microdot" / "microdot.mpy").exists()
    pages = {p.name: p.read_bytes() for p in (ROOT / "firmware" / "web" / "static").iterdir()}
    built = {p.name: p.read_bytes() for p in (out / "web" / "static").iterdir()}
    # Compressed, but for the page of the set-up, which the program reads itself.
    assert built.pop("setup.html") == pages.pop("setup.html")
    assert {n.removesuffix(".gz"): gzip.decompress(d) for n, d in built.items()} == pages
    assert sum(map(len, built.values())) < 10 * 1024 and "index.html.gz" in built
    own = {True: 0, False: 0}
    for path in out.rglob("*.mpy"):
        if "microdot" not in path.parts:
            place = str(path.relative_to(out))
            own[place.startswith(image.bundle.ONLY_OCPP2)] += path.stat().st_size
    assert own[False] < OWN_MPY_LIMIT and own[True] < OCPP2_LIMIT, own
    # And it has room to grow in either kind of slot.
    for format, room in image.bundle.ROOM.items():
        data = image.packed(image.directory(out), format)
        assert len(data) < room * 19 // 20, (format, len(data), room)


def imported(path):
    """Dotted names that a file of lib/ or firmware/ imports: modules, or names in them."""
    package = list(path.relative_to(ROOT).parts[1:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join((package if node.level else []) + [node.module or ""]).strip(".")
            yield base
            yield from (base + "." + alias.name for alias in node.names)


def test_what_an_image_of_1_6_leaves_out_is_imported_by_2_x_alone():
    left_out = image.bundle.ONLY_OCPP2
    names = {place.removeprefix("lib/").rstrip("./").replace("/", ".") for place in left_out}
    for path in DEVICE_FILES:
        place = path.relative_to(ROOT).as_posix()
        # The adapter of a version is imported where it is made, and there an absence is noticed;
        # and so is that of the slots of accesses.
        noticed = ("firmware/wiring/", "firmware/upkeep/access_trial.py")
        if not place.removeprefix("firmware/").startswith(left_out) and not place.startswith(
            noticed
        ):
            found = {
                n for n in imported(path) for name in names if (n + ".").startswith(name + ".")
            }
            assert not found, (place, found)


def test_an_unknown_board_is_named(tmp_path):
    done = build("toaster", tmp_path / "out")
    assert done.returncode != 0 and "toaster" in done.stderr and "esp32_devkitc" in done.stderr
