# The application slots of this board: which one starts, and its confirmation afterwards.
# MIT license; part of microevse
"""boot.py calls `start()`; the application uses the other functions.

The running slot is known by its place on the module path, /app_a or /app_b. Nothing else is kept
from boot.py: its modules are dropped so that those of the slot are imported.

The files in the file system are as old as the last flash by cable, and start slots of any later
version. So these are fixed for good: the record (lib/slots), `app.mpy` and `lib` in an image, and
the functions that main.py calls there (host_tests/charger/test_start_interface.py).
"""

import os
import sys

import slots

from hal.partition import Flash

NAMES = ("app_a", "app_b")
# Keys that updates must be signed with, in the file system (upkeep/installer.py).
KEY_FILE = "update.pub"
# Where the chip runs code from its flash, both slots are files of this partition's ROMFS.
ROM = "romfs"
# Bytes of the smallest read of an image in littlefs, which then takes a whole block of 512 at a
# time: a third of the reads at the start (host_tests/benches/bench_boot.py), each of which goes
# through `_Image`. Buffers of 512 bytes in place of 128: two, and one for each open file.
READ_SIZE = 256
# The time that a version on trial may take from its start to its first tick, which sets the
# watchdog anew. The watchdog resets a version that hangs before that: a failed start.
TRIAL_MS = 60000


class _Image:
    """Block device over a slot's image, for VfsLfs2: read only, with blocks smaller than the
    flash's (a directory of many small files then takes half the space)."""

    def __init__(self, flash, block, length):
        self._flash = flash
        self._block = block
        self._count = length // block

    def readblocks(self, number, buf, offset=0):
        self._flash.read(number * self._block + offset, buf)

    def writeblocks(self, number, buf, offset=0):
        raise OSError(30)  # EROFS

    def ioctl(self, command, _):
        return {4: self._count, 5: self._block}.get(command, 0)


def devices():
    """[(name, Flash)] of both slots; [] where the partition table has none."""
    try:
        return [(name, Flash(name)) for name in NAMES]
    except OSError:
        pass
    try:
        flash = Flash(ROM)
    except OSError:
        return []
    from slots import rom

    head = bytearray(rom.HEAD)
    flash.read(0, head)
    try:
        places = rom.files(head)
        return [(name, rom.Window(flash, *places[name])) for name in NAMES]
    except (KeyError, ValueError) as exc:
        print("boot: no slots in the partition %s: %r" % (ROM, exc))
        return []


def takes(flash):
    """Format of the images for a slot: one that MicroPython on this chip can mount."""
    return "lfs2" if isinstance(flash, Flash) else "romfs"


def base():
    """Number of the base image (boards/micropython/MICROEVSE/base_image.py); 0 if this MicroPython
    is none."""
    try:
        from base_image import NUMBER
    except ImportError:
        return 0
    return NUMBER


def running():
    """Name of the running slot; None if the application of the file system runs."""
    for name in NAMES:
        if "/" + name in sys.path:
            return name
    return None


def _mount(name, flash, record):
    """Put the slot on the module path, before everything else. Any exception: it cannot be
    mounted."""
    import vfs

    where = "/" + name
    if record.field("format") != takes(flash):
        raise ValueError("an image of another format")
    if int(record.field("base") or 0) > base():
        raise ValueError("it needs base image %s" % record.field("base"))
    if takes(flash) == "romfs":
        # MicroPython has mounted the outer ROMFS. A file in it is memory: its code runs in place.
        with open("/rom/" + name, "rb") as file:
            system = vfs.VfsRom(memoryview(file))
    else:
        block, length = int(record.field("block")), int(record.field("length"))
        image = _Image(flash, block, length)
        system = vfs.VfsLfs2(image, readsize=READ_SIZE, progsize=READ_SIZE)
    vfs.mount(system, where, readonly=True)
    try:
        # Opened now, while another slot can still be taken.
        open(where + "/app.mpy", "rb").close()
    except OSError:
        vfs.umount(where)
        raise
    sys.path.insert(0, where + "/lib")
    sys.path.insert(0, where)


def _try(name, flash, record):
    """True if this slot is the one that starts."""
    trial = not record.confirmed
    print("boot: %s %s, %s" % (name, record.field("version"), slots.why(record)))
    if trial:
        slots.start(flash, record)
    try:
        _mount(name, flash, record)
    except Exception as exc:  # any exception: the other slot may work
        print("boot: %s: %r" % (name, exc))
        if trial:
            slots.give_up(flash)
        return False
    if trial:
        import machine

        machine.WDT(timeout=TRIAL_MS)
    return True


def start():
    """Pick a slot and put it on the module path; returns its name, None if there is none."""
    found = devices()
    records = []
    for _, flash in found:
        try:
            records.append(slots.read(flash))
        except OSError as exc:
            print("boot: a slot cannot be read:", repr(exc))
            records.append(slots.Record(None, b"", b"", 0, False, False))
    for i in slots.choose(records):
        try:
            if _try(found[i][0], found[i][1], records[i]):
                return found[i][0]
        except OSError as exc:
            print("boot: %s: %r" % (found[i][0], exc))
    if found and not _at_home():
        print("boot: no slot has an application that starts: write one by cable (make flash)")
    return None


# -- for the application ---------------------------------------------------------------------


def record(name):
    """(Flash, Record) of a slot. OSError if it cannot be read."""
    flash = dict(devices())[name]
    return flash, slots.read(flash)


def on_trial():
    """True if the running version has not been confirmed yet."""
    name = running()
    return name is not None and not record(name)[1].confirmed


def confirm():
    """Confirm the running version. One program operation, no erase."""
    name = running()
    if name is not None:
        slots.confirm(record(name)[0])


def go_back(home=False):
    """Give up the slot that runs: the next start takes the other one.

    home: the application in the file system, where there is one, will do, too. Returns False, and
    changes nothing, if there is no other application, or no slot runs. The caller
    resets the chip.
    """
    name = running()
    if name is None:
        return False
    others = [record(other)[1].live for other in NAMES if other != name]
    if not (any(others) or home and _at_home()):
        return False
    slots.give_up(record(name)[0])
    return True


def _at_home():
    """True if the file system has an application, which starts where no slot does."""
    for place in sys.path:
        if place[1:] in NAMES or place[1:-4] in NAMES:
            continue
        for end in ("app.mpy", "app.py"):
            try:
                os.stat(place + "/" + end if place else end)
                return True
            except OSError:
                pass
    return False
