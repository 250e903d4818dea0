# The factory reset on a flash with a bad block, and what removed files leave behind in littlefs.
# MIT license; part of microevse

import os
import sys

from evse_base import forget
from fake_chip import Hal, chip
from helpers import Module
from store.ramflash import RamFlash

SECRET = b"a secret of the owner"


class Sick(RamFlash):
    """Blocks 1 and 2 do not erase; 2 takes no program, either."""

    def erase(self, block):
        if block in (1, 2):
            raise OSError(5)
        RamFlash.erase(self, block)

    def program(self, addr, data):
        if addr // self.block_size == 2 and data != SECRET:
            raise OSError(5)
        RamFlash.program(self, addr, data)


class Place:
    """An empty directory, and the factory reset over regions in RAM."""

    def __init__(self, regions):
        self.regions = regions

    def __enter__(self):
        self.hal = Hal("kept", "system")
        self.kept, _ = self.hal.__enter__()
        self.cwd = os.getcwd()
        self.folder = "/tmp/microevse-reset-%d" % (id(self) & 0xFFFFFF)
        os.mkdir(self.folder)
        os.chdir(self.folder)
        sys.modules["hal.partition"] = Module(Flash=self.flash)
        from upkeep import factory_reset

        self.reset = factory_reset
        return self

    def flash(self, label):
        if label not in self.regions:
            raise OSError("no partition")
        return self.regions[label]

    def __exit__(self, *exc):
        os.chdir(self.cwd)
        for name in os.listdir(self.folder):
            os.remove(self.folder + "/" + name)
        os.rmdir(self.folder)
        forget("upkeep.factory_reset")
        forget("hal.partition")
        self.hal.__exit__()


def test_a_bad_block_does_not_stop_the_rest_and_is_told():
    regions = {"secrets": Sick(4, 1024), "journal": RamFlash(4, 1024)}
    for flash in regions.values():
        for block in range(4):
            flash.program(block * 1024 + 300, SECRET)
    with Place(regions) as place:
        place.kept.mark(place.kept.ERASE, True)
        assert place.reset.erase(None) == 2
        assert not place.kept.marked(place.kept.ERASE)
    assert bytes(regions["journal"].image) == b"\xff" * 4096
    image = bytes(regions["secrets"].image)
    assert image[1024:2048] == bytes(1024), "what does not erase is zeroed"
    assert SECRET in image[2048:3072] and image.count(SECRET) == 1


def test_settings_keys_and_certificates_go_and_the_program_stays():
    class Settings:
        def text(self, name):
            return "authority.cert" if name == "CaFile" else ""

    with Place({"journal": RamFlash(2, 1024)}) as place:
        gone = ("config.json", "config.json.new", "ca.pem", "own.key", "own.crt", "authority.cert")
        stay = ("board.json", "boot.py", "main.py", "roots.der", "update.pub", "manufacturer.pem")
        for name in gone + stay:
            with open(name, "w") as file:
                file.write("x")
        assert place.reset.erase(Settings()) == 0
        assert sorted(os.listdir()) == sorted(stay)


def test_what_cannot_be_marked_as_done_begins_again():
    with Place({"journal": RamFlash(2, 1024)}) as place:
        place.kept.mark(place.kept.ERASE, True)
        chip.nvs_broken = True
        place.reset.resume(None)
        assert chip.ends, "no charger runs on a flash that is half erased"
        chip.nvs_broken = False
        assert place.kept.marked(place.kept.ERASE)


def test_a_lock_that_cannot_be_read_is_no_marker_of_a_reset():
    with Place({}) as place:
        assert not place.kept.marked(place.kept.ERASE)
        place.kept.mark(place.kept.ERASE, True)
        assert place.kept.marked(place.kept.ERASE)


class Disk:
    """Block device in RAM for littlefs."""

    def __init__(self, blocks):
        self.data = bytearray(b"\xff" * (blocks * 4096))

    def readblocks(self, number, buf, offset=0):
        at = number * 4096 + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, number, buf, offset=0):
        at = number * 4096 + offset
        self.data[at : at + len(buf)] = buf

    def ioctl(self, command, arg):
        if command == 6:
            self.data[arg * 4096 : (arg + 1) * 4096] = b"\xff" * 4096
        return {4: len(self.data) // 4096, 5: 4096}.get(command, 0)


def test_removed_files_leave_nothing_in_littlefs():
    """A small file lies in its directory's block, a larger one has blocks of its own; both stay
    readable after they are removed."""
    try:
        import vfs

        format = vfs.VfsLfs2.mkfs
    except (ImportError, AttributeError):
        return  # CPython: the same test runs on MicroPython
    disk = Disk(32)
    format(disk)
    vfs.mount(vfs.VfsLfs2(disk), "/disk")
    with Place({"vfs": RamFlash(32, 4096)}) as place:
        os.chdir("/disk")
        try:
            for name, size in (("config.json", 1), ("board.json", 1), ("ca.pem", 300)):
                with open(name, "wb") as file:
                    file.write(name.encode() + SECRET * size)
            assert b"config.json" + SECRET in bytes(disk.data) and SECRET * 100 in bytes(disk.data)
            place.reset._files([])
            assert b"config.json" + SECRET in bytes(disk.data), "removing does not erase"
            place.reset._wash()
            assert os.listdir() == ["board.json"]
            image = bytes(disk.data)
            assert b"config.json" + SECRET not in image and SECRET * 2 not in image
            with open("board.json", "rb") as file:
                assert file.read() == b"board.json" + SECRET
        finally:
            os.chdir(place.cwd)
            vfs.umount("/disk")
