# The `esp32` module of MicroPython's esp32 port, on the virtual board.
# MIT license; part of microevse
"""Partitions and NVS on the flash model, heap figures, the chip's own temperature."""

import json
import os
import struct
from binascii import crc32

import twin_state as _s

HEAP_DATA = 4
HEAP_EXEC = 1
WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True

# label: (type, subtype, address, size) of a new 4 MB flash, as tools/partitions.py has it. Text:
# only the flash needs it.
_TABLE = """
nvs 1 0x02 0x9000 0x6000
phy_init 1 0x01 0xF000 0x1000
factory 0 0x00 0x10000 0x1F0000
app_a 1 0x42 0x200000 0xA0000
app_b 1 0x43 0x2A0000 0xA0000
vfs 1 0x81 0x340000 0x20000
seclog 1 0x44 0x360000 0x8000
secrets 1 0x45 0x368000 0x8000
model 1 0x47 0x370000 0x10000
lists 1 0x41 0x380000 0x28000
history 1 0x46 0x3A8000 0x18000
journal 1 0x40 0x3C0000 0x40000
"""
# A flash that is there and has no table is one of an earlier version. Option `older_table`: a new
# flash is such a one.
_OLDER = """
nvs 1 0x02 0x9000 0x6000
phy_init 1 0x01 0xF000 0x1000
factory 0 0x00 0x10000 0x1F0000
app_a 1 0x42 0x200000 0xA0000
app_b 1 0x43 0x2A0000 0xA0000
vfs 1 0x81 0x340000 0x40000
lists 1 0x41 0x380000 0x40000
journal 1 0x40 0x3C0000 0x40000
"""
_NVS_AT = 0x9000
_BLOCK = 4096
_INVALID_SIZE = 0x104
_NOT_FOUND = 0x105
_NOT_SUPPORTED = 0x106
_TABLE_AT = 0x8000
_ENTRY = 32  # bytes; ESP-IDF programming guide, "Partition Tables"


def _flash():
    flash = getattr(_s, "flash", None)
    if flash is None:
        from twin.flash import Flash

        path = _s.options.get("data", ".") + "/flash.bin"
        fresh = _new(path) and not _s.options.get("older_table")
        flash = _s.flash = Flash(
            path,
            _s.clock,
            _s.world.rng,
            cut=lambda: _s.reset("power"),
            cut_at=_s.options.get("flash_cut_at"),
        )
        if fresh:
            _write_table(flash)
        flash.table = _read_table(flash) or dict(_rows(_OLDER))
    return flash


def _new(path):
    try:
        return os.stat(path)[6] == 0
    except OSError:
        return True


def _rows(text):
    for line in text.strip().split("\n"):
        label, kind, subtype, at, size = line.split()
        yield label, (int(kind), int(subtype, 0), int(at, 0), int(size, 0))


def _write_table(flash):
    made = b""
    for label, place in _rows(_TABLE):
        made += struct.pack("<HBBII", 0x50AA, *place)
        made += label.encode() + bytes(20 - len(label))
    flash.preset(_TABLE_AT, made)


def _read_table(flash):
    """The partition table of the flash, {} where there is none."""
    table = {}
    entry = bytearray(_ENTRY)
    at = _TABLE_AT
    while True:
        flash.read(at, entry)
        if entry[:2] != b"\xaa\x50":
            return table
        _, kind, subtype, start, size = struct.unpack("<HBBII", entry[:12])
        label = bytes(entry[12:28]).rstrip(b"\0").decode()
        table[label] = (kind, subtype, start, size)
        at += _ENTRY


class Partition:
    BOOT = 0
    RUNNING = 1
    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, id, block_size=_BLOCK):
        _s.clock.entered()
        label = "factory" if id in (Partition.BOOT, Partition.RUNNING) else id
        table = _flash().table
        if label not in table:
            raise OSError(2)  # ENOENT
        self._label = label
        self._type, self._subtype, self._at, self._size = table[label]
        self._block = block_size

    @staticmethod
    def find(type=0, subtype=0xFF, label=None, block_size=_BLOCK):
        found = []
        missing = _s.options.get("without_partitions", ())  # a board with another table
        table = _flash().table
        # In the order of their addresses, as on the chip.
        for name in sorted(table, key=lambda name: table[name][2]):
            kind, sub, _, _ = table[name]
            if (
                name not in missing
                and kind == type
                and subtype in (0xFF, sub)
                and label in (None, name)
            ):
                found.append(Partition(name, block_size))
        return found

    def info(self):
        return (self._type, self._subtype, self._at, self._size, self._label, False)

    def _range(self, block, buf, offset):
        start = block * self._block + offset
        if start < 0 or start + len(buf) > self._size:
            raise OSError(-_INVALID_SIZE, "ESP_ERR_INVALID_SIZE")
        return self._at + start

    def readblocks(self, block, buf, offset=0):
        _s.clock.entered()
        flash = _flash()
        count = flash.reads.setdefault(self._label, [0, 0])
        count[0] += 1
        count[1] += len(buf)
        flash.read(self._range(block, buf, offset), buf)

    def writeblocks(self, block, buf, offset=None):
        """Without `offset` the blocks are erased first; with it, only programmed."""
        _s.clock.entered()
        at = self._range(block, buf, offset or 0)
        if offset is None:
            if len(buf) % _BLOCK:
                raise OSError(-_INVALID_SIZE, "ESP_ERR_INVALID_SIZE")
            for sector in range(at, at + len(buf), _BLOCK):
                _flash().erase(sector)
        _flash().program(at, buf)

    def ioctl(self, cmd, arg):
        _s.clock.entered()
        if cmd == 4:
            return self._size // self._block
        if cmd == 5:
            return self._block
        if cmd == 6:
            if not 0 <= arg < self._size // self._block:
                return -22
            at = self._at + arg * self._block
            for sector in range(at, at + self._block, _BLOCK):
                _flash().erase(sector)
            return 0
        return 0 if cmd in (1, 2, 3) else None

    def get_next_update(self):
        raise OSError(-_NOT_FOUND, "ESP_ERR_NOT_FOUND")  # one application slot in this table

    def set_boot(self):
        if self._type != Partition.TYPE_APP:
            raise OSError(-_NOT_SUPPORTED, "ESP_ERR_NOT_SUPPORTED")

    @staticmethod
    def mark_app_valid_cancel_rollback():
        pass


