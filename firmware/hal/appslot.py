# The application slots of this board: which one starts, and its confirmation afterwards.
# MIT license; part of microevse
"""boot.py calls `start()`; the application uses the other functions.

The running slot is known by its place on the module path, /app_a or /app_b. Nothing else is kept
from boot.py: its modules are dropped so that those of the slot are imported.

A slot that does not get healthy in three starts in a row gives way to the other one, if that may
be started. This is decided here, before any module of a slot is imported: the slot may not be
able to decide it. Counted are starts, in the chip's RTC memory: a power cut begins anew, and so
does system.healthy() or a reset that was wanted (system.mark). A watchdog ends a start that hangs
before its first tick.

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
# The time that a version may take from its start to its first tick, which sets the watchdog anew.
# The watchdog resets a version that hangs before that: a failed start.
START_MS = 60000
# Starts in a row that did not get healthy.
STARTS = 3
# In the RTC memory, behind the marker of hal/system.py: 1 or 2 for the slot that was started last,
# its starts, and both with all bits inverted. Fixed for good, as the slots' record.
_STARTS_AT = 10
_STARTS_END = 14


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


def _unfinished():
    """(index of the slot that was started last, its starts in a row that did not get healthy);
    (None, 0) if there is none, or the power was off."""
    import machine

    data = machine.RTC().memory()[_STARTS_AT:_STARTS_END]
    if machine.reset_cause() == machine.PWRON_RESET or len(data) < 4:
        return None, 0
    if data[0] not in (1, 2) or data[0] ^ data[2] != 255 or data[1] ^ data[3] != 255:
        return None, 0
    return data[0] - 1, data[1]


def _count(i, starts):
    """Keep that slot `i` is started, for the so manieth time in a row."""
    import machine

    memory = machine.RTC().memory()
    marker = (memory + bytes(_STARTS_AT))[:_STARTS_AT]
    entry = bytes([i + 1, starts, 254 - i, 255 - starts])
    machine.RTC().memory(marker + entry + memory[_STARTS_END:])


def _leave_out(found, order):
    """`order` without a slot that was started again and again and did not get healthy, where there
    is another one. (order, index of the slot that was started last, its starts)"""
    last, starts = _unfinished()
    if starts < STARTS or last not in order:
        return order, last, starts
    name, flash = found[last]
    if len(order) < 2:
        print("boot: %s, %d starts in vain, and no other slot" % (name, starts))
        return order, last, starts
    print("boot: %s, %d starts in vain: the other slot is taken" % (name, starts))
    order = [i for i in order if i != last]
    # The crashes that the application has counted (hal/system.py) were those of this slot.
    import machine

    machine.RTC().memory(bytes(_STARTS_AT) + machine.RTC().memory()[_STARTS_AT:])
    try:
        slots.give_up(flash)
    except OSError as exc:
        print("boot: %s is not given up: %r" % (name, exc))  # left out in this start all the same
    return order, last, starts


def _try(name, flash, record):
    """True if this slot is the one that starts."""
    trial = not record.confirmed
    print("boot: %s %s, %s" % (name, record.field("version"), slots.why(record)))
    if trial:
        slots.start(flash, record)
    import machine

    # Before the slot's image is looked at: that may be what hangs.
    machine.WDT(timeout=START_MS)
    try:
        _mount(name, flash, record)
    except Exception as exc:  # any exception: the other slot may work
        print("boot: %s: %r" % (name, exc))
        if trial:
            slots.give_up(flash)
        return False
    return True


def start():
    """Pick a slot and put it on the module path; returns its name, None if there is none."""
    found = devices()
    records = []
    for _, flash in found:
        try:
            records.append(slots.read(flash))
        except Exception as exc:  # any exception, here and below: the other slot may work
            print("boot: a slot cannot be read:", repr(exc))
            records.append(slots.Record(None, b"", b"", 0, False, False))
    order, last, starts = slots.choose(records), None, 0
    try:
        order, last, starts = _leave_out(found, order)
    except Exception as exc:
        print("boot: starts are not counted:", repr(exc))
    for i in order:
        try:
            _count(i, min(starts + 1, 255) if i == last else 1)
            if _try(found[i][0], found[i][1], records[i]):
                return found[i][0]
        except Exception as exc:
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
    """Confirm the running version. One program operation, no erase. OSError if the flash does not
    keep it."""
    name = running()
    if name is not None:
        slots.confirm(record(name)[0])


def go_back(home=False):
    """Give up the slot that runs: the next start takes the other one.

    home: the application in the file system, where there is one, will do, too. Returns False, and
    changes nothing, if there is no other application, or no slot runs. OSError if the slot could
    not be given up: it starts again. The caller resets the chip.
    """
    name = running()
    if name is None:
        return False
    others = [record(other)[1].live for other in NAMES if other != name]
    if not (any(others) or home and _at_home()):
        return False
    slots.give_up(record(name)[0])
    if record(name)[1].live:  # asked of the flash: after a reset that changes nothing, all repeats
        raise OSError(5)
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
