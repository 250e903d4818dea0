# Bundles that are whole, damaged, foreign, too large, for another board or not signed.
# MIT license; part of microevse

import os
from binascii import hexlify, unhexlify

import slots
from helpers import raises
from signed_images import IMAGE, P256_KEY, P256_SIGNATURE, RSA_KEY, RSA_SIGNATURE, signed
from slot_bench import Chip, image, pack
from slots import BLOCK, HEADER, bundle, keys
from station import security_log
from twin import twin_state

OTHER_KEY = (
    "p256 d861d0d66d1fa8b469bf296364578efe78428b7d636bace5921b5065c63ca4a0 fab4ce1b17a715a6d7"
    "fb8def449b4fb164b9a9a1e5bfe9d458f570cacf67f3d5"
)


class KeyFile:
    """update.pub, in a place of this process: others may be testing updates at the same time."""

    def __init__(self, *lines):
        self.content = "\n".join(lines)

    def __enter__(self):
        from hal import appslot  # found while a Chip is there

        self.appslot = appslot
        self.name = appslot.KEY_FILE
        folder = (os.getenv("TMPDIR") or "/tmp") + "/"
        self.path = folder + hexlify(os.urandom(8)).decode() + self.name
        appslot.KEY_FILE = self.path
        with open(self.path, "w") as file:
            file.write(self.content)

    def __exit__(self, *exc):
        os.remove(self.path)
        self.appslot.KEY_FILE = self.name


class Settings:
    vault = None

    def __init__(self, newer_only):
        self.newer_only = newer_only

    def get(self, name):
        assert name == "UpdateNewerOnly"
        return self.newer_only


def large(size):
    """The beginning of a bundle with an image of so many bytes."""
    lines = bundle.text("2.0.0", "bench", "romfs", 0, size, bytes(32))
    return bundle.header(lines) + bytes(100)


def refused(chip, data, **more):
    """Why it is not taken; nothing has become startable by it."""
    fresh = chip.feed(data, **more)
    why = str(raises(ValueError, fresh.finish))
    fresh.abort()
    return why


def test_a_bundle_in_any_pieces_is_on_the_flash_byte_for_byte():
    data = pack(image(1), "2.0.0")
    with Chip() as chip:
        for step in (1024, 997, 31, 2048, 4096):
            fresh = chip.feed(data, step)
            assert fresh.version() == "2.0.0" and fresh.busy
            assert fresh.finish() is True and not fresh.busy
            name = chip.boot()
            flash, record = chip.appslot.record(name)
            content = bytearray(len(data) - HEADER)
            flash.read(0, content)
            assert bytes(content) == data[HEADER:] and slots.header(flash) == data[:HEADER]
            assert record.tries == 1 and not record.confirmed
            chip.appslot.confirm()


def test_the_slot_that_runs_is_never_written():
    with Chip() as chip:
        names = [chip.install(pack(image(i), "%d.0" % i)) for i in range(4)]
        assert names == ["app_a", "app_b", "app_a", "app_b"]
        before = chip.save(3)
        chip.boot()
        chip.feed(pack(image(7), "7.0")).abort()
        after = chip.save(3)
        assert before[2:] == after[2:] and before[:2] != after[:2]
        assert chip.boot() == "app_b" and chip.started == "3.0"


def test_no_update_before_the_last_one_is_confirmed():
    with Chip() as chip:
        chip.install(pack(image(1), "1.0"))
        assert chip.feed(pack(image(2), "2.0")).finish()
        chip.boot()
        assert "confirmed" in str(raises(ValueError, chip.installer().begin, 100))
        chip.appslot.confirm()
        chip.installer().begin(100)


def test_one_flipped_bit_in_the_header_is_refused():
    data = pack(IMAGE)
    header = bytearray(data[:HEADER])
    for at in range(HEADER):
        for bit in (0, 1, 2, 3, 4, 5, 6, 7) if at < 400 or at >= HEADER - 40 else (at % 8,):
            header[at] ^= 1 << bit
            raises(ValueError, bundle.parse, header)
            header[at] ^= 1 << bit
    assert bundle.parse(header).version == "2.0.0"


def test_one_flipped_bit_in_the_image_is_refused():
    data = bytearray(pack(IMAGE))
    with Chip() as chip:
        for at in list(range(HEADER, len(data), 211)) + [len(data) - 1]:
            data[at] ^= 1 << at % 8
            assert "checksum" in refused(chip, bytes(data))
            data[at] ^= 1 << at % 8
            assert chip.boot() is None
        assert chip.feed(bytes(data)).finish()


