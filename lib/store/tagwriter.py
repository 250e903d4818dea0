# The local authorization list on flash: replaced as a whole or not at all.
# MIT license; part of microevse
"""Updates of a `taglist.TagList`, which says how the list lies on flash.

An update that cannot be made raises ValueError with the reason; the list is then unchanged.
During an update each entry is a `packed` one: token in upper case, a zero, kind and
status u8, expiry u32, parent. The zero sorts a token before a longer one that begins with it.
"""

import asyncio
import struct

from evse_base import const, crc32

from .taglist import FIRST, HEADER, KINDS, MAGIC, STATUSES, TOKEN

_STATUSES_1 = const(5)  # the number of statuses that form 1 knows
_FORM_1 = const(20)  # bytes of a token and of a parent in it
_DROP = const(0x0F)  # status of a change that takes an entry out
_LAST = const(0xFFFFFFFF)
_BEHIND = const(6)  # bytes between token and parent
_LINK = const(28)  # offset of the header CRC of the list before
_PAGE = const(256)  # one program command of the chip
_ERASE_MS = const(1000)  # so long no contactor may close: a look for ones, and one erase


def packed(token, info, kind=""):
    """A change of the list: a token and what holds for it.

    info: {"status", "expiry", "parent"}, or None to take the token out. kind: one of KINDS.
    ValueError for an entry that has no place in a list.
    """
    # ASCII only: bytes have one upper case on every interpreter, text has not.
    key = _checked(token, "token").upper()
    if not key or kind not in KINDS:
        raise ValueError("no token, or one of a kind that is not known")
    head = KINDS.index(kind) << 4
    if info is None:
        return key + struct.pack("<BBI", 0, head | _DROP, 0)
    parent = _checked(info.get("parent") or "", "parent")
    expiry = info.get("expiry")
    expiry = 0 if expiry is None else min(max(expiry, 1), _LAST)
    return key + struct.pack("<BBI", 0, head | STATUSES.index(info["status"]), expiry) + parent


def _checked(text, name):
    raw = text.encode()
    # A hash of station.authorization.kept begins with a control character.
    plain = raw[1:] if len(raw) == TOKEN and raw[0] == 1 else raw
    if len(raw) > TOKEN or [byte for byte in plain if byte < 32 or byte == 127]:
        raise ValueError("a %s has at most %d bytes, none of them control" % (name, TOKEN))
    return raw


def _key(change):
    """The sort key of changes: the token, and its kind."""
    n = change.find(b"\0")
    return change[:n], change[n + 1] >> 4


async def update(tags, version, changes, old_count):
    """Write `old_count` entries of `tags` and the changes, merged, into the other half; then
    its header. changes: iterable of what `packed` takes."""
    if tags.updating:
        raise ValueError("another update is being made")
    if not 0 <= version <= _LAST:
        raise ValueError("version %d" % version)
    changes = [packed(*change) for change in changes]
    changes.sort()
    for i in range(1, len(changes)):
        if _key(changes[i]) == _key(changes[i - 1]):
            raise ValueError("a token comes twice")
    tags.updating = True
    try:
        await _write(tags, version, changes, old_count)
    finally:
        tags.updating = False


async def _write(tags, version, changes, old_count):
    form, token, parent = _shape(tags, changes, old_count)
    room, size = tags.room(token, parent), token + parent + 5
    base = tags.half - tags.base
    writer = _Writer(tags, base + FIRST)
    await writer.erase(base)  # first: it takes the stale header away
    link = bytearray(4)
    tags.flash.read(tags.base + _LINK - 4, link)
    if tags.form == 2:
        # The list before it is gone: none that an older version writes there is that one.
        tags.flash.program(tags.base + _LINK, bytes(4))
    crc = count = 0
    for entry in _merged(tags, changes, old_count, token, size):
        if count == room:
            raise ValueError("more than %d tokens" % room)
        crc = crc32(entry, crc)
        count += 1
        await writer.add(entry)
    await writer.flush()
    generation = tags.generation + 1
    # Form 1 is written exactly as the versions did that knew no other form.
    shape = (token, parent, tags.form if tags.count else 0) if form > 1 else (0, 0, 0)
    head = struct.pack(HEADER, MAGIC, form, *shape, generation, version, count, crc)
    head += struct.pack("<I", crc32(head))
    _check_open(tags)
    tags.flash.program(base, head + link if form > 1 else head)
    tags.generation = generation
    tags.use(base, form, token, parent, version, count)


