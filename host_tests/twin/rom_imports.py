# A ROMFS from which an import takes its time.
# MIT license; part of microevse
"""What loading a module from a ROMFS takes on a chip is not known. 15 ms for each KB of .mpy, seen
on an emulated chip with littlefs, is an upper bound: a ROMFS is memory, no file has to be read.
Option `import_ms_per_kb` has another figure.

One module is one stall: no callback of a timer runs in it (docs/chip.md). A module that imports
others before it calls anything of the board makes one stall with them.
"""

MS_PER_KB = 15


class Rom:
    """A file system for vfs.mount(): a VfsRom whose modules take `us_per_kb` to be opened.

    loaded: fn(path, us), before the time passes. as_chip: fn(fn, ...), which calls fn so that its
    memory is the chip's; None: there is one heap.
    """

    def __init__(self, rom, clock, us_per_kb, loaded, as_chip=None):
        self._rom = rom
        self._clock = clock
        self._us_per_kb = us_per_kb
        self._loaded = loaded
        self._as_chip = as_chip
        for name in ("mount", "umount", "stat", "statvfs", "ilistdir", "chdir", "getcwd"):
            setattr(self, name, getattr(rom, name))

    def open(self, path, mode):
        """A file of it, as the VfsRom gives it: its content is memory."""
        if path.endswith(".mpy"):
            us = self._rom.stat(path)[6] * self._us_per_kb // 1024
            self._loaded(path, us)
            self._clock.stall(us)
        if self._as_chip:
            return self._as_chip(self._rom.open, path, mode)
        return self._rom.open(path, mode)


class Vfs:
    """The module `vfs` of the firmware: a ROMFS that it makes itself takes its time, too."""

    def __init__(self, module, wrap):
        self._module = module
        self._wrap = wrap

    def __getattr__(self, name):
        return getattr(self._module, name)

    def VfsRom(self, memory):  # noqa: N802 (MicroPython's name)
        """A VfsRom over `memory`."""
        return self._wrap(self._module.VfsRom(memory))
