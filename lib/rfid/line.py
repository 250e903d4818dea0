# Readers that print an identifier as a line on a UART.
# MIT license; part of microevse
"""RFID modules and barcode scanners with a serial output: `04A3B2C1\\r\\n`, STX ... ETX.

The text becomes a token: at most 36 printable characters (OCPP 2.0.1, IdTokenType; 1.6
takes 20), upper-cased because readers disagree about the case of hex digits and OCPP compares
without regard to it.

Such a module does not say what card it has read; the shape of the text does. A UID of 4, 7 or
10 bytes is that of an ISO 14443 card, one of 8 bytes that of an ISO 15693 card. Anything else
(125 kHz tags have 5 bytes, a barcode what you like) is "Local".
"""

import asyncio

import evse_base as port
from evse_base import const

_MAX_LENGTH = const(36)
_SAME_TAG_MS = const(1500)  # a card held to the reader is reported over and over: one tap
_FRAGMENT_MS = const(1000)  # a line that stops in the middle is not the beginning of the next one
_POLL_S = const(0.05)
_CHUNK = const(64)
_STX = const(2)
_ENDS = const(b"\x03\r\n")


class LineReader:
    """Tags from a UART object with `any()` and `read(n)`.

    `ticks_ms` gives the time. `.dropped` counts lines that were no identifier; `.kind` is
    the protocol of the last tag (see polling).
    """

    def __init__(self, uart, ticks_ms=port.ticks_ms):
        self._uart = uart
        self._ticks_ms = ticks_ms
        self._line = bytearray()
        self._bad = False
        self._byte_at = 0
        self._waiting = b""
        self._last = None
        self._last_at = 0
        self.kind = "Local"
        self.dropped = 0

    async def next_tag(self):
        """Wait for the next tag and return it; never the same one twice within 1.5 s."""
        while True:
            tag = self._next_line()
            if tag is None:
                await asyncio.sleep(_POLL_S)
            elif self._is_new(tag):
                self.kind = _kind(tag)
                return tag

    def _next_line(self):
        """The next whole identifier that has arrived, or None."""
        now = self._ticks_ms()
        self._forget(now)
        while True:
            for i, byte in enumerate(self._waiting):
                if self._feed(byte):
                    self._waiting = self._waiting[i + 1 :]
                    tag = bytes(self._line).decode().strip().upper()
                    self._line = bytearray()
                    if tag:
                        return tag
                    break
            else:
                n = self._uart.any()
                self._waiting = (self._uart.read(min(n, _CHUNK)) or b"") if n else b""
                if not self._waiting:
                    return None
                self._byte_at = now

    def _feed(self, byte):
        """Take one byte; True when a good, non-empty line is complete in `_line`."""
        if byte in _ENDS:
            if self._bad:
                self._drop()
            return len(self._line) > 0
        if byte == _STX:
            if self._line or self._bad:
                self._drop()
        elif self._bad:
            pass
        elif not 32 <= byte < 127 or len(self._line) >= _MAX_LENGTH:
            # The rest belongs to the same line: half an identifier could be that of another
            # person.
            self._bad = True
        else:
            self._line.append(byte)
        return False

    def _drop(self):
        self.dropped += 1
        self._bad = False
        self._line = bytearray()

    def _forget(self, now):
        if (self._line or self._bad) and not (
            0 <= port.ticks_diff(now, self._byte_at) < _FRAGMENT_MS
        ):
            if not self._uart.any():
                self._drop()
        # Forgotten as soon as it may be read again: ticks wrap after 12 days.
        if self._last and not 0 <= port.ticks_diff(now, self._last_at) < _SAME_TAG_MS:
            self._last = None

    def _is_new(self, tag):
        now = self._ticks_ms()
        new = tag != self._last
        self._last = tag
        self._last_at = now  # also for a repetition: a card held for long is still one tap
        return new


def _kind(tag):
    """Protocol of the card with this identifier, as far as its shape tells."""
    if tag.strip("0123456789ABCDEF"):
        return "Local"
    return {8: "ISO14443", 14: "ISO14443", 20: "ISO14443", 16: "ISO15693"}.get(len(tag), "Local")
