# The numbers of the journal's records: they are on the flash of chargers in the field.
# MIT license; part of microevse

from store import kinds

NUMBERS = {
    "START": 1, "SAMPLE": 2, "STOP": 3, "BOOT": 16, "TIME": 17, "TXID": 18, "SETTING": 19,
    "AVAILABILITY": 20, "CACHE": 21, "CHECKPOINT": 22, "RESERVATION": 23, "PROFILE": 30,
    "FIRMWARE": 40, "SCHEMA": 41, "TOLD": 42, "HELD": 45,
}  # fmt: skip


def test_no_kind_of_record_is_ever_renumbered():
    """A new kind gets a new number; what an old version wrote is read by every later one."""
    for name in NUMBERS:
        assert getattr(kinds, name) == NUMBERS[name], name
    assert kinds.CURRENT_SCHEMA == 1 and kinds.BOOT == 16
    for name in NUMBERS:
        assert kinds.is_event(NUMBERS[name]) is (NUMBERS[name] < 16)
