# Makes littlefs images that MicroPython mounts.
# MIT license; part of microevse
"""Parameters as MicroPython's VfsLfs2 has them when a partition is mounted (extmod/vfs_lfsx.c).
Small files lie in the directory itself if they fit into its cache: with another cache size they
could not be read there."""

from littlefs import LittleFS, LittleFSError

READ, PROGRAM, LOOKAHEAD, CACHE = 32, 32, 32, 128
DISK_VERSION = 0x00020000  # every version of littlefs 2 reads it
_NO_SPACE = -28


def image(files, block, count):
    """(image of `count` blocks, blocks of it that are used) of {path: bytes}; None if that is
    too much for it."""
    fs = LittleFS(
        block_size=block,
        block_count=count,
        read_size=READ,
        prog_size=PROGRAM,
        cache_size=CACHE,
        lookahead_size=LOOKAHEAD,
        disk_version=DISK_VERSION,
    )
    try:
        for path in sorted(files):
            parent = path.rpartition("/")[0]
            if parent:
                fs.makedirs(parent, exist_ok=True)
        for path in sorted(files):
            with fs.open(path, "wb") as file:
                file.write(files[path])
    except LittleFSError as exc:
        if exc.code != _NO_SPACE:
            raise
        return None
    return bytes(fs.context.buffer), fs.used_block_count
