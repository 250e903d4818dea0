# The numbers and the fields of the journal's records: on the flash of chargers in the field.
# MIT license; part of microevse

from evse_base import log as console
from store import cbor, kinds
from store.journal import Journal
from store.kinds import CHANGE, SAMPLE, START, STOP
from store.norlog import NorLog
from store.ramflash import RamFlash
from store.state import STATE, key_hash

console.use_sink(lambda line: None)

NUMBERS = {
    "START": 1, "SAMPLE": 2, "STOP": 3, "BOOT": 16, "TIME": 17, "TXID": 18, "SETTING": 19,
    "AVAILABILITY": 20, "CACHE": 21, "CHECKPOINT": 22, "RESERVATION": 23, "PROFILE": 30,
    "FIRMWARE": 40, "SCHEMA": 41, "TOLD": 42, "HELD": 45,
}  # fmt: skip

PROFILE = [3, 1, 1, 0, 0, None, None, None, None, None, 0, b"periods"]


def test_no_kind_of_record_is_ever_renumbered():
    """A new kind gets a new number; what an old version wrote is read by every later one."""
    for name in NUMBERS:
        assert getattr(kinds, name) == NUMBERS[name], name
    assert kinds.CURRENT_SCHEMA == 1 and kinds.BOOT == 16
    for name in NUMBERS:
        assert kinds.is_event(NUMBERS[name]) is (NUMBERS[name] < 16)


def readable(kind, payload):
    """Is a record with this payload on flash handed out?"""
    journal = Journal(NorLog(RamFlash(4, 1024)))
    data = cbor.dumps(payload if kinds.is_event(kind) else [payload])
    key = payload[0]
    journal.log.append(0 if kinds.is_event(kind) else STATE, kind, key_hash(key), data)
    if not kinds.is_event(kind):
        return journal.get(kind, key) is not None
    return Journal(NorLog(journal.log.flash)).pending() is not None


def test_a_record_is_readable_if_each_field_is_of_its_type():
    """The bounds of a number are those that a charger can have counted."""
    number = 1 << 48
    second = 1 << 36
    good = (
        (kinds.TIME, [1, number - 1]), (kinds.TIME, [1, 1 - number]),
        (kinds.BOOT, [0]), (kinds.BOOT, [second - 1]),
        (kinds.PROFILE, PROFILE), (kinds.PROFILE, [number * 4] + PROFILE[1:]),
        (kinds.CHECKPOINT, [1, 2, 3, [0, second - 1, 0]]),
        (kinds.CHECKPOINT, [1, 2, 3, [0, 0, 0, "more"]]),
        (kinds.CACHE, ["TAG", "accepted", None, None]),
        (kinds.CACHE, ["TAG", "accepted", 5, "GROUP", None]),
        (kinds.RESERVATION, [5, 1, "TAG", None, 7]), (kinds.AVAILABILITY, [1, True]),
        (STOP, [1, 2, 3, "local", None, [0, 0, 0]]), (CHANGE, [1, 2, "x", "y", [0, 0, 0]]),
        (START, [1, 2, "TAG", 4, None, [0, 0, 0]]), (SAMPLE, [1, 2, "x", [0, 0, 0], []]),
    )  # fmt: skip
    bad = (
        (kinds.TIME, [1, number]), (kinds.TIME, [1, -number]), (kinds.TIME, [1, None]),
        (kinds.BOOT, [-1]), (kinds.BOOT, [second]), (kinds.BOOT, ["1"]),
        (kinds.PROFILE, ["1"] + PROFILE[1:]), (kinds.PROFILE, PROFILE[:-1] + ["text"]),
        (kinds.PROFILE, PROFILE[:-1]), (kinds.PROFILE, PROFILE[:4] + [None] + PROFILE[5:]),
        (kinds.CHECKPOINT, [1, 2, 3, [0, second, 0]]), (kinds.CHECKPOINT, [1, 2, 3, [0, 0]]),
        (kinds.CHECKPOINT, [1, 2, 3, [0, 0, -1]]), (kinds.CHECKPOINT, [1, 2, 3, ["0", 0, 0]]),
        (kinds.CHECKPOINT, [1, 2, 3, 4]), (kinds.CHECKPOINT, [1, 2, 3]),
        (kinds.CACHE, ["TAG", "accepted", "5", None]), (kinds.CACHE, ["TAG", None, 5, None]),
        # Behind a field that may be missing the others count as ever.
        (kinds.CACHE, ["TAG", "accepted", None, 5]),
        (kinds.CACHE, ["TAG", "accepted", None, None, 5]),
        (kinds.RESERVATION, [5, 1, "TAG", None, "7"]), (kinds.RESERVATION, [5, 1, "TAG", None]),
        (kinds.AVAILABILITY, [1, 1]), (kinds.AVAILABILITY, [None, True]),
        (STOP, [1, 2, 3, "local", None, 9]), (CHANGE, [1, 2, "x", "y", [0, 0]]),
        (START, [1, 2, 3, 4, None, [0, 0, 0]]), (SAMPLE, [1, 2, "x", [0, 0, 0], {}]),
    )  # fmt: skip
    for kind, payload in good:
        assert readable(kind, payload), (kind, payload)
    for kind, payload in bad:
        assert not readable(kind, payload), (kind, payload)
