# The vault with the power cut at every flash operation.
# MIT license; part of microevse
"""Every program and every erase of a life of changes is cut in the ways of flash_cut.py. After
each cut the vault is opened on what is on flash: all values are those from before the change or
all are those from after it. Then it is cut again while it tidies, opened for good, and when it is
tidy no byte of a value that it does not hold is on the flash."""

from flash_cut import WAYS, CutFlash, PowerCut, Random, watch
from store.pieces import Busy
from store.vault import Full, Vault

BLOCKS = 8
NAMES = ("WifiPassword", "AuthorizationKey", "key", "chain", "root.1", "root.2")
# Bytes of a value that are looked for on the flash.
PART = 12


def yes():
    return True


class Life:
    """Values that were promised, and the change that is being made."""

    def __init__(self, seed):
        self.rng = Random(seed)
        self.held = {}
        self.doing = {}
        self.gone = []  # values that must not be on the flash once it is tidy
        self.serial = 0

    def value(self, size):
        """Bytes that no other value has a part of."""
        out = b""
        while len(out) < size:
            self.serial += 1
            out += b"%010d" % (self.serial * 7919) + bytes((self.rng.below(256), 0xA5))
        return out[:size]

    def change(self, block_size):
        names = []
        for _ in range(1 + self.rng.below(2)):
            name = NAMES[self.rng.below(len(NAMES))]
            if name not in names:
                names.append(name)
        out = {}
        for name in names:
            if self.rng.below(4) == 0:
                out[name] = None
            else:
                most = block_size if name in ("chain", "root.1", "root.2") else 60
                out[name] = self.value(self.rng.below(most))
        return out

    def kept(self):
        self.apply(self.held)
        self.doing = {}

    def apply(self, held):
        for name in self.doing:
            if held.get(name):
                self.gone.append(held[name])
            if self.doing[name] is None:
                held.pop(name, None)
            else:
                held[name] = self.doing[name]
        return held


def found(vault):
    return {name: vault.get(name) for name in vault.names()}


def look_for(image, values, held):
    image = bytes(image)
    for value in values:
        if value in held.values():
            continue
        for at in range(0, len(value) - PART + 1, PART):
            assert value[at : at + PART] not in image, "%d of %r" % (at, value[:PART])


def opened(image, block_size):
    flash = CutFlash(image, BLOCKS, block_size)
    return flash, Vault(flash, yes)


def _after(image, life, way, torn, block_size):
    """What must hold after a cut that left `image`."""
    _, vault = opened(image, block_size)
    now = found(vault)
    before, after = dict(life.held), dict(life.held)
    for name in life.doing:
        if life.doing[name] is None:
            after.pop(name, None)
        else:
            after[name] = life.doing[name]
    assert now in (before, after), (sorted(now), sorted(before), sorted(after))
    flash = CutFlash(image, BLOCKS, block_size)
    flash.left, flash.way, flash.rng = torn.below(8), way, torn
    try:
        Vault(flash, yes).tidy(yes)
    except PowerCut:
        pass
    _, vault = opened(flash.image, block_size)
    assert found(vault) == now
    assert vault.tidy(yes)
    assert found(vault) == now and vault.damaged == 0
    wanted = life.gone + [v for v in list(life.doing.values()) + list(before.values()) if v]
    look_for(flash.image, wanted, now)
    vault.put("after", b"the life goes on")
    _, vault = opened(flash.image, block_size)
    assert found(vault) == dict(now, after=b"the life goes on")


def sweep(seed, steps, block_size, stride=1, ways=WAYS):
    """Cut every `stride`-th operation in `ways` ways. Returns [operations, cuts, erases]."""
    life = Life(seed)
    torn = Random(seed + 1)
    flash = CutFlash(None, BLOCKS, block_size)
    counts = watch(
        flash, torn, stride, ways,
        lambda image, way: _after(image, life, way, torn, block_size),
    )  # fmt: skip
    vault = Vault(flash, yes)
    for _ in range(steps):
        life.doing = life.change(block_size)
        try:
            vault.replace(life.doing)
            life.kept()
        except (Full, Busy):
            life.doing = {}
        assert found(vault) == life.held
        if life.rng.below(3) == 0:
            vault.tidy(yes, life.rng.below(2) == 0)
            look_for(flash.image, life.gone, life.held)
        if life.rng.below(3) == 0:
            vault = Vault(flash, yes)
    return counts


def run(seeds, steps, stride=1, ways=WAYS):
    for seed in seeds:
        for block_size in (1024, 4096):
            operations, cuts, erases = sweep(seed, steps, block_size, stride, ways)
            print("seed %d: %d operations, %d cuts, %d erases" % (seed, operations, cuts, erases))
            assert cuts > 100 and erases
