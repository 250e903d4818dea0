# The firmware run from a ROM image, as a chip with MICROPY_VFS_ROM runs it from its flash.
# MIT license; part of microevse
"""Bytecode stays in the image: only objects take heap, and of that there is only so much.
Sessions at a heap limit are in test_memory_budget.py."""

import subprocess
import sys

import pytest
import twin_growth
from twin import host
from twin.host import Twin
from twin.run_heap import HEAP_GROWTH_64

sys.path.append(str(host.ROOT / "tools"))
import romfs  # noqa: E402


def _read(image, tmp_path, code):
    """Run `code` under MicroPython with the image mounted as /rom; returns what it prints."""
    file = tmp_path / "image"
    file.write_bytes(image)
    head = "import os, vfs\nvfs.mount(vfs.VfsRom(open(%r, 'rb').read()), '/rom')\n" % str(file)
    command = [host.interpreter("micropython"), "-c", head + code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")


def test_an_image_holds_the_folders_under_their_places(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    (a / "web").mkdir(parents=True)
    b.mkdir()
    (a / "web" / "page.gz").write_bytes(bytes(range(256)) * 9)
    (b / "x.py").write_text("print('from ROM')\n")
    image = romfs.image({"": a, "lib": b})
    code = "import sys\nprint(sorted(os.listdir('/rom')))\n"
    code += "print(sum(open('/rom/web/page.gz', 'rb').read()))\n"
    code += "sys.path.append('/rom/lib')\nimport x\n"
    assert _read(image, tmp_path, code)[:3] == [
        "['lib', 'web']",
        str(9 * 255 * 128),
        "from ROM",
    ]


def test_two_files_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.mpy").write_bytes(b"M")
    with pytest.raises(ValueError, match="log.mpy"):
        romfs.image({"": tmp_path / "a", ".": tmp_path / "b"})


def test_only_micropython_runs_from_rom():
    with pytest.raises(ValueError, match="ROM"):
        Twin(rom=__file__, runtime="cpython")


def test_what_the_twin_takes_is_what_it_adds_to_a_limit():
    allowed = HEAP_GROWTH_64
    measured = twin_growth.measure()
    print("the twin takes %d bytes while a firmware runs, %d are added" % (measured, allowed))
    assert 0.9 * allowed < measured <= 1.05 * allowed
