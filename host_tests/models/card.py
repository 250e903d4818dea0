# A contactless card: only its UID.
# MIT license; part of microevse
"""ISO/IEC 14443-3 type A: states of figure 7, cascade levels of 6.5.3. 106 kbit/s."""

IDLE, READY, ACTIVE, HALT = "idle", "ready", "active", "halt"
_CT = 0x88
_LEVELS = (0x93, 0x95, 0x97)


def crc(data):
    """CRC_A, bit by bit: polynomial x16 + x12 + x5 + 1, preset 6363 hex, low byte first."""
    value = 0x6363
    for byte in data:
        for i in range(8):
            bit = (byte >> i ^ value) & 1
            value >>= 1
            if bit:
                value ^= 0x8408
    return bytes((value & 0xFF, value >> 8))


class Card:
    """uid: 4, 7 or 10 bytes. Faults: half (only the first bytes of an answer), bad_bcc,
    bad_crc: how many answers of that kind are spoilt, from now on."""

    def __init__(self, uid, sak=0x08):
        self.uid = bytes(uid)
        self.state = IDLE
        self.level = 0
        self.sak = sak
        self.half = self.bad_bcc = self.bad_crc = 0
        rest = self.uid
        self.parts = []
        while len(rest) > 4:
            self.parts.append(bytes((_CT,)) + rest[:3])
            rest = rest[3:]
        self.parts.append(rest)

    def leave(self):
        """Out of the field."""
        self.state = IDLE

    def hear(self, data, bits):
        """A frame of whole bytes, or (bits not 0) a short one; the answer or None."""
        answer = self._answer(data, bits)
        if answer is not None and self.half:
            self.half -= 1
            return answer[: len(answer) // 2]
        return answer

    def _answer(self, data, bits):
        if bits:
            woken = data[0] == 0x52 and self.state in (IDLE, HALT)
            if bits == 7 and (woken or (data[0] == 0x26 and self.state == IDLE)):
                self.state = READY
                self.level = 0
                return bytes(((len(self.parts) - 1) << 6 | 4, 0))
            self._wrong()
            return None
        if len(data) == 2 and data[0] == _LEVELS[self.level] and data[1] == 0x20:
            if self.state != READY:
                return self._wrong()
            part = self.parts[self.level]
            bcc = part[0] ^ part[1] ^ part[2] ^ part[3]
            if self.bad_bcc:
                self.bad_bcc -= 1
                bcc ^= 0x40
            return part + bytes((bcc,))
        if len(data) == 9 and data[:2] == bytes((_LEVELS[self.level], 0x70)):
            part = self.parts[self.level]
            bcc = part[0] ^ part[1] ^ part[2] ^ part[3]
            if self.state != READY or data[2:7] != part + bytes((bcc,)):
                return self._wrong()
            if crc(data[:7]) != data[7:]:
                return self._wrong()
            last = self.level == len(self.parts) - 1
            if last:
                self.state = ACTIVE
            else:
                self.level += 1
            sak = bytes((self.sak if last else 0x04,))
            end = crc(sak)
            if self.bad_crc:
                self.bad_crc -= 1
                end = bytes((end[0] ^ 1, end[1]))
            return sak + end
        if data == b"\x50\x00" + crc(b"\x50\x00"):
            self.state = HALT
            return None
        return self._wrong()

    def _wrong(self):
        # In READY and ACTIVE anything unexpected ends the dialogue (6.3).
        if self.state in (READY, ACTIVE):
            self.state = IDLE
        return None
