# A journal partition with data of another program: reported, not erased, and no reset loop.
# MIT license; part of microevse
"""The state of a board that ran other firmware before."""

import pathlib
import random

from bench import scenario

JOURNAL = 0x3C0000
SIZE = 0x40000


def image(folder):
    """A data directory whose flash is blank but for the journal partition."""
    content = random.Random(7).randbytes(SIZE)
    path = pathlib.Path(folder) / "flash.bin"
    path.write_bytes(b"\xff" * JOURNAL + content)
    return content


def test_foreign_content_is_told_kept_and_stops_charging(tmp_path):
    content = image(tmp_path)

    @scenario(data=tmp_path)
    async def story(b):
        await b.expect("BootNotification", within=30)
        await b.expect_status("Faulted", within=10, errorCode="InternalError")
        await b.do("plug")
        await b.do("tap", tag="CARD1")
        await b.do("request")
        await b.advance(20)
        assert not b.calls("StartTransaction")
        state = await b.status()
        assert state["contactor"] is False and state["connector_status"] == "Faulted"
        assert b.twin.boots == 1, "it started over and over"
        assert any("foreign content" in line for line in b.log)

    story()
    assert (tmp_path / "flash.bin").read_bytes()[JOURNAL : JOURNAL + SIZE] == content


@scenario(options={"without_partitions": ["journal"]})
async def test_a_missing_journal_partition_is_told_and_stops_charging(b):
    await b.expect("BootNotification", within=30)
    await b.expect_status("Faulted", within=10, errorCode="InternalError")
    assert b.twin.boots == 1
    assert any("journal partition: missing" in line for line in b.log)
