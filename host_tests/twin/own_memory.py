# The virtual board's own part of the heap: the data it keeps, not the program it runs.
# MIT license; part of microevse
"""`own_bytes()` walks what can grow in the twin: the world and what happened in it, the clock's
events, the network, the link to the parent, the flash model, the ready-made pilot windows. Its
program and the shadows of sockets and UARTs that the firmware made are left out: the former
never changes, the latter are as many as the firmware's own.

Sizes are those of this MicroPython, in blocks of four words.
"""

import sys

import twin_state

_WORD = 8 if sys.maxsize > 1 << 31 else 4
_BLOCK = 4 * _WORD
_SCALARS = (int, bool, type(None), float)
_SMALL_INT = 1 << (30 if _WORD == 4 else 62)  # what is larger is an object: times in us
_TEXTS = (str, bytes, bytearray)


def _blocks(size):
    return (size + _BLOCK - 1) // _BLOCK * _BLOCK


def _roots():
    clock = twin_state.clock
    pacer = clock.pacer
    roots = [twin_state.world, clock, twin_state.net]
    roots += [part for part in (pacer, pacer and pacer.link) if part]
    if getattr(twin_state, "flash", None):
        roots.append(twin_state.flash)
    burst = sys.modules.get("burst")
    if burst is not None:
        roots.append([getattr(burst, "_ready", None), getattr(burst, "_state", None)])
    return roots


def own_bytes():
    """Bytes of heap; grows and shrinks with what the twin keeps."""
    # Given at the start and never changed: no part of what is looked for.
    seen = {id(twin_state.options), id(twin_state.board)}
    total = 0
    todo = _roots()
    while todo:
        thing = todo.pop()
        if isinstance(thing, float):
            total += _BLOCK
        elif isinstance(thing, int) and not -_SMALL_INT <= thing < _SMALL_INT:
            total += 2 * _BLOCK
        elif isinstance(thing, _SCALARS) or id(thing) in seen:
            continue
        else:
            seen.add(id(thing))
            total += _size(thing, todo)
    return total


def _size(thing, todo):
    """Bytes of `thing` itself; puts what it holds on `todo`."""
    if isinstance(thing, _TEXTS):
        return _BLOCK + _blocks(len(thing) + 1)
    if isinstance(thing, (list, set)):
        todo.extend(thing)
        return _BLOCK + _blocks(_WORD * max(4, len(thing)))
    if isinstance(thing, tuple):
        todo.extend(thing)
        return _blocks(_WORD * (2 + len(thing)))
    if isinstance(thing, dict):
        todo.extend(thing.keys())
        todo.extend(thing.values())
        return _BLOCK + _blocks(2 * _WORD * len(thing))
    inside = getattr(thing, "__dict__", None)
    if not isinstance(inside, dict) or isinstance(thing, type):
        return 0  # functions, classes, modules, what is native
    todo.extend(inside.values())
    return _BLOCK + _blocks(2 * _WORD * len(inside))