def _shape(tags, changes, old_count):
    """(form, bytes of a token, bytes of a parent) of the new list."""
    form, token, parent = 1, 1, 0
    if old_count:
        form, token, parent = tags.form, tags.token, tags.parent
    for change in changes:
        n = change.find(b"\0")
        status = change[n + 1] & 15
        if status == _DROP:
            continue
        token, parent = max(token, n), max(parent, len(change) - n - _BEHIND)
        if status >= _STATUSES_1 or change[n + 1] >> 4:
            form = 2
    if form == 1 and token <= _FORM_1 and parent <= _FORM_1:
        return 1, _FORM_1, _FORM_1
    return 2, token, parent


def _merged(tags, changes, old_count, token, size):
    """Iterate the entries of the new list in order. token: its bytes of a token; size: of an
    entry. One buffer is used for those of the old list."""
    width = tags.token
    old = bytearray(width + tags.parent + 5)
    start = tags.base + FIRST
    i = 0
    for change in changes:
        n = change.find(b"\0")
        key = change[:n] + b"\0" * (width - n), change[n + 1] >> 4
        while i < old_count:
            tags.flash.read(start + i * len(old), old)
            there = bytes(old[:width]), old[width] >> 4
            if there > key:
                break
            i += 1
            if there < key:
                yield _widened(old, width, token, size)
        if change[n + 1] & 15 != _DROP:
            yield _entry(change, n, token, size)
    while i < old_count:
        tags.flash.read(start + i * len(old), old)
        i += 1
        yield _widened(old, width, token, size)


def _entry(change, n, token, size):
    """A change as an entry; its token has `n` bytes."""
    entry = bytearray(size)
    entry[:n] = change[:n]
    entry[token] = change[n + 1]
    entry[token + 1 : token + 1 + len(change) - n - _BEHIND] = change[n + _BEHIND :]
    entry[-4:] = change[n + 2 : n + _BEHIND]
    return entry


def _widened(old, width, token, size):
    """An entry of the old list, with `width` bytes for its token, as one of the new list."""
    if width == token and len(old) == size:
        return old
    entry = bytearray(size)
    entry[:width] = old[:width]
    entry[token : token + len(old) - width - 4] = old[width:-4]
    entry[-4:] = old[-4:]
    return entry


def _check_open(tags):
    if not tags.may_erase(_ERASE_MS):
        raise ValueError("a contactor is closed")


def format(flash):
    """Make the region an empty list, whatever it held. Erases only what is not blank."""
    for block in range(flash.blocks):
        _blank(flash, block)


def _blank(flash, block):
    """Erase a block unless it is erased already; True if it had to be (80 ms)."""
    buf = bytearray(_PAGE)
    ones = b"\xff" * _PAGE
    for at in range(block * flash.block_size, (block + 1) * flash.block_size, _PAGE):
        flash.read(at, buf)
        if buf != ones:
            flash.erase(block)
            return True
    return False


class _Writer:
    """Programs entries one behind the other from `at` on, a page at a time, into blocks made
    blank."""

    def __init__(self, tags, at):
        self._tags = tags
        self._at = at
        self._page = bytearray(_PAGE)
        self._used = 0

    async def add(self, entry):
        done = 0
        while done < len(entry):
            # Pages end where those of the chip do, and so where its blocks do.
            room = _PAGE - self._at % _PAGE - self._used
            n = min(room, len(entry) - done)
            self._page[self._used : self._used + n] = entry[done : done + n]
            self._used += n
            done += n
            if n == room:
                await self.flush()

    async def flush(self):
        """Program what is in the page."""
        if not self._used:
            return
        flash = self._tags.flash
        if self._at % flash.block_size == 0:
            await self.erase(self._at)
        flash.program(self._at, memoryview(self._page)[: self._used])
        self._at += self._used
        self._used = 0

    async def erase(self, address):
        """Make the block at `address` blank, while that is allowed."""
        # A pause between two stalls: other tasks run, and a car may begin to charge.
        await asyncio.sleep(0)
        _check_open(self._tags)
        _blank(self._tags.flash, address // self._tags.flash.block_size)
