# What the heap of imported modules is spent on, by cause, at 32 bit.
# MIT license; part of microevse
"""`table(names, interpreter)` explains footprint.heap_base: of each module the bytes for

    module      its object and that of its dict (py/objmodule.c)
    names       the table of the dict, 8 bytes an entry, in steps (py/map.c)
    tables      qstr table, 2 bytes an entry, and table of constants, 4 an entry (py/bc.h)
    constants   tuples and bytes as objects; strings too long for a name (the base image has the
                others as names)
    functions   16 bytes each, as methods, too (py/objfun.h)
    classes     type and dict object, tuple of its base (py/objtype.c)
    attributes  the tables of the classes' dicts
    rest        values of defaults, buffers and tables that the module makes: what is measured
                less all of these

Memory comes in blocks of 16 bytes.
"""

import footprint
import names

CAUSES = (
    "module", "names", "tables", "constants", "functions", "classes", "attributes", "rest",
)  # fmt: skip
_BLOCK = 16
_WORD = 4
# py/map.c, hash_allocation_sizes; a module's dict begins with 1 (MICROPY_MODULE_DICT_SIZE).
_STEPS = (1, 2, 4, 6, 8, 10, 12, 17, 23, 29, 37, 47, 59, 73, 97, 127, 167)
_SMALL = 1 << 30  # integers from here on are objects


def _blocks(size):
    return -(-size // _BLOCK) * _BLOCK


def _dict(count):
    return _blocks(2 * _WORD * next(step for step in _STEPS if step >= count)) if count else 0


def _constant(value):
    if isinstance(value, tuple):
        inside = sum(_constant(item) for item in value)
        return inside + (_blocks(2 * _WORD + _WORD * len(value)) if value else 0)
    if isinstance(value, str):
        return 0 if len(value.encode()) <= names.LONGEST else _BLOCK
    if isinstance(value, bytes):
        return _BLOCK if value else 0
    if isinstance(value, int):
        return 0 if -_SMALL <= value < _SMALL else _BLOCK
    return 0 if value is None else _BLOCK  # a float


def row(size, mpy, shape):
    """[bytes by cause] of a module that takes `size`."""
    count, functions, classes = shape
    found = [
        2 * _BLOCK,
        _dict(count),
        _blocks(_WORD * (-(-mpy.table // 2) + mpy.objects)),
        sum(map(_constant, mpy.constants)),
        _BLOCK * (functions + sum(methods for _, methods, _ in classes)),
        sum(4 * _BLOCK + _BLOCK + (_BLOCK if based else 0) for _, _, based in classes),
        sum(_dict(own) for own, _, _ in classes),
    ]
    return found + [size - sum(found)]


def table(order, interpreter):
    """{module: [bytes by cause]}, in the order of the imports."""
    measured = footprint.heap_base(order, interpreter)
    tree = footprint.build()[0]
    rows = {}
    for name, size in measured["rows"]:
        place = name.replace(".", "/")
        ways = [base + place + end for base in ("lib/", "") for end in (".mpy", "/__init__.mpy")]
        path = next(tree / way for way in ways if (tree / way).exists())
        rows[name] = row(size, names.Mpy(path.read_bytes()), measured["shapes"][name])
    return rows