def test_a_bit_that_the_flash_does_not_take_is_found():
    with Chip() as chip:
        fresh = chip.feed(pack(IMAGE))
        flash = chip.appslot.record("app_a")[0]
        flash.program(1000, b"\0")
        assert "checksum" in str(raises(ValueError, fresh.finish))
        fresh = chip.feed(pack(IMAGE))
        flash.program(BLOCK * (flash.blocks - 1) + 30, b"\0")
        raises(ValueError, fresh.finish)
        assert chip.boot() is None


def test_a_bundle_cut_short_or_too_long_is_refused():
    data = pack(IMAGE)
    with Chip() as chip:
        for size in (0, 1, 100, HEADER - 1, HEADER, HEADER + 1, len(data) - 1):
            raises(ValueError, chip.feed(data[:size], size=len(data)).finish)
            raises(ValueError, chip.feed(data[:size]).finish)
        assert "more bytes" in refused(chip, data + b"x", size=len(data))
        assert "in its header" in refused(chip, data + b"x")
        assert chip.boot() is None


def test_what_is_refused_by_its_header_costs_no_flash():
    wrong = (
        (b"\x89PNG" * 3000, "not a microevse bundle"),
        (b"microevse-bundle 1\n0.2\n" + bytes(5000), "another format"),
        (pack(IMAGE, board="toaster"), "board toaster, this is bench"),
        (large(BLOCK * 158 + 1), "do not fit"),
        (pack(IMAGE, format="tar"), "tar"),
        (pack(IMAGE, format="lfs2", block=512), "an image in lfs2, this board runs romfs"),
        (pack(IMAGE, version="1" * 40), "too long"),
    )
    with Chip() as chip:
        for data, why in wrong:
            assert why in refused(chip, data), why
        assert chip.ops == 0
        assert "do not fit" in str(raises(ValueError, chip.installer().begin, 1 << 20))


def test_with_a_key_only_what_it_has_signed_is_taken():
    for line, signature in ((RSA_KEY, RSA_SIGNATURE), (P256_KEY, P256_SIGNATURE)):
        security_log.waiting[:] = []
        good = signed(line, signature)
        with Chip() as chip:
            with KeyFile("# release keys", OTHER_KEY, line):
                assert "not signed" in refused(chip, pack(IMAGE))
                assert "not signed" in refused(chip, pack(IMAGE, key=keys.key_id(line)))
                assert "does not know" in refused(chip, signed("rsa 1 3", signature))
                # Signed by one of them, but said to be by another.
                assert "signature is wrong" in refused(chip, signed(OTHER_KEY, signature))
                # Header and checksum made anew around the signature of another version.
                forged = pack(
                    IMAGE, "1.2.4", sign=lambda _: unhexlify(signature), key=keys.key_id(line)
                )
                assert "signature is wrong" in refused(chip, forged)
                assert chip.ops == 0
                assert [entry[0] for entry in security_log.waiting] == 2 * ["firmware_signature"]
                assert sum([entry[3] for entry in security_log.waiting]) == 5
                security_log.waiting[:] = []
                assert chip.feed(good).finish() is True
            with KeyFile(OTHER_KEY):
                assert "does not know" in refused(chip, good)


def test_only_a_refusal_for_its_signature_is_a_security_event():
    """It was known by words in its text, so a board or a line with such a name was one, too."""
    data = pack(IMAGE, board="signed-signature")
    line = bundle.header(bundle.text("2", "bench", "romfs", 0, 100, bytes(32)) + b"signatures 1\n")
    last = bundle.header(
        bundle.text("2", "bench", "romfs", 0, 100, bytes(32)) + b"signature 12\nkey 1\n"
    )
    security_log.waiting[:] = []
    with Chip() as chip:
        assert "signed-signature" in refused(chip, data)
        assert "wrong line: signatures" in refused(chip, line)
        assert security_log.waiting == []
        assert "not the last line" in refused(chip, last)
        assert [entry[:2] for entry in security_log.waiting] == [
            ["firmware_signature", "the signature is not the last line"]
        ]


def test_a_signature_for_which_there_is_no_memory_is_no_wrong_one():
    good = signed(P256_KEY, P256_SIGNATURE)
    security_log.waiting[:] = []

    def starved(*args):
        raise MemoryError

    with Chip() as chip, KeyFile(P256_KEY):
        fresh = chip.installer()
        fresh.begin(len(good))
        module = chip.installer_module.bundle
        whole, module.admit = module.admit, starved
        try:
            raises(MemoryError, fresh.write, memoryview(good)[:HEADER], lambda ms: True)
        finally:
            module.admit = whole
        assert chip.ops == 0 and security_log.waiting == []
        fresh.begin(len(good))  # the same one comes again
        for i in range(0, len(good), 1024):
            assert fresh.write(memoryview(good)[i : i + 1024], lambda ms: True)
        assert fresh.finish() is True and security_log.waiting == []


