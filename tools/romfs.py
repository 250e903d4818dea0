# Makes a ROMFS image of a directory: a file system from which bytecode runs in place.
# MIT license; part of microevse
"""usage: romfs.py DIR IMAGE

MicroPython with MICROPY_VFS_ROM mounts such an image and takes bytecode, constant strings and
names from it in place: an import costs RAM for its objects only, not for its code. The format
and its writer are MicroPython's own (mpremote carries it).
"""

import pathlib
import sys

from mpremote.romfs import VfsRomWriter


def image(folders):
    """Bytes of an image of {place in the image ("" is its root): folder on this machine}.

    ValueError for a file that is in two of the folders, or for a name that is not ASCII.
    """
    files = {}
    for place, folder in folders.items():
        folder = pathlib.Path(folder)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                where = (pathlib.PurePosixPath(place) / path.relative_to(folder)).as_posix()
                if where in files:
                    raise ValueError(f"{path}: the image has such a file already")
                files[where] = path.read_bytes()
    return pack(files)


def pack(files):
    """Bytes of an image of {path: bytes}. ValueError for a name that is not ASCII."""
    tree = {}
    for path, data in files.items():
        if not path.isascii():
            raise ValueError(f"{path}: the format has names in ASCII only")
        *folders, name = path.split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = data
    writer = VfsRomWriter()
    _write(writer, tree)
    return bytes(writer.finalise())


def _write(writer, tree):
    for name in sorted(tree):
        if isinstance(tree[name], dict):
            writer.opendir(name)
            _write(writer, tree[name])
            writer.closedir()
        else:
            writer.mkfile(name, tree[name])


def main(folder, out):
    if not pathlib.Path(folder).is_dir():
        sys.exit(f"romfs: no directory {folder}")
    try:
        data = image({"": folder})
    except ValueError as exc:
        sys.exit(f"romfs: {exc}")
    pathlib.Path(out).write_bytes(data)
    print("%d bytes in %s" % (len(data), out))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    main(*sys.argv[1:])
