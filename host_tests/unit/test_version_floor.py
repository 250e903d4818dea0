# The oldest version that is taken: it rises with what was signed and confirmed, and never falls.
# MIT license; part of microevse

import os
import sys

from helpers import raises
from signed_images import P256_KEY, P256_SIGNATURE, signed
from slot_bench import Chip, image, pack
from station import security_log

FILE = "manufacturer.pem"


class File:
    """A file in the current directory, as on the board."""

    def __init__(self, name, content="-"):
        self.name, self.content = name, content

    def __enter__(self):
        with open(self.name, "w") as file:
            file.write(self.content)

    def __exit__(self, *exc):
        os.remove(self.name)


def feed(chip, version, vouched=True, owner=None):
    data = pack(image(3), version)
    fresh = chip.installer()
    fresh.begin(len(data), *([owner] if owner else []), vouched=vouched)
    for i in range(0, len(data), 1024):
        assert fresh.write(memoryview(data)[i : i + 1024], lambda ms: True)
    return fresh


def install(chip, version, vouched=True, confirm=True):
    assert feed(chip, version, vouched).finish() is True
    chip.boot()
    if confirm:
        chip.appslot.confirm()


def floor(chip):
    from upkeep import version_floor

    return version_floor.now(chip.installer()._records())


def refused(chip, version, vouched=True):
    return str(raises(ValueError, feed(chip, version, vouched).finish))


def test_it_rises_when_a_signed_update_is_confirmed():
    with Chip() as chip:
        install(chip, "1.0", vouched=False)
        assert floor(chip) == ""
        install(chip, "0.9")
        assert floor(chip) == "0.9"
        install(chip, "2.0", confirm=False)
        assert floor(chip) == "0.9"
        chip.appslot.confirm()
        assert floor(chip) == "2.0"
        assert refused(chip, "1.9.9") == "version 1.9.9 is older than 2.0"
        assert refused(chip, "1.9.9", vouched=False) == "version 1.9.9 is older than 2.0"
        install(chip, "2.0")
        install(chip, "2.1", vouched=False)
        assert floor(chip) == "2.0"  # nobody has signed that one


def test_it_stays_when_the_slot_that_has_raised_it_is_written_again():
    with Chip() as chip:
        install(chip, "3.0")
        install(chip, "3.1", vouched=False)
        install(chip, "3.2", vouched=False)  # where 3.0 was
        assert floor(chip) == "3.0"
        feed(chip, "3.3", vouched=False).abort()
        assert refused(chip, "2.9") == "version 2.9 is older than 3.0"


def test_one_that_is_given_back_has_not_raised_it():
    with Chip() as chip:
        install(chip, "1.0")
        install(chip, "2.0", confirm=False)
        assert chip.appslot.go_back()
        chip.boot()
        assert chip.started == "1.0" and floor(chip) == "1.0"
        install(chip, "1.5")
        assert floor(chip) == "1.5"


def test_one_that_was_confirmed_and_is_given_up_later_has():
    with Chip() as chip:
        install(chip, "1.0")
        install(chip, "2.0")
        assert chip.appslot.go_back()
        chip.boot()
        assert chip.started == "1.0" and floor(chip) == "2.0"
        assert refused(chip, "1.9") == "version 1.9 is older than 2.0"


def test_the_setting_and_the_floor_count_both():
    class Settings:
        vault = None

        def get(self, name):
            return True

    with Chip(Settings()) as chip:
        install(chip, "0.5")
        assert refused(chip, "0.0.9") == "version 0.0.9 is older than 0.5"
        module = chip.installer_module
        before, module.VERSION = module.VERSION, "0.7"
        try:
            assert refused(chip, "0.6") == "version 0.6 is older than 0.7"
        finally:
            module.VERSION = before


class Runs:
    """The version of the program that runs."""

    def __init__(self, chip, version):
        self.module, self.version = chip.installer_module, version

    def __enter__(self):
        self.before, self.module.VERSION = self.module.VERSION, self.version

    def __exit__(self, *exc):
        self.module.VERSION = self.before


def test_where_updates_must_be_signed_the_version_that_runs_is_the_least():
    """A charger that came with 5.0, and a root, took a signed 0.0.1: no update had raised the
    floor yet."""
    with Chip() as chip:
        with File(FILE), Runs(chip, "5.0"):
            assert refused(chip, "0.0.1") == "version 0.0.1 is older than 5.0"
            assert floor(chip) == "", "what is refused has erased nothing"
            assert refused(chip, "4.9.9") == "version 4.9.9 is older than 5.0"
            install(chip, "5.0")
            assert floor(chip) == "5.0"
            # It fails later, and the program in the other slot, or the oldest one, runs again.
            with Runs(chip, "1.0"):
                assert refused(chip, "4.9.9") == "version 4.9.9 is older than 5.0"
        # From the first signed update on that is so without the file, too.
        assert "older than 5.0" in refused(chip, "4.9.9", vouched=False)


def test_the_version_that_runs_counts_above_a_floor_that_is_lower():
    with Chip() as chip:
        install(chip, "0.5")
        with Runs(chip, "5.0"):
            assert refused(chip, "4.9.9") == "version 4.9.9 is older than 5.0"


def test_the_version_that_runs_counts_though_the_update_after_it_fails():
    with Chip() as chip:
        with File(FILE), Runs(chip, "5.0"):
            install(chip, "5.1", confirm=False)
        assert floor(chip) == "5.0"


