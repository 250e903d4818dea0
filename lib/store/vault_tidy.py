# Makes room in a vault: copies what counts out of a block, then erases it.
# MIT license; part of microevse
"""The original stays until its copy has been read back. Then the stamp of the block is zeroed, and
the copy alone counts. So a power cut at any operation leaves one of the two whole."""

from evse_base import log as console

from store.pieces import DATA, Busy, size_of

# Bytes that count no more in a block and are worth an erase.
_WASTE = 340
# With so many blank blocks no more room is made.
_ENOUGH = 2


def tidy(vault, may_stall, press):
    """See Vault.tidy."""
    if vault.unreadable and not press:
        return False  # nothing is lost for good that another start may be able to read
    settled = _settle(vault)
    for block, end in enumerate(vault.end):
        if end and not vault.blank(block, end):
            vault.torn[block] = True  # a program was cut before the head of its record was there
    tried = set()
    for _ in range(3 * vault.flash.blocks):
        where = _places(vault)
        block = _next(vault, where, press, tried)
        if block < 0:
            return settled or _settle(vault)
        if not may_stall():
            return False
        tried.add(block)
        if not _empty(vault, block, where):
            continue
        if _erase(vault, block):
            tried.clear()
        else:
            vault.bad_blocks += 1
            console.error("vault", "block %d does not erase", block)
    return False


def _settle(vault):
    """True if nothing is left in records that counts no more."""
    try:
        if vault.unsure and not vault.unreadable:
            # The last change may be on flash with bits that are half programmed: once more.
            vault.commit(vault.index)
            vault.unsure = False
        vault.scrub()
    except Busy:
        return False
    except OSError as exc:
        console.warn("vault", "old values are not zeroed yet: %r", exc)
        return False
    return True


def _places(vault):
    """{(kind, id): [(block, offset, length, CRC) of each copy]} of the records that count."""
    where = {}
    for block in range(vault.flash.blocks):
        for off, kind, state, number, length, crc in vault.records(block):
            if state and vault.counts(kind, number):
                where.setdefault((kind, number), []).append((block, off, length, crc))
    return where


def _next(vault, where, press, tried):
    """The block that is to be erased next, -1 for none."""
    live = [0] * vault.flash.blocks
    for places in where.values():
        if len(places) == 1:
            live[places[0][0]] += size_of(places[0][2])
    worst, most = -1, _WASTE
    blank = 0
    for block, end in enumerate(vault.end):
        blank += end == DATA
        if block in tried:
            continue
        if not end or vault.torn[block]:
            return block  # what lies there may be a part of a secret
        if end - DATA - live[block] >= most:
            worst, most = block, end - DATA - live[block]
    return worst if press or blank < _ENOUGH else -1


def _empty(vault, block, where):
    """Copy what counts out of the block. False if there is no room for it elsewhere."""
    for key in where:
        found = None
        for place in where[key]:
            payload = vault.payload(*place)
            if payload is not None and place[0] != block:
                break  # there is a good copy
            found = found or payload
        else:
            if found is None:
                continue  # not in this block, or damaged for good
            try:
                vault.copy(key[0], key[1], found, block)
            except Exception as exc:
                console.error("vault", "block %d is not copied: %r", block, exc)
                return False
    return True


def _erase(vault, block):
    """True if the block is erased and stamped."""
    flash = vault.flash
    at = block * flash.block_size
    vault.end[block] = 0
    vault.torn[block] = False
    try:
        flash.program(at, bytes(DATA))
        for _ in range(2):
            flash.erase(block)
            if vault.blank(block, 0):
                vault.stamp(block)
                return True
    except OSError as exc:
        console.error("vault", "block %d: %r", block, exc)
    try:
        # It takes no erase, but it may take zeros.
        for off in range(0, flash.block_size, 256):
            flash.program(at + off, bytes(256))
    except OSError:
        pass
    return False
