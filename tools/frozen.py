# A 32-bit MicroPython for this host with the whole application frozen into it.
# MIT license; part of microevse
"""usage: frozen.py [IMAGE ...]    (make frozen) builds build/frozen32/IMAGE and prints its path

IMAGE is `frozen` (the default: the whole application), `base` (what the base image has frozen in;
the application comes as a ROMFS image) or `stock` (nothing of this project).

A host cannot come nearer to the frozen firmware of an ESP32: pointers and small integers of the
chip's size, bytecode and names in read-only memory, made from the same manifest
(boards/micropython/MICROEVSE/manifest_app.py) by MicroPython's own tools. Its heap figures are
therefore not converted. It has no Xtensa code and no FreeRTOS.

Its garbage collector is changed: it can give the chip's program areas of its own, of the chip's
size, taken from a model of the chip's system heap (host_tests/support/micropython).

The source is MicroPython 1.25.0 as Debian has it. On Debian this wants gcc-multilib and, after
`dpkg --add-architecture i386`, libmbedtls-dev:i386.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "frozen32"
BOARD = ROOT / "boards" / "micropython" / "MICROEVSE"
CHIPHEAP = ROOT / "host_tests" / "support" / "micropython"
POOLS = (
    "http://deb.debian.org/debian/pool/main/m/micropython/",
    "http://snapshot.debian.org/file-by-name/micropython/",
)
FILES = {
    "micropython_1.25.0+ds.orig.tar.xz": (
        "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"
    ),
    "micropython_1.25.0+ds-1.debian.tar.xz": (
        "87cd89f7900c86b963885dabe25acf3e5348815993f1500278ad8f6464465af4"
    ),
}
MARCH = "x86"  # of native code in these interpreters
TREE = "micropython-1.25.0"
# What is frozen in: a manifest, None for that of the port alone.
IMAGES = {"frozen": BOARD / "manifest_app.py", "base": BOARD / "manifest.py", "stock": None}
# A board's MicroPython has these; so has the 32-bit host with them.
OPTIONS = (
    "VARIANT=standard",
    "MICROPY_FORCE_32BIT=1",
    "MICROPY_PY_FFI=0",
    "MICROPY_PY_BTREE=0",
    "MICROPY_PY_THREAD=0",
    "MPY_CROSS_FLAGS=-march=%s" % MARCH,
    "USER_C_MODULES=%s" % CHIPHEAP,
    "CFLAGS_EXTRA=-Wno-pointer-arith -include %s" % (CHIPHEAP / "chipheap" / "chipheap.h"),
)
# The part of ports/esp32/boards/manifest.py that the application needs.
PORT_MANIFEST = 'include("$(MPY_DIR)/extmod/asyncio")\n'
_TRIAL = """#include <mbedtls/sha1.h>
int main(void) { mbedtls_sha1_context c; mbedtls_sha1_init(&c); return 0; }
"""


class Missing(Exception):
    """Something that the build needs is not on this machine; the text says what."""


def build(image="frozen"):
    """Path of the interpreter, made or brought up to date. Raises Missing."""
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test workers want it, one builds
        _check_tools()
        tree = _tree()
        manifest = IMAGES[image] or tree / "ports" / "unix" / "boards" / "manifest.py"
        more = ["FROZEN_MANIFEST=%s" % manifest, "BUILD=build-%s" % image]
        _renew(tree / "ports" / "unix" / ("build-" + image))
        _run(["make", "-C", "ports/unix", "-j2", *more, *OPTIONS], tree)
        made = OUT / image
        fresh = OUT / (image + ".new")
        shutil.copy2(tree / "ports" / "unix" / ("build-" + image) / "micropython", fresh)
        os.replace(fresh, made)  # the old program may be running
        return made


def sources():
    """Path of MicroPython's sources as they are, without our changes. Raises Missing."""
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shutil.which("patch"):
            raise Missing("no patch")
        tree = OUT / "plain" / TREE
        if not (tree / ".ready").exists():
            _unpack(tree)
            (tree / ".ready").touch()
        return tree


def _renew(folder):
    """MicroPython's make does not see that names which our module has come to use must not be
    frozen in a second time."""
    now = "".join([_digest(path) for path in sorted((CHIPHEAP / "chipheap").iterdir())])
    mark = folder / "names"
    if not mark.exists() or mark.read_text() != now:
        (folder / "frozen_content.c").unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        mark.write_text(now)


def _tree():
    """The sources with our changes; made anew where those have changed."""
    tree = OUT / TREE
    edits = CHIPHEAP / "edits.py"
    ready, now = tree / ".ready", _digest(edits)
    if not ready.exists() or ready.read_text() != now:
        _unpack(tree)
        sys.path.append(str(CHIPHEAP))
        import edits as changes

        _run(["make", "-C", "mpy-cross", "-j2"], tree)  # without them: it has no two owners
        changes.apply(tree)
        ready.write_text(now)
    return tree


def content(image="frozen"):
    """The C source with all that is frozen into an image, as MicroPython's mpy-tool.py writes it.
    Build the image first."""
    return OUT / TREE / "ports" / "unix" / ("build-" + image) / "frozen_content.c"


def _check_tools():
    for tool in ("make", "gcc", "patch"):
        if not shutil.which(tool):
            raise Missing("no %s" % tool)
    trial = OUT / "trial.c"
    trial.write_text(_TRIAL)
    command = ["gcc", "-m32", str(trial), "-o", str(OUT / "trial"), "-lmbedcrypto"]
    if subprocess.run(command, capture_output=True).returncode:
        raise Missing(
            "no 32-bit compiler with mbedTLS (Debian: dpkg --add-architecture i386, then "
            "gcc-multilib libmbedtls-dev:i386)"
        )


def _unpack(tree):
    shutil.rmtree(tree, ignore_errors=True)
    source, packaging = (_fetch(name) for name in FILES)
    with tarfile.open(source) as archive:
        archive.extractall(tree.parent)
    with tarfile.open(packaging) as archive:
        archive.extractall(tree)
    series = (tree / "debian" / "patches" / "series").read_text().split()
    for name in series:
        with open(tree / "debian" / "patches" / name) as patch:
            _run(["patch", "-p1", "-s"], tree, stdin=patch)
    boards = tree / "ports" / "unix" / "boards"
    boards.mkdir()
    (boards / "manifest.py").write_text(PORT_MANIFEST)


def _fetch(name):
    """The file, downloaded once and checked each time."""
    path = OUT / name
    if not path.exists() or _digest(path) != FILES[name]:
        problem = None
        for pool in POOLS:
            try:
                with urllib.request.urlopen(pool + name, timeout=60) as answer:
                    path.write_bytes(answer.read())
                if _digest(path) == FILES[name]:
                    return path
                problem = "wrong checksum"
            except OSError as exc:
                problem = exc
        raise Missing("%s cannot be fetched: %s" % (name, problem))
    return path


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _run(command, folder, stdin=None):
    # The environment of `make test` would be taken for options of this make.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    done = subprocess.run(
        command, cwd=folder, stdin=stdin, env=kept, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError("%s:\n%s" % (" ".join(command), (done.stdout + done.stderr)[-3000:]))


if __name__ == "__main__":
    try:
        for image in sys.argv[1:] or ["frozen"]:
            print(build(image))
    except Missing as exc:
        sys.exit("not built: %s" % exc)
