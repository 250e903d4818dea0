# The application into a slot of a board, through the prompt of the MicroPython that runs there.
# MIT license; part of microevse
"""The slot that would start next is not touched. Until the other slot is complete, compared and
has its record, the charger starts as before, whenever the cable is pulled."""

import hashlib
from base64 import b64encode

import image
import partitions
import slots
from seriallink import Trouble
from slots import BLOCK, HEADER, bundle, rom
from store.ramflash import RamFlash

NAMES = ("app_a", "app_b")
# Bytes of one command: MicroPython has to hold its text, and the bytes it is parsed into.
_PIECE = 2048

# p: the partition, f: its first block.
_OPEN = """
from esp32 import Partition
from binascii import a2b_base64 as u
import hashlib
p = Partition.find(Partition.TYPE_DATA, label=%r)[0]
f = %d
b = bytearray(4096)
"""
_DIGEST = """
h = hashlib.sha256()
m = memoryview(b)
n, left = f, %d
while left:
    k = min(left, 4096)
    p.readblocks(n, b)
    h.update(m[:k])
    n += 1
    left -= k
"""


def find(prompt):
    """The board's `Slots`; None where its partition table has none."""
    code = "from esp32 import Partition as P\ns={}\nfor l in %r:\n" % (NAMES + ("romfs",),)
    code += " for q in P.find(P.TYPE_DATA, label=l):\n  s[l]=q.info()[3]"
    sizes = prompt.value(code, "s")
    if all(name in sizes for name in NAMES):
        return Slots(prompt, "lfs2", [(name, 0, sizes[name]) for name in NAMES])
    ours = [name for name in partitions.LAYOUTS if name.startswith("romfs")]
    whole = sizes.get("romfs")
    if whole in [partitions.find(partitions.LAYOUTS[name], "romfs").size for name in ours]:
        outer = Slots(prompt, "romfs", [("romfs", 0, whole)])
        head = outer.read(0, 0, rom.HEAD)
        if not head.startswith(rom.MAGIC) or (_damaged(head) and _ours(outer, whole)):
            # Nothing that MicroPython could have mounted, or a head that was ours: the slots are
            # behind its block.
            outer.block(0, 0, image.romfs({}, whole)[:BLOCK])
            head = outer.read(0, 0, rom.HEAD)
        try:
            places = rom.files(head)
            return Slots(prompt, "romfs", [("romfs", *places[name]) for name in NAMES])
        except (KeyError, ValueError):
            pass  # a ROMFS of another program
    return None


def _damaged(head):
    """True if the head does not say where both slots are."""
    try:
        return not all(name in rom.files(head) for name in NAMES)
    except ValueError:
        return True


def _ours(outer, whole):
    """True if a record of ours lies where our head would have the end of a slot. A ROMFS of
    another program is not touched."""
    for _, at, size in image.rom_slots(whole):
        if bundle.MAGIC == outer.read(0, at + size - BLOCK, len(bundle.MAGIC)):
            return True
    return False


class Slots:
    """`places`: [(label of the partition, where in it, bytes)] of the slots."""

    def __init__(self, prompt, format, places):
        self._prompt = prompt
        self.format = format
        self._places = places

    def _open(self, index):
        label, at, _ = self._places[index]
        self._prompt.run(_OPEN % (label, at // BLOCK))

    def read(self, index, at, size):
        """So many bytes of a slot, all in one block."""
        self._open(index)
        code = "c = bytearray(%d)\np.readblocks(f + %d, c, %d)" % (size, at // BLOCK, at % BLOCK)
        return self._prompt.value(code, "bytes(c)")

    def block(self, index, number, data):
        """Erase and write one block; `data` may be shorter."""
        self._open(index)
        self._block(number, data)

    def _block(self, number, data):
        data = data + b"\xff" * (BLOCK - len(data))
        for at in range(0, BLOCK, _PIECE):
            text = b64encode(data[at : at + _PIECE]).decode()
            self._prompt.run("b[%d:%d] = u('%s')" % (at, at + _PIECE, text))
        # Without an offset it erases first.
        self._prompt.run("p.writeblocks(f + %d, b)" % number)

    def records(self):
        """The records of both slots."""
        return [slots.read(_flash(self._record(i))) for i in range(len(self._places))]

    def _record(self, index):
        at = self._places[index][2] - BLOCK
        half = BLOCK // 2
        return self.read(index, at, half) + self.read(index, at + half, half)

    def _check_base(self, needed):
        """Trouble if the board's MicroPython is an older base image than `needed`."""
        code = "try:\n from base_image import NUMBER as n\nexcept ImportError:\n n = 0"
        there = self._prompt.value(code, "n")
        if needed > there:
            raise Trouble(
                "the application needs base image %d, the board has %s: write a newer base image "
                "with FIRMWARE= (that erases the chip)" % (needed, there or "none")
            )

    def write(self, data, tell):
        """Write a bundle into the slot that would not start next. Returns that slot's name; None
        if the other slot holds this very application. tell(bytes written).

        Trouble if the flash does not hold what was sent.
        """
        self._check_base(bundle.parse(data[:HEADER]).base)
        records = self.records()
        order = slots.choose(records)
        if order and records[order[0]].digest == data[HEADER - 32 : HEADER]:
            return None
        index = 1 if order and order[0] == 0 else 0
        last = self._places[index][2] // BLOCK - 1
        content = data[HEADER:]
        self._open(index)
        # The commit goes first: an erase that is cut brings back bits one by one (lib/slots).
        self._prompt.run("p.writeblocks(f + %d, bytes(16), %d)" % (last, HEADER))
        self._block(last, b"")
        for at in range(0, len(content), BLOCK):
            piece = content[at : at + BLOCK]
            self._block(at // BLOCK, piece)
            tell(len(piece))
        self._prompt.run(_DIGEST % len(content))
        if self._prompt.value("", "h.digest()") != hashlib.sha256(content).digest():
            raise Trouble(
                "%s does not hold what was sent: try again; if it stays so, the flash is worn out"
                % NAMES[index]
            )
        self._block(last, image.bundle.record(data, slots.next_number(records)))
        return NAMES[index]


def _flash(record):
    flash = RamFlash(1, BLOCK)
    flash.program(0, record)
    return flash