class NVS:
    """Key-value store in the nvs partition. What is not committed is lost with the power.

    Kept as JSON in the partition's two halves in turn, newest sound one wins: not ESP-IDF's
    format, but it survives a cut between any two writes, as that does.
    """

    _HALF = 0x3000

    def __init__(self, namespace):
        if not namespace or len(namespace) > 15:
            raise ValueError("namespace must have 1 to 15 characters")
        self._space = namespace
        self._changes = {}

    def _load(self):
        """(generation, {namespace: {key: value}})"""
        best = (0, {})
        for half in (0, 1):
            head = bytearray(12)
            at = _NVS_AT + half * self._HALF
            _flash().read(at, head)
            generation = int.from_bytes(head[:4], "little")
            size = int.from_bytes(head[4:8], "little")
            if generation == 0xFFFFFFFF or size > self._HALF - 12 or generation <= best[0]:
                continue
            body = bytearray(size)
            _flash().read(at + 12, body)
            if crc32(head[:8] + body) & 0xFFFFFFFF == int.from_bytes(head[8:], "little"):
                best = (generation, json.loads(body.decode()))
        return best

    def _get(self, key, kind):
        _s.clock.entered()
        if key in self._changes:
            value = self._changes[key]
        else:
            value = self._load()[1].get(self._space, {}).get(key)
        if value is None or (kind is int) != isinstance(value, int):
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
        return value

    def _set(self, key, value):
        _s.clock.entered()
        if not key or len(key) > 15:
            raise OSError(-0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
        self._changes[key] = value

    def set_i32(self, key, value):
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError("value out of range")
        self._set(key, int(value))

    def get_i32(self, key):
        return self._get(key, int)

    def set_blob(self, key, value):
        self._set(key, "".join(["%02x" % byte for byte in bytes(value)]))

    def get_blob(self, key, buf):
        text = self._get(key, str)
        size = len(text) // 2
        if size > len(buf):
            raise OSError(-0x110C, "ESP_ERR_NVS_INVALID_LENGTH")
        for i in range(size):
            buf[i] = int(text[2 * i : 2 * i + 2], 16)
        return size

    def erase_key(self, key):
        if key not in self._changes or self._changes[key] is None:
            self._get(key, type(self._load()[1].get(self._space, {}).get(key)))
        self._changes[key] = None

    def commit(self):
        _s.clock.entered()
        if not self._changes:
            return
        generation, spaces = self._load()
        space = spaces.setdefault(self._space, {})
        for key in self._changes:
            if self._changes[key] is None:
                space.pop(key, None)
            else:
                space[key] = self._changes[key]
        body = json.dumps(spaces).encode()
        if len(body) > self._HALF - 12:
            raise OSError(-0x1105, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")
        generation += 1
        head = generation.to_bytes(4, "little") + len(body).to_bytes(4, "little")
        head += (crc32(head + body) & 0xFFFFFFFF).to_bytes(4, "little")
        at = _NVS_AT + (generation & 1) * self._HALF
        # The real store appends 32 bytes and rarely erases: its time, not this format's.
        _flash().store(at, head + body)
        self._changes = {}


class ULP:
    """ports/esp32/esp32_ulp.c"""

    RESERVE_MEM = 2040

    def load_binary(self, load_addr, program_binary):
        side = _rtc()
        if load_addr + len(program_binary) - 12 > ULP.RESERVE_MEM:
            raise OSError(-0x104, "ESP_ERR_INVALID_SIZE")
        side.rtc.load(load_addr // 4, program_binary)

    def set_wakeup_period(self, period_index, period_us):
        # ulp_common.c: at least 20 cycles of the slow clock.
        _rtc().rtc.ulp.period_us = max(period_us, 134)

    def run(self, entry_point):
        _rtc().run(entry_point // 4)


def _rtc():
    _s.clock.entered()
    return _s.chip.rtc_side()


def idf_heap_info(capabilities):
    """[(total, free, largest free block, least free ever)] of each region: twin/system_heap.py."""
    if capabilities == HEAP_EXEC:
        return [(111624, 60112, 57344, 60112)]
    return _s.heap.info()


def raw_temperature():
    """Degrees Fahrenheit, as the original chip's register has it."""
    _s.clock.entered()
    return int(_s.world.celsius * 9 / 5 + 32 + 27)  # the die is 15 K above the room


def mcu_temperature():
    """Degrees Celsius (S2, S3, C3, C6)."""
    _s.clock.entered()
    return int(_s.world.celsius + 15)
