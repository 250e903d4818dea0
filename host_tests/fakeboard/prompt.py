# Runs in MicroPython behind the fake serial line, before its prompt comes.
# MIT license; part of microevse
"""usage: micropython -i prompt.py FLASH AT SIZE ABOUT
       micropython prompt.py FLASH AT SIZE ABOUT DIR

ABOUT is a JSON file that describes the board. Mounts the littlefs partition at AT of the flash
file as the root, as the chip does, with MicroPython's own VfsLfs2. It replaces the modules that
the unix port lacks: `esp`, `esp32`, `machine` and the name of the chip; then runs boot.py, if
there is one. With DIR it copies the file system out instead.
"""

import json
import os
import sys
import vfs

BLOCK = 4096
_flash = open(sys.argv[1], "r+b")
_at, _size = int(sys.argv[2]), int(sys.argv[3])
with open(sys.argv[4]) as _file:
    _board = json.load(_file)


class _Partition:
    def readblocks(self, block, buf, offset=0):
        _flash.seek(_at + block * BLOCK + offset)
        _flash.readinto(buf)

    def writeblocks(self, block, buf, offset=0):
        _flash.seek(_at + block * BLOCK + offset)
        _flash.write(buf)
        _flash.flush()

    def ioctl(self, command, arg):
        if command == 4:
            return _size // BLOCK
        if command == 5:
            return BLOCK
        return 0


class Partition:
    """A data partition of the flash file: erase makes ones, program only zeros."""

    TYPE_DATA = 1

    def __init__(self, label, at, size):
        self._label, self._at, self._size = label, at, size

    @staticmethod
    def find(type=1, label=None):
        return [Partition(*p) for p in _board["partitions"] if label in (None, p[0])]

    def info(self):
        return (1, 0, self._at, self._size, self._label, False)

    def _seek(self, block, offset, buf):
        start = block * BLOCK + offset
        if start < 0 or start + len(buf) > self._size:
            raise OSError(-0x104, "ESP_ERR_INVALID_SIZE")
        _flash.seek(self._at + start)

    def readblocks(self, block, buf, offset=0):
        self._seek(block, offset, buf)
        _flash.readinto(buf)

    def writeblocks(self, block, buf, offset=None):
        there = bytearray(len(buf))
        if offset is None:
            there = buf
        else:
            self.readblocks(block, there, offset)
            for i in range(len(buf)):
                there[i] &= buf[i]
        self._seek(block, offset or 0, buf)
        _flash.write(there)
        _flash.flush()

    def ioctl(self, command, arg):
        if command == 6:
            self.writeblocks(arg, b"\xff" * BLOCK)
        return {4: self._size // BLOCK, 5: BLOCK}.get(command, 0)


class _Module:
    pass


class _BaseImage:
    NUMBER = _board.get("base_image")


if _BaseImage.NUMBER:
    sys.modules["base_image"] = _BaseImage


def _module(name, **members):
    module = _Module()
    for member in members:
        setattr(module, member, members[member])
    sys.modules[name] = module
    return module


def _reset():
    open("/host" + _board["reset"], "w").close()
    raise SystemExit


class _NVS:
    """Blobs only, each in a file of the host."""

    def __init__(self, space):
        self._path = "/host" + _board["reset"] + "-nvs-" + space + "-"

    def set_blob(self, key, value):
        with open(self._path + key, "wb") as file:
            file.write(value)

    def get_blob(self, key, buf):
        try:
            with open(self._path + key, "rb") as file:
                return file.readinto(buf)
        except OSError:
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")

    def commit(self):
        pass


class _WDT:
    def __init__(self, timeout):
        pass


class _Pin:
    IN = OUT = PULL_UP = PULL_DOWN = 0

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *value):
        return 0

    on = off = value = init = __call__


class _Sys:
    """`sys`, but on that chip and of that version."""

    platform = "esp32"

    class implementation:
        name = "micropython"
        version = tuple(_board["version"])
        _machine = _board["machine"]

    def __getattr__(self, name):
        return getattr(sys, name)


def _copy(source, target):
    for name, kind, *_ in os.ilistdir(source or "/"):
        there = source + "/" + name
        if there == "/host":
            continue
        if kind == 0x4000:
            os.mkdir(target + "/" + name)
            _copy(there, target + "/" + name)
        else:
            with open(there, "rb") as a, open(target + "/" + name, "wb") as b:
                b.write(a.read())


vfs.umount("/")
vfs.mount(vfs.VfsPosix("/"), "/host")
try:
    vfs.mount(vfs.VfsLfs2(_Partition(), readsize=32, progsize=32, lookahead=32), "/")
except OSError:
    # As the chip's first start does.
    vfs.VfsLfs2.mkfs(_Partition(), readsize=32, progsize=32, lookahead=32)
    vfs.mount(vfs.VfsLfs2(_Partition(), readsize=32, progsize=32, lookahead=32), "/")
os.chdir("/")
if len(sys.argv) > 5:
    _copy("", "/host" + sys.argv[5])
    raise SystemExit
_module("esp", flash_size=lambda: _board["flash_size"])
_module(
    "esp32",
    Partition=Partition,
    NVS=_NVS,
    HEAP_DATA=4,
    idf_heap_info=lambda capabilities: [(size, size, size, size) for size in _board["heaps"]],
)
_module(
    "machine",
    reset=_reset,
    WDT=_WDT,
    Pin=_Pin,
    unique_id=lambda: bytes.fromhex(_board["unit"]),
)


class _Vfs:
    """`vfs`: with `rom_ioctl` where the image runs code from a ROMFS."""

    def __getattr__(self, name):
        if name == "rom_ioctl" and not _board["romfs"]:
            raise AttributeError(name)
        return getattr(vfs, name) if name != "rom_ioctl" else lambda *args: 1


sys.modules["vfs"] = _Vfs()
sys.modules["sys"] = _Sys()
sys.path[:] = ["", ".frozen", "/lib"]
if "boot.py" in os.listdir("/"):
    with open("/boot.py") as _file:
        exec(compile(_file.read(), "/boot.py", "exec"), {"__name__": "__main__"})
