# A start reads the flash no more often than it has to.
# MIT license; part of microevse
"""With littlefs's defaults there were 33,200 reads, 43,248 in an earlier version: seconds of a
start. `make bench ARGS=boot` prints the figures."""

import asyncio

import boot_reads
import pytest

# Reads of the slots until the charger is connected, a twentieth above what was counted.
MOST = {"slots": 18500, "romfs": 29}
JOURNAL = 1200


@pytest.mark.parametrize("layout", sorted(MOST))
def test_a_start_reads_no_more_than_this(layout):
    found = asyncio.run(boot_reads.start(layout))
    print(found)
    assert found.files > 90, "the application ran from somewhere else"
    assert 0 < found.slot_reads <= MOST[layout]
    assert found.journal_reads <= JOURNAL
    if layout == "slots":
        assert found.slot_bytes >= found.size, "a part of the modules was not read"
        assert found.slot_reads / found.files < 110
