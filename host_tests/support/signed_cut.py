# Signed updates with the power cut at each flash operation, and with small changes.
# MIT license; part of microevse
"""`cuts(step)`: an update that the manufacturer has signed, its start and its confirmation, cut at
every `step`-th operation of the flash, the version floor in the NVS among them. What starts is
whole; the floor is that of the newest confirmed version, never above it and never below; what is
older stays out; and the update can be done again.

`fuzz(count, seed)`: headers of signed bundles, signatures and requests of which bytes were
changed, left out, doubled, or taken from another: nothing is installed, and only ValueError
leaves.
"""

import contextlib
import hashlib
import io
import os
import pathlib
import tempfile

import pki_made
from pki import run, signature
from pki_fuzz import Draw, changed
from signed_images import P256_KEY, P256_SIGNATURE, RSA_KEY, RSA_SIGNATURE, signed
from slot_bench import Chip, image, pack
from slots import HEADER, bundle
from station import signed_update
from twin import twin_state


@contextlib.contextmanager
def _place(**options):
    """A chip in a folder of its own; it prints nothing."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(io.StringIO()), Chip(**options) as chip:
                yield chip
        finally:
            os.chdir(before)


def _feed(chip, data):
    fresh = chip.installer()
    fresh.begin(len(data), vouched=True)
    for at in range(0, len(data), 1024):
        assert fresh.write(memoryview(data)[at : at + 1024], lambda ms: True)
    return fresh


def _life(chip, new):
    """An installation to its end, as far as it is not done."""
    chip.boot()
    if chip.started != "2.0":
        assert _feed(chip, new).finish()
        chip.boot()
    if chip.appslot.on_trial():
        chip.appslot.confirm()


def _floor(chip):
    from upkeep import version_floor

    return version_floor.now(chip.installer()._records())


def _older_stays_out(chip, version):
    fresh = _feed(chip, pack(image(9, 1), version))
    try:
        fresh.finish()
    except ValueError as exc:
        assert "is older than" in str(exc), exc
    else:
        raise AssertionError("%s is installed" % version)


class _Nvs:
    """Loses power before or after a value is kept: the flash model counts no operations of it."""

    def __init__(self, kept):
        self._put, kept.put = kept.put, self.put
        self.count = 0
        self.cut_at = None  # number of the value, and whether it is kept

    def put(self, key, data):
        self.count += 1
        if self.cut_at == (self.count, False):
            raise twin_state.Reset("power")
        self._put(key, data)
        if self.cut_at == (self.count, True):
            raise twin_state.Reset("power")


def cuts(step=1, offset=0):
    """Number of cuts."""
    new = pack(image(2, 1), "2.0")
    count = 0
    with _place() as chip:
        assert _feed(chip, pack(image(1, 1), "1.0")).finish()
        chip.boot()
        chip.appslot.confirm()
        chip.power_off()
        path = pathlib.Path(chip.folder, "flash.bin")
        base = path.read_bytes()
        from hal import kept

        nvs = _Nvs(kept)
        chip.cut_at(None)
        _life(chip, new)
        points = list(range(1 + offset, chip.ops + 1, step))
        for number in range(1, nvs.count + 1):
            points += [(number, False), (number, True)]
        for point in points:
            chip.power_off()
            path.write_bytes(base)
            of_flash = isinstance(point, int)
            chip.cut_at(point if of_flash else None)
            nvs.count, nvs.cut_at = 0, None if of_flash else point
            try:
                _life(chip, new)
            except twin_state.Reset:
                count += 1
            else:
                raise AssertionError("operation %s was not reached" % (point,))
            nvs.cut_at = None
            chip.cut_at(None)
            assert chip.boot() and chip.started in ("1.0", "2.0"), point
            confirmed = not chip.appslot.on_trial()
            wanted = "2.0" if chip.started == "2.0" and confirmed else "1.0"
            assert _floor(chip) == wanted, (point, _floor(chip), wanted)
            if confirmed:
                _older_stays_out(chip, "0.9")
            _life(chip, new)
            assert chip.boot() and chip.started == "2.0" and _floor(chip) == "2.0", point
            _older_stays_out(chip, "1.9")
    return count


def _headers(draw, count):
    """Changed headers before the right image; returns how many there were."""
    kinds = ((P256_KEY, P256_SIGNATURE), (RSA_KEY, RSA_SIGNATURE))
    with _place() as chip:
        pathlib.Path("update.pub").write_text("\n".join(line for line, _ in kinds))
        goods = [signed(line, value) for line, value in kinds]
        for good in goods:
            bundle.admit(bundle.parse(good[:HEADER]), "bench", 1 << 20, [k for k, _ in kinds])
        for i in range(count):
            good, other = goods[i % 2], goods[1 - i % 2]
            text = good[: HEADER - 32].rstrip(b"\0")
            data = bytes(changed(text, other[: len(text)], draw))[: HEADER - 32]
            if i % 8:  # the checksum is made anew: only the signature is left to find it
                data += bytes(HEADER - 32 - len(data))
                data += hashlib.sha256(data).digest()
            data = data + good[HEADER:]
            fresh = chip.installer()
            try:
                fresh.begin(len(data))
                for at in range(0, len(data), 4096):
                    fresh.write(memoryview(data)[at : at + 4096], lambda ms: True)
                fresh.finish()
            except ValueError:
                fresh.abort()
                continue
            # Hexadecimal letters may be large or small: the same signature of the same lines.
            old, new = bundle.parse(good[:HEADER]), bundle.parse(data[:HEADER])
            assert (old.signed, old.signature) == (new.signed, new.signature), i
            chip.boot()
            chip.appslot.confirm()
    return count


def _signatures(draw, count):
    own, rsa = pki_made.key("signer"), pki_made.rsa_key()
    digest = hashlib.sha256(b"file").digest()
    made = [
        (("p256", own.x, own.y), own.sign(b"file")),
        (("rsa", rsa.n, rsa.e), rsa.sign(b"file")),
    ]
    for key, value in made:
        assert run(signature.good(key, digest, value))
    for i in range(count):
        key, value = made[i % 2]
        wrong = bytes(changed(value, made[1 - i % 2][1], draw))
        if wrong != value:
            assert not run(signature.good(key, digest, wrong)), (i, wrong)
            assert not run(signature.good(key, digest, wrong, pss=True)), (i, wrong)
    return count


def _requests(draw, count):
    chain = [pki_made.device("a"), pki_made.root()]
    good = signed_update.packed("http://h/f", b"signature", chain)
    for _ in range(count):
        location, value, found = signed_update.unpacked(bytes(changed(good, good[::-1], draw)))
        assert isinstance(location, str) and isinstance(value, bytes)
        assert all(isinstance(one, bytes) for one in found)
    return count


def fuzz(count, seed=20270101):
    """Number of changed inputs."""
    draw = Draw(seed)
    third = -(-count // 3)
    return _headers(draw, third) + _signatures(draw, third) + _requests(draw, third)
