# Programs old state records of the journal to zeros: a secret that was in one is gone.
# MIT license; part of microevse
"""A record that is superseded stays readable on the flash until its sector is reclaimed. For a
secret that is too long. Loaded when it is needed."""

from store import norlog
from store.state import STATE


def wipe(journal, kind, unwanted):
    """Zero the payload of every record of `kind` that is superseded, and of those whose key
    `unwanted(key)` names. Returns how many; OSError.

    It may be cut anywhere and be done again: a record counts no more before it is zeroed.
    """
    log = journal.log
    n = 0
    cursor = norlog.Cursor(STATE)
    while log.seek(cursor):
        cursor.seq = log.seq + 1
        if log.kind != kind:
            continue
        block, off = log.block, log.off
        data = bytearray(log.length)
        if not norlog.is_dead(log.flags):
            entry = journal._load(block, off, False)
            if entry is None or not unwanted(entry[0]):
                continue
            log.mark(block, off, norlog.DONE)
        at = off + norlog.RECORD
        log.flash.read(block * log.flash.block_size + at, data)
        if any(data):
            log._program(block, at, bytes(len(data)))
            n += 1
    return n