def test_with_a_key_the_version_that_runs_is_the_least_as_well():
    data = signed(P256_KEY, P256_SIGNATURE)  # 1.2.3
    for runs, why in (("1.2.4", "version 1.2.3 is older than 1.2.4"), ("1.2.3", None)):
        with Chip() as chip:
            with File("update.pub", P256_KEY), Runs(chip, runs):
                fresh = chip.installer()
                fresh.begin(len(data))
                for i in range(0, len(data), 1024):
                    assert fresh.write(memoryview(data)[i : i + 1024], lambda ms: True)
                if why:
                    assert str(raises(ValueError, fresh.finish)) == why
                else:
                    assert fresh.finish() is True


def test_where_nobody_has_to_sign_an_older_version_may_come():
    with Chip() as chip:
        with Runs(chip, "5.0"):
            install(chip, "0.0.1", vouched=False)
        assert floor(chip) == ""


def test_the_records_are_read_once_for_the_header_and_once_for_the_commit():
    """They were read up to five times, each a KB of garbage in a heap that is full."""
    with Chip() as chip:
        install(chip, "1.0")
        install(chip, "2.0")
        data = pack(image(3), "3.0")
        module, reads = sys.modules["slots"], []
        whole = module.read

        def read(flash):
            reads.append(chip.ops)
            return whole(flash)

        module.read = read
        try:
            fresh = chip.installer()
            fresh.begin(len(data), vouched=True)
            assert len(reads) == 1  # that of the slot that runs: is it on trial?
            del reads[:]
            assert fresh.write(memoryview(data)[:2048], lambda ms: ms > 1000) is False
            assert reads == [chip.ops] * 2
            for i in range(0, len(data), 2048):  # taken up again: nothing is read anew
                assert fresh.write(memoryview(data)[i : i + 2048], lambda ms: True)
            assert len(reads) == 2 and chip.ops > reads[-1]
            assert fresh.finish() is True
            # What is on the flash after the writing decides on the number.
            assert len(reads) == 4 and reads[2] == reads[3] > reads[1]
        finally:
            module.read = whole
        assert chip.boot() == "app_a" and chip.started == "3.0"
        chip.appslot.confirm()
        assert floor(chip) == "3.0"


def test_a_floor_that_cannot_be_read_lets_nothing_in():
    with Chip() as chip:
        install(chip, "1.0")
        from hal import kept

        whole = kept.value

        def broken(key, most):
            raise OSError(-0x1101, "ESP_ERR_NVS_NOT_INITIALIZED")

        kept.value = broken
        assert "cannot be read" in refused(chip, "2.0")
        kept.value = whole
        kept.put(kept.FLOOR, b"one\ntwo")
        assert floor(chip) == ""


def test_a_cut_between_the_floor_and_the_commit_leaves_the_old_floor():
    with Chip() as chip:
        install(chip, "1.0")
        fresh = feed(chip, "2.0")
        module = sys.modules["slots"]
        whole, module.commit = module.commit, None
        try:
            raises(TypeError, fresh.finish)
        finally:
            module.commit = whole
        chip.boot()
        assert chip.started == "1.0" and floor(chip) == "1.0"
        install(chip, "1.0")


def test_with_a_key_a_signed_bundle_raises_it_too():
    with Chip() as chip:
        with File("update.pub", P256_KEY):
            # Without its signature no bundle comes in, also one that the manufacturer has signed.
            assert "is not signed" in refused(chip, "2.0")
            chip.install(signed(P256_KEY, P256_SIGNATURE))
            assert floor(chip) == "1.2.3"


def test_beside_a_root_nothing_comes_in_that_nobody_has_signed():
    with Chip() as chip:
        with File(FILE):
            del security_log.waiting[:]
            assert "must be signed" in refused(chip, "2.0", vouched=False)
            assert [entry[0] for entry in security_log.waiting] == ["firmware_signature"]
            install(chip, "2.0")
        install(chip, "2.1", vouched=False)

        class Settings:
            """A region for secrets with a root in it."""

            names = ["manufacturer.1"]

            def get(self, name):
                return False

            def vault(self):
                return Region()

        class Region:
            def names(self):
                return Settings.names

        chip.settings = Settings()
        assert "must be signed" in refused(chip, "3.0", vouched=False)
        Settings.names = ["WebPassword"]
        install(chip, "3.0", vouched=False)


def test_a_waiting_download_gives_way_to_another_owner():
    with Chip() as chip:
        fresh = feed(chip, "2.0")
        assert "is coming in" in str(raises(ValueError, fresh.begin, 5000, "the page"))
        fresh.yields = True
        fresh.begin(5000, "the page")
        assert fresh.yields is False
        assert str(raises(ValueError, fresh.begin, 5000)) == "an update from the page is coming in"
        fresh.abort()  # of the central system: not its own any more
        assert fresh._owner == "the page"
        # A file that was vouched for says nothing of the next one.
        fresh.begin(5000, "the page")
        assert fresh._vouched is False


def test_who_must_sign_follows_from_the_two_files():
    with Chip():
        from upkeep import manufacturer

        def said():
            return manufacturer.takes_unsigned(None), bool(manufacturer.only_signed(None))

        assert said() == (True, False)
        with File("update.pub"):
            assert said() == (False, False)
            with File(FILE):
                assert said() == (False, False)
        with File(FILE):
            assert said() == (False, True)

        class Broken:
            """A file system that cannot be read: nothing unsigned is taken."""

            def stat(self, path):
                raise OSError(5)

        whole, manufacturer.os = manufacturer.os, Broken()
        try:
            assert manufacturer.takes_unsigned(None) is False
        finally:
            manufacturer.os = whole
