# Images of the flash: partition tables, file systems, the MicroPython build description.
# MIT license; part of microevse
"""The files for a board, without a board: tables against the published format, images against
MicroPython's own file system, boards/micropython against the rules of its manifests."""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from tools_paths import DEVICE_FILES, FIRMWARE_DIRS, ROOT, tool

sys.path.insert(0, str(ROOT / "tools"))
pytest.importorskip("littlefs", reason="NOT RUN: littlefs-python is missing")
import board as board_profile  # noqa: E402
import bundle  # noqa: E402
import image  # noqa: E402
import partitions  # noqa: E402
import slots  # noqa: E402
from partitions import Partition  # noqa: E402
from slot_bench import ROM_HEAD, SLOTS  # noqa: E402
from slots import BLOCK  # noqa: E402
from slots import rom as slots_rom  # noqa: E402
from store.ramflash import RamFlash  # noqa: E402

MICROEVSE = ROOT / "boards" / "micropython" / "MICROEVSE"

# ESP-IDF programming guide, "Partition Tables": the table "single factory app", its bytes.
SINGLE = """
# Name,   Type, SubType, Offset,  Size, Flags
nvs,      data, nvs,     0x9000,  0x6000,
phy_init, data, phy,     0xf000,  0x1000,
factory,  app,  factory, 0x10000, 1M,
"""
SINGLE_BYTES = bytes.fromhex(
    "aa50 01 02 00900000 00600000 6e767300000000000000000000000000 00000000"
    "aa50 01 01 00f00000 00100000 7068795f696e69740000000000000000 00000000"
    "aa50 00 00 00000100 00001000 666163746f7279000000000000000000 00000000"
)


def test_the_binary_table_is_as_published():
    table = partitions.from_csv(SINGLE)
    data = partitions.to_binary(table)
    assert data[:96] == SINGLE_BYTES
    assert data[96:112] == b"\xeb\xeb" + b"\xff" * 14
    assert data[112:128] == hashlib.md5(SINGLE_BYTES).digest()
    assert len(data) == 0xC00 and set(data[128:]) == {0xFF}
    assert partitions.from_binary(data) == table
    damaged = bytearray(data)
    damaged[40] ^= 1
    with pytest.raises(ValueError, match="MD5"):
        partitions.from_binary(bytes(damaged))
    for nothing in (b"\xff" * 0xC00, bytes(0xC00)):
        with pytest.raises(ValueError, match="no partition table"):
            partitions.from_binary(nothing)


@pytest.mark.parametrize("layout", partitions.LAYOUTS)
def test_layouts_are_sound(layout):
    table = partitions.LAYOUTS[layout]
    partitions.check(table, partitions.FLASH_SIZES[layout])
    assert partitions.from_csv(partitions.to_csv(table)) == table
    assert partitions.from_binary(partitions.to_binary(table)) == table


@pytest.mark.parametrize(
    "bad, words",
    [
        (Partition("b", 1, 0x40, 0x10000, 0x1000), "before 0x11000"),  # overlaps
        (Partition("b", 1, 0x40, 0x11800, 0x1000), "aligned"),
        (Partition("b", 0, 0x00, 0x11000, 0x1000), "aligned"),  # an application: 64 KiB
        (Partition("b", 1, 0x40, 0x11000, 0x800), "sectors"),
        (Partition("a", 1, 0x40, 0x11000, 0x1000), "twice"),
        (Partition("b", 1, 0x40, 0x11000, 0x400000), "behind the flash"),
        (Partition("n" * 16, 1, 0x40, 0x11000, 0x1000), "1 to 15"),
    ],
)
def test_unsound_tables_are_refused(bad, words):
    first = Partition("a", 1, 0x40, 0x10000, 0x1000)
    with pytest.raises(ValueError, match=words):
        partitions.check((first, bad), 4 * partitions.MB)
    with pytest.raises(ValueError, match="before 0x9000"):
        partitions.check((first._replace(offset=0x8000),), 4 * partitions.MB)


