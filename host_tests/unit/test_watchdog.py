# The registers of the RTC watchdog, field by field, and its measure of time.
# MIT license; part of microevse

from fake_chip import Hal, chip


def test_the_rtc_watchdog_is_locked_again_and_fed_when_its_time_is_set():
    with Hal("watchdog") as watchdog:
        dog = watchdog.Watchdog("esp32")
        for act, fed in ((lambda: dog.set(1000), 1), (dog.feed, 1), (dog.rest, 0)):
            before = chip.mem.feeds
            act()
            assert chip.mem.protect == 0 and chip.mem.feeds == before + fed
        assert chip.mem.config0 == 0


def test_a_watchdog_that_was_never_set_stays_off_at_the_console():
    with Hal("watchdog") as watchdog:
        watchdog.Watchdog("esp32s2").rest()
        assert chip.wdt_ms is None


def test_the_slow_clock_is_believed_between_90_and_200_khz():
    with Hal("watchdog") as watchdog:
        for store, khz in ((2621440, 200), (2621439, 150), (5825422, 90), (5825423, 150)):
            chip.mem.store1 = store
            watchdog.Watchdog("esp32").set(1000)
            assert chip.mem.config1 == 1000 * khz, (store, chip.mem.config1)


def test_the_rtc_watchdog_resets_the_system_and_nothing_else():
    """Field by field, as the technical reference manual of the ESP32 has RTC_CNTL_WDTCONFIG0."""
    with Hal("watchdog") as watchdog:
        watchdog.Watchdog("esp32").set(1000)
        on, reset_system, longest = 1 << 31, 3 << 28, 7 << 14 | 7 << 11
        both_cpus = 1 << 9 | 1 << 8
        assert chip.mem.config0 == on | reset_system | longest | both_cpus
