# Which slot starts after starts that ended badly, and after any damage to a slot's record.
# MIT license; part of microevse
"""Once a flipped bit in the version of one slot, a confirmed version that did not import, and one
that hung before its first tick each kept a charger from ever starting the good slot beside it."""

import slots
from helpers import raises
from slot_bench import SLOTS, Chip, image, pack
from slots import BLOCK
from store.ramflash import RamFlash
from twin import twin_state


class Deaf(RamFlash):
    """Cells from `deaf` on in the record keep their ones."""

    def __init__(self, deaf):
        RamFlash.__init__(self, 2)
        self.deaf = ()
        slots.describe(self, pack(image(1))[:2048])
        slots.commit(self, 3)
        slots.confirm(self)
        self.deaf = deaf

    def program(self, addr, data):
        for i in range(len(data)):
            if addr + i - BLOCK not in self.deaf:
                RamFlash.program(self, addr + i, data[i : i + 1])


def two(chip):
    """1.0.0 in app_a and 2.0.0 in app_b, both confirmed."""
    assert chip.install(pack(image(1), "1.0.0")) == "app_a"
    assert chip.install(pack(image(2), "2.0.0")) == "app_b"
    power_up(chip)


def power_up(chip):
    twin_state.rtc_memory = bytearray(b"\x5a" * 40)  # anything
    twin_state.reset_cause = twin_state.PWRON_RESET


def again(chip, cause=None):
    """The next start, by a reset of the CPU or the watchdog."""
    name = chip.boot()
    twin_state.reset_cause = twin_state.HARD_RESET if cause is None else cause
    return name


def healthy():
    """As system.healthy() and a wanted reset leave the RTC memory."""
    from hal import system

    system._last = None
    system.last_reset()
    system.healthy()


def test_any_byte_in_any_line_of_a_record_leaves_a_slot_that_starts():
    """Up to three bytes of the header's lines are anything, its seal is good."""
    seed = 20261
    print("seed", seed)
    state = [seed]

    def chance(below):
        state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
        return (state[0] >> 12) % below

    with Chip() as chip:
        two(chip)
        begin, size = SLOTS["romfs"][1]
        kept = chip.save(1)[3]
        assert kept[0] == begin + size - BLOCK and b"version 2.0.0" in kept[1]
        started = []
        for turn in range(150):
            bad = bytearray(kept[1])
            for _ in range(1 + turn % 3):
                bad[18 + chance(150)] = chance(256)
            chip.restore([(kept[0], bad)])
            power_up(chip)
            started.append(chip.boot())
        assert set(started) == {"app_a", "app_b"}, set(started)


def test_a_record_that_cannot_be_read_in_any_way_leaves_the_other_slot():
    for fails in (OSError(5), ValueError("x"), UnicodeError(), MemoryError(), IndexError()):
        with Chip() as chip:
            two(chip)
            kept = chip.appslot.slots.read
            turns = []

            def read(device, kept=kept, fails=fails, turns=turns):
                turns.append(device)
                if len(turns) == 2:
                    raise fails
                return kept(device)

            chip.appslot.slots.read = read
            try:
                assert chip.boot() == "app_a"
            finally:
                chip.appslot.slots.read = kept


def test_text_of_a_record_is_text_whatever_its_bytes():
    for value in range(256):
        line = b"microevse-bundle 2\nversion " + bytes([value]) + b".0\n"
        found = slots.Record(1, line, b"", 0, True, False).field("version")
        assert found is not None and (found[:1] == chr(value) or value == 10), value


def test_three_starts_that_never_got_healthy_and_the_other_slot_is_taken():
    for cause in (twin_state.HARD_RESET, twin_state.WDT_RESET):
        with Chip() as chip:
            two(chip)
            assert [again(chip, cause) for _ in range(3)] == ["app_b"] * 3
            assert again(chip, cause) == "app_a" and chip.started == "1.0.0"
            assert chip.appslot.record("app_b")[1].given_up
            power_up(chip)
            assert again(chip) == "app_a", "for good, not only until the next power cut"


def test_power_cuts_never_count():
    with Chip() as chip:
        two(chip)
        for _ in range(8):
            assert again(chip) == "app_b"
            power_up(chip)
        assert [again(chip) for _ in range(4)] == ["app_b"] * 3 + ["app_a"]


def test_a_brownout_does_not_count_though_the_memory_has_lived_through_it():
    with Chip() as chip:
        two(chip)
        for _ in range(8):
            assert again(chip, twin_state.PWRON_RESET) == "app_b"


def test_a_start_that_got_healthy_ends_the_row():
    with Chip() as chip:
        two(chip)
        for _ in range(4):
            assert again(chip) == again(chip) == again(chip) == "app_b"
            healthy()
        assert not chip.appslot.record("app_b")[1].given_up


