# Makes a ROMFS image of a directory: a file system whose bytecode runs where it lies.
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

    ValueError for a file that two of them bring, or for a name that is not ASCII.
    """
    tree = {}
    for place, folder in folders.items():
        folder = pathlib.Path(folder)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                where = pathlib.PurePosixPath(place) / path.relative_to(folder)
                _place(tree, where.parts, path)
    writer = VfsRomWriter()
    _write(writer, tree)
    return bytes(writer.finalise())


def _place(tree, parts, path):
    for part in parts:
        if not part.isascii():
            raise ValueError(f"{path}: the format has names in ASCII only")
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
    if parts[-1] in tree:
        raise ValueError(f"{path}: the image has such a file already")
    tree[parts[-1]] = path


def _write(writer, tree):
    for name in sorted(tree):
        entry = tree[name]
        if isinstance(entry, dict):
            writer.opendir(name)
            _write(writer, entry)
            writer.closedir()
        else:
            writer.mkfile(name, entry.read_bytes())


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
