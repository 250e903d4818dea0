# A journal written by an older version, brought forward step by step.
# MIT license; part of microevse
"""The journal has the number of the schema it is written by (kinds.SCHEMA; without a record: 1). A
newer program brings it forward when it opens it. An older one (after a rollback) reads it as it
is.

So a step only adds: records of new kinds beside the old ones, which stay until the next schema.
It may be cut anywhere and is then done again from its beginning. Kinds and fields are never
renumbered or given another meaning (kinds.py).
"""

from evse_base import log

from . import kinds

# Schema that a step leads to: fn(journal).
STEPS = {}


def schema(journal):
    """The schema that the journal is written by."""
    payload = journal.get(kinds.SCHEMA, 0)
    return payload[0] if payload else 1


def forward(journal, steps=STEPS, wanted=kinds.CURRENT_SCHEMA):
    """Do the steps that are missing. Raises JournalFull, OSError: the rest waits for the next
    start, and until then the program uses what is there."""
    found = schema(journal)
    if found > wanted:
        log.warn("journal", "schema %d of a newer version; this one knows %d", found, wanted)
    for number in range(found + 1, wanted + 1):
        if number in steps:
            steps[number](journal)
        journal.keep(kinds.SCHEMA, 0, [number])
        log.info("journal", "brought forward to schema %d", number)