def test_a_reset_that_was_wanted_ends_the_row_and_a_crash_does_not():
    for reason, ends in (
        ("SoftRestart", True), ("HardRestart", True), ("FirmwareUpdate", True), ("Retry", True),
        ("ScheduledRestart", True),
        ("Crash", False),
    ):  # fmt: skip
        with Chip() as chip:
            two(chip)
            for _ in range(3):
                again(chip)
                from hal import system

                system._last = None
                system.last_reset()
                system.keep_words(b"1.000 E main: it broke")
                system.mark(reason)
                assert system.kept_words() == "1.000 E main: it broke"
            assert again(chip) == ("app_b" if ends else "app_a"), reason
            # What the application counts begins anew with the other slot.
            system._last = None
            assert system.last_reset() == (reason if ends else "Crash")
            assert system.boot_loops() == (0 if ends else 1) or reason == "Retry"


def test_where_no_other_slot_may_start_the_one_that_fails_goes_on():
    """Safe mode is its part then, if it can; the contactor stays open in any case."""
    with Chip() as chip:
        chip.install(pack(image(1), "1.0.0"))
        power_up(chip)
        assert [again(chip) for _ in range(9)] == ["app_a"] * 9
        assert not chip.appslot.record("app_a")[1].given_up
        assert chip.appslot._unfinished() == (0, 9)
        two_more = pack(image(2), "2.0.0")
        assert chip.feed(two_more).finish()
        assert again(chip) == "app_b", "a new version has its own count"


def test_a_slot_that_fails_after_the_other_one_was_given_up_is_kept():
    with Chip() as chip:
        two(chip)
        started = [again(chip) for _ in range(12)]
        assert started == ["app_b"] * 3 + ["app_a"] * 9


def test_a_watchdog_runs_from_before_the_image_is_looked_at():
    """Of a confirmed version, too: only a version on trial had one."""
    with Chip() as chip:
        two(chip)
        seen, mount = [], chip.appslot._mount
        twin_state.chip.twdt.start(1)  # as if none had been set

        def look(*arguments):
            seen.append(twin_state.chip.twdt.timeout_us)
            mount(*arguments)

        chip.appslot._mount = look
        assert chip.boot() == "app_b"
        assert seen == [1000 * chip.appslot.START_MS]


def test_a_memory_that_is_no_count_is_none():
    with Chip() as chip:
        two(chip)
        twin_state.reset_cause = twin_state.HARD_RESET
        for entry in (b"", b"\2", b"\2\3\xfd", b"\2\3\xfc\xfc", b"\2\3\xfd\xfd", b"\3\3\xfc\xfc",
                      b"\0\3\xff\xfc", bytes(4)):  # fmt: skip
            twin_state.rtc_memory = bytearray(bytes(10) + entry)
            assert chip.appslot._unfinished() == (None, 0), entry
        twin_state.rtc_memory = bytearray(bytes(10) + b"\2\3\xfd\xfc")
        assert chip.appslot._unfinished() == (1, 3)
        assert chip.boot() == "app_a"


def test_the_rest_of_the_memory_stays():
    with Chip() as chip:
        two(chip)
        twin_state.reset_cause = twin_state.HARD_RESET
        twin_state.rtc_memory = bytearray(b"0123456789" + bytes(4) + b"words")
        chip.boot()
        assert bytes(twin_state.rtc_memory) == b"0123456789\2\1\xfd\xfewords"


def test_a_chip_that_cannot_count_starts_all_the_same():
    with Chip() as chip:
        two(chip)

        def broken(*_):
            raise OSError(5)

        chip.appslot._unfinished = broken
        assert chip.boot() == "app_b"


# -- cells that do not take their bit ------------------------------------------------------------


def test_a_step_that_the_flash_does_not_keep_is_told():
    raises(OSError, slots.commit, Deaf(range(2048, 2060)), 0)
    raises(OSError, slots.confirm, _unconfirmed(Deaf, (2560,)))
    flash = Deaf((2304, 2305, 2306))
    record = slots.read(flash)
    raises(OSError, slots.start, flash, record)
    assert record.tries == 0


def _unconfirmed(make, deaf):
    flash = make(deaf)
    flash.image[BLOCK + 2560] = 255
    return flash


def test_a_slot_that_cannot_be_marked_as_given_up_loses_its_commit():
    flash = Deaf((2816,))
    slots.give_up(flash)
    found = slots.read(flash)
    assert not found.given_up and not found.whole and not found.live
    flash = Deaf(range(2048, 4096))
    raises(OSError, slots.give_up, flash)
    assert slots.read(flash).live


def test_going_back_is_not_said_to_be_done_where_the_slot_still_starts():
    """The crashes were forgotten, and the same version was started for ever."""
    with Chip() as chip:
        two(chip)
        assert chip.boot() == "app_b"
        kept = chip.appslot.slots.give_up
        chip.appslot.slots.give_up = lambda flash: None
        try:
            raises(OSError, chip.appslot.go_back)
        finally:
            chip.appslot.slots.give_up = kept
        assert chip.appslot.go_back() is True
