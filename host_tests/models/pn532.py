# The PN532 NFC controller: its frames, its three interfaces, a few of its commands.
# MIT license; part of microevse
"""Written from the NXP user manual UM0701-02: 6.2 host interfaces, 7.2 and 7.3 commands.
`Uart`, `I2c` and `Spi` are what a driver gets instead of machine's objects."""

_ACK = bytes((0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00))
_ERROR_FRAME = bytes((0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00))


def _information(data):
    total = 0
    for byte in data:
        total += byte
    head = bytes((0x00, 0x00, 0xFF, len(data), 0x100 - len(data)))
    return head + data + bytes(((0x100 - total % 0x100) % 0x100, 0x00))


class Pn532:
    """Faults: silent; deaf (no ACK); late_ms (answers come so much later); and how many
    frames to come are spoilt: bad_dcs, bad_lcs, half (the rest is lost), swapped (the answer
    to another command). noise: permille of the sent bytes that have a wrong bit."""

    def __init__(self, time, noise=None):
        self._time = time
        self._noise = noise
        self.cards = []
        self.ic = 0x32
        self.silent = self.deaf = False
        self.late_ms = 0
        self.bad_dcs = self.bad_lcs = self.half = self.swapped = 0
        self.noise = 0
        self.power_cycle()

    def power_cycle(self):
        self.awake = False
        self.sam = False
        self.field = False
        self.tries = 0xFF  # for ever
        self._queue = []  # [us when ready, frame]
        self._selected = None
        self.commands = []

    def put(self, *cards):
        """UIDs in the field from now on."""
        self.cards = [bytes(uid) for uid in cards]
        self._selected = None

    # -- frames ------------------------------------------------------------------------

    def receive(self, data):
        """Bytes of one write: preamble, start code, frame, postamble."""
        if self.silent or not self.awake:
            return
        at = data.find(b"\x00\xff")
        if at < 0:
            return
        body = data[at + 2 :]
        if body[:2] == b"\x00\xff":
            self._queue = []  # ACK from the host: abort
            return
        length = body[0]
        if (length + body[1]) % 256 or len(body) < 3 + length:
            return
        content = body[2 : 2 + length]
        if (sum(content) + body[2 + length]) % 256 or content[0] != 0xD4:
            return
        self._queue = []
        if self.deaf:
            return
        now = self._time.us
        self._send(now + 500, _ACK)
        answer, ms = self._run(content[1], content[2:])
        if answer is None and ms:
            return  # looks for a card for ever
        frame = (
            _ERROR_FRAME
            if answer is None
            else _information(bytes((0xD5, content[1] + 1)) + answer)
        )
        if self.swapped and answer is not None:
            self.swapped -= 1
            frame = _information(bytes((0xD5, 0x15)))
        self._send(now + 1000 + 1000 * (ms + self.late_ms), self._spoil(frame))

    def _spoil(self, frame):
        frame = bytearray(frame)
        if self.bad_dcs:
            self.bad_dcs -= 1
            frame[-2] ^= 0x01
        elif self.bad_lcs:
            self.bad_lcs -= 1
            frame[4] ^= 0x10
        elif self.half:
            self.half -= 1
            frame = frame[: len(frame) // 2]
        return bytes(frame)

    def _send(self, at, frame):
        if self._noise is not None and self.noise:
            frame = bytearray(frame)
            for i in range(len(frame)):
                if self._noise.hit(self.noise):
                    frame[i] ^= 1 << self._noise.below(8)
        self._queue.append([at, bytes(frame)])

    # -- commands ----------------------------------------------------------------------

    def _run(self, code, data):
        """(answer or None: refused, ms it takes)"""
        self.commands.append(code)
        if code == 0x02:
            return bytes((self.ic, 1, 6, 7)), 0
        if code == 0x14:
            self.sam = data[0] == 1
            return b"", 0
        if code == 0x32:
            if data[0] == 0x05:
                self.tries = data[3]
            elif data[0] == 0x01:
                self.field = bool(data[1] & 1)
                if not self.field:
                    self._selected = None
            else:
                return None, 0
            return b"", 1
        if code == 0x4A and self.sam:
            return self._list(data)
        if code == 0x52:
            # Released targets are halted: they keep silent until they lose the field.
            return b"\x00", 2
        return None, 0

    def _list(self, data):
        if data[0] not in (1, 2) or data[1] != 0:
            return None, 0
        self.field = True
        free = [uid for uid in self.cards if uid != self._selected]
        if not free:
            if self.tries == 0xFF:
                return None, 1
            return b"\x00", 5 + 15 * (self.tries + 1)
        uid = self._selected = free[0]
        size = {4: 0x00, 7: 0x40, 10: 0x80}[len(uid)]
        return bytes((1, 1, 0x00, size | 0x04, 0x08, len(uid))) + uid, 12

    # -- the side of the bus -----------------------------------------------------------

    def ready(self):
        """Is there a frame to fetch?"""
        return not self.silent and bool(self._queue) and self._queue[0][0] <= self._time.us

    def pending(self):
        """Is there a frame, ready or not?"""
        return not self.silent and bool(self._queue)

    def fetch_all(self):
        """The frame that is ready."""
        return self._queue.pop(0)[1]

    def fetch(self, size):
        """The first `size` bytes of the frame that is ready; the rest of it is lost."""
        if not self.ready():
            return b"\x00" * size
        frame = self._queue.pop(0)[1]
        return (frame + b"\x00" * size)[:size]


class Uart:
    """HSU: everything goes out as soon as it is ready."""

    def __init__(self, chip):
        self._chip = chip
        self._here = b""

    def _arrive(self):
        chip = self._chip
        while chip.ready():
            self._here += chip._queue.pop(0)[1]

    def any(self):
        self._arrive()
        return len(self._here)

    def read(self, n):
        data, self._here = self._here[:n], self._here[n:]
        return data or None

    def inject(self, data):
        """Noise on the line."""
        self._here += data

    def write(self, data):
        self._arrive()  # bytes that were ready by now have been sent
        if data[:2] == b"\x55\x55" and not self._chip.silent:
            self._chip.awake = True
        self._chip.receive(bytes(data))


class I2c:
    def __init__(self, chip):
        self._chip = chip
        self.clock_khz = 100

    def _address(self, address, size):
        self._chip._time.spend(9 * (size + 1) * 1000 // self.clock_khz)
        if address != 0x24 or self._chip.silent:
            raise OSError(19)  # ENODEV: no chip acknowledges

    def writeto(self, address, data):
        self._address(address, len(data))
        if not self._chip.awake:
            self._chip.awake = True
            return
        self._chip.receive(bytes(data))

    def readfrom(self, address, size):
        self._address(address, size)
        ready = self._chip.ready()
        if size == 1 or not ready:
            return bytes((1 if ready else 0,)) + b"\x00" * (size - 1)
        return b"\x01" + self._chip.fetch(size - 1)


def _turned(value):
    out = 0
    for i in range(8):
        if value & 1 << i:
            out |= 0x80 >> i
    return out


class Spi:
    """The object shifts the highest bit first, the chip the lowest."""

    def __init__(self, chip):
        self._chip = chip
        self._selected = False
        self._since = 0

    def cs(self, level):
        if not level and not self._selected:
            self._since = self._chip._time.us
        if level and self._selected and self._chip._time.us - self._since >= 2000:
            self._chip.awake = True
        self._selected = not level

    def write(self, data):
        assert self._selected
        data = bytes([_turned(byte) for byte in data])
        assert data[0] == 0x01
        self._chip._time.spend(8 * len(data))
        self._chip.receive(data[1:])

    def write_readinto(self, tx, rx):
        assert self._selected and len(tx) == len(rx)
        chip = self._chip
        chip._time.spend(8 * len(tx))
        out = b"\xff" * len(rx)
        if not chip.silent:
            what = _turned(tx[0])
            if what == 0x02:
                out = b"\x00" + bytes((1 if chip.ready() else 0,)) * (len(rx) - 1)
            elif what == 0x03:
                out = b"\x00" + chip.fetch(len(rx) - 1)
        for i in range(len(rx)):
            rx[i] = _turned(out[i])
