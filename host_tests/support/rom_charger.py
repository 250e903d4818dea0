# A charger that runs from a slot of the base image, at the chip's heap.
# MIT license; part of microevse
"""`flashed_bench(...)`: flash and file system as `make flash` leaves them, an interpreter of 32
bits with what the base image has frozen in, and heaps of the chip's size."""

import contextlib
import pathlib
import tempfile

import frozen
import update_kit
from bench import Bench
from fakeboard.board import flashed
from secure import SecureBench, secure
from twin.host import load_board
from twin.system_heap import IMAGES

OLD, NEW = "0.1.0", "9.9.9"
GC_SIZE = IMAGES["base"][1]


@contextlib.asynccontextmanager
async def flashed_bench(
    tls=True, less=0, files=None, features="named", options=None, kind=SecureBench, **more
):
    """A bench whose charger runs from slot app_a. less: bytes of GC heap that it has less than a
    chip. files: {name: text} beside config.json. kind: the class of the bench, with `tls`. Raises
    frozen.Missing."""
    program = frozen.build("base")
    with tempfile.TemporaryDirectory() as folder:
        app = update_kit.application(OLD, frozen.MARCH)
        flashed(folder, app, "romfs", {})
        vfs = pathlib.Path(folder, "vfs")
        for name, text in (files or {}).items():
            (vfs / name).write_text(text)
        made = {
            "board": dict(load_board(update_kit.BOARD), features=features),
            "heap_image": "base",
            "frozen": program,
            "data": folder,
            "firmware": [vfs, vfs / "lib"],
            "options": {"gc_size": GC_SIZE - less, **(options or {})},
            **more,
        }
        async with kind(**secure(**made)) if tls else Bench(**made) as b:
            yield b


def bundle(**more):
    """A bundle for that charger; it is confirmed soon after its start."""
    more = {"broken": update_kit.QUICK_TRIAL, "march": frozen.MARCH, "format": "romfs", **more}
    return update_kit.make(NEW, **more)