READ = """
import hashlib, os, sys, vfs
f = open(sys.argv[1], 'rb')
block = int(sys.argv[2])
class Device:
    def readblocks(self, n, buf, offset=0):
        f.seek(n * block + offset)
        f.readinto(buf)
    def writeblocks(self, n, buf, offset=0):
        raise OSError(30)
    def ioctl(self, command, arg):
        return {4: int(sys.argv[3]), 5: block}.get(command, 0)
vfs.mount(Device(), '/image', readonly=True)
def walk(d):
    for e in os.ilistdir(d):
        p = d + '/' + e[0]
        if e[1] == 0x4000:
            walk(p)
        else:
            print(p[7:], hashlib.sha256(open(p, 'rb').read()).digest().hex())
walk('/image')
"""


def sample():
    """An application by its sizes: sources stand in for compiled modules, three times over the
    sizes at which littlefs keeps a file inside its directory or begins a second block."""
    app = {"%s" % p.relative_to(ROOT): p.read_bytes()[:1800] for p in DEVICE_FILES}
    for size in (0, 1, 127, 128, 129, 511, 512, 513, 4095, 4096, 4097, 12397):
        app["sizes/%d" % size] = bytes(i * 7 & 255 for i in range(size))
    app.update(dict.fromkeys(image.START, b"start"))
    app.update({"app.mpy": b"app", "version.mpy": b"M\x06\x0a1.2.3\x00"})
    app["board.json"] = b'{"name": "garage"}'
    return app


