# Importing the application from a ROMFS slot of the base image: heap, names, code in place.
# MIT license; part of microevse
"""On a 32-bit MicroPython with what the base image has frozen in, made by MicroPython's own tools
from the same manifest (tools/frozen.py; not run where it cannot be built). The application lies in
a ROMFS mounted where hal/appslot.py mounts a slot.
"""

import json
import subprocess

import footprint
import frozen
import heap_causes
import memory_budget
import names
import pytest
from tools_paths import ROOT

import bundle
import roots

RESIDENT = footprint.order(footprint.RESIDENT_ROOTS)
# Names that MicroPython makes beside those of the application: of the stand-ins for the chip's
# modules, of this program, of asyncio's modules.
OTHERS = ("asyncio.", "uos", "uhashlib", "/usr/lib/micropython", "/rom", "-c")


@pytest.fixture(scope="module")
def interpreter():
    try:
        yield frozen.build("base")
    except frozen.Missing as exc:
        pytest.skip("NOT RUN: %s" % exc)
    footprint.forget()


def run(interpreter, code):
    """The lines that `code` prints with the application in a slot."""
    job = json.loads(footprint.job([], True, footprint.SLOT).read_text())
    head = job["prepare"].replace("'/stubs'", repr(job["stubs"]))
    head = head.replace("'/image'", repr(job["image"]))
    command = [str(interpreter), "-X", "heapsize=8m", "-c", head + code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    return done.stdout.splitlines()


def test_importing_the_application_takes_at_most_95_kb(interpreter):
    rows = heap_causes.table(RESIDENT, interpreter)
    sums = [sum(column) for column in zip(*rows.values())]
    for cause, size in zip(heap_causes.CAUSES, sums):
        print("%7d  %s" % (size, cause))
    print("%7d  in all, of %d" % (sum(sums), memory_budget.IMPORTS))
    assert sum(sums) <= memory_budget.IMPORTS
    # The causes are no guess: what they do not explain is little. It would be more, too, if the
    # base image did not know the constant strings.
    assert sums[-1] < 0.12 * sum(sums)


def test_the_application_is_imported_from_the_slot_in_place(interpreter):
    code = "import evse_base, hal.partition as p\nprint(evse_base.IN_PLACE, evse_base.__file__)\n"
    assert run(interpreter, code + "print(p.__file__)") == [
        "True /app_a/lib/evse_base/__init__.mpy",
        "/app_a/hal/partition.mpy",
    ]


def test_the_base_image_has_every_name_of_the_application(interpreter):
    """Also those of modules that are loaded when needed: a name that is made once stays."""
    everything = sorted(set(footprint.sources()) - {"boot", "main"})
    # What a module imports from the chip may be missing here; its own names are read before.
    each = "try: import %s\nexcept (ImportError, AttributeError) as exc: print('missing', exc)"
    lines = ["import micropython"] + [each % name for name in everything]
    lines = run(interpreter, "\n".join(lines) + "\nmicropython.qstr_info(1)\n")
    assert sum(line.startswith("missing ") for line in lines) <= 3, lines
    new = [line[2:-1] for line in lines if line.startswith("Q(")]
    new = [name for name in new if not name.startswith(OTHERS) and "/stubs/" not in name]
    print("names that the base image lacks:", new)
    assert new == []


def test_public_roots_are_in_the_base_image_and_not_in_a_slot(interpreter):
    code = "import sys, roots\nprint(len(roots.every()), roots.load('public/isrg_x2', 0).hex())\n"
    said = run(interpreter, code + "print('roots_der' in sys.modules)\n")
    whole = roots.every()
    assert said == ["%d %s" % (len(whole), whole[-1].hex()), "False"]
    content = {"roots.der": (ROOT / "firmware" / "roots.der").read_bytes(), "app.mpy": b"x" * 9}
    assert len(bundle.romfs(content)) < 200
    content["roots.der"] += b"another one"
    assert len(bundle.romfs(content)) > 13000, "another base image has other ones"


def test_a_later_application_may_have_names_that_the_base_image_does_not_know(interpreter):
    text = "def quite_a_new_name():\n    return 'a text that nobody has written before'\n"
    module = names.compiled(text, "later.py")
    code = (
        "import os, gc\nclass M:\n def __init__(self): self.d = {'/later.mpy': %r}\n" % module
        + "image = %r\nvfs.mount(vfs.VfsRom(image), '/app_b')\nsys.path.insert(0, '/app_b')\n"
        % footprint.romfs.pack({"later.mpy": module})
        + "import later\nprint(later.quite_a_new_name())\n"
    )
    assert run(interpreter, code) == ["a text that nobody has written before"]


def test_the_module_with_the_names_is_a_module():
    """Read back by our own reader, which takes the format from MicroPython's source."""
    made = names.module(["plain", "two words", "ümläut", "n" * 200])
    mpy = names.Mpy(made)
    assert mpy.names[-4:] == ["plain", "two words", "ümläut", "n" * 200]
    assert mpy.strings == [] and mpy.objects == 0
    again = names.Mpy(
        names.compiled("A = 'a constant of many characters', b'bytes', 70000 ** 2\n", "x.py")
    )
    assert "a constant of many characters" in again.strings
    assert again.constants == [("a constant of many characters", b"bytes", 4900000000)]
    with pytest.raises(ValueError, match="version 6"):
        names.Mpy(b"M\x05\x00\x1f\x00\x00")
