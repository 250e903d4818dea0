# What the program takes of the flash, and how much it may take.
# MIT license; part of microevse
"""The application of a slot is made as an update is made (tools/bundle.py), so its size is exact.
An image of MicroPython cannot be built here, for there is no compiler for the chip: its size is
estimated from above, as MicroPython's own image with Bluetooth, which ours has not, and what our
manifests freeze into it, as it is in the 32-bit build for this computer (tools/frozen.py).
"""

import contextlib
import functools
import io
import subprocess
import tempfile

import frozen
import tools_paths  # noqa: F401 (import paths)

import build
import bundle
import image
import names
import partitions

# Of the 640 KiB of a slot.
APPLICATION = 600 * 1024
# MicroPython 1.24.0 for a plain ESP32, with Bluetooth, as it is downloaded.
STOCK = 1629968
# Bytes of the partition that each image lies in, on 4 MB.
FACTORY = {
    "base": partitions.find(partitions.LAYOUTS["romfs"], "factory").size,
    "frozen": partitions.find(partitions.FROZEN, "factory").size,
}


@functools.lru_cache(None)
def applications(board="esp32_devkitc"):
    """{format: bytes of the application's image} for a slot in its own partition (lfs2) and in the
    ROMFS of the base image."""
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(io.StringIO()):
            build.main(board, folder)
        content = bundle.files(folder)
    return {
        format: len(image.packed(content, format)) - image.HEADER for format in ("lfs2", "romfs")
    }


def frozen_data(name):
    """Bytes that an image has frozen in: the section sizes of the object that MicroPython's build
    makes of it, on a processor whose pointers have the chip's size. Raises frozen.Missing."""
    frozen.build(name)
    source = frozen.content(name)
    objects = list(source.parent.rglob(source.stem + ".o"))
    sizes = subprocess.run(
        ["size", *map(str, objects)], capture_output=True, text=True, check=True
    )
    text, data = sizes.stdout.splitlines()[1].split()[:2]
    return int(text) + int(data)


def estimate(name):
    """The most bytes that the image `frozen` or `base` can have on an ESP32."""
    return STOCK + frozen_data(name)


def over(sizes, limit):
    """[sentence] for each {what: bytes} above `limit`."""
    return [
        "%s takes %d bytes, %d more than the limit" % (what, size, size - limit)
        for what, size in sizes.items()
        if size > limit
    ]


def lines():
    """The table of all sizes, for tests and benches."""
    for what, size in applications().items():
        yield "application, %-6s %9d bytes of %9d" % (what, size, APPLICATION)
    for what in FACTORY:
        try:
            size = estimate(what)
        except frozen.Missing as exc:
            yield "image, %s: NOT RUN: %s" % (what, exc)
        else:
            yield "image, %-12s %9d bytes at most, of %9d" % (what, size, FACTORY[what])
    known = names.application()
    yield "names in the base image: %d, at most %d bytes of it" % (len(known), names.flash(known))
