# Opens the journal, counts the boots in it, and keeps flash ready to be written.
# MIT license; part of microevse
"""A flash that is full or broken is reported; it never stops the watch over the pilot."""

import asyncio

from evse_base import log
from hal import system
from hal.partition import Flash
from evse_base import before_import, const, release, urandom
from station import security_log
from store import kinds
from store.journal import Journal
from store.norlog import NorLog
from store.sectors import ForeignContent

_PARTITION = const("journal")
# Blocks of the journal in RAM that replaces the partition: for settings and a boot number, not for
# sessions.
_RAM_BLOCKS = const(12)
_RAM_BLOCK = const(1024)
_CHANCE = const(0x10000)  # boot numbers from here on are random, not counted
_PREPARE_S = const(2)
# Between two erases of 80 ms each: the ticks run, and a car may begin to charge.
_PREPARE_NEXT_S = const(0.2)


def open_journal(clock, connectors):
    """(journal, None), with all blocks erased that are to be; `clock.boot` is set.

    May take long: no tick runs yet that could wait for it. If the partition is missing or holds
    something else, returns (journal in RAM, the reason in a few words): with this one the page and
    the connection work, but no car may be charged. The content of the flash is not touched.
    """
    security_log.device = Flash
    problem = None
    try:
        journal = Journal(NorLog(Flash(_PARTITION)), clock, connectors)
    except (ForeignContent, OSError) as exc:
        problem = "journal partition: %s" % (
            "foreign content" if isinstance(exc, ForeignContent) else "missing"
        )
        log.error("journal", "%s (%s)", problem, exc)
        from store.ramflash import RamFlash

        journal = Journal(NorLog(RamFlash(_RAM_BLOCKS, _RAM_BLOCK)), clock, connectors)
    make_room(journal, None)
    if (journal.get(kinds.SCHEMA, 0) or [1])[0] != kinds.CURRENT_SCHEMA:
        _forward(journal)
    # Message ids begin with the boot number. If it cannot be kept, it is random.
    first = 1 if problem is None else _CHANCE + int.from_bytes(urandom(2), "big")
    clock.boot = _count_boot(journal, first)
    return journal, problem


def look_up(clock):
    """The journal for a program that only reads settings. OSError, ForeignContent: none there."""
    return Journal(NorLog(Flash(_PARTITION)), clock)


def _forward(journal):
    from store import migrate  # rarely needed

    try:
        migrate.forward(journal)
    except Exception as exc:
        log.error("journal", "not brought forward: %r", exc)


def _count_boot(journal, boot):
    for _, payload in journal.state(kinds.BOOT):
        boot = payload[0] + 1
    try:
        journal.keep(kinds.BOOT, 0, [boot, system.last_reset()])
    except Exception as exc:
        log.error("journal", "boot number %d not stored: %r", boot, exc)
    return boot


def make_room(journal, erases, may=None):
    """Journal.prepare; 0 if the flash refuses."""
    try:
        return journal.prepare(erases, may)
    except Exception as exc:
        log.error("journal", "no room made: %r", exc)
        return 0


async def keep_ready(journal, clock, may_stall, tidy):
    """Write security events for ever, and erase ahead of need, only while `may_stall()`, one block
    at a time. What leads to an erase takes a while: it is asked again right before, and no
    contactor closes for `ms` then.

    tidy(journal): forgets records that are not needed any more.
    """
    while True:
        more = 0
        if may_stall():
            tidy(journal)
            more = make_room(journal, 1, may_stall)
            if security_log.services:
                security_log.services.look_at_slot()
        if security_log.due() or security_log.untidy and may_stall():
            await before_import()
            from station import security_book

            release("station.security_book")
            more = await security_book.keep(clock, may_stall) or more
            del security_book  # this task never ends
        await asyncio.sleep(_PREPARE_NEXT_S if more else _PREPARE_S)