class Permission:
    """may(ms) of a test: refused while `shut`. Notes (ms, operations of the flash before it)."""

    def __init__(self, chip):
        self.chip, self.asked, self.shut = chip, [], False

    def __call__(self, ms):
        self.asked.append((ms, self.chip.ops))
        return not self.shut


def test_nothing_is_erased_without_having_asked_right_before():
    """It was asked for before the signature was checked, and what followed erased."""
    data = pack(image(1))
    with Chip() as chip:
        for step in (1024, 4096, 997):
            chip.power_off()
            fresh, may = chip.installer(), Permission(chip)
            fresh.begin(len(data))
            for i in range(0, len(data), step):
                erased = sum(twin_state.flash.erases.values()) if twin_state.flash else 0
                before = len(may.asked)
                assert fresh.write(memoryview(data)[i : i + step], may) is True
                erases = sum(twin_state.flash.erases.values()) - erased
                asked = may.asked[before:]
                assert erases == 0 or asked and asked[-1][0] == 1000
                assert erases <= 2, "more than the time that was asked for is good for"
            assert [ms for ms, _ in may.asked if ms != 1000] == [4000], "one check of the header"
            assert fresh.finish() is True


def test_what_is_refused_has_taken_nothing_and_is_taken_later():
    """At every question: before the check, before the first erase, before each one after."""
    data = pack(image(1))
    with Chip() as chip:
        fresh = chip.feed(data)
        total = sum([1 for i in range(0, len(data), 1024)])
        for refuse in range(1, 7):
            chip.power_off()
            fresh, may = chip.installer(), Permission(chip)
            fresh.begin(len(data))
            refused = 0
            for i in range(0, len(data), 1024):
                piece = memoryview(data)[i : i + 1024]
                may.shut = refuse == 2 and len(may.asked) == 0
                while True:
                    ops, count = chip.ops, len(may.asked)
                    may.shut = False

                    def once(ms, may=may, refuse=refuse):
                        return may(ms) and len(may.asked) != refuse

                    if fresh.write(piece, once):
                        break
                    refused += 1
                    assert chip.ops == ops and len(may.asked) > count
            assert refused == (refuse <= len(may.asked)) and total
            assert fresh.finish() is True
            assert chip.boot() is not None
            chip.appslot.confirm()


def test_a_key_file_that_cannot_be_understood_lets_nothing_in():
    for content in ("", "rsa", "rsa zz 10001", "p256 1 2", "rsa ff 3", "dsa 1 2", "\x00\x01"):
        with Chip() as chip, KeyFile(content):
            assert "update.pub" in refused(chip, pack(IMAGE))
            assert chip.ops == 0


def test_older_versions_are_taken_unless_the_setting_says_no():
    for newer_only, version, taken in (
        (False, "0.0.1", True),
        (True, "0.0.1", False),
        (True, "0.0.9-rc1", False),
        (True, "99.0", True),
    ):
        with Chip(Settings(newer_only)) as chip:
            data = pack(IMAGE, version)
            if taken:
                assert chip.feed(data).finish()
            else:
                assert "older" in refused(chip, data)


def test_versions_are_compared_as_numbers():
    order = bundle.order
    assert order("0.9.9") < order("0.10") < order("1.0") < order("1.0.1") < order("1.10")
    assert order("1.0") == order("1.0.0") == order("1.0-rc2") and order("x") == []


def test_a_signature_is_good_for_its_own_bytes_only():
    """Every 29th bit flipped, in signature and text."""
    for line, signature in ((RSA_KEY, RSA_SIGNATURE), (P256_KEY, P256_SIGNATURE)):
        head = bundle.parse(signed(line, signature)[:HEADER])
        keys.check([line], head.key, head.signed, head.signature)
        for at in range(0, 8 * len(head.signature), 29 * len(head.signature) // 64):
            bad = bytearray(head.signature)
            bad[at // 8] ^= 1 << at % 8
            raises(ValueError, keys.check, [line], head.key, head.signed, bytes(bad))
        for at in range(0, 8 * len(head.signed), 397):
            bad = bytearray(head.signed)
            bad[at // 8] ^= 1 << at % 8
            raises(ValueError, keys.check, [line], head.key, bytes(bad), head.signature)


def test_numbers_that_are_no_signature_are_refused():
    _, x, y = keys._numbers(P256_KEY)
    digest = bytes(32)
    for wrong in (bytes(64), b"\xff" * 64, bytes(63), b"", bytes(31) + b"\x01" + bytes(32)):
        assert keys.p256(x, y, digest, wrong) is False
    _, n, e = keys._numbers(RSA_KEY)
    for wrong in (bytes(256), b"\xff" * 256, bytes(255), b"\0" + unhexlify(RSA_SIGNATURE)):
        assert keys.rsa(n, e, digest, wrong) is False
