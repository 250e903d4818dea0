# Runs in MicroPython behind the fake serial line, before its prompt comes.
# MIT license; part of microevse
"""usage: micropython -i prompt.py FLASH AT SIZE JSON
       micropython prompt.py FLASH AT SIZE JSON DIR

Mounts the littlefs partition at AT of the flash file as the root, as the chip does, with
MicroPython's own VfsLfs2, and stands in for what the unix port has not got: `esp`, `esp32`,
`machine.reset` and the name of the chip. With DIR it copies the file system out instead.
"""

import json
import os
import sys
import vfs

BLOCK = 4096
_flash = open(sys.argv[1], "r+b")
_at, _size = int(sys.argv[2]), int(sys.argv[3])
_board = json.loads(sys.argv[4])


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
    TYPE_DATA = 1

    @staticmethod
    def find(type=1, label=None):
        return [label] if label in _board["partitions"] else []


class _Module:
    pass


def _module(name, **members):
    module = _Module()
    for member in members:
        setattr(module, member, members[member])
    sys.modules[name] = module
    return module


def _reset():
    open("/host" + _board["reset"], "w").close()
    raise SystemExit


class _WDT:
    def __init__(self, timeout):
        pass


class _Sys:
    """`sys`, but on that chip and of that version."""

    platform = "esp32"

    class implementation:
        name = "micropython"
        version = tuple(_board["version"])
        _machine = "Generic module with " + _board["chip"]

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
_module("esp32", Partition=Partition)
_module("machine", reset=_reset, WDT=_WDT)
sys.modules["sys"] = _Sys()
sys.path[:] = ["", ".frozen", "/lib"]
