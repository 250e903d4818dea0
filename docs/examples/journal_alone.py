# The journal alone: records that survive a power cut, in any project.
# MIT license; part of microevse
"""Needs the package `store`. Here the flash is in RAM; on a board it is a partition: an object
with blocks, block_size, read(addr, buf), program(addr, data) and erase(block).

Events are delivered and then marked as done; state has a kind and a key, and the latest value
counts. Kinds below 16 are events, those from 16 on are state; `store.kinds` has microevse's own.
"""

from store import kinds
from store.journal import Journal
from store.norlog import NorLog
from store.ramflash import RamFlash


def opened(flash):
    """The journal on this flash, ready to write. Erases what may be erased."""
    journal = Journal(NorLog(flash))
    journal.prepare()
    return journal


def main():
    flash = RamFlash(blocks=16, block_size=4096)
    journal = opened(flash)
    # State: the latest value of each key.
    journal.keep(kinds.SETTING, "colour", ["colour", "red"])
    journal.keep(kinds.SETTING, "colour", ["colour", "green"])
    # Events: a session with two samples.
    journal.append(kinds.START, [7, 1, "CARD", 1000, None, [1, 60, 0]])
    journal.append(kinds.SAMPLE, [7, 1, "Sample.Periodic", [1, 120, 0], [[1, 0, 1500]]])

    # The power is cut. What was written is there again.
    flash = RamFlash(blocks=16, block_size=4096, image=flash.image)
    journal = opened(flash)
    print("colour:", journal.get(kinds.SETTING, "colour")[1])
    print("running sessions:", journal.open_sessions())
    while True:
        found = journal.pending()
        if found is None:
            break
        seq, kind, payload = found
        print("deliver record %d, kind %d: %s" % (seq, kind, payload))
        journal.done(seq)
    print("queued:", journal.queued, "erased blocks:", flash.erases)


main()