def read(data, block, tmp_path):
    """{path: SHA-256} of a littlefs, as MicroPython finds it."""
    (tmp_path / "image").write_bytes(data)
    (tmp_path / "read.py").write_text(READ)
    command = [tool("micropython"), str(tmp_path / "read.py"), str(tmp_path / "image")]
    command += [str(block), str(len(data) // block)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


def digests(files):
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


@pytest.mark.parametrize("layout", ["files", "slots", "slots8", "slots16"])
def test_micropython_reads_every_file_of_an_image(layout, tmp_path):
    if not tool("micropython"):
        pytest.skip("NOT RUN: micropython is missing")
    app = sample()
    made = image.images(app, layout, {"config.json": b"{}"})
    for label, (data, used) in made.items():
        assert len(data) == partitions.find(partitions.LAYOUTS[layout], label).size
        assert used < len(data)
    # Of both packages of OCPP a littlefs has one.
    alone = {p: d for p, d in app.items() if not p.startswith(bundle.ONLY_OCPP2)}
    vfs = {"config.json": b"{}", **alone}
    if layout != "files":
        vfs = {"config.json": b"{}", **{path: app[path] for path in image.START}}
        data = made["app_a"][0]
        flash = RamFlash(len(data) // BLOCK, BLOCK)
        flash.image[:] = data
        record = slots.read(flash)
        assert record.live and record.confirmed and record.number == 1
        assert (record.field("version"), record.field("board")) == ("1.2.3", "garage")
        length, block = int(record.field("length")), int(record.field("block"))
        assert hashlib.sha256(data[:length]).hexdigest() == record.field("sha256")
        kept = {p: d for p, d in alone.items() if not p.startswith(bundle.STARTS)}
        assert len(kept) < len(app) and read(data[:length], block, tmp_path) == digests(kept)
    assert read(made["vfs"][0], image.VFS_BLOCK, tmp_path) == digests(vfs)


ROM = """
import os, sys, vfs
data = open(sys.argv[1], 'rb').read()
vfs.mount(vfs.VfsRom(data), '/rom')
import uctypes
for name in ('app_a', 'app_b'):
    with open('/rom/' + name, 'rb') as file:
        inner = memoryview(file)
    at = uctypes.addressof(inner) - uctypes.addressof(data)
    try:
        vfs.mount(vfs.VfsRom(inner), '/' + name)
        found = sorted(os.listdir('/' + name + '/sizes'))
        print(name, at, len(inner), open('/app_a/sizes/4097', 'rb').read() == bytes(
            i * 7 & 255 for i in range(4097)), len(found))
    except OSError:
        print(name, at, len(inner), 'empty')
"""


@pytest.mark.parametrize("layout", ["romfs", "romfs8", "romfs16"])
def test_micropython_finds_both_slots_of_a_rom_at_whole_blocks(tmp_path, layout):
    """The places that lib/slots/rom.py reads from the head are those of MicroPython's VfsRom."""
    if not tool("micropython"):
        pytest.skip("NOT RUN: micropython is missing")
    data = image.images(sample(), layout)["romfs"][0]
    assert len(data) == partitions.find(partitions.LAYOUTS[layout], "romfs").size
    (tmp_path / "rom").write_bytes(data)
    (tmp_path / "read.py").write_text(ROM)
    command = [tool("micropython"), "-X", "heapsize=4m", tmp_path / "read.py", tmp_path / "rom"]
    done = subprocess.run(command, capture_output=True, text=True)
    places = slots_rom.files(data[: slots_rom.HEAD])
    assert done.stdout.splitlines() == [
        "app_a %d %d True 12" % places["app_a"],
        "app_b %d %d empty" % places["app_b"],
    ], done.stdout + done.stderr
    for at, size in places.values():
        assert at % BLOCK == size % BLOCK == 0
    if layout != "romfs":
        assert [size for _, size in places.values()] == [0x100000 - BLOCK] * 2
        return
    # The unit tests of both interpreters have this head as bytes.
    assert data.startswith(ROM_HEAD) and data[len(ROM_HEAD) : BLOCK].strip(b"\xff") == b""
    assert [(0x200000 + at, size) for at, size in places.values()] == list(SLOTS["romfs"])


def test_what_does_not_fit_is_refused_by_name():
    large = {**sample(), "large": bytes(700000)}
    for layout, label in (("slots", "app_a"), ("romfs", "romfs")):
        with pytest.raises(image.DoesNotFit, match="partition %s: .* fit into" % label):
            image.images(large, layout)
    with pytest.raises(image.DoesNotFit, match="partition vfs"):
        image.images(sample(), "slots", {"large": bytes(262144)})


def test_a_folder_that_is_no_build_is_refused():
    with pytest.raises(ValueError, match="no hal/__init__.mpy"):
        image.images({"boot.py": b"", "main.py": b"", "board.json": b"{}"}, "slots")


def test_the_report_says_what_is_left():
    made = image.images(sample(), "slots")
    rows = {line.split()[0]: line.split()[1:] for line in image.report("slots", made)}
    at, size, used, free = rows["app_a"]
    assert (at, size) == ("0x200000", "655360")
    assert int(used) + int(free) == 655360 and int(used) > 100000
    assert rows["journal"] == ["0x3c0000", "262144"]


def test_what_make_image_leaves_is_what_its_last_line_names(tmp_path, monkeypatch, capsys):
    build = lambda board, out, features, verbose: out.mkdir(parents=True) or sample()  # noqa: E731
    monkeypatch.setattr(image, "application", build)
    for layout, args in (("slots", []), ("romfs", ["--layout", "romfs"])):
        out = tmp_path / layout
        monkeypatch.setattr(sys, "argv", ["image.py", "garage", "-o", str(out), *args])
        image.main()
        table = partitions.LAYOUTS[layout]
        assert partitions.from_binary((out / "partitions.bin").read_bytes()) == table
        words = capsys.readouterr().out.strip().split("\n")[-1].split()[2:]
        written = dict(zip(words[1::2], (int(at, 0) for at in words[::2])))
        label = image.CONTENTS[layout]
        assert written == {
            "partitions.bin": 0x8000,
            label + ".bin": partitions.find(table, label).offset,
            "vfs.bin": 0x340000,
        }
        for name, at in written.items():
            size = [p.size for p in table if p.offset == at] or [partitions.TABLE_SIZE]
            assert (out / name).stat().st_size == size[0]


def profile(name):
    return board_profile.load_toml(ROOT / "boards" / (name + ".toml"), lambda text: None)


def test_the_layout_is_that_of_the_module_that_the_board_file_is_for():
    """A plain ESP32 got the table of MicroPython's own image, which has no room there."""
    assert image.choose(profile("esp32_devkitc")) == ("romfs", None)
    assert image.choose(profile("esp32_devkitc"), "romfs8") == ("romfs8", None)
    for layout in ("files", "slots", "slots16"):
        with pytest.raises(ValueError, match="esp32_devkitc is for a module without PSRAM.*romfs"):
            image.choose(profile("esp32_devkitc"), layout)
    # It suits a module with PSRAM and one without: the person has to know.
    layout, note = image.choose(profile("esp32_devkitc_ve"))
    assert layout == "slots" and "a plain ESP32 with the base image needs" in note
    for layout in image.CONTENTS:
        assert image.choose(profile("esp32_devkitc_ve"), layout) == (layout, None)
    assert image.choose(profile("esp32s2_diy_alpha")) == ("slots", None)


def test_make_image_for_a_plain_esp32_says_what_all_features_cost(tmp_path, monkeypatch, capsys):
    def build(board, out, features, verbose):
        out.mkdir(parents=True)
        own = {**profile(board), "features": features or "all"}
        return {**sample(), "board.json": json.dumps(own).encode()}

    monkeypatch.setattr(image, "application", build)

    def said(*words):
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        monkeypatch.setattr(sys, "argv", ["image.py", *words, "-o", str(out)])
        image.main()
        return capsys.readouterr().out

    cost = "note: all features on a plain ESP32: while it charges over wss://"
    text = said("esp32_devkitc")
    assert cost in text and "romfs.bin" in text
    row = r"\| charging, a page visitor, all features \|[^|]*\| ([\d,]+) \| ([\d,]+) \|"
    page = (ROOT / "docs" / "memory.md").read_text()
    free, largest = re.search(row, page).groups()
    assert "%s bytes of heap are free, in pieces of at most %s; with" % (free, largest) in text
    assert cost not in said("esp32_devkitc", "--features", "named")
    assert cost not in said("esp32_devkitc_ve")
    assert cost in said("esp32_devkitc_ve", "--format", "romfs")
    assert cost in said("esp32_devkitc_ve", "--layout", "romfs")
    assert said().startswith("BOARD left out: esp32_devkitc\n")
    for words, told in (
        (["--features", "foo"], "FEATURES=foo: it can be all or named"),
        (["--format", "rom"], "FORMAT=rom: it can be lfs2 or romfs"),
        (["--layout", "slot"], "--layout=slot: it can be "),
    ):
        with pytest.raises(SystemExit, match="image: " + told):
            said(*words)
    monkeypatch.setattr(sys, "argv", ["image.py", "esp32_devkitc", "--layout", "slots"])
    monkeypatch.setattr(sys, "argv", sys.argv + ["-o", str(tmp_path / "refused")])
    with pytest.raises(SystemExit, match="image: esp32_devkitc is for a module without PSRAM"):
        image.main()


# -- the build description for MicroPython ---------------------------------------------------


CMAKE = """
cmake_minimum_required(VERSION 3.16)
set(MICROPY_BOARD_DIR %s)
include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)
project(base C)
add_library(own STATIC own.c more.c)
add_executable(program main.c)
target_link_libraries(program own)
"""


def test_every_file_that_the_build_names_is_there():
    text = (MICROEVSE / "mpconfigboard.cmake").read_text()
    named = re.findall(r"\$\{MICROPY_BOARD_DIR\}/([\w.-]+)", text)
    assert sorted(set(named)) == [
        "board.c",
        "heap.c",
        "manifest.py",
        "partitions-",  # and the size of the flash, test_partitions has them
        "sdkconfig.board",
    ]
    for name in named:
        assert (MICROEVSE / name).exists() or name == "partitions-", name
    assert "#define MICROPY_VFS_ROM (1)" in (MICROEVSE / "mpconfigboard.h").read_text()
    options = (MICROEVSE / "sdkconfig.board").read_text().split()
    assert "CONFIG_PARTITION_TABLE_CUSTOM=y" in options
    # The heap has the memory of four receive buffers (twin/system_heap.py).
    assert "CONFIG_ESP_WIFI_STATIC_RX_BUFFER_NUM=6" in options
    assert not [line for line in options if "FLASHSIZE" in line], "it is told with the table"


@pytest.mark.parametrize(
    ("megabytes", "frozen"), ((4, False), (8, False), (16, False), (4, True), (8, True))
)
def test_cmake_takes_the_table_for_the_size_of_the_flash(tmp_path, megabytes, frozen):
    """The first lines of MicroPython's CMakeLists.txt, without ESP-IDF."""
    cmake = shutil.which("cmake")
    if not cmake:
        pytest.skip("NOT RUN: cmake is missing")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE % MICROEVSE)
    (tmp_path / "main.c").write_text("int answer(void); int main(void) { return answer(); }\n")
    (tmp_path / "more.c").write_text(
        "int gc_get_max_new_split(void); int answer(void) { return gc_get_max_new_split(); }\n"
        "int __wrap_gc_get_max_new_split(void) { return 0; }\n"
    )
    (tmp_path / "own.c").write_text("int gc_get_max_new_split(void) { return 1; }\n")
    size = ["-DMICROEVSE_FLASH=%d" % megabytes] if megabytes > 4 else []
    size += ["-DMICROEVSE_FROZEN=1"] if frozen else []
    kind = "-frozen" if frozen and megabytes == 4 else ""
    out = tmp_path / "out"
    subprocess.run([cmake, "-S", tmp_path, "-B", out, *size], check=True, capture_output=True)
    subprocess.run([cmake, "--build", out], check=True, capture_output=True)
    lines = (out / "sdkconfig.partitions").read_text().splitlines()
    assert lines == [
        "CONFIG_ESPTOOLPY_FLASHSIZE_%dMB=y" % megabytes,
        'CONFIG_PARTITION_TABLE_CUSTOM_FILENAME="%s/partitions-%dMiB%s.csv"'
        % (MICROEVSE, megabytes, kind),
    ]
    # The linker's option reaches a program that is declared afterwards, as ESP-IDF's is.
    assert subprocess.run([out / "program"]).returncode == 0


class Options:
    """As MicroPython's manifestfile gives them to an included manifest."""

    def __init__(self, given):
        self._given = dict(given)

    def defaults(self, **values):
        self._given = {**values, **self._given}

    def __getattr__(self, name):
        return self._given[name]


def frozen(manifest, monkeypatch):
    """{path on the device: file} of a manifest, by the rules of MicroPython's manifestfile:
    paths relative to the manifest, only files that exist, only known functions and options."""
    found, ports = {}, []

    def add(base, path, opt):
        assert opt in (0, 1, 2), "asserts are for tests, but -O3 leaves out line numbers, too"
        file = (base / path).resolve()
        assert file.is_file(), file
        assert path not in found, "frozen twice: " + path
        found[path] = file

    def include(path, **options):
        if path.startswith("$(PORT_DIR)/"):
            ports.append(path)  # MicroPython's own
            return
        execute((MICROEVSE / path).resolve(), options)

    def package(name, files=None, base_path=".", opt=None):
        base = (MICROEVSE / base_path).resolve()
        for file in files:
            add(base, name + "/" + file, opt)

    def freeze(path, script=None, opt=None):
        assert isinstance(script, tuple)
        for file in script:
            add((MICROEVSE / path).resolve(), file, opt)

    def freeze_mpy(path, script):
        add(pathlib.Path(path), script, 2)

    def execute(path, options=()):
        known = {"include": include, "package": package, "freeze": freeze}
        known.update(freeze_mpy=freeze_mpy, options=Options(options))
        exec(compile(path.read_text(), str(path), "exec"), known)

    monkeypatch.chdir(MICROEVSE)  # as manifestfile does
    execute(manifest)
    assert ports == ["$(PORT_DIR)/boards/manifest.py"]
    return found


BESIDE = {
    "microdot/__init__.py",
    "microdot/microdot.py",
    "application_names.mpy",
    "base_image.py",
    "roots_der.py",
}


def test_the_manifest_freezes_microdot_names_and_what_starts(monkeypatch):
    if not (ROOT / ".venv").exists():
        pytest.skip("NOT RUN: there is no .venv, which the manifest takes microdot from")
    names = [name.replace(".mpy", ".py").removeprefix("lib/") for name in image.START]
    code = {name for name in names if name.endswith(".py")}
    found = frozen(MICROEVSE / "manifest.py", monkeypatch)
    assert set(found) == BESIDE | code
    known = found["application_names.mpy"].read_bytes()
    assert b"/app_a/lib/station/station.mpy\0" in known and b"station.station\0" in known


def test_the_other_manifest_freezes_the_application(monkeypatch):
    if not (ROOT / ".venv").exists():
        pytest.skip("NOT RUN: there is no .venv, which the manifest takes microdot from")
    found = frozen(MICROEVSE / "manifest_app.py", monkeypatch)
    wanted = {
        str(p.relative_to(base))
        for base in FIRMWARE_DIRS
        for p in DEVICE_FILES
        if base in p.parents
    }
    assert set(found) == wanted | BESIDE
    # Nothing is imported from a slot: the names of its files would be flash for nothing.
    assert b"/app_a/" not in found["application_names.mpy"].read_bytes()
    assert {"boot.py", "main.py", "app.py", "station/station.py"} <= set(found)
