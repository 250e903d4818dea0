# The installer and the start code on the flash model of the twin, without a child process.
# MIT license; part of microevse
"""`Chip()` has a flash whose power can be cut at any operation. What it would mount is compared
with the SHA-256 in its header instead: there is no file system in these images."""

import hashlib
import os
import struct
import sys
from binascii import crc32

from slots import BLOCK, bundle
from twin import twin_state
from twin_bench import Board, esp32, machine

NAME = "bench"
ROM_AT = 0x200000
# Head of a ROMFS whose files app_a and app_b are 0x9F000 bytes from 0x1000 and 0xA0000 on.
ROM_HEAD = (
    b"\xd2\xcd\x31\x80\x1f\x05\x0d\x05app_a\x03\x05\xa7\xe0\x00\x9f\x7b"
    b"\x05\x0e\x05app_b\x03\x06\xa7\xe0\x00\xa7\xff\x7b"
)
# Partition tables: [(label, subtype, at, size)].
TABLES = {
    "slots": (("app_a", 0x42, 0x200000, 0xA0000), ("app_b", 0x43, 0x2A0000, 0xA0000)),
    "romfs": (("romfs", 0x8F, ROM_AT, 0x140000),),
}
# Where the slots are with each of them.
SLOTS = {
    "slots": ((0x200000, 0xA0000), (0x2A0000, 0xA0000)),
    "romfs": ((0x201000, 0x9F000), (0x2A0000, 0x9F000)),
}
_OURS = ("hal", "machine", "esp32", "upkeep")
FLASH_SIZE = 4 * 1024 * 1024
_count = [0]


