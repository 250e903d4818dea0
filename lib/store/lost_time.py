# Wall time for boots that ended before the clock was set.
# MIT license; part of microevse
"""How long ago such a boot ended is not known. It is placed as late as it can have been: its last
record one second before the next boot began. So the order of events is kept, nothing lies in the
future, and no stamp is from before the charger was built.
"""

from store.kinds import CHANGE, CHECKPOINT, SAMPLE, TIME


def place(journal, boot, offset):
    """Fix the offset of `boot` (and of later ones without time) in the journal; returns it.

    offset: Unix time at which the present boot began. Walks all undelivered events: once
    for a boot, not for each event. Raises JournalFull, OSError.
    """
    last = {}  # boot: latest uptime of its records

    def see(stamp):
        if boot <= stamp[0] < journal.boot():
            last[stamp[0]] = max(stamp[1], last.get(stamp[0], 0))

    after = 0
    while True:
        entry = journal.pending(after)
        if entry is None:
            break
        after, kind, payload = entry
        see(payload[3 if kind == SAMPLE else 4 if kind == CHANGE else 5])
    for _, payload in journal.state(CHECKPOINT):
        # The end of a session that was cut carries the time of its last checkpoint.
        see(payload[3])
    last.setdefault(boot, 0)
    for number in sorted(last, reverse=True):
        known = journal.get(TIME, number)
        if known is None:
            offset -= last[number] + 1
            journal.keep(TIME, number, [number, offset])
        else:
            offset = known[1]
    return offset