def image(seed, blocks=3, rest=-700):
    """Bytes that are those of no other seed, and no whole number of blocks."""
    piece = b"".join([hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(8)])
    return (piece * (blocks * BLOCK // len(piece)))[:rest]


def pack(content, version="2.0.0", board=NAME, format="romfs", sign=None, key=None, block=0):
    """A bundle; `sign`: fn(signed lines) -> signature."""
    digest = hashlib.sha256(content).digest()
    lines = bundle.text(version, board, format, block, len(content), digest, key)
    return bundle.header(lines, sign(lines) if sign else None) + content


class Chip:
    """Use it in a `with`: modules and files are gone after it. layout: one of TABLES."""

    def __init__(self, settings=None, layout="romfs"):
        self.settings = settings
        self.layout = layout

    def __enter__(self):
        _count[0] += 1
        self.folder = "slot-bench-%s-%d-%d" % (sys.implementation.name, _pid(), _count[0])
        os.mkdir(self.folder)
        self._table()
        self.board = Board(data=self.folder)
        self.kept = {}
        for name in list(sys.modules):
            if name.split(".")[0] in _OURS:
                self.kept[name] = sys.modules.pop(name)
        sys.modules["machine"], sys.modules["esp32"] = machine, esp32
        self.path = list(sys.path)
        from hal import appslot
        from upkeep import installer

        appslot._mount = self._mount
        self.appslot, self.installer_module = appslot, installer
        return self

    def _table(self):
        """Flash with a partition table, and with the head of the ROMFS where there is one."""
        with open(self.folder + "/flash.bin", "wb") as file:
            for _ in range(FLASH_SIZE // BLOCK):
                file.write(b"\xff" * BLOCK)
            file.seek(0x8000)
            for label, subtype, at, size in TABLES[self.layout]:
                name = label.encode() + bytes(16 - len(label))
                file.write(struct.pack("<HBBII16sI", 0x50AA, 1, subtype, at, size, name, 0))
            if self.layout == "romfs":
                file.seek(ROM_AT)
                file.write(ROM_HEAD)

    def __exit__(self, *exc):
        self.power_off()
        sys.path[:] = self.path
        for name in list(sys.modules):
            if name.split(".")[0] in _OURS:
                del sys.modules[name]
        sys.modules.update(self.kept)
        twin_state.flash = None
        for name in os.listdir(self.folder):
            os.remove(self.folder + "/" + name)
        os.rmdir(self.folder)

    # -- power -------------------------------------------------------------------------------

    def power_off(self):
        flash = getattr(twin_state, "flash", None)
        if flash:
            flash.close()
        twin_state.flash = None

    def cut_at(self, operation):
        """Power is lost at that operation of the flash from now on (None: not any more)."""
        self.power_off()
        twin_state.options["flash_cut_at"] = operation

    @property
    def ops(self):
        return twin_state.flash.ops if twin_state.flash else 0

    @property
    def overwrites(self):
        return twin_state.flash.overwrites if twin_state.flash else 0

    # -- actions of a charger ------------------------------------------------------------------

    def boot(self):
        """Name of the slot that starts, None: what lies in the file system does."""
        sys.path[:] = self.path
        return self.appslot.start()

    def _mount(self, name, flash, record):
        content = bytearray(int(record.field("length")))
        flash.read(0, content)
        good = hashlib.sha256(content).digest() == bundle._bytes(
            {"sha256": record.field("sha256")}, "sha256"
        )
        # The committed slot must be whole: the start code does not check it.
        assert good, "%s is started and is not whole" % name
        if content[:5] == b"crash":
            raise ImportError("app")
        self.started = record.field("version")
        sys.path.insert(0, "/" + name)

    def installer(self):
        return self.installer_module.Installer(NAME, self.settings)

    def feed(self, data, step=1024, size=None):
        """An installer that has got all of it."""
        fresh = self.installer()
        fresh.begin(len(data) if size is None else size)
        for i in range(0, len(data), step):
            assert fresh.write(memoryview(data)[i : i + step], lambda ms: True)
        return fresh

    def install(self, data, step=1024):
        """Installed, started, confirmed; returns the slot's name."""
        fresh = self.feed(data, step)
        assert fresh.finish() is True
        name = self.boot()
        self.appslot.confirm()
        return name

    # -- the flash behind it -------------------------------------------------------------------

    def save(self, blocks):
        """The content of the slots, as far as images of so many blocks go."""
        self.power_off()
        kept = []
        with open(self.folder + "/flash.bin", "rb") as file:
            for begin, whole in SLOTS[self.layout]:
                for at, size in ((0, blocks * BLOCK), (whole - BLOCK, BLOCK)):
                    file.seek(begin + at)
                    kept.append((begin + at, file.read(size)))
        return kept

    def sums(self):
        """A checksum of each block of the flash."""
        self.power_off()
        with open(self.folder + "/flash.bin", "rb") as file:
            return [crc32(file.read(BLOCK)) for _ in range(FLASH_SIZE // BLOCK)]

    def restore(self, kept):
        self.power_off()
        with open(self.folder + "/flash.bin", "r+b") as file:
            for at, data in kept:
                file.seek(at)
                file.write(data)


def _pid():
    return os.getpid() if hasattr(os, "getpid") else id(_count) & 0xFFFF


def sweep(chip, old, new, blocks, points=None, recovery=None):
    """Cut at operations of an installation of `new` over `old`, its first start and its
    confirmation. points: which ones, None: all. recovery: fn(point) -> where to cut what comes
    after, None: nowhere. Returns {"ops", "cuts", "old", "new", "again"}.

    Each time: what starts is whole, and either the old version or the new one; the new one
    once it was committed; the update can be done again, and then the new one runs.
    """
    chip.cut_at(None)
    base = chip.save(blocks)
    what = [_update(chip, new)]
    found = {"ops": chip.ops, "cuts": 0, "old": 0, "new": 0, "again": 0}
    assert chip.overwrites == 0, "a program operation on flash that was not erased"
    for point in range(1, found["ops"] + 1) if points is None else points(found["ops"]):
        chip.restore(base)
        chip.cut_at(point)
        _cut(chip, new, "operation %d was not reached" % point)
        found["cuts"] += 1
        second = recovery(point) if recovery else None
        if second:
            chip.cut_at(second)
            found["again"] += _cut(chip, new, None)
        chip.cut_at(None)
        name = chip.boot()
        assert name, "cut at %d: nothing starts" % point
        assert chip.started in (old, "new"), chip.started
        found["new" if chip.started == "new" else "old"] += 1
        told = chip.installer().installed(what[0])
        assert (told is not False) is (chip.started == "new")
        if chip.started != "new":
            _update(chip, new)
        else:
            chip.appslot.confirm()
        assert chip.boot() and chip.started == "new"
        assert chip.installer().installed(what[0]) is True
        assert chip.overwrites == 0
    chip.restore(base)
    return found


def _update(chip, new):
    chip.boot()
    if chip.started != "new":
        fresh = chip.feed(new)
        what = fresh.what()
        assert fresh.finish()
        chip.boot()
        assert chip.started == "new"
    else:
        what = None
    if chip.appslot.on_trial():
        chip.appslot.confirm()
    return what


def _cut(chip, new, otherwise):
    """True if the power went away during an update; AssertionError(otherwise) if not."""
    try:
        _update(chip, new)
    except twin_state.Reset:
        return True
    if otherwise:
        raise AssertionError(otherwise)
    return False
